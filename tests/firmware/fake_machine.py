"""Stands in for `machine` when drivers are tested: pins that a test moves, and an I2C bus with chips on it.

Import it before the driver, and put `Pin` into the driver's module: another test's `machine` may have been
there first.
"""

import sys


class Pin:
    IN, OUT, OPEN_DRAIN = 1, 3, 7
    PULL_DOWN, PULL_UP = 1, 2
    IRQ_RISING, IRQ_FALLING = 1, 2
    made = {}

    def __init__(self, number, mode=-1, pull=-1, *, value=None):
        self.number, self.mode, self.pull = number, mode, pull
        self.out = value
        self.handler = None
        self.sense = None  # gives the level of an input
        self.writes = 0
        Pin.made[number] = self

    def value(self, level=None):
        if level is None:
            return self.out if self.sense is None else self.sense()
        self.out = level
        self.writes += 1

    def irq(self, handler=None, trigger=3):
        self.handler, self.trigger = handler, trigger

    def fall(self):
        self.handler(self)


class I2C:
    """Chips by address; each has `read(register, count)` and `write(register, data)`."""

    def __init__(self, chips):
        self.chips = chips

    def _chip(self, address):
        if address not in self.chips:
            raise OSError(19)  # ENODEV, as the ESP32 says where nobody acknowledges
        return self.chips[address]

    def readfrom_mem_into(self, address, register, buffer):
        buffer[:] = self._chip(address).read(register, len(buffer))

    def writeto_mem(self, address, register, data):
        self._chip(address).write(register, bytes(data))


class _Machine:
    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5


_Machine.Pin = Pin
_Machine.I2C = I2C
if "machine" not in sys.modules:
    sys.modules["machine"] = _Machine
