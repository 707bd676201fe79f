"""What a board's VM runs in a storm before the shims."""

from pathlib import Path

SOURCES = (Path(__file__).with_name("_storm.py"), (Path(__file__).with_name("_leap.py"),))
"""As `shim_folder` takes them."""
