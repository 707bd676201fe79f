"""How long the time is good enough for tokens without a network."""

import unittest

from sportbox.core.drift import Drift

MINUTE = 60_000


class TestDrift(unittest.TestCase):
    def test_a_chip_that_was_never_measured_is_good_for_twenty_minutes(self):
        drift = Drift()
        self.assertEqual(drift.slept(20 * MINUTE), 20 * MINUTE)
        self.assertTrue(drift.good())
        drift.slept(MINUTE)
        self.assertFalse(drift.good())

    def test_network_time_makes_it_good_again(self):
        drift = Drift()
        drift.slept(60 * MINUTE)
        drift.synced(0)
        self.assertTrue(drift.good())
        self.assertEqual(drift.slept_ms, 0)

    def test_a_measured_rate_is_corrected_and_good_for_longer(self):
        drift = Drift()
        drift.slept(60 * MINUTE)
        drift.synced(108_000)  # 3 % late
        self.assertEqual(drift.slept(100_000), 103_000)
        self.assertTrue(drift.known)
        drift.synced(0)
        drift.slept(90 * MINUTE)
        self.assertTrue(drift.good())
        drift.slept(10 * MINUTE)
        self.assertFalse(drift.good())

    def test_it_converges_on_the_true_rate(self):
        for rate_ppm in (-40_000, -2_000, 0, 15_000, 50_000):
            with self.subTest(rate_ppm=rate_ppm):
                drift = Drift()
                for _ in range(5):
                    true_ms = 15 * MINUTE
                    shown_ms = drift.slept(true_ms * 1_000_000 // (1_000_000 + rate_ppm))
                    drift.synced((true_ms - shown_ms) // 1000 * 1000)  # network time in whole seconds
                self.assertLess(abs(true_ms - shown_ms), 2_000)

    def test_a_short_sleep_measures_nothing(self):
        drift = Drift()
        drift.slept(9 * MINUTE)
        drift.synced(1_000)
        self.assertEqual((drift.stretch_ppm, drift.known), (0, False))

    def test_a_wild_measurement_is_bounded(self):
        drift = Drift()
        drift.slept(15 * MINUTE)
        drift.synced(86_400_000)
        self.assertEqual(drift.stretch_ppm, 100_000)

    def test_it_outlives_sleep(self):
        drift, again = Drift(), Drift()
        drift.slept(60 * MINUTE)
        drift.synced(50_000)
        drift.slept(MINUTE)
        again.restore(drift.memory())
        self.assertEqual(again.memory(), drift.memory())
        self.assertEqual(again.slept(MINUTE), drift.slept(MINUTE))


if __name__ == "__main__":
    unittest.main()
