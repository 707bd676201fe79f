import unittest

from sportbox.core.lock import FAULT, LOCKED, LOCKING, UNLOCKED, UNLOCKING

from tests.core.lock_bench import RELEASE_MS, Bench


class TestBoot(unittest.TestCase):
    def test_nothing_moves_at_boot(self):
        for door_open, state in ((False, LOCKED), (True, UNLOCKED)):
            with self.subTest(door_open=door_open):
                bench = Bench(door_open)
                self.assertEqual(bench.lock.state, state)
                self.assertFalse(bench.lock.busy())
                bench.wait(1_000_000)
                self.assertEqual(bench.done, [])

    def test_a_door_that_stood_open_at_boot_is_locked_once_it_closes(self):
        bench = Bench(door_open=True)
        bench.door(False)
        bench.wait(1000)
        self.assertEqual(bench.states(), [LOCKING, LOCKED])
        self.assertEqual(bench.drives() + bench.actions("stop"), [])

    def test_the_first_reading_does_not_forget_an_order_that_runs(self):
        """A contact that chatters is read late; then the order may be there before the first reading."""
        for door_open, result in ((False, ("failed", "not_opened")), (True, ("done", None))):
            with self.subTest(door_open=door_open):
                bench = Bench()
                bench.order()
                bench.wait(5000)
                bench.lock.at_boot(door_open, 0, False, bench.now_ms)
                bench.door(door_open)
                bench.wait(30_000)
                self.assertEqual(bench.finals(), [("jti-0", "unlock") + result])
                self.assertFalse(bench.lock.busy())


class TestNotOpened(unittest.TestCase):
    def test_nobody_pulls(self):
        bench = Bench(start_ms=0)
        self.assertEqual(bench.order(), "")
        bench.wait(60_000)
        self.assertEqual(bench.drives(), [(RELEASE_MS,)])
        self.assertEqual(bench.times("stop"), [RELEASE_MS])
        self.assertEqual(bench.finals(), [("jti-0", "unlock", "failed", "not_opened")])
        self.assertEqual(bench.times("final"), [RELEASE_MS + 300])
        self.assertEqual(bench.states(), [UNLOCKING, UNLOCKED, LOCKING, LOCKED])
        self.assertEqual(bench.times("state"), [0, 100, RELEASE_MS + 300, RELEASE_MS + 600])
        self.assertEqual(bench.events(), ["lock.unlocked", "lock.not_opened", "lock.locked"])
        self.assertEqual(bench.actions("event")[1][1], {"jti": "jti-0"})

    def test_a_loop_that_looks_late_still_ends_the_order_once(self):
        bench = Bench()
        bench.order()
        for _ in range(8):
            bench.now_ms += 7000
            bench.perform(bench.lock.tick(bench.now_ms))
        self.assertEqual(bench.finals(), [("jti-0", "unlock", "failed", "not_opened")])
        self.assertEqual(bench.lock.state, LOCKED)

    def test_ticks_before_the_deadline_do_nothing(self):
        bench = Bench()
        bench.order()
        before = len(bench.done)
        for _ in range(99):
            bench.now_ms += 1
            bench.perform(bench.lock.tick(bench.now_ms))
        self.assertEqual(len(bench.done), before)

    def test_a_door_that_opens_after_the_answer_does_not_change_it(self):
        bench = Bench()
        bench.order()
        bench.wait(RELEASE_MS + 400)
        self.assertEqual(bench.lock.state, LOCKING)
        bench.door(True)
        self.assertEqual(bench.lock.state, UNLOCKED)
        bench.wait(60_000)
        bench.door(False)
        bench.wait(1000)
        self.assertEqual(bench.finals(), [("jti-0", "unlock", "failed", "not_opened")])
        self.assertEqual(bench.lock.state, LOCKED)


