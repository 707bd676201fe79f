"""The chip's RTC memory: up to 2,048 bytes that outlive deep sleep, a reset by software and the watchdog's,
but neither loss of power nor a brownout (MicroPython, `machine.RTC.memory`; its ESP32 port keeps them in
memory that is not cleared at start). What lies there after power-on is chance, so it counts only with its
CRC."""

import binascii
import json
import struct

from machine import RTC
from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    Notes = dict[str, Any]

_VERSION = const(1)


def load() -> "Notes":
    """What was saved, an empty dict if that is gone or of another version."""
    raw = RTC().memory()
    if len(raw) < 6:
        return {}
    version, crc = struct.unpack("<BI", raw[:5])
    if version != _VERSION or crc != binascii.crc32(raw[5:]) & 0xFFFFFFFF:
        return {}
    found = json.loads(raw[5:])
    return found if isinstance(found, dict) else {}


def save(notes: "Notes") -> None:
    """Raises ValueError if it does not fit."""
    text = json.dumps(notes).encode()
    RTC().memory(struct.pack("<BI", _VERSION, binascii.crc32(text) & 0xFFFFFFFF) + text)


def drop(key: str) -> None:
    """If it is there."""
    notes = load()
    if notes.pop(key, None) is not None:
        save(notes)
