"""Pulses that the RMT bounds, on chips that can end them early and on one that cannot."""

import sys
import unittest

from tests.firmware.fake_machine import Pin

# isort: split

DAY_MS = 86_400_000


class RMT:
    """Plays one sequence; the classic ESP32 panics when it is stopped early."""

    made = 0

    def __init__(self, *, pin, clock_div, idle_level):
        RMT.made += 1
        self.pin, self.idle_level = pin, idle_level
        self.sequences = []
        self.stops = 0

    def write_pulses(self, counts, levels):
        assert all(levels), "one level only"
        self.sequences.append((counts, len(levels)))

    def active(self, value):
        assert not value
        self.stops += 1

    def deinit(self):
        self.stops += 1


class _Esp32:
    pass


_Esp32.RMT = RMT
if "esp32" not in sys.modules:
    sys.modules["esp32"] = _Esp32

from sportbox.drivers import pulse  # noqa: E402


class PulseCase:
    can_stop = True

    def setUp(self):
        before = pulse.RMT, pulse.Pin
        pulse.RMT, pulse.Pin = RMT, Pin
        self.addCleanup(lambda: self.restore(before))
        self.now_ms = 1000
        self.pulse = pulse.Pulse(4, self.can_stop, lambda: self.now_ms)

    def restore(self, before):
        pulse.RMT, pulse.Pin = before

    def rmt(self):
        return self.pulse._rmt


class TestPulse(PulseCase, unittest.TestCase):
    def test_the_output_is_low_until_a_pulse_and_between_two(self):
        self.assertEqual(
            (self.rmt().pin.mode, self.rmt().pin.out, self.rmt().idle_level), (Pin.OUT, 0, False)
        )
        self.assertEqual((self.rmt().sequences, self.rmt().pin.writes), ([], 0))

    def test_items_of_a_hundred_milliseconds(self):
        for pulse_ms, items in ((100, 1), (101, 2), (10_000, 100)):
            self.pulse.start(pulse_ms)
            counts, count = self.rmt().sequences[-1]
            self.assertEqual(count, items)
            self.assertLessEqual(counts, 32_767)
            self.assertAlmostEqual(counts / (80_000_000 / 255), 0.1, places=3)

    def test_it_can_be_ended_and_started_at_once(self):
        self.pulse.start(10_000)
        self.assertGreater(self.pulse.rest_ms(), 9_900)
        self.now_ms += 1000
        self.pulse.stop()
        self.assertEqual(self.pulse.rest_ms(), 0)
        self.pulse.start(10_000)
        self.assertEqual(len(self.rmt().sequences), 2)

    def test_after_any_pause(self):
        """The chip's tick counter wraps after twelve days, and half of that looks like the past."""
        for days in (0, 1, 6, 7, 9, 13, 400):
            self.pulse.start(1000)
            self.now_ms += 500
            self.pulse.stop()
            self.now_ms += days * DAY_MS
            self.assertEqual(self.pulse.rest_ms(), 0)


class TestPulseThatCannotBeEnded(PulseCase, unittest.TestCase):
    can_stop = False

    def test_the_pin_is_taken_away_and_the_rest_waited_for(self):
        self.pulse.start(3000)
        played = self.rmt()
        self.now_ms += 1000
        self.pulse.stop()
        self.assertEqual(played.stops, 0)
        self.assertIsNot(Pin.made[4], played.pin)
        self.assertEqual((Pin.made[4].mode, Pin.made[4].value()), (Pin.OUT, 0))
        self.assertGreaterEqual(self.pulse.rest_ms(), 2000)
        with self.assertRaises(OSError):
            self.pulse.start(1000)
        self.now_ms += self.pulse.rest_ms()
        self.pulse.start(1000)
        self.assertIsNot(self.rmt(), played)
        self.assertEqual(len(self.rmt().sequences), 1)

    def test_one_that_ran_out_is_started_again_as_it_is(self):
        self.pulse.start(1000)
        played = self.rmt()
        self.now_ms += 2000
        self.pulse.start(1000)
        self.assertIs(self.rmt(), played)

    def test_after_any_pause(self):
        for days in (1, 6, 7, 9, 13, 400):
            self.pulse.start(1000)
            self.pulse.stop()
            self.now_ms += days * DAY_MS
            self.pulse.start(1000)
            self.now_ms += 5000
