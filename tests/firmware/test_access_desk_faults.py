# heap: 512k
"""The desk when the power fails, the log cannot be believed, or flash takes nothing."""

import json
import unittest

from sportbox import access
from sportbox.core import token as parser
from sportbox.store.opening import settle

from tests.core import tokens
from tests.core.tokens import NONCE, NOW, claims, header
from tests.firmware import scratch
from tests.firmware.desk_case import NOW_MS, OPS, RESET, DeskCase


class Json:
    """Stands in for the parser's JSON."""

    def __init__(self, loads):
        self.loads = loads

    def __enter__(self):
        parser.json = self

    def __exit__(self, *_):
        parser.json = json


class Short(dict):
    def __setitem__(self, key, value):
        raise MemoryError


class TestNoMemory(DeskCase, unittest.TestCase):
    def test_to_remember_an_order_leaves_it_unused(self):
        """What is told `busy` may be sent again."""
        self.log.answers = Short()
        self.assertEqual(self.send(), [("order-1", "rejected", "busy")])
        self.log.answers = {}
        self.assertEqual(self.send(), [("order-1", "accepted", None)])

    def test_to_write_an_order_down_leaves_it_unknown(self):
        self.flash.broken = True
        self.assertEqual(self.send(), [("order-1", "rejected", "replayed")])
        self.assertEqual(self.log.answers, {})

    def test_for_a_refusal_ends_nothing(self):
        def report(*_):
            raise MemoryError

        self.desk._report = report
        self.assertEqual(self.send(b"junk"), [(None, "rejected", "malformed")])
        self.assertEqual(self.desk.unreported, 1)


class TestPowerLoss(DeskCase, unittest.TestCase):
    def test_an_order_cut_off_fails_once(self):
        self.send()
        self.boot()
        settle(self.desk)
        self.assertEqual(self.answers, [("order-1", "failed", "power")])
        self.assertEqual([kind for _, kind, _ in self.events], ["access.failed"])
        self.assertEqual(self.events[0][0], "lock-2")
        self.assertEqual(self.runs, [])
        self.deliver()
        self.boot()
        settle(self.desk)
        self.assertEqual((self.answers, self.events), ([], []))
        self.assertEqual(self.send(), [("order-1", "rejected", "replayed")])

    def test_an_answer_that_the_broker_may_not_have_is_given_again_but_is_no_new_event(self):
        self.send()
        self.finish("failed", "not_opened")
        for _ in range(3):
            self.boot()
            settle(self.desk)
            self.assertEqual(self.answers, [("order-1", "failed", "not_opened")])
            self.assertEqual(self.events, [])
        self.deliver()
        self.boot()
        settle(self.desk)
        self.assertEqual(self.answers, [])

    def test_several(self):
        for jti in "abc":
            self.send(jti=jti)
        self.finish()
        self.deliver()
        self.finish("failed", "contact")
        self.boot()
        settle(self.desk)
        self.assertEqual(sorted(self.answers), [("b", "failed", "contact"), ("c", "failed", "power")])

    def test_a_log_that_cannot_be_believed_gives_no_answers(self):
        self.send()
        scratch.flip(self.folder + "/replay.log", -3)
        for _ in range(2):
            self.boot()
            settle(self.desk)
            self.assertEqual((self.answers, self.events), ([], []))


