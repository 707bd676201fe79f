"""A motor lock behind an H-bridge with a phase and an enable input (for example TI DRV8838, datasheet
SLVSBA4, "device logic": PH chooses the direction, EN low brakes). The enable line is a bounded pulse."""

from machine import Pin
from micropython import const

from sportbox.drivers.pulse import Pulse

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable


class Motor:
    fault = "coil"

    def __init__(
        self, enable: int, direction: int, lock_level: int, can_stop: bool, now_ms: "Callable[[], int]"
    ) -> None:
        self._pulse = Pulse(enable, can_stop, now_ms)
        self._direction = Pin(direction, Pin.OUT, value=1 - lock_level)
        self._lock_level = lock_level

    def drive(self, way: str, pulse_ms: int) -> None:
        """Runs towards `unlock` or `lock` for at most `pulse_ms`. Raises OSError."""
        self._direction.value(self._lock_level if way == "lock" else 1 - self._lock_level)
        self._pulse.start(pulse_ms)

    def stop(self) -> None:
        self._pulse.stop()

    def rest_ms(self) -> int:
        return self._pulse.rest_ms()
