"""Digital inputs: reed contacts, motion sensors, light barriers.

The interrupt handler only sets a flag (on the ESP32 it is a soft one: edges can be merged or lost), and the
level is read again by whoever waits for the flag.
"""

from machine import Pin
from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable


class Input:
    def __init__(self, pin: int, active: int, pull: int | None, on_edge: "Callable[[], None]") -> None:
        self._active = active
        self._pin = Pin(pin, Pin.IN) if pull is None else Pin(pin, Pin.IN, pull)
        self._pin.irq(lambda _: on_edge(), Pin.IRQ_RISING | Pin.IRQ_FALLING)

    def active(self) -> bool:
        return self._pin.value() == self._active


def level_of(pin: int) -> int:
    """One look, for who cannot wait for an edge."""
    return Pin(pin, Pin.IN).value()


def digital(pin: int, active: int, pull: str, on_edge: "Callable[[], None]") -> Input:
    """`pull`: `up` for contacts to ground and open collectors (the chip's own is about 45 kOhm on the ESP32
    family), `down` for push-pull outputs, so that a cut wire reads as low; empty for none."""
    pulls = {"up": Pin.PULL_UP, "down": Pin.PULL_DOWN}
    return Input(pin, active, pulls.get(pull), on_edge)
