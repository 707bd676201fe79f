"""The clock chip DS3231: keeps UTC on a coin cell while the board has no power.

Registers (Maxim, "DS3231 Extremely Accurate I2C-Integrated RTC/TCXO/Crystal", data sheet 19-5170, figure 1):
00h to 06h seconds, minutes, hours (bit 6: 12-hour mode, then bit 5 is PM), day of the week, date, month
(bit 7: the century has changed), year, in BCD; 0Eh control (bit 7, EOSC: the oscillator stops on the coin
cell); 0Fh status (bit 7, OSF: it has stood still at some time, so the time is not to be trusted; only a 0 can
be written). The time of a read is that of its START condition, so its fields belong together.
"""

from micropython import const

from sportbox.core.clock import rfc3339, unix_of

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from machine import I2C

_ADDRESS = const(0x68)
_CONTROL = const(0x0E)
_STATUS = const(0x0F)
_EOSC = const(0x80)
_OSF = const(0x80)
_CENTURY = const(0x80)
_HOURS_12 = const(0x40)
_PM = const(0x20)


class Ds3231:
    """Every method raises OSError while the chip does not answer."""

    def __init__(self, i2c: "I2C") -> None:
        self._i2c = i2c
        self._registers = bytearray(16)

    def read(self) -> int | None:
        """Unix seconds, None if the chip has lost the time."""
        registers = self._registers
        self._i2c.readfrom_mem_into(_ADDRESS, 0, registers)
        if registers[_STATUS] & _OSF:
            return None
        try:
            return _unix_s(registers)
        except ValueError:
            return None

    def write(self, unix_s: int) -> None:
        """Sets the time; last of all it clears the mark that the oscillator had stopped."""
        text = rfc3339(unix_s)  # its decimal digits, read as hexadecimal ones, are BCD
        month = int(text[5:7], 16) | (_CENTURY if text[:2] != "20" else 0)
        hour, minute, second = int(text[11:13], 16), int(text[14:16], 16), int(text[17:19], 16)
        weekday = (unix_s // 86400 + 3) % 7 + 1  # Monday is 1
        time_of = bytes((second, minute, hour, weekday, int(text[8:10], 16), month, int(text[2:4], 16)))
        self._i2c.writeto_mem(_ADDRESS, 0, time_of)
        self._i2c.readfrom_mem_into(_ADDRESS, 0, self._registers)
        control, status = self._registers[_CONTROL], self._registers[_STATUS]
        self._i2c.writeto_mem(_ADDRESS, _CONTROL, bytes((control & ~_EOSC & 0xFF, status & ~_OSF & 0xFF)))


def _unix_s(registers: "bytes | bytearray") -> int:
    """Raises ValueError for what is no time."""
    hours = registers[2]
    if hours & _HOURS_12:
        hour = _bcd(hours & 0x1F, 1, 12) % 12 + (12 if hours & _PM else 0)
    else:
        hour = _bcd(hours, 0, 23)
    year = 2000 + _bcd(registers[6], 0, 99) + (100 if registers[5] & _CENTURY else 0)
    month = _bcd(registers[5] & ~_CENTURY, 1, 12)
    day = _bcd(registers[4], 1, 31)
    midnight_s = unix_of(year, month, day)
    if int(rfc3339(midnight_s)[8:10]) != day:  # a 31st of April
        raise ValueError(day)
    return midnight_s + hour * 3600 + _bcd(registers[1], 0, 59) * 60 + _bcd(registers[0], 0, 59)


def _bcd(digits: int, least: int, most: int) -> int:
    value = (digits >> 4) * 10 + (digits & 15)
    if digits & 15 > 9 or not least <= value <= most:
        raise ValueError(digits)
    return value
