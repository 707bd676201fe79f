"""How long the time is good enough for tokens without a network."""

import unittest

from sportbox.core.drift import Drift

MINUTE = 60_000
NOW_S = 1_800_000_000


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
        drift.synced(NOW_S, 60 * MINUTE)
        self.assertTrue(drift.good())
        self.assertEqual(drift.slept_ms, 0)

    def test_a_measured_rate_is_corrected_and_good_for_longer(self):
        drift = Drift()
        drift.synced(NOW_S, MINUTE)
        drift.slept(60 * MINUTE)
        drift.synced(NOW_S + 3600 + 108, 61 * MINUTE)  # 3 % late
        self.assertEqual(drift.slept(100_000), 103_000)
        self.assertTrue(drift.known)
        drift.synced(NOW_S, 0)
        drift.slept(90 * MINUTE)
        self.assertTrue(drift.good())
        drift.slept(10 * MINUTE)
        self.assertFalse(drift.good())

    def test_it_converges_on_the_true_rate(self):
        for rate_ppm in (-40_000, -2_000, 0, 15_000, 50_000):
            with self.subTest(rate_ppm=rate_ppm):
                drift, uptime_ms, true_ms = Drift(), 0, 0
                drift.synced(NOW_S, 0)
                for _ in range(5):
                    sleep_ms = 15 * MINUTE
                    shown_ms = drift.slept(sleep_ms * 1_000_000 // (1_000_000 + rate_ppm))
                    uptime_ms, true_ms = uptime_ms + shown_ms, true_ms + sleep_ms
                    drift.synced(NOW_S + true_ms // 1000, uptime_ms)
                self.assertLess(abs(sleep_ms - shown_ms), 2_000)

    def test_only_between_two_network_times_is_measured(self):
        """What the board showed before the first one may be a floor from flash, hours behind."""
        drift = Drift()
        drift.slept(30 * MINUTE)
        drift.synced(NOW_S, 31 * MINUTE)
        self.assertEqual((drift.stretch_ppm, drift.known), (0, False))
        self.assertEqual(drift.slept(MINUTE), MINUTE)

    def test_a_sleep_that_nobody_counted_is_no_measure(self):
        drift = Drift()
        drift.synced(NOW_S, 0)
        drift.slept(30 * MINUTE)
        drift.lost()
        drift.synced(NOW_S + 1900, 30 * MINUTE)
        self.assertEqual((drift.stretch_ppm, drift.known), (0, False))
        drift.slept(30 * MINUTE)
        drift.synced(NOW_S + 1900 + 1818, 60 * MINUTE)  # 1 % late
        self.assertEqual((drift.stretch_ppm, drift.known), (10_000, True))

    def test_a_short_sleep_measures_nothing(self):
        drift = Drift()
        drift.synced(NOW_S, 0)
        drift.slept(9 * MINUTE)
        drift.synced(NOW_S + 541, 9 * MINUTE)
        self.assertEqual((drift.stretch_ppm, drift.known), (0, False))

    def test_what_no_oscillator_does_is_no_measure(self):
        """A time server that lies for a while may not make sleeps longer."""
        drift = Drift()
        drift.synced(NOW_S, 0)
        drift.slept(60 * MINUTE)
        drift.synced(NOW_S + 3636, 60 * MINUTE)  # 1 % late
        for at_s in (NOW_S + 86_400, NOW_S):
            drift.slept(60 * MINUTE)
            drift.synced(at_s, 120 * MINUTE)
            self.assertEqual(drift.stretch_ppm, 10_000)

    def test_it_outlives_sleep(self):
        drift, again = Drift(), Drift()
        drift.synced(NOW_S, 0)
        drift.slept(60 * MINUTE)
        drift.synced(NOW_S + 3650, 60 * MINUTE)
        drift.slept(MINUTE)
        again.restore(drift.memory())
        self.assertEqual(again.memory(), drift.memory())
        self.assertEqual(again.slept(MINUTE), drift.slept(MINUTE))


if __name__ == "__main__":
    unittest.main()
