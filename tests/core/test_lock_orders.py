# heap: 1m
"""Orders that meet: busy, `lock`, the coil's duty budget."""

import random
import unittest

from sportbox.core.lock import FAULT, LOCKED, LOCKING, UNLOCKED, UNLOCKING, Duty

from tests.core.lock_bench import RELEASE_MS, WINDOW_MS, Bench


class TestBusy(unittest.TestCase):
    def test_a_second_unlock_while_the_first_waits(self):
        bench = Bench()
        bench.order()
        for _ in range(10):
            self.assertEqual(bench.order(), "busy")
            bench.wait(1000)
        self.assertEqual(len(bench.drives()), 1)

    def test_a_second_unlock_while_the_strike_is_still_held(self):
        bench = Bench()
        bench.order()
        bench.wait(500)
        bench.door(True)
        self.assertEqual(bench.order(), "busy")
        bench.wait(300)
        self.assertEqual(bench.order(), "")

    def test_an_unlock_in_the_last_instants_of_the_order_before(self):
        bench = Bench()
        bench.order()
        bench.wait(RELEASE_MS + 299)
        self.assertEqual(bench.order(), "busy")
        bench.wait(1)
        self.assertEqual(bench.order(), "")
        bench.wait(60_000)
        self.assertEqual(len(bench.finals()), 2)


class TestLockOrder(unittest.TestCase):
    def test_what_is_locked_is_done_and_nothing_moves(self):
        bench = Bench()
        self.assertEqual(bench.order("lock"), "")
        self.assertEqual(bench.finals(), [("jti-0", "lock", "done", None)])
        self.assertEqual(len(bench.done), 1)

    def test_an_open_door_cannot_be_locked(self):
        bench = Bench(door_open=True)
        bench.order("lock")
        self.assertEqual(bench.finals(), [("jti-0", "lock", "failed", "contact")])
        self.assertEqual(bench.lock.state, UNLOCKED)
        self.assertFalse(bench.lock.busy())

    def test_it_ends_an_unlock_that_waits(self):
        bench = Bench(start_ms=0)
        bench.order()
        bench.wait(2000)
        self.assertEqual(bench.order("lock"), "")
        self.assertEqual(bench.times("stop"), [2000])
        self.assertEqual(bench.finals(), [("jti-0", "unlock", "failed", "not_opened")])
        bench.wait(1000)
        self.assertEqual(bench.finals()[1:], [("jti-1", "lock", "done", None)])
        self.assertEqual(bench.times("final"), [2000, 2300])
        self.assertEqual(bench.states(), [UNLOCKING, UNLOCKED, LOCKING, LOCKED])

    def test_it_drops_the_strike_that_is_held_for_an_open_door(self):
        bench = Bench(start_ms=0)
        bench.order()
        bench.wait(500)
        bench.door(True)
        bench.order("lock")
        self.assertEqual(bench.times("stop"), [500])
        self.assertEqual(
            bench.finals(), [("jti-0", "unlock", "done", None), ("jti-1", "lock", "failed", "contact")]
        )
        bench.wait(60_000)
        self.assertEqual(len(bench.actions("stop")), 1)

    def test_everything_is_refused_while_it_runs(self):
        bench = Bench()
        bench.order()
        bench.wait(1000)
        bench.order("lock")
        self.assertEqual((bench.order(), bench.order("lock")), ("busy", "busy"))
        bench.wait(300)
        self.assertEqual((bench.order("lock"), bench.order()), ("", ""))

    def test_a_bounce_while_it_runs_does_not_matter(self):
        bench = Bench()
        bench.order()
        bench.wait(1000)
        bench.order("lock")
        bench.wait(100)
        bench.door(True)
        bench.wait(100)
        bench.door(False)
        bench.wait(1000)
        self.assertEqual(bench.finals()[1:], [("jti-1", "lock", "done", None)])
        self.assertEqual(bench.lock.state, LOCKED)

    def test_a_door_that_opens_while_it_runs_and_stays_open_fails_it(self):
        """Else a contact that breaks just then would leave the box busy, and shut, for ever."""
        bench = Bench()
        bench.order()
        bench.wait(1000)
        bench.order("lock")
        bench.wait(100)
        bench.door(True)
        bench.wait(60_000)
        self.assertEqual(bench.finals()[1:], [("jti-1", "lock", "failed", "contact")])
        self.assertEqual(bench.order(), "")
        self.assertEqual(bench.finals()[2:], [("jti-2", "unlock", "done", None)])

    def test_it_clears_a_fault(self):
        bench = Bench()
        bench.coil_works = False
        bench.order()
        self.assertEqual(bench.lock.state, FAULT)
        bench.order("lock")
        bench.wait(1000)
        self.assertEqual(bench.finals()[1:], [("jti-1", "lock", "done", None)])
        self.assertEqual(bench.lock.state, LOCKED)


