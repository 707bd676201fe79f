"""For CPython: the names that umqtt.simple, the very file of the boards, imports from MicroPython."""

import binascii
import socket
import struct
import sys

from host_tools.setup.paths import UMQTT_DIR

sys.modules.setdefault("usocket", socket)
sys.modules.setdefault("ustruct", struct)
sys.modules.setdefault("ubinascii", binascii)
if str(UMQTT_DIR) not in sys.path:
    sys.path.append(str(UMQTT_DIR))
