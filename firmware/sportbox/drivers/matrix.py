"""A keypad of 4x4 keys (or 3x4), rows against columns.

While no key is down all rows are low and a key pulls its column low, which wakes the board by interrupt; only
while one is down is the matrix scanned, row by row. Rows are open-drain, so two keys never short two outputs;
columns have pull-ups. Without diodes three keys can feign a fourth one (ghosting): more than two keys at once
count for nothing until they are released, and two only if the second came later.
"""

from machine import Pin
from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable

_SCAN_MS = const(10)
_HELD_MS = const(200)
_HELD_SCANS = const(500)  # a key that is held so long is jammed, and nobody waits for it
_STABLE_SCANS = const(3)  # alike, one after the other: switches bounce for some milliseconds
_KEYS = b"\x01\x02\x03\x0c\x04\x05\x06\x0d\x07\x08\x09\x0e\x0a\x00\x0b\x0f"  # 1 2 3 A 4 5 6 B 7 8 9 C * 0 # D
_COLUMNS = const(4)


class Matrix:
    """`on_edge` is called by the interrupt handler and makes `key` be called soon. Keys 12 to 15 are
    A to D."""

    beeps = False
    dropped = 0  # presses of several keys at once

    def __init__(self, rows: "list[int]", columns: "list[int]", on_edge: "Callable[[], None]") -> None:
        self._rows = [Pin(pin, Pin.OPEN_DRAIN, value=0) for pin in rows]
        self._columns = [Pin(pin, Pin.IN, Pin.PULL_UP) for pin in columns]
        self._on_edge = on_edge
        self._awake = False  # scanning makes edges of its own
        self._seen = 0  # the newest scan, a bit a key
        self._alike = 0
        self._down = 0  # the keys that are down, debounced
        self._next_ms = 0
        for column in self._columns:
            column.irq(self._edge, Pin.IRQ_FALLING)

    @property
    def deadline(self) -> int | None:
        return self._next_ms if self._awake else None

    def key(self, now_ms: int) -> int:
        """The key that has just been pressed, -1 if there is none."""
        if not self._awake:
            if not self._any():
                return -1
            self._awake = True
            self._alike = 0
        elif now_ms < self._next_ms:
            return -1
        seen = self._scan()
        self._alike = self._alike + 1 if seen == self._seen else 1
        self._next_ms = now_ms + (_SCAN_MS if self._alike < _HELD_SCANS else _HELD_MS)
        self._seen = seen
        if self._alike < _STABLE_SCANS:
            return -1
        before, self._down = self._down, seen
        self._awake = seen != 0 or self._any()
        return self._pressed(before, seen)

    def _pressed(self, before: int, now: int) -> int:
        fresh = now & ~before
        if not fresh:
            return -1
        if fresh & (fresh - 1) or _ones(now) > 2:
            self.dropped += 1
            return -1
        at = 0
        while fresh > 1:
            fresh >>= 1
            at += 1
        return _KEYS[at]

    def _scan(self) -> int:
        """Which keys are down. Each row is read twice: meanwhile the columns of the row before have risen."""
        found = 0
        for row in self._rows:
            row.value(1)
        for r, row in enumerate(self._rows):
            row.value(0)
            self._any()
            for c, column in enumerate(self._columns):
                if not column.value():
                    found |= 1 << (r * _COLUMNS + c)
            row.value(1)
        for row in self._rows:
            row.value(0)
        return found

    def _any(self) -> bool:
        low = False
        for column in self._columns:
            if not column.value():
                low = True
        return low

    def _edge(self, _: Pin) -> None:
        if not self._awake:
            self._on_edge()


def _ones(bits: int) -> int:
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count
