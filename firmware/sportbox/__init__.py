"""The firmware of a sportbox board. `app` holds the two flows; the folders beside it hold the parts."""

__version__ = "0.1.0"
