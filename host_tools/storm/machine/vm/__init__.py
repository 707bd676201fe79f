"""What a board's VM runs in a storm before the shims."""

from pathlib import Path

_HERE = Path(__file__).parent
SOURCES = (_HERE / "_storm.py", (_HERE / "_leap.py", _HERE / "_foreign.py", _HERE / "_image.py"))
"""As `shim_folder` takes them."""
