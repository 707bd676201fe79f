"""The MCP23017, 16 pins over I2C (Microchip datasheet DS20001952): door contacts in, coils out.

Register addresses with IOCON.BANK = 0, the value after power-on: IODIR 00h, GPINTEN 04h, IOCON 0Ah, GPPU
0Ch, GPIO 12h, OLAT 14h, each followed by its port B twin; addresses advance by themselves (SEQOP = 0).
After power-on all pins are inputs, so external pull-downs hold the coils. GPA7 and GPB7 are outputs only
(datasheet revision D).

A chip that does not answer is lost: its inputs read None until it answers again and was set up anew. If it is
lost again within a minute, they do so for longer and longer: else each time would be an event of each door.
"""

from machine import I2C
from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable

_IODIR = const(0x00)
_GPINTEN = const(0x04)
_IOCON = const(0x0A)
_GPPU = const(0x0C)
_GPIO = const(0x12)
_OLAT = const(0x14)
_IOCON_VALUE = const(0x44)  # MIRROR: both ports on one interrupt line; ODR: open drain
_RETRY_MS = const(1000)
_WELL_MS = const(60000)


class Expander:
    """`refresh` reads all inputs; `select` drives at most one output."""

    def __init__(self, i2c: I2C, address: int, now_ms: "Callable[[], int]") -> None:
        self._i2c = i2c
        self._address = address
        self._now_ms = now_ms
        self._inputs = 0  # bits of the pins in use
        self._outputs = 0
        self._levels = 0
        self._pair = bytearray(2)
        self._retry_ms = 0
        self._lost_ms = -_WELL_MS  # the last time
        self._doubt_ms = 0  # so long it has to answer until its inputs are believed
        self._believe_ms = 0  # since it was set up: when they are
        self._doubted = False
        self.lost = True  # until it was set up
        self.losses = 0

    def add_input(self, bit: int) -> None:
        self._inputs |= 1 << bit
        self.lost = True

    def add_output(self, bit: int) -> None:
        self._outputs |= 1 << bit
        self.lost = True

    def level(self, bit: int) -> int | None:
        """The level at the last refresh(), None while the chip is lost or not believed."""
        return None if self.lost or self._doubted else self._levels >> bit & 1

    def refresh(self) -> None:
        """Reads all inputs; a chip that was lost is set up again, once a second at most."""
        now_ms = self._now_ms()
        if self.lost:
            if now_ms < self._retry_ms:
                return
            self._retry_ms = now_ms + _RETRY_MS
        try:
            if self.lost:
                self._set_up()
                self._believe_ms = now_ms + self._doubt_ms
            self._doubted = now_ms < self._believe_ms
            self._i2c.readfrom_mem_into(self._address, _GPIO, self._pair)
            self._levels = self._pair[0] | self._pair[1] << 8
            # what differs from the value after power-on: without outputs IODIR does not
            register, wanted = (_IODIR, 0xFFFF ^ self._outputs) if self._outputs else (_GPPU, self._inputs)
            self._i2c.readfrom_mem_into(self._address, register, self._pair)
            if self._pair[0] | self._pair[1] << 8 != wanted:
                self._lose()  # it has lost its power for a moment, and with it its set-up
        except OSError:
            self._lose()

    def select(self, bit: int | None) -> None:
        """Drives this output high and all others low; None: all low. Reads back what it wrote. Raises
        OSError."""
        if self.lost:
            raise OSError(19)  # ENODEV
        wanted = 0 if bit is None else 1 << bit & self._outputs
        try:
            self._write(_OLAT, wanted)
            self._i2c.readfrom_mem_into(self._address, _OLAT, self._pair)
        except OSError:
            self._lose()
            raise
        if self._pair[0] | self._pair[1] << 8 != wanted:
            self._lose()
            raise OSError(5)  # EIO

    def _set_up(self) -> None:
        self._write(_OLAT, 0)  # before the pins become outputs
        self._write(_IODIR, 0xFFFF ^ self._outputs)
        self._write(_GPPU, self._inputs)
        self._pair[0] = self._pair[1] = _IOCON_VALUE
        self._i2c.writeto_mem(self._address, _IOCON, self._pair)
        self._write(_GPINTEN, self._inputs)
        self.lost = False

    def _write(self, register: int, bits: int) -> None:
        self._pair[0] = bits & 0xFF
        self._pair[1] = bits >> 8
        self._i2c.writeto_mem(self._address, register, self._pair)

    def _lose(self) -> None:
        now_ms = self._now_ms()
        if not self.lost:
            self.losses += 1
            again = now_ms - self._lost_ms < _WELL_MS
            self._doubt_ms = min(max(2 * self._doubt_ms, _RETRY_MS), _WELL_MS) if again else 0
            self._lost_ms = now_ms
        self.lost = True
        self._retry_ms = now_ms + _RETRY_MS


class ExpanderInput:
    """An input as `drivers.inputs.Input`, but `active` gives None while the chip is lost."""

    def __init__(self, expander: Expander, bit: int, active: int) -> None:
        expander.add_input(bit)
        self._expander = expander
        self._bit = bit
        self._active = active

    def active(self) -> bool | None:
        level = self._expander.level(self._bit)
        return None if level is None else level == self._active
