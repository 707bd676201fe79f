"""`machine` of an ESP32, over the world page. Offers what the firmware may use, and no name more."""

import _loop
import _pins
from _layout import (
    DEEPSLEEP_RESET,
    GPIOS as _GPIOS,
    HARD_RESET,
    OUT_GPIO as _OUT_GPIO,
    OUT_KIND as _KIND,
    OUT_LEVEL as _OUT,
    OUT_NONE as _OUT_NONE,
    OUT_OPEN_DRAIN as _OUT_OPEN_DRAIN,
    PULL as _PULL,
    PWRON_RESET,
    RTC_MEMORY as _RTC_MEMORY,
    RTC_MEMORY_SIZE as _RTC_MEMORY_SIZE,
    SOFT_RESET,
    WDT_RESET,
)
from _leave import leave as _leave
from _time import gmtime as _gmtime
from _time import mktime as _mktime
from _time import ticks_us as _now_us
from _time import time_ns as _wall_ns
from _world import load as _load
from _world import page as _page
from _world import raw as _raw

EXT0_WAKE = 2
PIN_WAKE = 2
EXT1_WAKE = 3
TIMER_WAKE = 4

_NONE = object()
_freq = 160000000


def _end(request):
    _page.exit_request = request
    _leave()


def reset():
    _end(HARD_RESET)


def soft_reset():
    _end(SOFT_RESET)


def reset_cause():
    return _page.reset_cause


def unique_id():
    return _page.mac_high.to_bytes(3, "big") + _page.mac_low.to_bytes(3, "big")


def freq(_hz=None):
    global _freq
    if _hz is None:
        return _freq
    if _hz not in (20000000, 40000000, 80000000, 160000000, 240000000):
        raise ValueError("frequency must be 20MHz, 40MHz, 80MHz, 160MHz or 240MHz")
    _freq = _hz


class Pin:
    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_DOWN = 1
    PULL_UP = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2

    def __init__(self, _id, mode=-1, pull=-1, *, value=None):
        if isinstance(_id, Pin):
            _id = _id._id
        if not isinstance(_id, int) or not 0 <= _id < _GPIOS:
            raise ValueError("invalid pin")
        self._id = _id
        self.init(mode, pull, value=value)

    def init(self, mode=-1, pull=-1, *, value=None):
        pin = self._id
        if mode not in _KINDS:
            raise ValueError("invalid pin mode")
        _pins.settle(pin)
        if value is not None:
            _raw[_OUT + pin] = 1 if value else 0
        if mode != -1:
            _raw[_KIND + pin] = _KINDS[mode]
        if pull != -1:
            _raw[_PULL + pin] = pull or 0
        _pins.changed(pin)

    def value(self, _x=_NONE):
        if _x is _NONE:
            return _pins.level(self._id)
        _pins.settle(self._id)
        _raw[_OUT + self._id] = 1 if _x else 0
        _pins.changed(self._id)

    def __call__(self, _x=_NONE):
        return self.value(_x)

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def toggle(self):
        self.value(not _raw[_OUT + self._id])

    def irq(self, handler=None, trigger=3):
        _loop.watch(self._id, self, handler, trigger)

    def __repr__(self):
        return "Pin(%d)" % self._id


_KINDS = {-1: _OUT_NONE, Pin.IN: _OUT_NONE, Pin.OUT: _OUT_GPIO, Pin.OPEN_DRAIN: _OUT_OPEN_DRAIN}


class WDT:
    def __init__(self, *, id=0, timeout=5000):
        if id != 0:
            raise ValueError("id")
        if timeout <= 0:
            raise ValueError("WDT timeout too short")
        self._timeout_us = timeout * 1000
        self.feed()

    def feed(self):
        _page.wdt_deadline_us = _now_us() + self._timeout_us


class RTC:
    def __init__(self, _id=0):
        if _id != 0:
            raise ValueError("RTC id")

    def datetime(self, datetimetuple=None):
        if datetimetuple is None:
            ns = _wall_ns() + _page.rtc_offset_ns
            t = _gmtime(ns // 1000000000)
            return t[:3] + (t[6],) + t[3:6] + (ns // 1000 % 1000000,)
        t = datetimetuple
        seconds = int(_mktime((t[0], t[1], t[2], t[4], t[5], t[6], 0, 0, 0)))
        _page.rtc_offset_ns = seconds * 1000000000 + t[7] * 1000 - _wall_ns()

    def memory(self, _data=None):
        if _data is None:
            return bytes(_raw[_RTC_MEMORY : _RTC_MEMORY + _page.rtc_memory_length])
        if len(_data) > _RTC_MEMORY_SIZE:
            raise ValueError("buffer too long")
        _raw[_RTC_MEMORY : _RTC_MEMORY + len(_data)] = _data
        _page.rtc_memory_length = len(_data)

    def init(self, _datetime=None):
        # (year, month, day, hour, minute, second, microsecond, tzinfo), the later ones may be absent
        t = tuple(_datetime or (2000, 1, 1))
        t += (0,) * (8 - len(t))
        self.datetime((t[0], t[1], t[2], 0, t[3], t[4], t[5], t[6]))


# what costs memory is loaded where it is used
_LATER = {"I2C": "_i2c", "UART": "_uart", "mem32": "_registers"}
for _name in ("ADC", "deepsleep", "wake_pins", "wake_reason"):
    _LATER[_name] = "_power"


def __getattr__(name):
    if name not in _LATER:
        raise AttributeError(name)
    globals()[name] = found = getattr(_load(_LATER[name]), name)
    return found
