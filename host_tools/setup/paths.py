"""Where `make setup` puts what is not a Python package of the host."""

import sys
from pathlib import Path

UMQTT_VERSION = "1.3.4"
REPOSITORY = Path(__file__).resolve().parents[2]
SHARE = Path(sys.prefix) / "share" / "sportbox"
UMQTT_DIR = SHARE / f"umqtt.simple-{UMQTT_VERSION}"
"""The folder that holds umqtt/simple.py: it goes onto the VM's path, and to /lib of a board."""
UMQTT_FILE = UMQTT_DIR / "umqtt" / "simple.py"
TYPINGS_DIR = SHARE / "typings"