class TestDuty(unittest.TestCase):
    def test_a_pulse_longer_than_the_budget_is_never_allowed(self):
        self.assertFalse(Duty(1000, 10_000).allows(1001, 0))
        self.assertTrue(Duty(1000, 10_000).allows(1000, 0))

    def test_what_was_used_comes_back_as_the_window_slides(self):
        duty = Duty(1000, 10_000)
        duty.add(0, 600)
        self.assertTrue(duty.allows(400, 600))
        self.assertFalse(duty.allows(401, 600))
        # a pulse of 1000 from t to t + 1000 sees the window from t - 9000: all is free at t = 9600
        self.assertFalse(duty.allows(1000, 9599))
        self.assertTrue(duty.allows(1000, 9600))

    def test_a_pulse_that_straddles_the_window_counts_in_part(self):
        duty = Duty(1000, 10_000)
        duty.add(0, 1000)
        self.assertTrue(duty.allows(500, 10_000))  # the window begins at 500: 500 are still in it
        self.assertFalse(duty.allows(501, 9_998))

    def test_too_many_pulses_to_remember_mean_no(self):
        duty = Duty(100_000, 1_000_000)
        for i in range(32):
            duty.add(i * 10, i * 10 + 1)
        self.assertFalse(duty.allows(1, 400))
        self.assertTrue(duty.allows(1, 1_000_001))

    def test_pulses_are_forgotten_once_they_are_out_of_the_window(self):
        duty = Duty(100_000, 1000)
        for i in range(1000):
            duty.add(i * 100, i * 100 + 50)
        self.assertLessEqual(len(duty._runs), 11 * 8)

    def test_months_between_two_pulses(self):
        duty = Duty(1000, 10_000)
        duty.add(0, 1000)
        later_ms = 100 * 86_400_000
        self.assertTrue(duty.allows(1000, later_ms))
        duty.add(later_ms, later_ms + 1000)
        self.assertFalse(duty.allows(1, later_ms + 1000))

    def test_any_pulses_count_as_what_they_are(self):
        random.seed(2)
        duty, pulses, now_ms = Duty(3000, 10_000), [], 0
        for _ in range(2000):
            now_ms += random.choice((0, 1, 7, 300, 4000, 12_000))
            ms = random.choice((1, 50, 999, 3000))
            since = now_ms + ms - 10_000
            used_ms = sum([max(0, end - max(begin, since)) for begin, end in pulses])
            allowed = used_ms + ms <= 3000 and len([end for _, end in pulses if end > now_ms - 10_000]) < 32
            self.assertEqual(duty.allows(ms, now_ms), allowed)
            if allowed:
                ran_ms = random.choice((ms, max(1, ms // 2)))
                pulses = [pulse for pulse in pulses[-40:] if pulse[1] > since - 10_000]
                pulses.append((now_ms, now_ms + ran_ms))
                duty.add(now_ms, now_ms + ran_ms)
                now_ms += ran_ms


class TestDutyOfALock(unittest.TestCase):
    def test_an_order_over_the_budget_is_refused_until_the_window_has_slid(self):
        bench = Bench(start_ms=0)
        for _ in range(4):  # 10 s each, 10.6 s apart: 40 of 48 s are used
            self.assertEqual(bench.order(), "")
            bench.wait(RELEASE_MS + 600)
        self.assertEqual(bench.order(), "busy")
        bench.wait(51_999 - bench.now_ms)
        self.assertEqual(bench.order(), "busy")
        bench.wait(1)
        self.assertEqual(bench.order(), "")

    def test_a_lock_order_needs_no_budget(self):
        bench = Bench()
        while bench.order() == "":
            bench.wait(RELEASE_MS + 600)
        self.assertEqual(bench.order("lock"), "")

    def test_an_order_every_three_seconds_is_within_the_sample_sites_budget(self):
        bench = Bench()
        for _ in range(WINDOW_MS // 3000 * 5):
            self.assertEqual(bench.order(), "")
            bench.wait(1000)
            bench.door(True)
            bench.wait(800)
            bench.door(False)
            bench.wait(1200)
        self.assertEqual(len(bench.drives()), 100)
