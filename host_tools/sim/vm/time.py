"""`time` of an ESP32: epoch 2000, kept by the RTC of the world page, and a counter of 30 bits.

The counter starts so that ticks_ms() wraps 30 s after boot: arithmetic that forgot ticks_diff() fails
within a test's lifetime instead of after 12 days in the field.
"""

from _time import gmtime as _gmtime
from _time import mktime as _mktime
from _time import sleep, sleep_ms, sleep_us
from _time import ticks_us as _now_us
from _time import time_ns as _wall_ns
from _world import page as _page

_PERIOD = 1 << 30
_EPOCH_S = 946684800  # 2000-01-01 in Unix time
_WRAP_MS = 30_000

_start_us = _now_us()


def ticks_us():
    return (_now_us() - _start_us - _WRAP_MS * 1000) & (_PERIOD - 1)


def ticks_ms():
    return ((_now_us() - _start_us) // 1000 - _WRAP_MS) & (_PERIOD - 1)


ticks_cpu = ticks_us


def ticks_diff(_ticks1, _ticks2):
    return ((_ticks1 - _ticks2 + _PERIOD // 2) & (_PERIOD - 1)) - _PERIOD // 2


def ticks_add(_ticks, _delta):
    if not -_PERIOD // 2 < _delta < _PERIOD // 2:
        raise OverflowError("ticks interval overflow")
    return (_ticks + _delta) & (_PERIOD - 1)


def time_ns():
    return _wall_ns() + _page.rtc_offset_ns - _EPOCH_S * 1000000000


def time():
    return time_ns() // 1000000000


def gmtime(_secs=None):
    return _gmtime((time() if _secs is None else int(_secs)) + _EPOCH_S)[:8]


localtime = gmtime


def mktime(_local_time):
    t = tuple(_local_time)
    return int(_mktime(t[:8] + (0,))) - _EPOCH_S
