"""MCP23017, 16 inputs and outputs on the bus (Microchip DS20001952, registers with IOCON.BANK = 0).

Its registers lie in the world page: they outlive a reset of the board, not a power cut. Pins 64 to 79 of the
page are GPA0 to GPB7. INTA is wired to the GPIO that the page names.
"""

import _loop
import _pins
from _layout import EXPANDER, NO_PIN as _NO_PIN, OUT_GPIO as _OUT_GPIO, OUT_KIND as _KIND, OUT_LEVEL as _OUT
from _layout import PULL as _PULL, PULL_UP as _PULL_UP
from _world import page as _page, raw as _raw
from micropython import const

_EXPANDER = const(608)
_IODIR, _IPOL, _GPINTEN, _DEFVAL, _INTCON, _IOCON = (
    const(0),
    const(2),
    const(4),
    const(6),
    const(8),
    const(10),
)
_GPPU, _INTF, _INTCAP, _GPIO, _OLAT = const(12), const(14), const(16), const(18), const(20)
_COUNT, _SEEN = const(22), const(22)
_BANK, _MIRROR, _SEQOP, _ODR, _INTPOL = const(0x80), const(0x40), const(0x20), const(4), const(2)

assert EXPANDER == _EXPANDER


class Expander:
    def __init__(self):
        self._at = 0
        if _page.expander_interrupt != _NO_PIN:
            _pins.lines[_page.expander_interrupt] = self._line
        _loop.expander_edge = self._edge

    def address(self):
        return None if _page.expander_lost else _page.expander_address

    def write(self, data):
        """The first byte sets the register, the others go there and behind."""
        if data:
            self._at = data[0] % _COUNT
        for value in data[1:]:
            self._put(self._at, value)
            self._next()

    def read_into(self, buf):
        for i in range(len(buf)):
            buf[i] = self._get(self._at)
            self._next()

    def _next(self):
        if _raw[_EXPANDER + _IOCON] & _SEQOP:
            self._at ^= 1
        else:
            self._at = (self._at + 1) % _COUNT

    def _get(self, at):
        register, port = at & 0xFE, at & 1
        if register in (_GPIO, _INTCAP):
            self._check(port)
            now = self._levels(port)
            value = now ^ _raw[_EXPANDER + _IPOL + port] if register == _GPIO else _raw[_EXPANDER + at]
            _raw[_EXPANDER + _SEEN + port] = now
            _raw[_EXPANDER + _INTF + port] = 0
            self._told()
            return value
        if register == _INTF:
            self._check(port)
        return _raw[_EXPANDER + at]

    def _put(self, at, value):
        register, port = at & 0xFE, at & 1
        if register in (_INTF, _INTCAP):
            return
        if register == _IOCON:
            if value & _BANK:
                raise NotImplementedError("IOCON.BANK = 1 is not simulated")
            _raw[_EXPANDER + _IOCON] = _raw[_EXPANDER + _IOCON + 1] = value & 0x7E
            self._told()
            return
        if register == _GPIO:
            at, register = _OLAT + port, _OLAT
        if register == _GPINTEN:  # what is switched on compares with what is there now
            _raw[_EXPANDER + _SEEN + port] = self._levels(port)
        _raw[_EXPANDER + at] = value
        if register in (_IODIR, _OLAT):
            self._drive(port)
        elif register == _GPPU:
            for i in range(8):
                _raw[_PULL + 64 + 8 * port + i] = _PULL_UP if value >> i & 1 else 0

    def _drive(self, port):
        direction, latch = _raw[_EXPANDER + _IODIR + port], _raw[_EXPANDER + _OLAT + port]
        for i in range(8):
            pin = 64 + 8 * port + i
            kind, level = 0 if direction >> i & 1 else _OUT_GPIO, latch >> i & 1
            if _raw[_KIND + pin] != kind or _raw[_OUT + pin] != level:
                _pins.settle(pin)
                _raw[_KIND + pin], _raw[_OUT + pin] = kind, level
                _pins.changed(pin)

    def _levels(self, port):
        value = 0
        for i in range(8):
            value |= _pins.level(64 + 8 * port + i) << i
        return value

    def _check(self, port, now=None):
        """Does a pin ask for an interrupt? The first one is kept until GPIO or INTCAP is read."""
        enabled = _raw[_EXPANDER + _GPINTEN + port] & _raw[_EXPANDER + _IODIR + port]
        if not enabled or _raw[_EXPANDER + _INTF + port]:
            return
        if now is None:
            now = self._levels(port)
        control = _raw[_EXPANDER + _INTCON + port]
        with_default = control & (now ^ _raw[_EXPANDER + _DEFVAL + port])
        with_seen = ~control & (now ^ _raw[_EXPANDER + _SEEN + port])
        flags = enabled & (with_default | with_seen)
        if flags:
            _raw[_EXPANDER + _INTF + port] = flags
            _raw[_EXPANDER + _INTCAP + port] = now ^ _raw[_EXPANDER + _IPOL + port]

    def _edge(self, pin, level):
        """An edge from the ring: also one that is over by now is kept, as in the chip."""
        if _page.expander_lost:
            return
        port, bit = (pin - 64) // 8, 1 << pin % 8
        now = self._levels(port)
        self._check(port, now | bit if level else now & ~bit)

    def _line(self):
        """What INTA drives."""
        if _page.expander_lost:
            return None
        self._check(0)
        self._check(1)
        config = _raw[_EXPANDER + _IOCON]
        asks = _raw[_EXPANDER + _INTF] or (config & _MIRROR and _raw[_EXPANDER + _INTF + 1])
        if config & _ODR:
            return 0 if asks else None
        return 1 if bool(asks) == bool(config & _INTPOL) else 0

    def _told(self):
        if _page.expander_interrupt != _NO_PIN:
            _loop.note(_page.expander_interrupt)
