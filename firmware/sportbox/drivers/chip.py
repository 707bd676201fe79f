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


def set_wall(unix_s: int) -> None:
    """Sets the chip's wall clock, whose epoch differs between ports, to UTC."""
    epoch_s = 946684800 if time.gmtime(0)[0] == 2000 else 0
    date = time.gmtime(unix_s - epoch_s)
    machine.RTC().datetime((date[0], date[1], date[2], date[6], date[3], date[4], date[5], 0))


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
