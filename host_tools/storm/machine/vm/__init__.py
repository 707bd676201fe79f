"""What a board's VM runs in a storm before the shims."""

from pathlib import Path

_HERE = Path(__file__).parent
_LATER = ("_leap.py", "_samplers.py", "_foreign.py", "_image.py")
SOURCES = (_HERE / "_storm.py", tuple(_HERE / name for name in _LATER))
"""As `shim_folder` takes them."""
