"""Host tools of sportbox: describe a site, simulate it, open its boxes, watch it."""

__version__ = "0.1.0"
