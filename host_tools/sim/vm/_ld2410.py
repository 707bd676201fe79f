"""LD2410, a 24 GHz presence radar on a serial line of 256,000 baud (Hi-Link, "LD2410 serial communication
protocol").

It reports ten times a second and takes orders after `enable configuration`, in which it does not report.
`ghost`, `latched`, `silent` and `garbage` are faults that were seen in the field; a latched one repeats
itself to the byte.
"""

from _layout import RADAR_FAULTS
from micropython import const

_BAUD = const(256000)
_PERIOD_US = const(100000)
_GHOST, _LATCHED, _SILENT, _GARBAGE = 1, 2, 3, 4
_ORDER_MAX = const(64)
_GATE_CM = const(75)
_ANSWERS = {
    0xFF: b"\x01\x00\x40\x00",  # protocol version, buffer size
    0xFE: b"",
    0x62: b"",
    0x63: b"",
    0xA0: b"\x00\x01\x07\x01\x16\x24\x06\x22",  # firmware 1.07.22062416
}

assert RADAR_FAULTS.index("garbage") == _GARBAGE


def _order(word, body):
    """An acknowledgement: the command with 1 in its high byte, status, and what it returns."""
    data = bytes((word, 1)) + body
    return b"\xfd\xfc\xfb\xfa" + len(data).to_bytes(2, "little") + data + b"\x04\x03\x02\x01"


class Radar:
    def __init__(self, world, baudrate):
        self._world = world
        self._is_understood = baudrate == _BAUD
        self._next_us = 0
        self._number = 0
        self._is_asked = False  # configuration is enabled
        self._is_detailed = False
        self._heard = b""
        self._answers = b""
        self._noise = 1

    def speak(self, received, most, now_us):
        """Append what came over the line until now; what does not fit is lost."""
        if self._answers and self._world.fault != _SILENT:
            self._put(received, most, self._answers)
        self._answers = b""
        self._next_us = self._next_us or now_us + _PERIOD_US
        while self._next_us <= now_us:
            missed = (now_us - self._next_us) // _PERIOD_US - most // 16
            if missed > 0:  # nobody listened for long: the buffer would be full by then
                self._next_us += missed * _PERIOD_US
                self._number += missed
            self._next_us += _PERIOD_US
            self._number += 1
            if not self._is_asked and self._world.fault != _SILENT:
                self._put(received, most, self._report())

    def _put(self, received, most, data):
        if not self._is_understood:
            data = bytes([byte ^ 0xA5 for byte in data])
        received.extend(data[: max(0, most - len(received))])

    def _report(self):
        w = self._world
        if w.fault == _GARBAGE:
            return bytes([self._random() for _ in range(23)])
        jitter = self._number * 7 % 5
        target, cm, moving, standing = w.target, w.distance_cm, w.moving, w.standing
        if w.fault == _GHOST:
            target, cm, moving, standing = 1, 0, 91 + self._number % 10, 0
        elif w.fault == _LATCHED:
            target, cm, moving, standing = 3, 230, 55, 60
        else:
            moving, standing = min(100, moving + jitter), min(100, standing + jitter)
            cm = max(0, cm + jitter - 2) if target else 0
        moved_cm, stood_cm = (cm if target & 1 else 0), (cm if target & 2 else 0)
        data = bytearray((1 if self._is_detailed else 2, 0xAA, target))
        for distance_cm, energy in ((moved_cm, moving), (stood_cm, standing)):
            data.extend(distance_cm.to_bytes(2, "little"))
            data.append(energy)
        data.extend(cm.to_bytes(2, "little"))
        if self._is_detailed:
            data.extend(b"\x08\x08")
            for energy in (moving, standing):
                data.extend(bytes([max(0, energy - 20 * abs(gate - cm // _GATE_CM)) for gate in range(9)]))
            data.extend(b"\x50\x01")  # light, level of its output pin
        data.extend(b"\x55\x00")
        return b"\xf4\xf3\xf2\xf1" + len(data).to_bytes(2, "little") + data + b"\xf8\xf7\xf6\xf5"

    def _random(self):
        self._noise = (self._noise * 1103515245 + 12345) & 0x7FFFFFFF
        return self._noise >> 16 & 0xFF

    def hear(self, data, now_us):
        if not self._is_understood:
            return
        self._heard = (self._heard + data)[-_ORDER_MAX:]
        while True:
            begin = self._heard.find(b"\xfd\xfc\xfb\xfa")
            if begin < 0 or len(self._heard) < begin + 6:
                return
            length = self._heard[begin + 4] | self._heard[begin + 5] << 8
            end = begin + 6 + length + 4
            if end > _ORDER_MAX:
                self._heard = self._heard[begin + 4 :]
                continue
            if len(self._heard) < end:
                return
            if length >= 2 and self._heard[end - 4 : end] == b"\x04\x03\x02\x01":
                self._obey(self._heard[begin + 6])
            self._heard = self._heard[end:]

    def _obey(self, word):
        if word == 0xFF:
            self._is_asked = True
        if not self._is_asked:  # every other order is ignored outside of configuration
            return
        is_known = word in _ANSWERS
        self._answers += _order(word, (b"\x00\x00" if is_known else b"\x01\x00") + _ANSWERS.get(word, b""))
        if word == 0xFE:
            self._is_asked = False
        elif word in (0x62, 0x63):
            self._is_detailed = word == 0x62
