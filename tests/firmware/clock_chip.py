"""A clock chip DS3231 as a driver sees it: its 19 registers."""

FIRST_POWER = "00 00 00 01 01 01 00 00 00 00 00 00 00 00 1C 88 00 00 00"  # OSF is set, the oscillator runs
ADDRESS = 0x68


class Chip:
    def __init__(self, dump=FIRST_POWER):
        self.registers = bytearray(bytes.fromhex(dump.replace(" ", "")))
        self.writes = []

    def read(self, register, count):
        return self.registers[register : register + count]

    def write(self, register, data):
        self.writes.append((register, data.hex()))
        for at, byte in enumerate(data, register):
            if at == 0x0F:
                byte &= self.registers[at] | 0x7F  # OSF can be cleared, not set
            self.registers[at] = byte
