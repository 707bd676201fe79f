"""The MCP23017 as its datasheet (Microchip DS20001952) has it, and what the driver makes of it."""

import unittest

from tests.firmware import fake_machine

# isort: split
from sportbox.drivers.mcp23017 import Expander, ExpanderInput

ADDRESS = 0x20
IODIR, GPINTEN, IOCON, GPPU, GPIO, OLAT = 0x00, 0x04, 0x0A, 0x0C, 0x12, 0x14


class Chip:
    """Registers after power-on, IOCON.BANK = 0: all inputs, everything else off."""

    def __init__(self):
        self.power_on()
        self.pins = [0xFF, 0xFF]
        self.writes = []
        self.broken = {}  # register -> what reads there whatever was written

    def power_on(self):
        self.registers = bytearray(0x16)
        self.registers[IODIR] = self.registers[IODIR + 1] = 0xFF

    def read(self, register, count):
        return bytes([self._read(register + i) for i in range(count)])

    def _read(self, register):
        if register in self.broken:
            return self.broken[register]
        if register in (GPIO, GPIO + 1):
            port = register - GPIO
            outputs = 0xFF ^ self.registers[IODIR + port]
            return self.registers[OLAT + port] & outputs | self.pins[port] & self.registers[IODIR + port]
        return self.registers[register]

    def write(self, register, data):
        self.writes.append((register, data))
        for i, byte in enumerate(data):
            self.registers[register + i] = byte


class ExpanderCase:
    def setUp(self):
        self.chip = Chip()
        self.bus = {ADDRESS: self.chip}
        self.now_ms = 0
        self.expander = Expander(fake_machine.I2C(self.bus), ADDRESS, lambda: self.now_ms)
        self.door = ExpanderInput(self.expander, 8, 0)  # GPB0, closed is low
        self.expander.add_output(0)
        self.expander.add_output(1)

    def refresh(self, after_ms=1000):
        self.now_ms += after_ms
        self.expander.refresh()


class TestSetUp(ExpanderCase, unittest.TestCase):
    def test_registers(self):
        self.refresh()
        registers = self.chip.registers
        self.assertEqual(bytes(registers[IODIR : IODIR + 2]), b"\xfc\xff")
        self.assertEqual(bytes(registers[GPPU : GPPU + 2]), b"\x00\x01")
        self.assertEqual(bytes(registers[GPINTEN : GPINTEN + 2]), b"\x00\x01")
        self.assertEqual(registers[IOCON] & 0x44, 0x44)  # MIRROR, ODR

    def test_no_output_is_high_at_any_moment(self):
        """The latches are cleared before the pins become outputs."""
        self.chip.registers[OLAT] = 0xFF
        self.refresh()
        order = [register for register, _ in self.chip.writes]
        self.assertLess(order.index(OLAT), order.index(IODIR))
        self.assertEqual(self.chip.registers[OLAT], 0)


class TestInputs(ExpanderCase, unittest.TestCase):
    def test_levels_at_the_last_refresh(self):
        self.assertIsNone(self.door.active())  # not read yet
        self.refresh()
        self.assertEqual(self.door.active(), False)
        self.chip.pins[1] = 0xFE
        self.assertEqual(self.door.active(), False)
        self.refresh()
        self.assertEqual(self.door.active(), True)


class TestSelect(ExpanderCase, unittest.TestCase):
    def test_at_most_one_output(self):
        self.refresh()
        for bit, latches in ((0, b"\x01\x00"), (1, b"\x02\x00"), (None, b"\x00\x00")):
            self.expander.select(bit)
            self.assertEqual(bytes(self.chip.registers[OLAT : OLAT + 2]), latches)

    def test_only_what_is_an_output(self):
        self.refresh()
        self.expander.select(8)
        self.assertEqual(bytes(self.chip.registers[OLAT : OLAT + 2]), b"\x00\x00")

    def test_what_does_not_read_back_is_no_selection(self):
        self.refresh()
        self.chip.broken[OLAT] = 0x03  # two coils at once
        with self.assertRaises(OSError):
            self.expander.select(0)
        self.assertTrue(self.expander.lost)


class TestLoss(ExpanderCase, unittest.TestCase):
    def test_it_is_unknown_while_lost_and_set_up_again(self):
        self.refresh()
        del self.bus[ADDRESS]
        self.refresh()
        self.assertIsNone(self.door.active())
        with self.assertRaises(OSError):
            self.expander.select(0)
        self.chip.power_on()
        self.bus[ADDRESS] = self.chip
        self.refresh(999)
        self.assertIsNone(self.door.active())  # asked again once a second
        self.refresh(1)
        self.assertEqual(self.door.active(), False)
        self.assertEqual(bytes(self.chip.registers[IODIR : IODIR + 2]), b"\xfc\xff")
        self.assertEqual(self.expander.losses, 1)

    def test_a_chip_that_lost_its_power_for_a_moment_is_noticed(self):
        self.refresh()
        self.chip.power_on()
        self.refresh()
        self.assertIsNone(self.door.active())
        self.refresh()
        self.assertEqual(self.door.active(), False)
        self.assertEqual(bytes(self.chip.registers[GPPU : GPPU + 2]), b"\x00\x01")

    def test_so_it_is_with_inputs_alone(self):
        self.expander = Expander(fake_machine.I2C(self.bus), ADDRESS, lambda: self.now_ms)
        self.door = ExpanderInput(self.expander, 8, 0)
        self.refresh()
        self.assertEqual(self.door.active(), False)
        self.chip.power_on()  # and its pull-ups are off
        self.refresh()
        self.assertIsNone(self.door.active())
        self.refresh()
        self.assertEqual(self.door.active(), False)
        self.assertEqual(bytes(self.chip.registers[GPPU : GPPU + 2]), b"\x00\x01")

    def flap(self, times, well_ms):
        """How often its inputs can be read again, of so many times that it answers for so long and not for a
        second."""
        backs, before = 0, self.door.active()
        for _ in range(times):
            for _ in range(well_ms // 100):
                self.refresh(100)
                backs += before is None and self.door.active() is not None
                before = self.door.active()
            chip = self.bus.pop(ADDRESS)
            self.refresh(100)
            self.bus[ADDRESS] = chip
            before = self.door.active()
            self.assertIsNone(before)
            self.now_ms += 900
        return backs

    def test_one_that_answers_now_and_then_is_not_news_for_ever(self):
        """The events of sixteen doors would fill the outbox."""
        for well_ms in (100, 2000, 20_000, 50_000):
            with self.subTest(well_ms=well_ms):
                self.setUp()
                self.refresh()
                self.assertLess(self.flap(40, well_ms), 9)
                self.assertEqual(self.flap(20, well_ms), 0)
        self.refresh(100)
        self.expander.select(0)  # what it drives does not wait
        self.refresh(59_000)
        self.assertIsNone(self.door.active())
        self.refresh(1000)
        self.assertEqual(self.door.active(), False)

    def test_one_that_was_well_for_a_minute_is_believed_at_once(self):
        self.refresh()
        self.flap(20, 2000)
        self.refresh(100)
        for _ in range(3):
            for _ in range(1300):
                self.refresh(100)
            self.assertEqual(self.door.active(), False)
            chip = self.bus.pop(ADDRESS)
            self.refresh(100)
            self.bus[ADDRESS] = chip
            self.refresh(1000)
            self.assertEqual(self.door.active(), False)

    def test_lost_from_the_start(self):
        self.bus.clear()
        for _ in range(10):
            self.refresh()
        self.assertIsNone(self.door.active())
        self.assertEqual(self.expander.losses, 0)
