# heap: 512k
"""Orders that are given at the box itself: used up, carried out and told as a token's, but owed to nobody."""

import unittest

from sportbox.core.lock import Order
from sportbox.store.opening import settle
from sportbox.store.replay import Used

from tests.core.tokens import NOW
from tests.firmware.desk_case import NOW_MS, DeskCase


def code(slot=7, lock="lock-2"):
    return Order("code-%s-%d" % (lock, slot), "keypad", "unlock", lock)


class LocalCase(DeskCase):
    def enter(self, order=None, begins_s=NOW - 60, keep_until_s=NOW + 3660):
        return self.desk.local(order or code(), begins_s, keep_until_s, NOW_MS)

    def kinds(self):
        return [kind for _, kind, _ in self.events]

    def refused(self, reason):
        component, kind, data = self.events[-1]
        self.assertEqual((component, kind), ("lock-2", "access.rejected"))
        self.assertEqual(data, {"jti": "code-lock-2-7", "sub": "keypad", "reason": reason})


class TestLocal(LocalCase, unittest.TestCase):
    def test_carried_out_and_told_in_events_alone(self):
        self.assertEqual(self.enter(), "")
        self.assertEqual([order.jti for order in self.runs], ["code-lock-2-7"])
        self.finish()
        about = {"jti": "code-lock-2-7", "sub": "keypad", "act": "unlock"}
        self.assertEqual(
            self.events,
            [("lock-2", "access.accepted", about), ("lock-2", "access.done", dict(about, reason=None))],
        )
        self.assertEqual((self.answers, self.owed), ([], []))
        self.assertEqual((self.desk.accepted, self.desk.rejected), (1, 0))

    def test_on_flash_before_the_lock_moves(self):
        seen = []
        self.desk._carry_out = lambda order: seen.append(self.again().used(order.jti))
        self.enter()
        self.assertEqual(seen, [True])

    def again(self):
        log = type(self.log)(self.folder)
        log.open()
        return log

    def test_the_same_code_while_its_order_runs_is_no_second_order(self):
        self.enter()
        self.assertEqual(self.enter(), "")
        self.assertEqual((len(self.runs), self.kinds()), (1, ["access.accepted"]))

    def test_the_same_code_later_is_refused_for_good(self):
        self.enter()
        self.finish("failed", "not_opened")
        self.assertEqual(self.enter(), "replayed")
        self.refused("replayed")
        self.desk.tidy(NOW_MS)
        self.assertEqual(self.enter(), "replayed")
        self.boot()
        self.assertEqual(self.enter(), "replayed")
        self.assertEqual(self.runs, [])

    def test_a_busy_lock_does_not_use_it_up(self):
        self.refusal = "busy"
        self.assertEqual(self.enter(), "busy")
        self.refused("busy")
        self.refusal = ""
        self.assertEqual(self.enter(), "")

    def test_years_without_a_broker_do_not_fill_the_log(self):
        """Nobody takes the answers; a log that kept them would refuse every order after 256."""
        self.log._used = Used(8)
        for slot in range(100):
            at_s = NOW + 3600 * slot
            self.clock.set_ntp(at_s, NOW_MS)
            self.assertEqual(self.enter(code(slot), at_s - 60, at_s + 3660), "")
            self.finish()
            self.desk.tidy(NOW_MS)
        self.assertEqual(len(self.log.answers), 0)
        self.assertTrue(len(self.log._used) <= 8)

    def test_too_many_wrong_ones_are_counted_not_written(self):
        for _ in range(70):
            self.desk.refuse_local("keypad-1", None, "keypad", "signature")
        self.assertEqual((len(self.events), self.desk.rejected, self.desk.unreported), (60, 70, 10))
        self.assertEqual(self.answers, [])


class TestFailsClosed(LocalCase, unittest.TestCase):
    def test_an_unreadable_log(self):
        self.log.readable = False
        self.assertEqual(self.enter(), "replayed")
        self.refused("replayed")
        self.assertEqual(self.runs, [])

    def test_flash_that_takes_nothing(self):
        self.flash.broken = True
        self.assertEqual(self.enter(), "replayed")
        self.assertEqual(self.runs, [])

    def test_a_code_that_may_have_been_used_before_the_log_was_begun_anew(self):
        self.log.reset(NOW - 30)
        self.assertEqual(self.enter(), "replayed")
        self.assertEqual(self.enter(code(8), NOW - 30, NOW + 3660), "")

    def test_a_clock_that_was_set_back(self):
        self.log._forgotten_s = NOW + 3660
        self.assertEqual(self.enter(), "replayed")
        self.assertEqual(self.runs, [])


class TestPowerCut(LocalCase, unittest.TestCase):
    def test_an_order_cut_off_fails_once(self):
        self.enter()
        self.boot()
        settle(self.desk)
        self.assertEqual(self.events[0][1:], ("access.failed", dict(self.events[0][2], reason="power")))
        self.assertEqual((len(self.events), self.answers), (1, []))
        self.desk.tidy(NOW_MS)
        self.boot()
        settle(self.desk)
        self.assertEqual(self.events, [])
        self.assertEqual(self.enter(), "replayed")

    def test_what_may_not_have_reached_the_outbox_is_told_again(self):
        """The power goes between the end on flash and the event."""
        self.enter()
        self.desk._report = self.power_cut
        with self.assertRaises(KeyboardInterrupt):
            self.finish()
        self.boot()
        self.report("device", "device.booted", {})  # has the number of the event that was lost
        self.boot()
        settle(self.desk)
        self.assertEqual(self.kinds(), ["access.done"])
        self.boot()
        settle(self.desk)
        self.assertEqual(self.events, [])

    def test_what_has_reached_the_outbox_is_not(self):
        self.enter()
        self.finish()
        self.boot()  # before the log notes that it is told
        settle(self.desk)
        self.assertEqual(self.events, [])
        self.desk.tidy(NOW_MS)
        self.boot()
        self.assertEqual(self.log.answers, {})

    def power_cut(self, component, kind, data):
        raise KeyboardInterrupt()

    def test_what_runs_survives_a_file_written_anew(self):
        self.enter()
        self.log._rewrite()
        self.boot()
        self.assertEqual([answer.local for answer in self.log.answers.values()], [True])
        settle(self.desk)
        self.assertEqual((self.kinds(), self.answers), (["access.failed"], []))

    def test_tokens_are_still_answered(self):
        self.send()
        self.enter()
        self.boot()
        settle(self.desk)
        self.assertEqual(self.answers, [("order-1", "failed", "power")])