class TestMemory(DeskCase, unittest.TestCase):
    """The heap is so full that the log cannot be written."""

    def full(self, lines):
        raise MemoryError

    def test_no_order_is_taken_that_cannot_be_used_up(self):
        append, self.log._append = self.log._append, self.full
        self.assertEqual(self.send(), [("order-1", "rejected", "busy")])
        self.assertEqual(self.runs, [])
        self.log._append = append
        self.assertEqual(self.send(), [("order-1", "accepted", None)])

    def short_of(self, kind, times):
        """So often there is no memory for an event of that kind."""
        real, left = self.desk._report, [times]

        def report(component, told, data):
            if told == kind and left[0]:
                left[0] -= 1
                raise MemoryError
            real(component, told, data)

        self.desk._report = report

    def test_an_order_that_is_used_up_runs_though_it_cannot_be_told_of(self):
        self.short_of("access.accepted", 1)
        self.assertEqual(self.send(), [("order-1", "accepted", None)])
        self.finish()
        self.assertEqual(self.answers[1:], [("order-1", "done", None)])
        self.assertEqual([kind for _, kind, _ in self.events], ["access.done"])

    def test_an_end_is_answered_without_and_told_after_the_next_start(self):
        self.send()
        self.short_of("access.done", 1)
        self.finish()
        self.assertEqual(self.answers, [("order-1", "accepted", None), ("order-1", "done", None)])
        self.report("court-1", "occupancy.changed", {})  # takes the number of the event that is missing
        told = [kind for _, kind, _ in self.events if kind == "access.done"]
        self.boot()
        settle(self.desk)
        told += [kind for _, kind, _ in self.events]
        self.assertEqual((told, self.answers), (["access.done"], [("order-1", "done", None)]))

    def test_a_token_that_cannot_be_checked_is_answered(self):
        self.desk._access.check = lambda *_: self.full(None)
        self.assertEqual(self.send(), [("order-1", "rejected", "busy")])
        self.assertEqual((self.runs, len(self.rooms)), ([], 1))

    def test_what_can_wait_gives_its_memory_to_an_order(self):
        """Whether it is short for taking the token apart or for its signature."""
        with Json(lambda text: json.loads(text) if self.rooms else self.full(text)):
            self.assertEqual(self.send(), [("order-1", "accepted", None)])
        check = self.desk._access.check
        self.desk._access.check = lambda *args: check(*args) if len(self.rooms) > 1 else self.full(args)
        self.assertEqual(self.send(jti="order-2"), [("order-2", "accepted", None)])
        self.assertEqual(len(self.rooms), 2)

    def test_a_token_that_never_fits_is_refused_as_busy(self):
        with Json(self.full):
            self.assertEqual(self.send(), [(None, "rejected", "busy")])
        self.assertEqual(self.send(), [("order-1", "accepted", None)])

    def test_what_is_refused_takes_no_memory_from_others(self):
        self.send(raw=b"rubbish")
        self.send(raw=tokens.token(claims(), header(), b"forged" * 5))
        self.assertEqual(self.rooms, [])

    def test_a_final_answer_is_given_all_the_same(self):
        self.send()
        self.log._append = self.full
        self.finish()
        self.assertEqual(self.answers[-1], ("order-1", "done", None))
        self.deliver()