class TestOpened(unittest.TestCase):
    def test_pulled_open_and_closed_again(self):
        bench = Bench(start_ms=0)
        bench.order()
        bench.wait(2000)
        self.assertEqual(bench.finals(), [])  # unlocked is not opened
        bench.door(True)
        self.assertEqual(bench.finals(), [("jti-0", "unlock", "done", None)])
        bench.wait(20_000)
        self.assertEqual(bench.times("stop"), [2300])
        self.assertEqual(bench.lock.state, UNLOCKED)
        bench.door(False)
        bench.wait(1000)
        self.assertEqual(bench.states(), [UNLOCKING, UNLOCKED, LOCKING, LOCKED])
        self.assertEqual(bench.events(), ["lock.unlocked", "lock.locked"])
        self.assertEqual(len(bench.finals()), 1)

    def test_pulled_open_before_the_strike_has_pulled_in(self):
        bench = Bench(start_ms=0)
        bench.order()
        bench.wait(50)
        bench.door(True)
        bench.wait(60_000)
        self.assertEqual(bench.states(), [UNLOCKING, UNLOCKED])
        self.assertEqual(bench.events(), ["lock.unlocked"])
        self.assertEqual(bench.finals(), [("jti-0", "unlock", "done", None)])
        self.assertEqual(bench.times("stop"), [350])

    def test_a_pull_in_the_last_instant_counts(self):
        for late_ms in (-1, 0, 1, 299):
            with self.subTest(late_ms=late_ms):
                bench = Bench()
                bench.order()
                bench.wait(RELEASE_MS + late_ms)
                bench.door(True)
                bench.wait(60_000)
                self.assertEqual(bench.finals(), [("jti-0", "unlock", "done", None)])
                self.assertEqual(bench.lock.state, UNLOCKED)
                self.assertEqual(len(bench.actions("stop")), 1)

    def test_closed_at_once_drops_the_strike_at_once(self):
        bench = Bench(start_ms=0)
        bench.order()
        bench.wait(1000)
        bench.door(True)
        bench.wait(100)
        bench.door(False)
        self.assertEqual(bench.times("stop"), [1100])
        bench.wait(1000)
        self.assertEqual(bench.lock.state, LOCKED)

    def test_a_bounce_after_closing_locks_once(self):
        bench = Bench()
        bench.order()
        bench.wait(1000)
        bench.door(True)
        bench.wait(5000)
        for is_open in (False, True, False):
            bench.door(is_open)
            bench.wait(120)
        bench.wait(1000)
        self.assertEqual(bench.events(), ["lock.unlocked", "lock.locked"])
        self.assertEqual(bench.lock.state, LOCKED)
        self.assertEqual(len(bench.finals()), 1)

    def test_the_same_reading_again_is_no_change(self):
        bench = Bench()
        bench.door(False)
        self.assertEqual(bench.done, [])
        bench.order()
        bench.wait(500)
        bench.door(True)
        before = len(bench.done)
        bench.door(True)
        self.assertEqual(len(bench.done), before)

    def test_the_events_name_who_opened(self):
        bench = Bench()
        bench.order(jti="booking-7")
        bench.wait(200)
        self.assertEqual(bench.lock.opened_by, "booking-7")
        self.assertEqual(bench.actions("event"), [("lock.unlocked", {"jti": "booking-7"})])


class TestDoorAlreadyOpen(unittest.TestCase):
    """Also what a broken contact looks like: it must not stop the box from opening."""

    def test_done_at_once_with_a_short_release(self):
        bench = Bench(door_open=True, start_ms=0)
        self.assertEqual(bench.order(), "")
        self.assertEqual(bench.finals(), [("jti-0", "unlock", "done", None)])
        self.assertEqual(bench.drives(), [(3000,)])
        bench.wait(60_000)
        self.assertEqual(bench.times("stop"), [3000])
        self.assertEqual(bench.states(), [UNLOCKING, UNLOCKED])
        self.assertEqual(len(bench.finals()), 1)

    def test_it_opens_again_and_again(self):
        bench = Bench(door_open=True)
        for _ in range(20):
            self.assertEqual(bench.order(), "")
            bench.wait(5000)
        self.assertEqual(len(bench.finals()), 20)

    def test_closing_ends_it(self):
        bench = Bench(door_open=True, start_ms=0)
        bench.order()
        bench.wait(1000)
        bench.door(False)
        self.assertEqual(bench.times("stop"), [1000])
        bench.wait(1000)
        self.assertEqual(bench.lock.state, LOCKED)


class TestForced(unittest.TestCase):
    def test_a_forced_door_moves_nothing(self):
        bench = Bench()
        self.assertFalse(bench.lock.allows_open())
        bench.door(True)
        bench.wait(1000)
        bench.door(False)
        bench.wait(1000)
        self.assertEqual(bench.done, [])
        self.assertEqual(bench.lock.state, LOCKED)

    def test_leave_to_open_ends_when_the_latch_has_fallen(self):
        bench = Bench()
        bench.order()
        self.assertTrue(bench.lock.allows_open())
        bench.wait(RELEASE_MS + 599)
        self.assertTrue(bench.lock.allows_open())
        bench.wait(1)
        self.assertFalse(bench.lock.allows_open())


class TestCoilFailure(unittest.TestCase):
    def test_the_order_fails_and_the_fault_is_told(self):
        bench = Bench()
        bench.coil_works = False
        self.assertEqual(bench.order(), "")
        self.assertEqual(bench.finals(), [("jti-0", "unlock", "failed", "power")])
        self.assertEqual(bench.actions("event"), [("lock.fault", {"jti": "jti-0", "what": "coil"})])
        self.assertEqual(bench.lock.state, FAULT)
        bench.wait(60_000)
        self.assertEqual(len(bench.finals()), 1)
        self.assertFalse(bench.lock.busy())

    def test_the_next_order_is_tried_again(self):
        bench = Bench()
        bench.coil_works = False
        bench.order()
        bench.coil_works = True
        self.assertEqual(bench.order(), "")
        bench.wait(500)
        bench.door(True)
        self.assertEqual(bench.finals()[1], ("jti-1", "unlock", "done", None))
        self.assertEqual(bench.lock.state, UNLOCKED)

    def test_an_order_for_an_open_door_gets_its_one_answer_all_the_same(self):
        bench = Bench(door_open=True)
        bench.coil_works = False
        bench.order()
        bench.wait(60_000)
        self.assertEqual([final[0] for final in bench.finals()], ["jti-0"])
        self.assertEqual(bench.lock.state, FAULT)

    def test_a_coil_that_never_moved_uses_no_duty(self):
        bench = Bench()
        bench.coil_works = False
        for _ in range(50):
            self.assertEqual(bench.order(), "")
