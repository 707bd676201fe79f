"""Digital inputs: reed contacts, motion sensors, light barriers.

The interrupt handler only sets a flag (on the ESP32 it is a soft one: edges can be merged or lost), and the
level is read again by whoever waits for the flag.
"""

from machine import Pin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Input:
    def __init__(self, pin: int, active: int, pull: int | None, on_edge: "Callable[[], None]") -> None:
        self._active = active
        self._pin = Pin(pin, Pin.IN) if pull is None else Pin(pin, Pin.IN, pull)
        self._pin.irq(lambda _: on_edge(), Pin.IRQ_RISING | Pin.IRQ_FALLING)

    def active(self) -> bool:
        return self._pin.value() == self._active


def reed(pin: int, closed_level: int, on_edge: "Callable[[], None]") -> Input:
    """A reed contact to ground with the chip's pull-up (about 45 kOhm on the ESP32 family): active while the
    door is closed."""
    return Input(pin, closed_level, Pin.PULL_UP, on_edge)


def motion(pin: int, active: int, on_edge: "Callable[[], None]") -> Input:
    """A PIR module with a push-pull output; the pull-down makes a cut wire read as no motion."""
    return Input(pin, active, Pin.PULL_DOWN, on_edge)


def beam(pin: int, blocked_level: int, on_edge: "Callable[[], None]") -> Input:
    """A light barrier's open-collector output with a pull-up: active while the beam is broken."""
    return Input(pin, blocked_level, Pin.PULL_UP, on_edge)
