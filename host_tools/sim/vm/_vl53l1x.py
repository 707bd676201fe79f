"""VL53L1X, a time-of-flight sensor: the registers that ST's ultra lite driver uses (UM2510; their addresses
are in the register list of that driver). 16-bit addresses, big-endian.

It ranges at the period of register 006Ch, at least its timing budget, and keeps a result until the interrupt
is cleared. Distance comes from the world; 0 there is nothing in range, which it reports with another range
status.
"""

from _layout import NO_PIN, TOF, TOF_FIELDS, TOF_SIZE
from _pins import driven as _driven
from _world import now_us as _now_us, record as _record, table as _table
from micropython import const

_NO_PIN = NO_PIN
_BOOT_US = const(1200)
_BUDGET_US = const(50000)
_OSCILLATOR = const(0x01CC)
_VALID, _NO_TARGET = const(9), const(4)  # as the chip codes them
_CONFIG, _CONFIG_END = const(0x2D), const(0x88)
_FIXED = {
    0x00DE: _OSCILLATOR >> 8,
    0x00DF: _OSCILLATOR & 0xFF,
    0x00E5: 3,
    0x010F: 0xEA,
    0x0110: 0xCC,
    0x0111: 0x10,
}
_TABLE = _table(TOF_FIELDS)


class Ranger:
    def __init__(self, number):
        self._world = _record(TOF + number * TOF_SIZE, _TABLE)
        self._at = 0
        self._resets = -1
        self._fresh()

    def _fresh(self):
        self._resets = self._world.resets
        self._config = bytearray(_CONFIG_END - _CONFIG)
        self._config[3] = 0x11  # 30h: the interrupt is active low
        self._start_us = 0
        self._is_single = False
        self._cleared = 0

    def address(self):
        w = self._world
        is_held = w.xshut != _NO_PIN and _driven(w.xshut) == 0
        if w.lost or is_held or _now_us() - w.up_us < _BOOT_US:
            return None
        if w.resets != self._resets:
            self._fresh()
        return w.address

    def write(self, data):
        if len(data) >= 2:
            self._at = data[0] << 8 | data[1]
        for value in data[2:]:
            self._put(self._at, value)
            self._at += 1

    def read_into(self, buf):
        number, result = self._measured()
        for i in range(len(buf)):
            buf[i] = self._get(self._at, number, result)
            self._at += 1

    def _put(self, at, value):
        if at == 0x0001:
            self._world.address = value & 0x7F
        elif at == 0x0086 and value & 1:
            self._cleared = self._measured()[0]
        elif _CONFIG <= at < _CONFIG_END:
            self._config[at - _CONFIG] = value
            if at == 0x0087:
                self._start_us = _now_us() if value & 0x50 else 0
                self._is_single = bool(value & 0x10)
                self._cleared = 0

    def _measured(self):
        """How many measurements there were since the start, and the newest: (range status, mm)."""
        if not self._start_us:
            return 0, None
        period = int.from_bytes(self._config[0x6C - _CONFIG : 0x70 - _CONFIG], "big")
        period_us = max(_BUDGET_US, period * 1000000 // (_OSCILLATOR * 1075))
        number = (_now_us() - self._start_us) // period_us
        if self._is_single:
            number = min(1, number)
        mm = self._world.distance_mm
        return number, ((_VALID if mm else _NO_TARGET), mm) if number else None

    def _get(self, at, number, result):
        if at in _FIXED:
            return _FIXED[at]
        if at == 0x0001:
            return self._world.address
        if at == 0x0031:
            is_high = (number > self._cleared) != bool(self._config[3] & 0x10)
            return 3 if is_high else 2
        if result is not None and 0x0088 <= at <= 0x0099:
            status, mm = result
            words = {0x8C: 0x1000, 0x90: 0x0010, 0x96: mm, 0x98: 0x0600 if mm else 0x0010}
            if at == 0x0089:
                return status
            word = words.get(at & 0xFE, 0)
            return word & 0xFF if at & 1 else word >> 8
        if _CONFIG <= at < _CONFIG_END:
            return self._config[at - _CONFIG]
        return 0
