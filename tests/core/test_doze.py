"""A court on a board that sleeps: few wakes while it is busy, and no false `free`."""

import unittest

from sportbox.core.doze import Doze

HOLD, STUCK = 30_000, 1_800_000


class TestDoze(unittest.TestCase):
    def setUp(self):
        self.doze = Doze(HOLD, STUCK)

    def free(self, at_ms=0):
        """The court is known to be free at `at_ms` + HOLD."""
        self.doze.step(False, at_ms)
        self.doze.step(False, at_ms + HOLD)
        self.assertEqual(self.doze.state, "free")

    def test_nothing_is_known_at_first_and_free_only_after_the_hold(self):
        self.assertEqual((self.doze.state, self.doze.count(), self.doze.confidence()), ("unknown", None, 0.0))
        self.assertFalse(self.doze.step(False, 0))
        self.assertFalse(self.doze.step(False, HOLD - 1))
        self.assertTrue(self.doze.step(False, HOLD))
        self.assertEqual((self.doze.state, self.doze.count(), self.doze.deadline), ("free", 0, None))
        self.assertTrue(self.doze.armed())

    def test_motion_is_believed_at_once_and_then_not_looked_at(self):
        self.free()
        self.assertTrue(self.doze.step(True, 100_000))
        self.assertEqual((self.doze.state, self.doze.since_ms), ("occupied", 100_000))
        self.assertFalse(self.doze.armed(), "people move all the time")
        self.assertEqual(self.doze.deadline, 100_000 + HOLD)
        for at_ms in range(100_000, 100_000 + HOLD, 1000):
            self.assertFalse(self.doze.step(at_ms % 2000 == 0, at_ms))
            self.assertFalse(self.doze.armed())

    def test_motion_when_it_looks_again_holds_the_court(self):
        self.free()
        self.doze.step(True, 100_000)
        self.assertFalse(self.doze.step(True, 130_000))
        self.assertEqual(
            (self.doze.state, self.doze.since_ms, self.doze.deadline), ("occupied", 100_000, 160_000)
        )

    def test_free_takes_a_hold_in_which_motion_would_have_woken(self):
        self.free()
        self.doze.step(True, 100_000)
        self.assertFalse(self.doze.step(False, 130_000))
        self.assertEqual((self.doze.state, self.doze.deadline), ("occupied", 160_000))
        self.assertTrue(self.doze.armed())
        self.assertFalse(self.doze.step(False, 159_999))
        self.assertTrue(self.doze.step(False, 160_000))
        self.assertEqual((self.doze.state, self.doze.since_ms), ("free", 160_000))

    def test_motion_while_watching_starts_over(self):
        self.free()
        self.doze.step(True, 100_000)
        self.doze.step(False, 130_000)
        self.assertFalse(self.doze.step(True, 140_000))
        self.assertEqual(
            (self.doze.state, self.doze.deadline, self.doze.armed()), ("occupied", 170_000, False)
        )

    def test_an_hour_of_play_wakes_twice_a_hold_at_most(self):
        self.free()
        now_ms, wakes = 100_000, 0
        while now_ms < 3_700_000:
            self.doze.step(wakes % 3 != 2, now_ms)
            wakes += 1
            now_ms = self.doze.deadline if not self.doze.armed() else now_ms + 5_000  # moves 5 s later
        self.assertLessEqual(wakes, 2 * 3_600_000 // HOLD + 1)
        self.assertEqual(self.doze.state, "occupied")

    def test_a_sensor_that_never_pauses_is_stuck_until_it_does(self):
        self.free()
        now_ms = 100_000
        while self.doze.state != "unknown":
            self.doze.step(True, now_ms)
            now_ms = self.doze.deadline
        self.assertEqual(self.doze.since_ms, 100_000 + STUCK)
        self.assertFalse(self.doze.armed(), "it would wake the board for ever")
        self.assertFalse(self.doze.step(True, now_ms))
        self.assertEqual(self.doze.state, "unknown")
        now_ms = self.doze.deadline
        self.doze.step(False, now_ms)
        self.assertTrue(self.doze.armed())
        self.assertTrue(self.doze.step(False, now_ms + HOLD))
        self.assertEqual(self.doze.state, "free")

    def test_switched_off_it_knows_nothing_and_wakes_nobody(self):
        self.free()
        self.assertTrue(self.doze.switch(False, 100_000))
        self.assertFalse(self.doze.switch(False, 100_001))
        self.assertEqual((self.doze.state, self.doze.armed(), self.doze.deadline), ("unknown", False, None))
        self.assertFalse(self.doze.step(True, 110_000))
        self.assertFalse(self.doze.switch(True, 120_000))
        self.assertTrue(self.doze.step(True, 120_000))
        self.assertEqual(self.doze.state, "occupied")

    def test_it_goes_on_after_sleep_as_if_it_had_not_slept(self):
        stayed, slept = Doze(HOLD, STUCK), Doze(HOLD, STUCK)
        for motion, at_ms in (
            (False, 0),
            (False, 30_000),
            (True, 50_000),
            (False, 80_000),
            (True, 90_000),
            (False, 120_000),
        ):
            for doze in (stayed, slept):
                doze.step(motion, at_ms)
            again = Doze(HOLD, STUCK)
            again.restore(slept.memory())
            slept = again
            self.assertEqual(stayed.memory(), slept.memory())


if __name__ == "__main__":
    unittest.main()
