"""DS3231, the clock chip on its coin cell (Maxim 19-5170): time in BCD, control, status with OSF,
temperature.

Its time is the wall clock of this machine plus an offset in the world page, and so goes on without the board.
"""

from _layout import RTC_CHIP
from _world import page as _page, raw as _raw
from machine import _gmtime, _mktime, _wall_ns
from micropython import const

_COUNT, _TIMES = const(19), const(7)
_HOUR, _DAY, _MONTH, _STATUS, _TEMPERATURE = const(2), const(3), const(5), const(15), const(17)
_STICKY = const(0x83)  # OSF, A2F, A1F: only a 0 can be written
_REGISTERS = const(632)

assert RTC_CHIP == _REGISTERS


def _bcd(number):
    return number // 10 << 4 | number % 10


def _number(bcd):
    return (bcd >> 4) * 10 + (bcd & 15)


class Clock:
    def __init__(self):
        self._at = 0

    def address(self):
        return None if _page.rtc_lost else 0x68

    def write(self, data):
        if not data:
            return
        self._at = data[0] % _COUNT
        times = None
        for value in data[1:]:
            at = self._at
            self._at = (at + 1) % _COUNT
            if at < _TIMES:
                times = times or self._now()
                times[at] = value
            elif at == _STATUS:
                old = _raw[_REGISTERS + at]
                _raw[_REGISTERS + at] = old & value & _STICKY | value & 0x08 | old & 0x04
            elif at < _TEMPERATURE:
                _raw[_REGISTERS + at] = value
        if times is not None:
            self._set(times)

    def read_into(self, buf):
        times = self._now()  # as at its START condition
        for i in range(len(buf)):
            at = self._at
            self._at = (at + 1) % _COUNT
            if at < _TIMES:
                buf[i] = times[at]
            elif at >= _TEMPERATURE:
                buf[i] = _page.temperature_c & 0xFF if at == _TEMPERATURE else 0
            else:
                buf[i] = _raw[_REGISTERS + at]

    def _now(self):
        t = _gmtime((_wall_ns() + _page.rtc_chip_offset_ns) // 1000000000)
        century = 0x80 if t[0] >= 2100 else 0
        day = (t[6] + _raw[_REGISTERS + _DAY]) % 7 + 1
        hour = _bcd(t[3])
        if _raw[_REGISTERS + _HOUR] & 0x40:
            hour = 0x40 | (0x20 if t[3] >= 12 else 0) | _bcd((t[3] + 11) % 12 + 1)
        return bytearray(
            (_bcd(t[5]), _bcd(t[4]), hour, day, _bcd(t[2]), _bcd(t[1]) | century, _bcd(t[0] % 100))
        )

    def _set(self, r):
        hour = _number(r[_HOUR] & 0x3F)
        if r[_HOUR] & 0x40:
            hour = _number(r[_HOUR] & 0x1F) % 12 + (12 if r[_HOUR] & 0x20 else 0)
        _raw[_REGISTERS + _HOUR] = r[_HOUR] & 0x40
        year = 2000 + _number(r[6]) + (100 if r[_MONTH] & 0x80 else 0)
        month = _number(r[_MONTH] & 0x1F)
        unix_s = int(_mktime((year, month, _number(r[4]), hour, _number(r[1]), _number(r[0]), 0, 0, 0)))
        _page.rtc_chip_offset_ns = unix_s * 1000000000 - _wall_ns()
        _raw[_REGISTERS + _DAY] = (r[_DAY] - 1 - _gmtime(unix_s)[6]) % 7
