"""Room on the flash that is kept free for orders and events: a file that goes where a write finds no other.
Without it a door stays shut as soon as something else has filled the flash, for an order is noted first."""

import os

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.store.wear import Wear

_PATH = "/data/spare"
_BYTES = const(24576)  # a replay log written anew, and a segment of each journal
_PIECE_BYTES = const(4096)  # at a time: erasing a block takes an ESP32 some 50 ms
_FIRST_MS = const(60000)
_NEXT_MS = const(1000)
_LOOKS_MS = const(900000)
_ENOSPC = const(28)


def give_up(error: BaseException) -> bool:
    """After a write that failed. True if it failed for want of room and there is some now."""
    if not isinstance(error, OSError) or error.errno != _ENOSPC:
        return False
    try:
        os.remove(_PATH)
    except (OSError, MemoryError):
        return False
    return True


class Spare:
    def __init__(self, wear: "Wear") -> None:
        self._wear = wear
        self._due_ms = _FIRST_MS
        self._had = 0  # bytes at the last look

    def tick(self, now_ms: int) -> None:
        """Makes it again piece by piece, when there is room. A piece that was given up at once would be so
        again: each second, on the few blocks that are left."""
        if now_ms < self._due_ms:
            return
        pause_ms, size = _LOOKS_MS, _size()
        if size < _BYTES and not size < self._had < _BYTES and self._grow():
            pause_ms = _NEXT_MS
        self._had = _size()
        self._due_ms = now_ms + pause_ms

    def _grow(self) -> bool:
        """False if there is no room, or no memory, for now."""
        try:
            nothing = bytes(512)
            with open(_PATH, "ab") as file:
                for _ in range(_PIECE_BYTES // len(nothing)):
                    file.write(nothing)
        except (OSError, MemoryError):
            return False
        self._wear.wrote(_PIECE_BYTES)
        return True


def _size() -> int:
    try:
        return os.stat(_PATH)[6]
    except OSError:
        return 0
