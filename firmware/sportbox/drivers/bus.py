"""The I2C bus that the board's chips share."""

from machine import I2C, Pin
from micropython import const

_TIMEOUT_US = const(5000)  # a chip that holds the clock low must not hold up the loop


def make_i2c(sda: int, scl: int, hz: int) -> I2C:
    """The first I2C controller on these pins, with external pull-ups."""
    return I2C(0, sda=Pin(sda), scl=Pin(scl), freq=hz, timeout=_TIMEOUT_US)
