"""A strike's coil on one output, bounded in time by the RMT peripheral, not by this program.

The RMT counts at 80 MHz / 255 = 313.7 kHz, and one item holds a level for at most 32,767 counts or 104 ms
(ESP32 Technical Reference Manual, "RMT"; MicroPython documentation, `esp32.RMT`), so a pulse is several items
of the same level. When they have run out, or when the interpreter hangs meanwhile, the output falls to the
idle level, 0; an external pull-down holds it there in reset.
"""

from esp32 import RMT
from machine import Pin
from micropython import const

_CLOCK_DIV = const(255)
_ITEM_MS = const(100)
_ITEM_COUNTS = const(31372)  # 100 ms at 80 MHz / 255


class Strike:
    """Energised means released. Active-high outputs only: a board file with another polarity is refused by
    the host tools."""

    def __init__(self, pin: int) -> None:
        self._rmt = RMT(pin=Pin(pin, Pin.OUT, value=0), clock_div=_CLOCK_DIV, idle_level=False)

    def release(self, pulse_ms: int) -> None:
        """Energises for `pulse_ms`, rounded up to 100 ms. Returns at once. Raises OSError."""
        self._rmt.active(False)
        self._rmt.write_pulses(_ITEM_COUNTS, (True,) * -(-pulse_ms // _ITEM_MS))

    def drop(self) -> None:
        self._rmt.active(False)
