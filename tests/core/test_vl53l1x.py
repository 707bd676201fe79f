"""The VL53L1X's registers: the start-up block and results as the vendor's driver (STSW-IMG009) has them."""

import unittest

from sportbox.core import vl53l1x as chip


def result(raw_status=9, distance_mm=1234):
    """The 17 bytes at 0x0089: status at 0x89, distance at 0x96."""
    data = bytearray(chip.RESULT_BYTES)
    data[0] = raw_status
    data[13] = distance_mm >> 8
    data[14] = distance_mm & 0xFF
    return data


class TestStart(unittest.TestCase):
    def test_the_block_reaches_from_0x2d_to_0x87(self):
        self.assertEqual(len(chip.DEFAULTS), 0x87 - 0x2D + 1)

    def test_values_whose_meaning_is_documented(self):
        """UM2510 and the comments of the driver's table."""
        for register, value in (
            (0x2E, 0x00),  # I2C pulled up to 1.8 V
            (0x30, 0x01),  # interrupt active high
            (0x46, 0x20),  # on each new sample
            (0x64, 0x01),  # sigma threshold 90 mm in 14.2
            (0x65, 0x68),
            (0x66, 0x00),  # count rate 1 MCPS in 9.7
            (0x67, 0x80),
            (0x6E, 0x0F),  # period
            (0x6F, 0x89),
            (0x7F, 0xC7),  # all of the array sees
            (0x80, 0xFF),
            (0x86, 0x00),
            (0x87, 0x00),  # stopped
        ):
            self.assertEqual(chip.DEFAULTS[register - 0x2D], value, hex(register))


class TestResult(unittest.TestCase):
    def test_status_by_the_lower_five_bits(self):
        wanted = {
            3: 5, 4: chip.SIGNAL, 5: chip.BOUNDS, 6: chip.SIGMA, 7: chip.WRAPPED, 8: 3, 9: chip.VALID,
            12: 9, 13: 13, 18: 10, 19: 6, 22: 11, 23: 12,
        }  # fmt: skip
        for raw in range(256):
            self.assertEqual(chip.status(result(raw)), wanted.get(raw & 0x1F, chip.NONE), raw)

    def test_distance(self):
        for distance_mm in (0, 1, 255, 256, 1234, 4000, 65535):
            self.assertEqual(chip.distance_mm(result(distance_mm=distance_mm)), distance_mm)

    def test_a_dump(self):
        """As the driver's VL53L1X_GetResult reads it: status, spads, ambient, distance, signal."""
        dump = bytes.fromhex("e9001ec0a0034a00310000023101d60a4e")
        self.assertEqual((chip.status(dump), chip.distance_mm(dump)), (chip.VALID, 470))

    def test_near_far_or_unclear(self):
        for raw, distance_mm, found in (
            (9, 500, chip.NEAR),
            (9, 1500, chip.NEAR),
            (9, 1501, chip.FAR),
            (9, 0, chip.FAR),
            (4, 500, chip.FAR),
            (5, 500, chip.FAR),
            (7, 500, chip.FAR),
            (6, 500, chip.UNCLEAR),
            (3, 500, chip.UNCLEAR),
            (31, 500, chip.UNCLEAR),
        ):
            self.assertEqual(chip.judge(result(raw, distance_mm), 1500), found, (raw, distance_mm))

    def test_ready_by_the_polarity_of_the_line(self):
        self.assertTrue(chip.is_ready(0x01, 0x03))
        self.assertFalse(chip.is_ready(0x01, 0x02))
        self.assertTrue(chip.is_ready(0x11, 0x02))
        self.assertFalse(chip.is_ready(0x11, 0x03))


if __name__ == "__main__":
    unittest.main()
