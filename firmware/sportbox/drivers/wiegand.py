"""A Wiegand keypad on two open-collector lines that pulse low: D0 for a 0, D1 for a 1.

The one driver whose interrupt handlers keep what they saw: a pulse is over after some 50 us, so its level
cannot be read again. On the ESP32 the handlers are soft and queue up (8 deep, as many as a key has bits), so
they keep the order of pulses but may run late.
"""

import time
from array import array

from machine import Pin
from micropython import const

from sportbox.core.wiegand import Bursts

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable

_ROOM = const(64)  # pulses; a scan comes after each, so this is what a stalled loop may leave
_TICKS = const(0xFFFF)  # the low bits of the tick counter will do: a scan comes every second


class Wiegand:
    """`on_edge` is called by the handlers and makes `key` be called soon."""

    beeps = True

    def __init__(self, d0: int, d1: int, on_edge: "Callable[[], None]") -> None:
        self._bits = bytearray(_ROOM)
        self._ticks = array("H", bytes(2 * _ROOM))
        self._head = 0  # moved by the handlers alone
        self._tail = 0  # moved by key() alone
        self._lost = 0
        self._bursts = Bursts()
        self._on_edge = on_edge
        self._pins = (Pin(d0, Pin.IN, Pin.PULL_UP), Pin(d1, Pin.IN, Pin.PULL_UP))
        self._pins[0].irq(self._zero, Pin.IRQ_FALLING)
        self._pins[1].irq(self._one, Pin.IRQ_FALLING)

    @property
    def dropped(self) -> int:
        """Bursts that were no key, and pulses for which there was no room."""
        return self._bursts.dropped + self._lost

    @property
    def deadline(self) -> int | None:
        return self._bursts.deadline

    def key(self, now_ms: int) -> int:
        """The next key that was pressed, -1 if there is none (yet)."""
        while self._tail != self._head:
            at = self._tail
            age_ms = (_low_ticks() - self._ticks[at]) & _TICKS  # it may have come since the one before
            self._tail = (at + 1) % _ROOM
            key = self._bursts.bit(self._bits[at], now_ms - age_ms)
            if key >= 0:
                return key
        return self._bursts.key(now_ms)

    def _zero(self, _: Pin) -> None:
        self._keep(0)

    def _one(self, _: Pin) -> None:
        self._keep(1)

    def _keep(self, bit: int) -> None:
        at = self._head
        after = (at + 1) % _ROOM
        if after == self._tail:
            self._lost += 1
        else:
            self._bits[at] = bit
            self._ticks[at] = _low_ticks()
            self._head = after
        self._on_edge()


def _low_ticks() -> int:
    return time.ticks_ms() & _TICKS  # type: ignore[operator]
