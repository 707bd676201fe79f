"""What only the chip knows: why it started, its wall clock, its watchdog, its lamp."""

import time

import machine
from machine import Pin

_CAUSES = {
    machine.PWRON_RESET: "power_on",
    machine.HARD_RESET: "hard",
    machine.WDT_RESET: "watchdog",
    machine.DEEPSLEEP_RESET: "deepsleep",
    machine.SOFT_RESET: "soft",
}


def reset_cause() -> str:
    return _CAUSES.get(machine.reset_cause(), "unknown")


def restart() -> None:
    machine.reset()


def wall_s() -> int:
    """The chip's wall clock in seconds of its own epoch; it starts anew when the power was away."""
    return time.time()


class Watchdog:
    """Once armed it cannot be stopped; whoever stops feeding it is restarted by the chip."""

    def __init__(self, timeout_ms: int) -> None:
        self._wdt = machine.WDT(timeout=timeout_ms)

    def feed(self) -> None:
        self._wdt.feed()


class Lamp:
    """The status lamp."""

    def __init__(self, pin: int, active: int) -> None:
        self._active = active
        self._pin = Pin(pin, Pin.OUT, value=1 - active)

    def set(self, on: bool) -> None:
        self._pin.value(self._active if on else 1 - self._active)
