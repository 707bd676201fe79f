"""A strike with a latch contact, and one that has to wait for the supply."""

import unittest

from sportbox.core.lock import BOLT_LOCKED, BOLT_UNLOCKED, JAMMED, LOCKED, LOCKING, UNLOCKED, UNLOCKING, Order

from tests.core.lock_bench import Bench


class TestLatch(unittest.TestCase):
    def setUp(self):
        self.bench = Bench(bolt=BOLT_LOCKED, start_ms=0)

    def lend(self):
        self.bench.order()
        self.bench.wait(500)
        self.bench.sense(BOLT_UNLOCKED)
        self.bench.door(True)
        self.bench.wait(1000)
        self.bench.door(False)

    def test_locked_is_when_the_latch_has_caught(self):
        self.lend()
        self.bench.wait(1000)
        self.assertEqual(self.bench.lock.state, LOCKING)
        self.bench.sense(BOLT_LOCKED)
        self.bench.wait(1000)
        self.assertEqual(self.bench.states(), [UNLOCKING, UNLOCKED, LOCKING, LOCKED])

    def test_a_latch_that_does_not_catch_is_jammed(self):
        self.lend()
        self.bench.wait(2000)
        self.assertEqual(self.bench.lock.state, JAMMED)
        self.assertEqual(self.bench.actions("event")[-1], ("lock.jammed", {"jti": "jti-0", "way": "lock"}))
        self.assertEqual(self.bench.order(), "")  # and opens all the same

    def test_it_may_catch_late(self):
        self.lend()
        self.bench.wait(5000)
        self.bench.sense(BOLT_LOCKED)
        self.assertEqual(self.bench.lock.state, LOCKED)
        self.assertEqual(self.bench.events()[-2:], ["lock.jammed", "lock.locked"])

    def test_an_ops_order_to_lock_what_is_jammed(self):
        self.lend()
        self.bench.wait(5000)
        self.assertEqual(self.bench.order("lock"), "")
        self.bench.wait(5000)
        self.assertEqual(self.bench.finals()[-1], ("jti-1", "lock", "failed", "jammed"))

    def test_a_latch_that_lets_go_by_itself(self):
        self.bench.sense(BOLT_UNLOCKED)
        self.assertEqual(self.bench.actions("latch"), [(True,)])
        self.assertFalse(self.bench.lock.allows_open())
        self.bench.sense(BOLT_LOCKED)
        self.assertEqual(self.bench.actions("latch"), [(True,), (False,)])
        self.assertEqual(self.bench.lock.state, LOCKED)

    def test_and_is_not_put_down_to_who_opened_before(self):
        self.lend()
        self.bench.sense(BOLT_LOCKED)
        self.bench.wait(1000)
        self.assertEqual(self.bench.lock.opened_by, "")
        self.bench.perform(self.bench.lock.failed("coil", self.bench.now_ms))
        self.assertEqual(self.bench.actions("event")[-1], ("lock.fault", {"what": "coil"}))

    def test_not_when_somebody_inside_let_it_go(self):
        self.bench.people(exit_pressed=True)
        self.bench.sense(BOLT_UNLOCKED)
        self.assertEqual(self.bench.actions("latch"), [])

    def test_a_latch_falls_whoever_is_inside_and_that_is_told(self):
        self.bench.people(inside=True)
        self.lend()
        self.bench.sense(BOLT_LOCKED)
        self.bench.wait(1000)
        self.assertEqual(self.bench.actions("event")[-1], ("lock.locked", {"inside": True}))

    def test_not_caught_at_boot(self):
        bench = Bench(bolt=BOLT_UNLOCKED)
        self.assertEqual(bench.lock.state, JAMMED)
        self.assertEqual(bench.events(), ["lock.jammed"])


