"""Deep sleep: what wakes the board, and good night.

`esp32.wake_on_ext1` takes RTC pins on the ESP32 and the S3. The ESP32-C3 has no EXT1; there
`esp32.wake_on_gpio` does it, at GPIO 0 to 5 (MicroPython 1.29, `esp32`, and its port's
SOC_GPIO_SUPPORT_DEEPSLEEP_WAKEUP; ESP-IDF Programming Guide, "Sleep Modes", GPIO wakeup). Both know one
level for all pins. Watchdogs do not run in deep sleep, for the chip resets itself to wake up.
"""

import esp32
import machine
from machine import Pin


def by_timer() -> bool:
    """True if it was the timer that ended the sleep before this start."""
    return machine.wake_reason() == machine.TIMER_WAKE


def deep(ms: int, pins: "list[tuple[int, int]]") -> None:
    """Sleeps for `ms` or until one of the `(pin, level)` has its level. Pins that wake with a high level come
    first: if there are some, those with a low level do not wake."""
    high = [pin for pin, level in pins if level]
    chosen = high or [pin for pin, _ in pins]
    ext1 = getattr(esp32, "wake_on_ext1", None)
    if ext1 is not None and not high:
        chosen = chosen[:1]  # EXT1 would wait for all of them to be low
    if chosen:
        wake_on = ext1 or esp32.wake_on_gpio
        wake_on([Pin(pin, Pin.IN) for pin in chosen], esp32.WAKEUP_ANY_HIGH if high else esp32.WAKEUP_ALL_LOW)
    machine.deepsleep(ms)
