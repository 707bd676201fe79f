"""Pulses on two lines, kept by interrupt handlers, become keys."""

import unittest

from tests.firmware.fake_machine import Pin

# isort: split
from sportbox.drivers import wiegand

_D0, _D1 = 1, 2


class Ticks:
    """Stands in for `time`: the chip's tick counter wraps at 30 bits."""

    def __init__(self):
        self.now_ms = (1 << 30) - 50

    def ticks_ms(self):
        return self.now_ms % (1 << 30)


class WiegandCase(unittest.TestCase):
    def setUp(self):
        wiegand.Pin = Pin
        self.ticks = Ticks()
        before = wiegand.time
        wiegand.time = self.ticks
        self.addCleanup(lambda: setattr(wiegand, "time", before))
        self.edges = 0
        self.reader = wiegand.Wiegand(_D0, _D1, self.on_edge)

    def on_edge(self):
        self.edges += 1

    def send(self, bits, every_ms=2):
        for bit in bits:
            Pin.made[_D1 if bit == "1" else _D0].fall()
            self.ticks.now_ms += every_ms

    def uptime(self):
        return self.ticks.now_ms - (1 << 30) + 100_000

    def keys(self):
        found = []
        key = self.reader.key(self.uptime())
        while key >= 0:
            found.append(key)
            key = self.reader.key(self.uptime())
        return found

    def test_lines_have_pull_ups_and_only_falling_edges_count(self):
        for number in (_D0, _D1):
            pin = Pin.made[number]
            self.assertEqual((pin.mode, pin.pull, pin.trigger), (Pin.IN, Pin.PULL_UP, Pin.IRQ_FALLING))

    def test_a_key_across_the_wrap_of_the_tick_counter(self):
        self.ticks.now_ms = (1 << 30) - 4
        self.send("1011")
        self.assertEqual(self.keys(), [])
        self.assertEqual(self.reader.deadline, self.uptime() - 2 + 25)
        self.ticks.now_ms += 25
        self.assertEqual(self.keys(), [11])
        self.assertIsNone(self.reader.deadline)
        self.assertEqual(self.edges, 4)

    def test_keys_that_nobody_fetched_in_time_stay_apart(self):
        for bits in ("0001", "11010010", "0011", "1010"):
            self.send(bits)
            self.ticks.now_ms += 60
        self.assertEqual(self.keys(), [1, 2, 3, 10])
        self.assertEqual(self.reader.dropped, 0)

    def test_a_burst_that_is_read_while_it_comes(self):
        for bit in "10010110":
            self.send(bit)
            self.assertEqual(self.keys(), [])
        self.ticks.now_ms += 30
        self.assertEqual(self.keys(), [6])

    def test_a_pulse_that_comes_while_those_before_it_are_read(self):
        """Handlers run between two bytecodes: it is younger than the look, and not a minute old."""
        bursts, come = self.reader._bursts, ["1"]
        bit = bursts.bit

        def slow(value, at_ms):
            if come:
                self.ticks.now_ms += 1
                self.send(come.pop())
            return bit(value, at_ms)

        bursts.bit = slow
        self.send("0")
        self.assertEqual(self.keys(), [])
        self.send("01")
        self.assertEqual(self.keys(), [])
        self.ticks.now_ms += 30
        self.assertEqual((self.keys(), self.reader.dropped), ([5], 0))

    def test_noise_is_dropped_and_counted(self):
        self.send("101")
        self.ticks.now_ms += 60
        self.send("0101")
        self.ticks.now_ms += 60
        self.assertEqual((self.keys(), self.reader.dropped), ([5], 1))

    def test_more_than_there_is_room_for(self):
        self.send("01" * 100, 0)
        self.ticks.now_ms += 60
        self.assertEqual(self.keys(), [])
        self.assertEqual(self.reader.dropped, 200 - 63 + 1)
        self.send("0111")
        self.ticks.now_ms += 60
        self.assertEqual(self.keys(), [7])

    def test_the_ring_goes_round(self):
        for n in range(50):
            self.send(["0000", "0001", "1011"][n % 3])
            self.ticks.now_ms += 60
            self.assertEqual(self.keys(), [[0, 1, 11][n % 3]])
