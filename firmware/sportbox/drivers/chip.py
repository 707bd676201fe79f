"""What only the chip knows: why it started, its temperature, its wall clock, its watchdog, its lamp.

`machine.reset_cause()` has no name for a brownout and calls it a power-on. The register RTC_CNTL_RESET_STATE
(Technical Reference Manuals, "Low-power Management": ESP32 0x3FF48034, ESP32-S3 and C3 0x60008038) holds the
chip's own reason in its low six bits: 1 power-on, 15 brownout. Where ESP-IDF catches the brownout by
interrupt and then resets by software (esp_system/port/brownout.c), it holds 3 or 12, which is no power-on
either. Some brownouts reset the whole chip and read as 1: they cannot be told apart.
"""

import time

import machine
from machine import Pin
from micropython import const

_POWER_ON = const(1)
_RESET_STATE = {"esp32": 0x3FF48034, "esp32s3": 0x60008038, "esp32c3": 0x60008038}

_CAUSES = {
    machine.PWRON_RESET: "power_on",
    machine.HARD_RESET: "hard",
    machine.WDT_RESET: "watchdog",
    machine.DEEPSLEEP_RESET: "deepsleep",
    machine.SOFT_RESET: "soft",
}


def reset_cause(chip: "str | None" = None) -> str:
    """`chip` is its name in the configuration; without it a brownout reads as `power_on`."""
    cause = machine.reset_cause()
    address = _RESET_STATE.get(chip or "")
    if cause == machine.PWRON_RESET and address is not None and machine.mem32[address] & 0x3F != _POWER_ON:
        return "brownout"
    return _CAUSES.get(cause, "unknown")


def mac() -> str:
    """Of its Wi-Fi station: the chip's base address, which needs no radio (ESP-IDF, "MAC Address")."""
    return ":".join(["%02x" % byte for byte in machine.unique_id()])


def has_notes() -> bool:
    """True if something may lie in RTC memory; see `rtcmem`."""
    return len(machine.RTC().memory()) > 0


def temperature_c() -> int:
    """Of the chip, which is warmer than the box. The first ESP32's sensor counts Fahrenheit and was never
    calibrated (MicroPython, `esp32.raw_temperature`); the others' is good to a few degrees."""
    import esp32

    celsius = getattr(esp32, "mcu_temperature", None)
    return celsius() if celsius is not None else (esp32.raw_temperature() - 32) * 5 // 9


def restart() -> None:
    machine.reset()


def well() -> None:
    """This start, and those before it, were none of a boot loop: the loader counts them in RTC memory."""
    if has_notes():
        from sportbox.drivers import rtcmem

        rtcmem.drop("starts")


def wall_s() -> int:
    """The chip's wall clock in seconds of its own epoch; it starts anew when the power was away."""
    return time.time()


def wall_unix_s() -> int:
    """The same in Unix seconds."""
    return time.time() + _epoch_s()


def set_wall(unix_s: int) -> None:
    """Sets the chip's wall clock, whose epoch differs between ports, to UTC."""
    date = time.gmtime(unix_s - _epoch_s())
    machine.RTC().datetime((date[0], date[1], date[2], date[6], date[3], date[4], date[5], 0))


def _epoch_s() -> int:
    return 946684800 if time.gmtime(0)[0] == 2000 else 0


class Watchdog:
    """Once armed it cannot be stopped; whoever stops feeding it is restarted by the chip."""

    def __init__(self, timeout_ms: int) -> None:
        self._wdt = machine.WDT(timeout=timeout_ms)

    def feed(self) -> None:
        self._wdt.feed()


class Lamp:
    """The status lamp, or a buzzer: an output that is on or off."""

    def __init__(self, pin: int, active: int) -> None:
        self._active = active
        self._pin = Pin(pin, Pin.OUT, value=1 - active)

    def set(self, on: bool) -> None:
        self._pin.value(self._active if on else 1 - self._active)
