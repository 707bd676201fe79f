"""A motor lock: every outcome that it tells apart."""

import unittest

from sportbox.core.lock import (
    BOLT_BETWEEN,
    BOLT_LOCKED,
    BOLT_UNLOCKED,
    FAULT,
    IMPLAUSIBLE,
    JAMMED,
    LOCKED,
    LOCKING,
    UNLOCKED,
    UNLOCKING,
    Order,
)
from sportbox.core.motor import MotorLock

from tests.core.lock_bench import DUTY_MS, RELEASE_MS, RUN_MS, WINDOW_MS, Bench, motor_bench

REST_MS = 300
RELOCK_MS = 1000


class MotorCase(unittest.TestCase):
    def setUp(self):
        self.bench = motor_bench(bolt=BOLT_LOCKED, start_ms=0)

    def run_to(self, bolt, after_ms=500):
        """The bolt leaves its end and arrives."""
        self.bench.wait(after_ms // 2)
        self.bench.sense(BOLT_BETWEEN)
        self.bench.wait(after_ms - after_ms // 2)
        self.bench.sense(bolt)

    def lend(self):
        """Unlocked, opened and closed again; it is about to lock."""
        self.assertEqual(self.bench.order(), "")
        self.run_to(BOLT_UNLOCKED)
        self.bench.wait(1000)
        self.bench.door(True)
        self.bench.wait(5000)
        self.bench.door(False)

    def ways(self):
        return [way for way, _ in self.bench.actions("drive")]


class TestBoot(unittest.TestCase):
    def test_nothing_moves_whatever_it_finds(self):
        for bolt, state, events in (
            (BOLT_LOCKED, LOCKED, []),
            (BOLT_UNLOCKED, UNLOCKED, ["lock.unlocked"]),
            (BOLT_BETWEEN, UNLOCKED, ["lock.unlocked"]),
            (IMPLAUSIBLE, FAULT, ["lock.fault"]),
        ):
            with self.subTest(bolt=bolt):
                bench = motor_bench(bolt=bolt)
                bench.wait(1_000_000)
                self.assertEqual(bench.lock.state, state)
                self.assertEqual(bench.events(), events)
                self.assertEqual(bench.actions("drive"), [])

    def test_an_unlocked_one_locks_once_the_door_was_open_and_is_closed(self):
        bench = motor_bench(bolt=BOLT_UNLOCKED)
        bench.wait(10_000)
        bench.door(True)
        bench.wait(10_000)
        bench.door(False)
        bench.wait(RELOCK_MS)
        self.assertEqual(bench.actions("drive"), [("lock", RUN_MS)])

    def test_so_does_one_whose_door_is_open_at_boot(self):
        bench = motor_bench(door_open=True, bolt=BOLT_UNLOCKED)
        bench.wait(10_000)
        self.assertEqual(bench.actions("drive"), [])
        bench.door(False)
        bench.wait(RELOCK_MS)
        self.assertEqual(bench.actions("drive"), [("lock", RUN_MS)])

    def test_after_a_power_cut_the_motor_counts_as_warm(self):
        for interrupted, reason in ((True, "busy"), (False, "")):
            lock = MotorLock(RUN_MS, RELEASE_MS, 2 * RUN_MS, WINDOW_MS)
            lock.at_boot(False, BOLT_LOCKED, interrupted, RUN_MS)
            self.assertEqual(lock.refusal(Order("a", "", "unlock", "lock-1"), RUN_MS), reason)
            self.assertEqual(lock.refusal(Order("a", "", "unlock", "lock-1"), RUN_MS + WINDOW_MS), "")

    def test_an_order_may_lock_it(self):
        bench = motor_bench(bolt=BOLT_UNLOCKED)
        self.assertEqual(bench.order("lock"), "")
        bench.wait(500)
        bench.sense(BOLT_LOCKED)
        self.assertEqual(bench.finals(), [("jti-0", "lock", "done", None)])


class TestBudget(unittest.TestCase):
    """The smallest budget that the site file may give: two runs."""

    def make(self, door_open, bolt):
        self.bench = Bench(door_open, 0, MotorLock(RUN_MS, 10_000, 2 * RUN_MS, 60_000), bolt)

    def ran_ms(self):
        stops = self.bench.times("stop") + [self.bench.now_ms]
        return sum(stop - start for start, stop in zip(self.bench.times("drive"), stops))

    def test_stuck_half_way_while_it_locks(self):
        self.make(True, BOLT_UNLOCKED)
        self.bench.door(False)
        self.bench.wait(RELOCK_MS + 200)
        self.bench.sense(BOLT_BETWEEN)
        self.bench.wait(55_000)
        self.assertEqual(self.bench.lock.state, JAMMED)
        self.assertEqual([way for way, _ in self.bench.actions("drive")], ["lock", "unlock"])
        self.assertLessEqual(self.ran_ms(), 2 * RUN_MS)

    def test_turned_round_and_round(self):
        self.make(False, BOLT_LOCKED)
        self.bench.order()
        self.bench.wait(200)
        self.bench.sense(BOLT_BETWEEN)
        self.bench.wait(2500)
        self.assertEqual(self.bench.order("lock"), "busy")
        self.bench.wait(50_000)
        self.assertLessEqual(self.ran_ms(), 2 * RUN_MS)


class TestLend(MotorCase):
    def test_unlocked_opened_closed_locked(self):
        self.lend()
        self.assertEqual(self.bench.finals(), [("jti-0", "unlock", "done", None)])
        self.bench.wait(RELOCK_MS)
        self.run_to(BOLT_LOCKED)
        self.assertEqual(self.bench.states(), [UNLOCKING, UNLOCKED, LOCKING, LOCKED])
        self.assertEqual(self.bench.events(), ["lock.unlocked", "lock.locked"])
        self.assertEqual(self.ways(), ["unlock", "lock"])
        self.assertEqual(len(self.bench.actions("stop")), 2)
        self.assertFalse(self.bench.lock.busy())
        self.bench.wait(1_000_000)
        self.assertEqual(len(self.ways()), 2)

    def test_a_door_that_has_just_closed_may_bounce(self):
        self.lend()
        self.bench.wait(RELOCK_MS - 1)
        self.assertEqual(self.ways(), ["unlock"])
        self.bench.door(True)
        self.bench.door(False)
        self.bench.wait(RELOCK_MS - 1)
        self.assertEqual(self.ways(), ["unlock"])
        self.bench.wait(1)
        self.assertEqual(self.ways(), ["unlock", "lock"])

    def test_it_stops_at_the_end_switch(self):
        self.bench.order()
        self.run_to(BOLT_UNLOCKED, 740)
        self.assertEqual(self.bench.times("stop"), [740])

    def test_never_opened_locks_by_itself(self):
        self.bench.order()
        self.run_to(BOLT_UNLOCKED)
        self.bench.wait(RELEASE_MS)
        self.assertEqual(self.bench.finals(), [("jti-0", "unlock", "failed", "not_opened")])
        self.assertEqual(self.ways(), ["unlock", "lock"])
        self.run_to(BOLT_LOCKED)
        self.assertEqual(self.bench.events(), ["lock.unlocked", "lock.not_opened", "lock.locked"])

    def test_an_order_while_it_locks_turns_it_round(self):
        self.lend()
        self.bench.wait(RELOCK_MS)
        self.bench.sense(BOLT_BETWEEN)
        self.bench.wait(100)
        self.assertEqual(self.bench.order(), "")
        stopped_ms = self.bench.times("stop")[-1]
        self.bench.wait(1000)
        self.assertEqual(self.ways(), ["unlock", "lock", "unlock"])
        self.assertEqual(self.bench.times("drive")[-1], stopped_ms + REST_MS)  # the bridge needs its pause

    def test_an_order_while_it_is_unlocked_waits_for_the_door_anew(self):
        self.bench.order()
        self.run_to(BOLT_UNLOCKED)
        self.bench.wait(RELEASE_MS - 100)
        self.assertEqual(self.bench.order(), "busy")
        self.bench.wait(100)
        self.assertEqual(self.bench.order(), "")


class TestJams(MotorCase):
    def test_a_bolt_that_does_not_leave_its_end_is_tried_once_more(self):
        self.bench.order()
        self.bench.wait(30_000)
        self.assertEqual(self.ways(), ["unlock", "unlock"])
        self.assertEqual(
            self.bench.times("stop"), [RUN_MS // 2, RUN_MS + REST_MS]
        )  # a stall is given up early
        self.assertEqual(self.bench.actions("event"), [("lock.jammed", {"jti": "jti-0", "way": "unlock"})])
        self.assertEqual(self.bench.finals(), [("jti-0", "unlock", "failed", "jammed")])
        self.assertEqual(self.bench.lock.state, JAMMED)
        self.assertEqual(self.bench.order(), "")  # the next one tries again

    def test_the_second_try_may_do_it(self):
        self.bench.order()
        self.bench.wait(RUN_MS // 2 + REST_MS)
        self.run_to(BOLT_UNLOCKED)
        self.bench.wait(100)
        self.bench.door(True)
        self.assertEqual(self.bench.finals(), [("jti-0", "unlock", "done", None)])
        self.assertNotIn("lock.jammed", self.bench.events())

    def test_a_bolt_that_cannot_lock_is_drawn_back_and_told(self):
        self.lend()
        self.bench.wait(RELOCK_MS)
        self.bench.wait(100)
        self.bench.sense(BOLT_BETWEEN)
        self.bench.wait(2 * RUN_MS + 2 * REST_MS)
        self.run_to(BOLT_UNLOCKED)
        self.assertEqual(self.ways(), ["unlock", "lock", "lock", "unlock"])
        self.assertIn(("lock.jammed", {"jti": "jti-0", "way": "lock"}), self.bench.actions("event"))
        self.assertEqual(self.bench.lock.state, JAMMED)
        self.bench.wait(1_000_000)
        self.assertEqual(len(self.ways()), 4)  # it does not grind on by itself
        self.bench.door(True)
        self.bench.door(False)
        self.bench.wait(RELOCK_MS)
        self.assertEqual(len(self.ways()), 5)


class TestBrokenSwitches(MotorCase):
    def test_an_unlocked_switch_that_never_tells_does_not_stop_it_from_opening(self):
        self.bench.order()
        self.bench.wait(100)
        self.bench.sense(BOLT_BETWEEN)
        self.bench.wait(2 * RUN_MS + 2 * REST_MS)
        self.assertEqual(self.bench.actions("event"), [("lock.fault", {"jti": "jti-0", "what": "contact"})])
        self.assertEqual(self.bench.lock.state, FAULT)
        self.bench.door(True)
        self.assertEqual(self.bench.finals(), [("jti-0", "unlock", "done", None)])

    def test_and_if_the_door_stays_shut_it_was_a_jam(self):
        self.bench.order()
        self.bench.wait(100)
        self.bench.sense(BOLT_BETWEEN)
        self.bench.wait(2 * RUN_MS + 2 * REST_MS + RELEASE_MS)
        self.assertEqual(self.bench.finals(), [("jti-0", "unlock", "failed", "jammed")])

    def test_both_ends_at_once(self):
        self.bench.sense(IMPLAUSIBLE)
        self.assertEqual(self.bench.lock.state, FAULT)
        self.assertEqual(self.bench.order(), "")
        self.bench.wait(RUN_MS)
        self.assertEqual(self.ways(), ["unlock"])  # it cannot tell when it is there: the whole way, once
        self.bench.door(True)
        self.assertEqual(self.bench.finals(), [("jti-0", "unlock", "done", None)])
        self.bench.door(False)
        self.bench.wait(100_000)
        self.assertEqual(self.ways(), ["unlock"])  # and is locked only by an order
        self.assertEqual(self.bench.order("lock"), "")
        self.bench.wait(RUN_MS)
        self.assertEqual(self.bench.finals()[1:], [("jti-1", "lock", "failed", "contact")])

    def test_a_locked_switch_that_never_tells_leaves_it_open_and_an_ops_order_locks_it(self):
        self.lend()
        self.bench.wait(RELOCK_MS)
        self.bench.sense(BOLT_BETWEEN)
        self.bench.wait(2 * RUN_MS + 3 * REST_MS)
        self.run_to(BOLT_UNLOCKED)
        self.assertEqual(self.bench.lock.state, JAMMED)
        self.bench.order("lock")
        self.bench.sense(BOLT_BETWEEN)
        self.bench.wait(100_000)
        self.assertEqual(self.ways()[-2:], ["lock", "lock"])  # not drawn back: the one who asked sees it
        self.assertEqual(self.bench.finals()[-1], ("jti-1", "lock", "failed", "contact"))

    def test_a_door_contact_that_never_reports_closed(self):
        """It stays open, and is locked only by an order that says so."""
        self.bench.order()
        self.run_to(BOLT_UNLOCKED)
        self.bench.door(True)
        self.bench.wait(1_000_000)
        self.assertEqual(self.ways(), ["unlock"])
        self.bench.order("lock")
        self.assertEqual(self.bench.finals()[-1], ("jti-1", "lock", "failed", "contact"))
        self.bench.order("lock", override="contact")
        self.run_to(BOLT_LOCKED)
        self.assertEqual(self.bench.finals()[-1], ("jti-2", "lock", "done", None))
        self.assertEqual(self.bench.lock.state, LOCKED)

    def test_a_motor_that_cannot_be_driven(self):
        self.bench.coil_works = False
        self.bench.order()
        self.assertEqual(self.bench.finals(), [("jti-0", "unlock", "failed", "power")])
        self.assertEqual(self.bench.actions("event"), [("lock.fault", {"jti": "jti-0", "what": "coil"})])
        self.assertFalse(self.bench.lock.busy())


class TestPeople(MotorCase):
    def test_somebody_inside_keeps_it_open(self):
        self.bench.people(inside=True)
        self.lend()
        self.bench.wait(1_000_000)
        self.assertEqual(self.ways(), ["unlock"])
        self.assertEqual(self.bench.actions("event")[1:], [("lock.blocked", {"why": "inside"})])
        self.assertEqual(self.bench.order("lock"), "busy")
        self.bench.people(inside=False)
        self.bench.wait(RELOCK_MS)
        self.assertEqual(self.ways(), ["unlock", "lock"])

    def test_somebody_who_shows_up_while_it_locks(self):
        self.lend()
        self.bench.wait(RELOCK_MS + 100)
        self.bench.sense(BOLT_BETWEEN)
        self.bench.people(inside=True)
        self.assertEqual(self.bench.actions("stop")[1:], [()])
        self.bench.wait(REST_MS)
        self.assertEqual(self.ways(), ["unlock", "lock", "unlock"])
        self.bench.sense(BOLT_UNLOCKED)
        self.assertEqual(self.bench.lock.state, UNLOCKED)

    def test_the_inside_release_stops_it_at_once_and_nothing_runs_against_it(self):
        self.lend()
        self.bench.wait(RELOCK_MS + 100)
        self.bench.sense(BOLT_BETWEEN)
        self.bench.people(exit_pressed=True)
        self.assertEqual(self.bench.times("stop")[-1], self.bench.now_ms)
        self.assertTrue(self.bench.lock.allows_open())
        self.bench.sense(BOLT_UNLOCKED)  # drawn back by the release
        self.bench.wait(1_000_000)
        self.assertEqual(self.ways(), ["unlock", "lock"])

    def test_the_release_moves_the_bolt_of_a_locked_door(self):
        self.bench.people(exit_pressed=True)
        self.bench.sense(BOLT_UNLOCKED)
        self.assertEqual(self.bench.lock.state, UNLOCKED)
        self.assertEqual(self.bench.actions("latch"), [])  # no break-in
        self.bench.people(exit_pressed=False)
        self.bench.wait(1_000_000)
        self.assertEqual(self.ways(), [])  # whoever is inside may still be there
        self.bench.door(True)
        self.bench.door(False)
        self.bench.wait(RELOCK_MS)
        self.assertEqual(self.ways(), ["lock"])

    def test_the_door_opens_while_it_locks(self):
        self.lend()
        self.bench.wait(RELOCK_MS + 100)
        self.bench.sense(BOLT_BETWEEN)
        self.bench.door(True)
        self.bench.wait(REST_MS)
        self.assertEqual(self.ways(), ["unlock", "lock", "unlock"])


class TestForced(MotorCase):
    def test_a_bolt_that_goes_back_by_itself(self):
        self.bench.sense(BOLT_BETWEEN)
        self.assertEqual(self.bench.actions("latch"), [(True,)])
        self.assertEqual(self.bench.lock.state, UNLOCKED)
        self.assertFalse(self.bench.lock.allows_open())
        self.bench.wait(1_000_000)
        self.assertEqual(self.ways(), [])
        self.bench.sense(BOLT_LOCKED)
        self.assertEqual(self.bench.actions("latch"), [(True,), (False,)])
        self.assertEqual(self.bench.lock.state, LOCKED)


class TestDuty(MotorCase):
    def test_it_waits_with_locking_until_the_motor_has_cooled(self):
        lends = 0
        while self.bench.order() == "":
            lends += 1
            self.run_to(BOLT_UNLOCKED, 2600)
            self.bench.door(True)
            self.bench.door(False)
            self.bench.wait(RELOCK_MS)
            self.run_to(BOLT_LOCKED, 2600)
        self.assertGreater(lends, 3)
        self.bench.wait(60_000)
        self.assertEqual(self.bench.order(), "")


class TestOverride(MotorCase):
    def test_it_counts_for_one_order_alone(self):
        """A contact that cannot be read, an order that says to lock all the same, and a jam."""
        for failure in ("jam", "coil", "somebody"):
            with self.subTest(failure=failure):
                bench = self.bench = motor_bench(bolt=BOLT_UNLOCKED, start_ms=0)
                bench.perform(bench.lock.readable(False, 0))
                bench.coil_works = failure != "coil"
                self.assertEqual(bench.order("lock", override="contact"), "")
                if failure == "somebody":
                    bench.people(inside=True)
                    bench.people(inside=False)
                bench.wait(20_000)
                bench.sense(BOLT_UNLOCKED)
                bench.wait(1000)
                bench.coil_works = True
                before = len(bench.actions("drive"))
                self.assertEqual(bench.order("unlock"), "")
                bench.wait(60_000)
                self.assertNotIn("lock", self.ways()[before:])


class TestDutyOfTheRelease(MotorCase):
    def test_a_handle_that_is_worked_all_day_does_not_burn_the_motor(self):
        """A bolt stuck half out is drawn back whenever the release is let go, within the budget."""
        self.bench.sense(BOLT_BETWEEN)
        for _ in range(40):
            self.bench.people(exit_pressed=True)
            self.bench.people(exit_pressed=False)
            self.bench.look()
            self.bench.wait(3400)
        pulses = list(zip(self.bench.times("drive"), self.bench.times("stop")))
        self.assertGreater(len(pulses), 10)
        for _, end_ms in pulses:
            begin_ms = end_ms - WINDOW_MS
            used_ms = [end - max(begin, begin_ms) for begin, end in pulses if begin_ms < end <= end_ms]
            self.assertLessEqual(sum(used_ms), DUTY_MS)


class TestWaitingForTheSupply(MotorCase):
    def setUp(self):
        super().setUp()
        self.bench.supply.ask("other", 0)
        self.bench.supply.grant("other", 0)

    def free(self):
        self.bench.supply.give_back("other", self.bench.now_ms, self.bench.now_ms)
        self.bench.look()

    def test_what_has_no_turn_within_a_minute_is_not_opened_any_more(self):
        self.assertEqual(self.bench.order(), "")
        self.bench.wait(59_999)
        self.assertEqual(self.bench.finals(), [])
        self.bench.wait(1)
        self.assertEqual(self.bench.finals(), [("jti-0", "unlock", "failed", "power")])
        self.free()
        self.bench.wait(60_000)
        self.assertEqual((self.ways(), self.bench.states()), ([], [UNLOCKING, LOCKED]))

    def test_nor_when_its_turn_comes_before_it_was_looked_at(self):
        self.bench.order()
        self.bench.now_ms = 61_000
        self.free()
        self.bench.wait(60_000)
        self.assertEqual((self.ways(), self.bench.lock.state), ([], LOCKED))
        self.assertEqual(self.bench.finals(), [("jti-0", "unlock", "failed", "power")])

    def test_a_bolt_that_is_half_out_comes_back_however_late(self):
        """It would keep the door from closing, or somebody in; whoever ordered it, and when."""
        for ordered in (False, True):
            with self.subTest(ordered=ordered):
                self.setUp()
                self.bench.sense(BOLT_BETWEEN)
                self.bench.people(exit_pressed=True, inside=True)
                self.bench.people(inside=True)
                if ordered:
                    self.assertEqual(self.bench.order(), "")
                self.bench.wait(100_000)
                self.assertEqual(self.ways(), [])
                self.free()
                self.bench.wait(100)
                self.assertEqual(self.ways(), ["unlock"])

    def test_and_a_door_that_was_closed_is_locked_however_late(self):
        self.free()
        self.lend()
        self.bench.supply.ask("other", self.bench.now_ms)
        self.bench.supply.grant("other", self.bench.now_ms)
        self.bench.wait(100_000)
        self.free()
        self.bench.wait(100)
        self.assertEqual(self.ways(), ["unlock", "lock"])


class TestLockingWhileItDrawsBack(MotorCase):
    """`ops` orders to lock while the bolt, which had met a door, is drawn back; it stays half out."""

    def setUp(self):
        super().setUp()
        bench = self.bench
        bench.order()
        bench.sense(BOLT_BETWEEN)
        bench.wait(500)
        bench.sense(BOLT_UNLOCKED)
        bench.door(True)
        bench.wait(2000)
        bench.door(False)
        bench.wait(1500)
        bench.sense(BOLT_BETWEEN)
        bench.door(True)
        bench.wait(100)
        bench.door(False)
        self.assertEqual((bench.lock.state, self.ways()[-1]), (UNLOCKED, "lock"))
        self.assertEqual(bench.order("lock"), "")
        bench.wait(80_000)
        self.assertEqual(bench.finals()[1][2], "failed")
        self.assertFalse(bench.lock.busy())

    def test_the_next_order_is_told_as_one(self):
        told = len(self.bench.events())
        self.assertEqual(self.bench.order(), "")
        self.bench.wait(400)
        self.bench.sense(BOLT_UNLOCKED)
        self.bench.door(True)
        self.assertEqual(self.bench.events()[told:], ["lock.unlocked"])

    def test_and_has_its_minute_for_a_turn(self):
        self.bench.supply.ask("other", self.bench.now_ms)
        self.bench.supply.grant("other", self.bench.now_ms)
        self.assertEqual(self.bench.order(), "")
        self.bench.wait(60_000)
        self.assertEqual(self.bench.finals()[-1][2:], ("failed", "power"))
