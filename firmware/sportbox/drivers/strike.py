"""A strike's coil on an output of its own. Energised means released."""

from micropython import const

from sportbox.drivers.pulse import Pulse

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable


class Strike:
    fault = "coil"  # what has failed when drive() raises OSError

    def __init__(self, pin: int, can_stop: bool, now_ms: "Callable[[], int]") -> None:
        self._pulse = Pulse(pin, can_stop, now_ms)

    def drive(self, way: str, pulse_ms: int) -> None:
        """Energises for `pulse_ms`; there is one way only. Raises OSError."""
        self._pulse.start(pulse_ms)

    def stop(self) -> None:
        self._pulse.stop()

    def rest_ms(self) -> int:
        """How long until it can be driven again."""
        return self._pulse.rest_ms()
