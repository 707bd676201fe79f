"""The clock chip, by dumps of its registers 00h to 12h."""

import unittest

from tests.firmware.clock_chip import ADDRESS, FIRST_POWER, Chip
from tests.firmware.fake_machine import I2C

# isort: split
from sportbox.core.clock import rfc3339
from sportbox.drivers.ds3231 import Ds3231

REST = "00 00 00 00 00 00 00 1C 08 00 19 40"
EVENING = 1795366800  # 2026-11-22T17:00:00Z, a Sunday


def read(time_of, rest=REST):
    return Ds3231(I2C({ADDRESS: Chip(time_of + " " + rest)})).read()


class TestRead(unittest.TestCase):
    def test_times(self):
        for dump, text in (
            ("00 00 17 07 22 11 26", "2026-11-22T17:00:00Z"),
            ("59 59 23 04 31 12 99", "2099-12-31T23:59:59Z"),
            ("07 08 09 01 29 02 28", "2028-02-29T09:08:07Z"),
            ("00 00 00 06 01 81 00", "2100-01-01T00:00:00Z"),  # the century bit
            ("09 10 19 02 30 09 30", "2030-09-30T19:10:09Z"),
            ("09 10 20 02 30 09 30", "2030-09-30T20:10:09Z"),
        ):
            with self.subTest(dump=dump):
                self.assertEqual(rfc3339(read(dump)), text)

    def test_twelve_hour_mode(self):
        for hours, text in (
            ("52", "00"),
            ("41", "01"),
            ("51", "11"),
            ("72", "12"),
            ("61", "13"),
            ("71", "23"),
        ):
            with self.subTest(hours=hours):
                found = rfc3339(read("00 00 %s 07 22 11 26" % hours))
                self.assertEqual(found, "2026-11-22T%s:00:00Z" % text)

    def test_an_oscillator_that_had_stopped(self):
        self.assertIsNone(read("00 00 17 07 22 11 26", "00 00 00 00 00 00 00 1C 88 00 19 40"))
        self.assertIsNone(read(FIRST_POWER[:20], FIRST_POWER[21:]))

    def test_other_bits_of_status_and_control_do_not_matter(self):
        self.assertEqual(read("00 00 17 07 22 11 26", "00 00 00 00 00 00 00 9F 7F FF 19 40"), EVENING)

    def test_what_is_no_time(self):
        for dump in (
            "5A 00 17 07 22 11 26",
            "60 00 17 07 22 11 26",
            "00 6A 17 07 22 11 26",
            "00 60 17 07 22 11 26",
            "00 00 24 07 22 11 26",
            "00 00 3F 07 22 11 26",
            "00 00 40 07 22 11 26",
            "00 00 53 07 22 11 26",
            "00 00 17 07 00 11 26",
            "00 00 17 07 32 11 26",
            "00 00 17 07 31 11 26",
            "00 00 17 07 29 02 26",
            "00 00 17 07 22 00 26",
            "00 00 17 07 22 13 26",
            "00 00 17 07 22 11 A6",
            "00 00 17 07 22 11 2A",
            "FF FF FF FF FF FF FF",
        ):
            with self.subTest(dump=dump):
                self.assertIsNone(read(dump))

    def test_a_chip_that_does_not_answer(self):
        with self.assertRaises(OSError):
            Ds3231(I2C({})).read()
        with self.assertRaises(OSError):
            Ds3231(I2C({})).write(EVENING)


class TestWrite(unittest.TestCase):
    def test_it_sets_the_time_then_starts_the_oscillator_and_clears_its_flag(self):
        chip = Chip("00 00 00 01 01 01 00 00 00 00 00 00 00 00 9C 8B 00 00 00")
        Ds3231(I2C({ADDRESS: chip})).write(EVENING)
        self.assertEqual(chip.writes, [(0x00, "00001707221126"), (0x0E, "1c0b")])
        self.assertEqual(Ds3231(I2C({ADDRESS: chip})).read(), EVENING)

    def test_a_power_cut_before_the_end_leaves_the_flag(self):
        chip = Chip()
        real = chip.write

        def write(register, data):
            if register == 0x0E:
                raise OSError(5)
            real(register, data)

        chip.write = write
        with self.assertRaises(OSError):
            Ds3231(I2C({ADDRESS: chip})).write(EVENING)
        self.assertIsNone(Ds3231(I2C({ADDRESS: chip})).read())

    def test_what_is_written_is_read(self):
        chip = Chip()
        clock = Ds3231(I2C({ADDRESS: chip}))
        for unix_s in range(946684800, 4260000000, 86400 * 366 + 36061):
            clock.write(unix_s)
            self.assertEqual(clock.read(), unix_s)
            self.assertEqual(chip.registers[3], (unix_s // 86400 + 3) % 7 + 1)

    def test_the_century(self):
        chip = Chip()
        Ds3231(I2C({ADDRESS: chip})).write(4102444800)  # 2100-01-01
        self.assertEqual((chip.registers[5], chip.registers[6]), (0x81, 0x00))
