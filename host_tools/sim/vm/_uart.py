"""`machine.UART`: a port whose other end is a radar where the world page has one on these pins.

Received bytes wait in a buffer of `rxbuf` and in the hardware's 128 behind it; what comes when both are full
is lost, in the middle of a frame, as on the ESP32. Time passes when the firmware looks: an idle port wakes
nobody.
"""

from _layout import CHIPS as _CHIPS, RADAR as _RADAR, RADAR_FIELDS as _FIELDS, RADAR_SIZE as _SIZE
from esp32 import _sleep_ms
from _world import load as _load, now_us as _now_us, page as _page, record as _record, table as _table

_PORTS = {"esp32c3": 2}.get(_CHIPS[_page.chip], 3)
_FIFO = 128
_TABLE = _table(_FIELDS)


def _other_end(rx, tx, baudrate):
    for number in range(_page.radars):
        world = _record(_RADAR + number * _SIZE, _TABLE)
        if (world.rx, world.tx) == (rx, tx):
            return _load("_ld2410").Radar(world, baudrate)
    return None


class UART:
    def __init__(
        self,
        _id=1,
        baudrate=9600,
        bits=8,
        parity=None,
        stop=1,
        *,
        tx=None,
        rx=None,
        txbuf=None,
        rxbuf=None,
        timeout=None,
        timeout_char=None,
    ):
        if not 0 <= _id < _PORTS:
            raise ValueError("UART(%d) does not exist" % _id)
        if bits != 8 or parity is not None or stop != 1:
            raise NotImplementedError("only 8N1 is simulated")
        self._end = None if rx is None or tx is None else _other_end(rx._id, tx._id, baudrate)
        self._max = max(rxbuf or 256, _FIFO + 1) + _FIFO
        self._timeout_ms = timeout or 0
        self._received = bytearray()

    def deinit(self):
        self._end = None
        self._received = bytearray()

    def any(self):
        if self._end is not None:
            self._end.speak(self._received, self._max, _now_us())
        return len(self._received)

    def _wait(self, wanted):
        """How many bytes can be read, after the time-out at most."""
        end_us = _now_us() + self._timeout_ms * 1000
        while self.any() < wanted and _now_us() < end_us:
            _sleep_ms(1)
        return min(wanted, len(self._received))

    def read(self, _nbytes=-1):
        count = self.any() if _nbytes < 0 else self._wait(_nbytes)
        found = bytes(self._received[:count])
        self._received = self._received[count:]
        return found or None

    def readinto(self, _buf, _nbytes=-1):
        wanted = len(_buf) if _nbytes < 0 else min(_nbytes, len(_buf))
        count = self._wait(wanted)
        _buf[:count] = self._received[:count]
        self._received = self._received[count:]
        return count or None

    def write(self, _buf):
        if self._end is not None:
            self._end.hear(bytes(_buf), _now_us())
        return len(_buf)
