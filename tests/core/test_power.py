"""Battery levels: hysteresis, confirmation, what is given up, and what is no battery at all."""

import unittest

from sportbox.core.power import CRITICAL, LOW, OK, UNKNOWN, Battery, given_up, median


class TestMedian(unittest.TestCase):
    def test_one_wild_sample_counts_for_nothing(self):
        self.assertEqual(median([3700, 3710, 900, 3705, 3701]), 3701)


class TestBattery(unittest.TestCase):
    def setUp(self):
        self.battery = Battery(3700, 3500, 3300)

    def feed(self, mv, times=3):
        """Whether each measurement changed the level."""
        return [self.battery.step(mv) for _ in range(times)]

    def test_the_first_measurement_counts_at_once(self):
        for mv, level, told in (
            (3800, OK, False),
            (3600, OK, False),
            (3499, LOW, True),
            (3299, CRITICAL, True),
        ):
            with self.subTest(mv=mv):
                battery = Battery(3700, 3500, 3300)
                self.assertEqual(battery.step(mv), told, "a battery that is well is no news")
                self.assertEqual((battery.level, battery.mv), (level, mv))

    def test_a_sag_is_no_alarm(self):
        self.feed(3800)
        self.assertEqual(self.feed(3200, 2), [False, False])
        self.assertTrue(self.battery.undecided())
        self.assertEqual(self.feed(3800, 1), [False])
        self.assertFalse(self.battery.undecided())
        self.assertEqual(self.feed(3200, 2), [False, False])
        self.assertEqual(self.battery.level, OK)

    def test_three_in_a_row_are_believed_once(self):
        self.feed(3800)
        self.assertEqual(self.feed(3400, 5), [False, False, True, False, False])
        self.assertEqual(self.battery.level, LOW)

    def test_going_back_takes_more_than_going_down(self):
        self.feed(3499)
        for mv, level in (
            (3699, LOW),
            (3700, OK),
            (3500, OK),
            (3499, LOW),
            (3299, CRITICAL),
            (3499, CRITICAL),
        ):
            self.feed(mv)
            self.assertEqual(self.battery.level, level, "at %d mV" % mv)
        self.feed(3500)
        self.assertEqual(self.battery.level, LOW)

    def test_levels_may_be_passed_over(self):
        self.feed(3800)
        self.assertEqual(self.feed(3000), [False, False, True])
        self.assertEqual(self.battery.level, CRITICAL)
        self.feed(3900)
        self.assertEqual(self.battery.level, OK)

    def test_measurements_that_disagree_prove_nothing(self):
        self.feed(3800)
        for _ in range(4):
            self.assertEqual(self.feed(3400, 2), [False, False])
            self.assertEqual(self.feed(3200, 2), [False, False])
        self.assertEqual(self.battery.level, OK)

    def test_what_no_battery_can_have_is_none(self):
        for mv in (0, 1649, 7401, 60000):
            with self.subTest(mv=mv):
                battery = Battery(3700, 3500, 3300)
                self.assertTrue(battery.step(mv))
                self.assertEqual((battery.level, battery.mv), (UNKNOWN, None))

    def test_a_battery_that_comes_off_and_back(self):
        self.feed(3400)
        self.assertEqual(self.feed(0), [False, False, True])
        self.assertEqual(self.battery.level, UNKNOWN)
        self.assertEqual(self.feed(3600), [False, False, True])
        self.assertEqual(self.battery.level, OK)


class TestGivenUp(unittest.TestCase):
    COMPONENTS = {
        "lock-1": {"kind": "lock"},
        "court-2": {"kind": "occupancy", "radar": {"uart": 1}},
        "court-1": {"kind": "occupancy", "radar": None},
        "gate-1": {"kind": "gate"},
    }

    def test_radars_first_then_what_informs_and_never_a_lock(self):
        self.assertEqual(given_up(self.COMPONENTS, OK), [])
        self.assertEqual(given_up(self.COMPONENTS, UNKNOWN), [])
        self.assertEqual(given_up(self.COMPONENTS, LOW), ["radar-2"])
        self.assertEqual(given_up(self.COMPONENTS, CRITICAL), ["radar-2", "led", "telemetry"])


if __name__ == "__main__":
    unittest.main()