class TestUnreadableLog(DeskCase, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.send()
        self.finish()
        scratch.flip(self.folder + "/replay.log", 20)
        self.boot()

    def test_every_order_is_refused(self):
        self.assertFalse(self.log.readable)
        for kid in ("booking-1", "ops-1"):
            for nonce in (None, NONCE):
                with self.subTest(kid=kid, nonce=nonce):
                    answers = self.send(the_header=header(kid=kid), jti="new", nonce=nonce)
                    self.assertEqual(answers, [("new", "rejected", "replayed")])
        self.assertEqual(self.runs, [])

    def test_a_reset_needs_an_ops_key_and_this_boots_nonce_on_any_rung(self):
        self.assertEqual(self.send(jti="r", nonce=NONCE, **RESET), [("r", "rejected", "role")])
        for nonce in (None, "an older one"):
            answers = self.send(the_header=OPS, jti="r", nonce=nonce, **RESET)
            self.assertEqual(answers, [("r", "rejected", "clock")])
        self.assertFalse(self.log.readable)
        self.assertEqual(self.send(jti="new"), [("new", "rejected", "replayed")])

    def test_after_a_reset_orders_are_taken_and_the_reset_is_used_up(self):
        answers = self.send(the_header=OPS, jti="r", nonce=NONCE, **RESET)
        self.assertEqual(answers, [("r", "accepted", None)])
        self.assertEqual(self.runs[0].act, "configure")
        self.finish()
        self.assertEqual(self.send(jti="new"), [("new", "accepted", None)])
        answers = self.send(the_header=OPS, jti="r", nonce=NONCE, **RESET)
        self.assertEqual(answers, [("r", "rejected", "replayed")])
        self.boot()
        self.assertTrue(self.log.readable)
        self.assertTrue(self.log.used("r") and self.log.used("new"))

    def test_a_reset_of_a_log_that_is_well_forgets_nothing(self):
        self.send(the_header=OPS, jti="r", nonce=NONCE, **RESET)
        self.finish()
        self.send(jti="new")
        answers = self.send(the_header=OPS, jti="r-2", nonce=NONCE, **RESET)
        self.assertEqual(answers, [("r-2", "accepted", None)])
        self.assertTrue(self.log.used("new"))

    def test_only_the_very_arguments_reset(self):
        for args in (
            {"reset": "all"},
            {"reset": "replay_log", "x": 1},
            {"reset": None},
            {"reset": ["replay_log"]},
        ):
            with self.subTest(args=args):
                answers = self.send(the_header=OPS, jti="r", nonce=NONCE, **dict(RESET, args=args))
                self.assertEqual(answers, [("r", "rejected", "malformed")])
        self.assertFalse(self.log.readable)

    def test_a_reset_that_cannot_be_written_leaves_it_closed(self):
        self.flash.broken = True
        answers = self.send(the_header=OPS, jti="r", nonce=NONCE, **RESET)
        self.assertEqual(answers, [("r", "rejected", "busy")])
        self.assertFalse(self.log.readable)


class TestFailureOfTheBoard(DeskCase, unittest.TestCase):
    def fail_after(self, last_words):
        def carry_out(order):
            if last_words:
                self.desk.final(order, last_words, None)
            raise MemoryError("no room")

        self.desk._carry_out = carry_out
        with self.assertRaises(MemoryError):
            self.send()
        return [answer[1:] for answer in self.answers]

    def test_an_order_that_cannot_be_carried_out_has_its_final_answer(self):
        self.assertEqual(self.fail_after(None), [("accepted", None), ("failed", "power")])

    def test_and_only_one(self):
        self.assertEqual(self.fail_after("done"), [("accepted", None), ("done", None)])


class TestDoubtfulTokens(DeskCase, unittest.TestCase):
    def use_up(self, jti):
        self.assertEqual(self.send(jti=jti), [(jti, "accepted", None)])
        self.finish()
        self.deliver()

    def test_a_clock_that_jumped_ahead_and_back_does_not_make_a_used_token_fresh(self):
        self.use_up("old")
        for number in range(120):  # until the file is written anew, without what is over
            self.clock.set_ntp(NOW + 30 * 86400, NOW_MS)
            now = NOW + 30 * 86400
            later = {"iat": now, "nbf": now, "exp": now + 600}
            self.assertEqual(self.send(jti="x%d" % number, **later)[0][1], "accepted")
            self.finish()
            self.deliver()
        self.assertFalse(self.log.used("old"))
        for _ in range(2):
            self.clock.set_ntp(NOW, NOW_MS)
            self.assertEqual(self.send(jti="old"), [("old", "rejected", "replayed")])
            self.boot()
        later = {"exp": NOW + 30 * 86400 + 7200, "nbf": NOW + 30 * 86400, "iat": NOW + 30 * 86400}
        self.clock.set_ntp(NOW + 30 * 86400 + 60, NOW_MS)
        self.assertEqual(self.send(jti="fresh", **later), [("fresh", "accepted", None)])

    def test_what_was_issued_before_a_reset_is_refused_after_it(self):
        self.use_up("old")
        scratch.flip(self.folder + "/replay.log", 20)
        self.boot()
        self.clock.set_ntp(NOW + 100, NOW_MS)
        answers = self.send(the_header=OPS, jti="r", nonce=NONCE, iat=NOW + 100, **RESET)
        self.assertEqual(answers, [("r", "accepted", None)])
        self.finish()
        for _ in range(2):
            self.assertEqual(self.send(jti="old", iat=NOW), [("old", "rejected", "replayed")])
            self.assertEqual(self.send(jti="never", iat=NOW + 99), [("never", "rejected", "replayed")])
            self.boot()
        self.assertEqual(self.send(jti="new", iat=NOW + 100), [("new", "accepted", None)])


class TestClockReset(DeskCase, unittest.TestCase):
    CLOCK = {"act": "configure", "args": {"reset": "clock"}, "cmp": None}

    def test_reaches_a_board_whose_clock_is_years_ahead(self):
        self.clock.set_ntp(NOW + 14 * 31536000, NOW_MS)
        self.assertEqual(self.send(jti="x"), [("x", "rejected", "expired")])
        answers = self.send(the_header=OPS, jti="r", nonce=NONCE, **self.CLOCK)
        self.assertEqual(answers, [("r", "accepted", None)])
        self.assertEqual(self.configured, [{"reset": "clock"}])

    def test_needs_the_nonce_of_this_boot_and_an_ops_key(self):
        for changes in ({}, {"nonce": "older"}):
            answers = self.send(the_header=OPS, jti="r", **self.CLOCK, **changes)
            self.assertEqual(answers, [("r", "rejected", "clock")])
        answers = self.send(jti="r", nonce=NONCE, **self.CLOCK)
        self.assertEqual(answers, [("r", "rejected", "role")])
        self.assertEqual(self.configured, [])

    def test_acts_once(self):
        self.send(the_header=OPS, jti="r", nonce=NONCE, **self.CLOCK)
        self.finish()
        answers = self.send(the_header=OPS, jti="r", nonce=NONCE, **self.CLOCK)
        self.assertEqual(answers, [("r", "rejected", "replayed")])
        self.assertEqual(self.configured, [{"reset": "clock"}])

    def test_acts_once_though_the_log_has_forgotten_it(self):
        """A clock that is ahead forgets it at once. The next order needs another nonce."""
        self.clock.set_ntp(NOW + 14 * 31536000, NOW_MS)
        self.send(the_header=OPS, jti="r", nonce=NONCE, **self.CLOCK)
        self.finish()
        self.deliver()
        self.desk.nonce = "another"  # as the box draws it
        answers = self.send(the_header=OPS, jti="r", nonce=NONCE, **self.CLOCK)
        self.assertEqual(answers, [("r", "rejected", "expired")])
        self.log._expire(self.clock.now(NOW_MS))
        self.assertFalse(self.log.used("r"))
        for now_s, reason in ((NOW + 14 * 31536000, "expired"), (NOW, "clock")):
            self.clock.set_ntp(now_s, NOW_MS)
            answers = self.send(the_header=OPS, jti="r", nonce=NONCE, **self.CLOCK)
            self.assertEqual(answers, [("r", "rejected", reason)])
        self.assertEqual(self.configured, [{"reset": "clock"}])
        answers = self.send(the_header=OPS, jti="s", nonce="another", **self.CLOCK)
        self.assertEqual(answers, [("s", "accepted", None)])

    def test_without_memory_for_its_code_the_rest_gives_way(self):
        loads = access._configuring
        self.addCleanup(setattr, access, "_configuring", loads)
        for needed, answer in ((1, ("accepted", None)), (2, ("rejected", "busy"))):
            self.boot()

            def load(needed=needed):
                if len(self.rooms) < needed:
                    raise MemoryError
                return loads()

            access._configuring = load
            answers = self.send(the_header=OPS, jti="m%d" % needed, nonce=NONCE, **self.CLOCK)
            self.assertEqual((answers, len(self.rooms)), ([("m%d" % needed,) + answer], 1))

    def test_parts_of_a_renewal_have_one_nonce(self):
        for part in range(3):
            args = {"renew": {"id": "i", "part": part, "of": 3, "sealed": ""}}
            self.send(the_header=OPS, jti="p%d" % part, nonce=NONCE, act="configure", args=args, cmp=None)
        self.assertEqual([what["renew"]["part"] for what in self.configured], [2])

    def test_other_orders_are_not_excused_from_the_time_by_a_nonce(self):
        self.clock.set_ntp(NOW + 14 * 31536000, NOW_MS)
        answers = self.send(the_header=OPS, jti="x", nonce=NONCE)
        self.assertEqual(answers, [("x", "rejected", "expired")])


class TestFlashErrors(DeskCase, unittest.TestCase):
    def test_a_token_that_cannot_be_used_up_does_not_act(self):
        for takes in (0, 40):
            self.flash.broken, self.flash.takes = True, takes
            self.assertEqual(self.send(), [("order-1", "rejected", "replayed")])
            self.assertEqual(self.runs, [])
        self.flash.broken = False
        self.assertEqual(self.send(), [("order-1", "accepted", None)])
        self.assertEqual(self.send(), [("order-1", "accepted", None)])
        self.assertEqual(len(self.runs), 1)

    def test_a_final_answer_is_given_though_it_cannot_be_noted(self):
        self.send()
        self.flash.broken = True
        self.finish()
        self.assertEqual(self.answers[-1], ("order-1", "done", None))
        self.assertIn(("device", "device.fault", {"what": "replay_log_write"}), self.events)
        self.assertEqual(self.send(), [("order-1", "rejected", "replayed")])

    def test_an_end_that_could_not_be_noted_is_noted_as_soon_as_flash_works_again(self):
        """Else the next power cut would add a final answer that says the contrary."""
        self.send()
        self.flash.broken = True
        self.finish()
        self.flash.broken = False
        self.desk.tidy(NOW_MS)
        self.boot()
        settle(self.desk)
        self.assertEqual(self.answers, [("order-1", "done", None)])

    def test_the_fault_is_reported_once_not_once_a_second(self):
        self.send()
        self.finish()
        self.flash.broken = True
        for done in self.owed:
            done()
        for _ in range(10):
            self.desk.tidy(NOW_MS)
        self.assertEqual(len([1 for _, kind, _ in self.events if kind == "device.fault"]), 1)

    def test_flash_that_fails_is_tried_less_and_less_often(self):
        self.send()
        self.finish()
        self.flash.broken = True
        for done in self.owed:
            done()
        tried = []
        for second in range(600):
            before = self.flash.refused
            self.desk.tidy(NOW_MS + 1000 * second)
            if self.flash.refused > before:
                tried.append(second)
        self.assertEqual(tried[:8], [0, 1, 4, 11, 26, 57, 117, 177])
        self.flash.broken = False
        self.desk.tidy(NOW_MS + 700_000)
        self.boot()
        settle(self.desk)
        self.assertEqual(self.answers, [])

    def test_an_answer_that_arrived_is_noted_later(self):
        self.send()
        self.finish()
        self.flash.broken = True
        self.deliver()
        self.flash.broken = False
        self.desk.tidy(NOW_MS + 1000)
        self.boot()
        settle(self.desk)
        self.assertEqual(self.answers, [])
