"""An output that is high for a bounded time, bounded by the RMT peripheral and not by this program.

The RMT counts at 80 MHz / 255 = 313.7 kHz, and one item holds a level for at most 32,767 counts or 104 ms
(ESP32 Technical Reference Manual, "RMT"; MicroPython documentation, `esp32.RMT`), so a pulse is several items
of the same level. When they have run out, or when the interpreter hangs meanwhile, the output falls to the
idle level, 0; an external pull-down holds it there in reset.

The classic ESP32 cannot end a sequence early: rmt_disable() waits for its end with interrupts off, and beyond
300 ms the interrupt watchdog resets the chip (ESP-IDF issue 17692). There the pin is taken away from the RMT
instead, which goes on into nowhere, and the next pulse waits until it has run out.
"""

from esp32 import RMT
from machine import Pin
from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable

_CLOCK_DIV = const(255)
_ITEM_MS = const(100)
_ITEM_COUNTS = const(31372)  # 100 ms at 80 MHz / 255
_EBUSY = const(16)


class Pulse:
    """Active-high outputs only: a board file with another polarity is refused by the host tools. `now_ms`
    must not wrap, as the chip's ticks do: a lock may rest for weeks."""

    def __init__(self, pin: int, can_stop: bool, now_ms: "Callable[[], int]") -> None:
        self._gpio = pin
        self._can_stop = can_stop
        self._detached = False
        self._now_ms = now_ms
        self._end_ms = 0
        self._levels: "tuple[bool, ...]" = ()  # of the pulse before: the next is as long, and costs no memory
        self._rmt = self._make()

    def start(self, pulse_ms: int) -> None:
        """High for `pulse_ms`, rounded up to 100 ms. Returns at once. Raises OSError."""
        if self._can_stop:
            self._rmt.active(False)
        elif self.rest_ms():
            raise OSError(_EBUSY)
        elif self._detached:
            self._rmt.deinit()
            self._rmt = self._make()
            self._detached = False
        items = -(-pulse_ms // _ITEM_MS)
        if len(self._levels) != items:
            self._levels = (True,) * items
        self._rmt.write_pulses(_ITEM_COUNTS, self._levels)
        self._end_ms = self._now_ms() + items * _ITEM_MS + 1

    def stop(self) -> None:
        if self._can_stop:
            self._rmt.active(False)
            self._end_ms = 0
        else:
            Pin(self._gpio, Pin.OUT, value=0)
            self._detached = True

    def rest_ms(self) -> int:
        """How long until the next pulse can start."""
        return max(0, self._end_ms - self._now_ms())

    def _make(self) -> RMT:
        return RMT(pin=Pin(self._gpio, Pin.OUT, value=0), clock_div=_CLOCK_DIV, idle_level=False)
