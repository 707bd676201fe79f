"""What CPython lacks of a board's modules, for the targets."""

import sys
from pathlib import Path

import tests.core.conftest  # noqa: F401  # for umqtt.simple

OWN = str(Path(__file__).with_name("cpython"))
if OWN not in sys.path:
    sys.path.append(OWN)