class TestWaitingForTheSupply(unittest.TestCase):
    def setUp(self):
        self.bench = Bench(start_ms=0)
        self.bench.supply.ask("other", 0)
        self.bench.supply.grant("other", 0)
        self.assertEqual(self.bench.order(), "")

    def test_it_is_energised_when_its_turn_comes_and_has_its_whole_time(self):
        self.bench.wait(8000)
        self.assertEqual(self.bench.drives(), [])
        self.assertEqual(self.bench.order(), "busy")
        self.bench.supply.give_back("other", 8000, 8000)
        self.bench.wait(100)
        self.assertEqual(self.bench.times("drive"), [8000])
        self.bench.wait(9000)
        self.bench.door(True)
        self.assertEqual(self.bench.finals(), [("jti-0", "unlock", "done", None)])

    def test_who_opens_meanwhile_has_forced_it(self):
        self.bench.wait(1000)
        self.assertFalse(self.bench.lock.allows_open())
        self.bench.door(True)
        self.assertEqual(self.bench.finals(), [("jti-0", "unlock", "done", None)])  # open it is
        self.bench.supply.give_back("other", 1000, 1000)
        self.bench.wait(60_000)
        self.assertEqual(self.bench.drives(), [])

    def test_a_strike_that_let_nothing_go_is_locked_as_it_was(self):
        """State and events tell the same: neither that it was unlocked, nor that it was locked again."""
        self.bench.wait(1000)
        self.bench.door(True)
        self.bench.wait(2000)
        self.bench.door(False)
        self.bench.wait(5000)
        self.assertEqual(self.bench.states(), ["unlocking", "locked"])
        self.assertEqual(self.bench.events(), [])
        self.assertEqual(self.bench.lock.opened_by, "")

    def test_what_has_no_turn_within_a_minute_is_not_opened_any_more(self):
        """Who ordered it has gone away."""
        self.bench.wait(59_999)
        self.assertEqual(self.bench.finals(), [])
        self.bench.wait(1)
        self.assertEqual(self.bench.finals(), [("jti-0", "unlock", "failed", "power")])
        self.bench.supply.give_back("other", 60_000, 60_000)
        self.bench.wait(60_000)
        self.assertEqual((self.bench.drives(), self.bench.events()), ([], []))
        self.assertEqual(self.bench.states(), ["unlocking", "locked"])
        self.assertEqual(self.bench.order(), "")
        self.assertEqual(len(self.bench.drives()), 1)

    def test_nor_when_its_turn_comes_before_it_was_looked_at(self):
        self.bench.now_ms = 61_000
        self.bench.supply.give_back("other", 61_000, 61_000)
        self.bench.look()
        self.bench.wait(60_000)
        self.assertEqual(self.bench.drives(), [])
        self.assertEqual(self.bench.finals(), [("jti-0", "unlock", "failed", "power")])
        self.assertEqual(self.bench.lock.state, "locked")

    def test_a_door_that_stood_open_before_stays_unlocked_without_a_turn(self):
        """Until it is closed; then that is told."""
        bench = Bench(start_ms=0)
        bench.order()
        bench.wait(500)
        bench.door(True)
        bench.wait(5000)
        bench.supply.ask("other", bench.now_ms)
        bench.supply.grant("other", bench.now_ms)
        self.assertEqual(bench.order(), "")
        self.assertEqual(bench.finals()[-1], ("jti-1", "unlock", "done", None))
        bench.wait(60_000)
        self.assertEqual(bench.states(), ["unlocking", "unlocked", "unlocking", "unlocked"])
        self.assertFalse(bench.lock.busy())
        bench.door(False)
        self.assertTrue(bench.lock.allows_open())  # it may bounce
        bench.wait(5000)
        self.assertEqual(bench.states()[-2:], ["locking", "locked"])
        self.assertEqual(bench.events(), ["lock.unlocked", "lock.locked"])
        self.assertEqual((len(bench.drives()), len(bench.finals())), (1, 2))

    def test_an_order_to_lock_ends_the_waiting(self):
        self.bench.wait(1000)
        self.bench.order("lock")
        self.bench.supply.give_back("other", 1000, 1000)
        self.bench.wait(60_000)
        self.assertEqual(self.bench.drives(), [])
        self.assertEqual(
            self.bench.finals(),
            [("jti-0", "unlock", "failed", "not_opened"), ("jti-1", "lock", "done", None)],
        )

    def test_after_a_power_cut_the_coil_counts_as_warm(self):
        bench = Bench(start_ms=0)
        cold = self.orders(bench)
        bench = Bench(start_ms=0)
        bench.lock.at_boot(False, 0, True, 0)
        self.assertEqual(self.orders(bench), cold - 1)

    def orders(self, bench):
        count = 0
        while not bench.lock.refusal(Order("z", "s", "unlock", "lock-1"), bench.now_ms):
            bench.order()
            bench.wait(10_600)
            count += 1
        return count
