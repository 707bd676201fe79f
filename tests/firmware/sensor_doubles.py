"""A `machine` for the drivers of court sensors: a serial port that was sent bytes, and an I2C bus with a
VL53L1X, as far as its registers matter here. `drivers()` imports the drivers over it."""

import sys

PERIOD_MS = 100


class Pin:
    OUT = 1

    def __init__(self, number, mode=None, value=None):
        self.number = number
        self.level = value

    def value(self, level=None):
        if level is None:
            return self.level
        self.level = level
        return None


class UART:
    def __init__(self, number, **settings):
        self.number = number
        self.settings = settings
        self.waiting = bytearray()
        self.written = []
        self.reads = 0
        self.broken = False

    def feed(self, data):
        """What comes, as far as the receive buffer holds it."""
        self.waiting = (self.waiting + data)[: self.settings["rxbuf"]]

    def readinto(self, buffer):
        self.reads += 1
        if self.broken:
            raise OSError(5)
        count = min(len(buffer), len(self.waiting))
        if not count:
            return None  # as with timeout=0
        buffer[:count] = self.waiting[:count]
        self.waiting = self.waiting[count:]
        return count

    def write(self, data):
        self.written.append(bytes(data))


class Sensor:
    """A VL53L1X behind its reset line, `xshut`. It measures while it ranges, once in PERIOD_MS."""

    def __init__(self, xshut, model=b"\xea\xcc"):
        self.xshut = xshut
        self.model = model
        self.mm = 2000
        self.raw_status = 9
        self.plugged = True
        self.boots = True
        self.measures = True
        self.was_on = False
        self.reset()

    def reset(self):
        self.registers = bytearray(0x200)
        self.registers[0x10F:0x111] = self.model
        self.registers[0x31] = 2
        self.address = 0x29
        self.next_ms = None
        self.starts = 0

    def power(self):
        on = self.plugged and self.xshut.level == 1
        if on != self.was_on:
            self.reset()
        self.was_on = on
        return on

    def tick(self, now_ms):
        if not self.power():
            return
        self.registers[0xE5] = 3 if self.boots else 0
        if self.registers[0x87] != 0x40 or not self.measures:
            self.next_ms = None
        elif self.next_ms is None:
            self.next_ms = now_ms + PERIOD_MS
        elif now_ms >= self.next_ms:
            self.next_ms = now_ms + PERIOD_MS
            self.registers[0x31] = 3
            self.registers[0x89] = self.raw_status
            self.registers[0x96:0x98] = bytes([self.mm >> 8, self.mm & 0xFF])

    def write(self, register, data):
        self.registers[register : register + len(data)] = data
        if register == 0x01:
            self.address = data[0]
        elif register == 0x86:
            self.registers[0x31] = 2
        elif register == 0x87 and data[0] == 0x40:
            self.starts += 1


class I2C:
    def __init__(self):
        self.sensors = []

    def _at(self, address):
        found = [sensor for sensor in self.sensors if sensor.power() and sensor.address == address]
        assert len(found) < 2, "two at one address"
        if not found:
            raise OSError(19)
        return found[0]

    def readfrom_mem_into(self, address, register, buffer, *, addrsize=8):
        assert addrsize == 16
        buffer[:] = self._at(address).registers[register : register + len(buffer)]

    def writeto_mem(self, address, register, data, *, addrsize=8):
        assert addrsize == 16
        self._at(address).write(register, data)


class _Machine:
    def __init__(self):
        self.Pin = Pin
        self.UART = UART
        self.I2C = I2C


def drivers():
    """The modules drivers.radar and drivers.tof, over the doubles."""
    before = sys.modules.get("machine")
    sys.modules["machine"] = _Machine()
    try:
        import sportbox.drivers.radar
        import sportbox.drivers.tof
    finally:
        if before is None:
            del sys.modules["machine"]
        else:
            sys.modules["machine"] = before
    return sportbox.drivers.radar, sportbox.drivers.tof
