"""How often the board was started, and how much it has written; see `store.wear`."""

import struct

from micropython import const

from sportbox.store import record
from sportbox.store.wear import Wear

_FORM = "<III"  # boots, bytes, files; the first releases stored the boots alone
_RECORD_BYTES = const(16)
_SAVE_MS = const(86400000)


class History:
    def __init__(self, path: str) -> None:
        self._path = path
        self._saved_ms = 0
        self.wear = Wear()
        self.boots = 0

    def open(self) -> None:
        """At a boot, which it counts. Figures for people; nothing is decided by them."""
        try:
            stored = record.read(self._path) or b""
        except record.Corrupt:
            stored = b""
        if len(stored) == struct.calcsize(_FORM):
            self.boots, self.wear.bytes, self.wear.files = struct.unpack(_FORM, stored)
        elif len(stored) == 4:
            self.boots = struct.unpack("<I", stored)[0]
        self.boots += 1
        self._save()

    def go_on(self, boots: int, wear: "list[int]") -> None:
        """After deep sleep, which is a pause within a boot: no write."""
        self.boots = boots
        self.wear.bytes, self.wear.files = wear

    def tick(self, uptime_ms: int) -> None:
        if uptime_ms - self._saved_ms >= _SAVE_MS:
            self._saved_ms = uptime_ms
            self._save()

    def _save(self) -> None:
        self.wear.wrote(_RECORD_BYTES)
        data = struct.pack(_FORM, self.boots, self.wear.bytes & 0xFFFFFFFF, self.wear.files & 0xFFFFFFFF)
        try:
            record.write(self._path, data)
        except OSError:
            return  # worn flash; the outbox reports it, and the box works on
