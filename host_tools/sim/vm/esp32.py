"""`esp32`: the RMT peripheral, which times pulses without the CPU.

The world page holds from when to when the channel's level is not the idle one, so a pulse ends by itself
whatever the firmware does. A sequence of several pulses counts as one, from its first to its last active
item. A pin that is made a plain output while the sequence runs is detached at once, as the GPIO matrix does
it, and the sequence runs on unfelt.
"""

import _pins
from _layout import CHIPS as _CHIPS, OUT_NONE as _OUT_NONE
from _layout import OUT_KIND as _KIND, OUT_RMT as _OUT_RMT, WDT_RESET as _WDT_RESET
from _time import sleep_ms as _sleep_ms
from _time import ticks_us as _now_us
from _world import load as _load
from _world import page as _page
from _world import raw as _raw
from _world import rmt as _rmt
from machine import Pin as _Pin
from machine import _end

_SOURCE_HZ = 80000000
_ESP32_STOP_MAX_US = 300000


class RMT:
    PULSE_MAX = 32767

    def __init__(
        self, _id=-1, *, pin, resolution_hz=None, clock_div=None, idle_level=False, num_symbols=None
    ):
        if not isinstance(pin, _Pin):
            raise TypeError("expecting a pin")
        if resolution_hz is not None and clock_div is not None:
            raise ValueError("resolution_hz and clock_div are mutually exclusive")
        if clock_div is not None and not 1 <= clock_div <= 255:
            raise ValueError("clock_div must be between 1 and 255")
        if resolution_hz is None:
            resolution_hz = 10000000 if clock_div is None else _SOURCE_HZ // clock_div
        if not _SOURCE_HZ // 256 <= resolution_hz <= _SOURCE_HZ:
            raise ValueError("resolution_hz")
        least = 64 if _CHIPS[_page.chip] == "esp32" else 48
        if num_symbols is not None and (num_symbols < least or num_symbols % 2):
            raise ValueError("num_symbols must be even and at least %d" % least)
        self._gpio = pin._id
        self._hz = resolution_hz
        self._started = False
        self._end_us = 0
        _pins.settle(self._gpio)
        _pins.end_pulse(self._gpio)
        _rmt(self._gpio).idle = 1 if idle_level else 0
        _raw[_KIND + self._gpio] = _OUT_RMT

    @staticmethod
    def source_freq():
        return _SOURCE_HZ

    def clock_div(self):
        self._check()
        return _SOURCE_HZ // self._hz

    def _check(self):
        if self._gpio is None:
            raise OSError("already deinitialized")

    def _items(self, duration, data):
        """(durations or the one of all items, levels). One for all makes no list: on the ESP32 that takes
        nothing of the heap."""
        if isinstance(data, (tuple, list)):
            levels = data
        else:
            levels = [bool(data) ^ bool(i & 1) for i in range(len(duration))]
        is_same = isinstance(duration, int)
        if not is_same and len(duration) != len(levels):
            raise ValueError("duration and data must have same length")
        if not levels:
            raise ValueError("No pulses")
        least, most = (duration, duration) if is_same else (min(duration), max(duration))
        if least < 1 or most > RMT.PULSE_MAX:
            raise ValueError("duration must be 1 to PULSE_MAX")
        return duration, levels

    def write_pulses(self, _duration, _data=True):
        self._check()
        self.wait_done(timeout=-1)
        durations, levels = self._items(_duration, _data)
        now = _now_us()
        ticks, first, last = 0, -1, 0
        idle = _rmt(self._gpio).idle
        for i in range(len(levels)):
            count = durations if isinstance(durations, int) else durations[i]
            if (1 if levels[i] else 0) != idle:
                if first < 0:
                    first = ticks
                last = ticks + count
            ticks += count
        self._started = True
        self._end_us = now + ticks * 1000000 // self._hz
        if _raw[_KIND + self._gpio] != _OUT_RMT:  # the pin was made a plain output meanwhile: nothing is felt
            return
        _pins.settle(self._gpio)
        channel = _rmt(self._gpio)
        channel.start_us = now + max(0, first) * 1000000 // self._hz
        channel.until_us = now + last * 1000000 // self._hz
        _pins.changed(self._gpio)

    def wait_done(self, *, timeout=0):
        self._check()
        if not self._started:
            return True
        left_us = self._end_us - _now_us()
        if timeout and left_us > 0:
            _sleep_ms((left_us if timeout < 0 else min(left_us, timeout * 1000)) // 1000 + 1)
            left_us = self._end_us - _now_us()
        return left_us <= 0

    def active(self, _value=None):
        self._check()
        if _value is None:
            return self._started and _now_us() < self._end_us
        if _value:
            raise ValueError("activate by calling write_pulses()")
        self._stop()
        return False

    def _stop(self):
        if not self._started:
            return
        now = _now_us()
        if self._end_us - now > _ESP32_STOP_MAX_US and _CHIPS[_page.chip] == "esp32":
            # ESP-IDF issue 17692: on the ESP32 rmt_disable() holds interrupts off until the sequence is
            # over, and past 300 ms the interrupt watchdog resets the chip
            print("Guru Meditation Error: Core 0 panic'ed (Interrupt wdt timeout on CPU0)")
            _end(_WDT_RESET)
        if _raw[_KIND + self._gpio] == _OUT_RMT:
            _pins.settle(self._gpio)
            _pins.end_pulse(self._gpio)
            _pins.changed(self._gpio)
        self._started = False
        self._end_us = now

    def deinit(self):
        if self._gpio is not None:
            self._stop()
            if _raw[_KIND + self._gpio] == _OUT_RMT:
                _raw[_KIND + self._gpio] = _OUT_NONE
            self._gpio = None


def raw_temperature():
    """The first ESP32's uncalibrated sensor counts degrees Fahrenheit."""
    return _page.temperature_c * 9 // 5 + 32


def mcu_temperature():
    return _page.temperature_c


if _CHIPS[_page.chip] == "esp32":
    del mcu_temperature
else:
    del raw_temperature


def __getattr__(name):
    """Wake sources, which cost memory, are loaded where they are used."""
    globals()[name] = found = getattr(_load("_wake"), name)
    return found
