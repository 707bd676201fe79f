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
    except OSError:
        return False
    return True


class Spare:
    def __init__(self, wear: "Wear") -> None:
        self._wear = wear
        self._due_ms = _FIRST_MS

    def tick(self, now_ms: int) -> None:
        """Makes it again piece by piece, whenever there is room."""
        if now_ms < self._due_ms:
            return
        try:
            is_whole = _size() >= _BYTES
            if not is_whole:
                self._grow()
        except (OSError, MemoryError):
            is_whole = True  # for now
        self._due_ms = now_ms + (_LOOKS_MS if is_whole else _NEXT_MS)

    def _grow(self) -> None:
        nothing = bytes(512)
        with open(_PATH, "ab") as file:
            for _ in range(_PIECE_BYTES // len(nothing)):
                file.write(nothing)
        self._wear.wrote(_PIECE_BYTES)


def _size() -> int:
    try:
        return os.stat(_PATH)[6]
    except OSError:
        return 0
