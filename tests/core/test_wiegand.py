"""Bursts of a Wiegand keypad, bit by bit: whole, split, too close, with noise, with a wrong complement."""

import unittest

from sportbox.core.wiegand import Bursts

from tests.core.chance import Chance

# HID, "PINpad 8-bit Wiegand Reader", table 1, and Rosslare, AY-T6350, 5.4.3
FOUR = ["0000", "0001", "0010", "0011", "0100", "0101", "0110", "0111", "1000", "1001", "1010", "1011"]
COMPLEMENTS = ["1111", "1110", "1101", "1100", "1011", "1010", "1001", "1000", "0111", "0110", "0101", "0100"]
EIGHT = [COMPLEMENTS[key] + FOUR[key] for key in range(12)]
BIT_MS = 2


class WiegandCase(unittest.TestCase):
    def setUp(self):
        self.bursts = Bursts()
        self.now_ms = 1000
        self.keys = []

    def send(self, bits, silence_ms=100, every_ms=BIT_MS):
        for bit in bits:
            self.take(self.bursts.bit(int(bit), self.now_ms))
            self.now_ms += every_ms
        self.now_ms += silence_ms
        self.take(self.bursts.key(self.now_ms))

    def take(self, key):
        if key >= 0:
            self.keys.append(key)

    def check(self, keys, dropped=0):
        self.assertEqual((self.keys, self.bursts.dropped), (list(keys), dropped))


class TestKeys(WiegandCase):
    def test_every_key_in_four_bits(self):
        for bits in FOUR:
            self.send(bits)
        self.check(range(12))

    def test_every_key_in_eight_bits(self):
        for bits in EIGHT:
            self.send(bits)
        self.check(range(12))

    def test_every_burst_of_four_or_eight_bits(self):
        for value in range(256):
            bursts = Bursts()
            for at in range(7, -1, -1):
                bursts.bit(value >> at & 1, 0)
            good = value >> 4 == (value & 15) ^ 15 and value & 15 < 12
            self.assertEqual((bursts.key(25), bursts.dropped), (value & 15, 0) if good else (-1, 1))
        for bits in ("1100", "1101", "1110", "1111"):
            self.send(bits)
        self.check([], 4)

    def test_a_burst_is_over_after_25_ms(self):
        for bit in FOUR[7]:
            self.bursts.bit(int(bit), self.now_ms)
        self.assertEqual(self.bursts.deadline, self.now_ms + 25)
        self.assertEqual(self.bursts.key(self.now_ms + 24), -1)
        self.assertEqual(self.bursts.key(self.now_ms + 25), 7)
        self.assertEqual(self.bursts.key(self.now_ms + 26), -1)
        self.assertIsNone(self.bursts.deadline)

    def test_the_next_burst_ends_one_that_nobody_asked_for(self):
        for bits in (FOUR[3], EIGHT[9], FOUR[11]):
            for bit in bits:
                self.take(self.bursts.bit(int(bit), self.now_ms))
            self.now_ms += 25
        self.take(self.bursts.key(self.now_ms))
        self.check([3, 9, 11])

    def test_a_slow_reader(self):
        self.send(EIGHT[5], every_ms=20)
        self.check([5])


class TestDropped(WiegandCase):
    def test_split_by_a_pause(self):
        self.send(FOUR[5][:2])
        self.send(FOUR[5][2:])
        self.check([], 2)

    def test_an_eight_bit_burst_split_in_its_middle_has_no_complement(self):
        """Its first half alone would be another key, or none: 0 to 3 give one above 11."""
        for key in range(4):
            self.send(EIGHT[key][:4])
        self.check([], 4)

    def test_too_fast(self):
        self.send(FOUR[1] + FOUR[2])
        self.send(FOUR[1] + FOUR[2] + FOUR[3])
        self.send(EIGHT[1] + EIGHT[2])
        self.check([], 3)
        self.send(FOUR[1])
        self.check([1], 3)

    def test_wrong_complement(self):
        for at in range(8):
            bits = list(EIGHT[6])
            bits[at] = "10"[int(bits[at])]
            self.send(bits)
        self.check([], 8)

    def test_lengths_that_are_no_key(self):
        for length in (1, 2, 3, 5, 6, 7, 9, 12, 26, 34, 37, 1000):
            self.send("0" * length)
        self.check([], 12)

    def test_noise_between_keys(self):
        self.send("1")
        self.send(EIGHT[4])
        self.send("010")
        self.send(EIGHT[2])
        self.check([4, 2], 2)

    def test_noise_within_a_key(self):
        self.send(EIGHT[4] + "0")
        self.send("1" + FOUR[4])
        self.check([], 2)

    def test_random_pulses_never_give_what_no_key_has(self):
        chance = Chance(2)
        for _ in range(3000):
            key = self.bursts.bit(chance.below(2), self.now_ms)
            self.assertTrue(-1 <= key <= 11)
            self.now_ms += chance.below(40)
        self.assertTrue(self.bursts.dropped > 100)
        self.send("")
        del self.keys[:]
        dropped = self.bursts.dropped
        self.send(EIGHT[8])
        self.check([8], dropped)
