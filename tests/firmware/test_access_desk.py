# heap: 512k
"""From the bytes of a token to an order that is carried out once, and to its answers."""

import unittest

from sportbox.core import token as desk_tokens
from sportbox.core.clock import Clock
from sportbox.core.lock import Booking, Order
from sportbox.store.replay import Used

from tests.core import tokens
from tests.core.tokens import NONCE, NOW, claims, header
from tests.firmware import scratch
from tests.firmware.desk_case import NOW_MS, OPS, DeskCase


class TestOrder(DeskCase, unittest.TestCase):
    def test_accepted_carried_out_and_done(self):
        self.assertEqual(self.send(), [("order-1", "accepted", None)])
        order = self.runs[0]
        self.assertEqual(
            (order.jti, order.sub, order.act, order.component),
            ("order-1", "citizen-4711", "unlock", "lock-2"),
        )
        self.finish()
        self.assertEqual(self.answers, [("order-1", "accepted", None), ("order-1", "done", None)])
        self.assertEqual(
            self.events,
            [
                ("lock-2", "access.accepted", {"jti": "order-1", "sub": "citizen-4711", "act": "unlock"}),
                (
                    "lock-2",
                    "access.done",
                    {"jti": "order-1", "sub": "citizen-4711", "act": "unlock", "reason": None},
                ),
            ],
        )
        self.assertEqual((self.desk.accepted, self.desk.rejected), (1, 0))

    def test_opening_hours_bind_orders_of_bookings_alone(self):
        self.send()
        self.assertTrue(isinstance(self.runs[0], Booking))
        self.finish()
        self.send(jti="order-2", the_header=OPS)
        self.assertFalse(isinstance(self.runs[0], Booking))

    def test_the_token_is_used_up_before_the_lock_moves(self):
        seen = []
        self.desk._carry_out = lambda order: seen.append(scratch.read(self.folder + "/replay.log"))
        self.send()
        self.assertIn(b"order-1", seen[0])

    def test_an_order_that_fails_half_way_gets_one_final_answer(self):
        def carry_out(order):
            self.runs.append(order)
            raise OSError(5)

        self.desk._carry_out = carry_out
        with self.assertRaises(OSError):
            self.send()
        self.finish()  # the lock has taken it all the same
        self.assertEqual(self.answers, [("order-1", "accepted", None), ("order-1", "failed", "power")])
        for told in self.owed:
            told()
        self.desk.tidy(NOW_MS)
        self.runs.append(Order("order-1", "", "unlock", "lock-1"))
        self.finish()
        self.assertEqual(len(self.answers), 2)

    def test_failed_orders_say_why(self):
        self.send()
        self.finish("failed", "not_opened")
        self.assertEqual(self.answers[-1], ("order-1", "failed", "not_opened"))
        self.assertEqual(
            self.events[-1][1:], ("access.failed", dict(self.events[-1][2], reason="not_opened"))
        )

    def test_the_same_token_while_its_order_runs_gets_the_same_answer_and_no_second_action(self):
        for _ in range(5):
            self.assertEqual(self.send(), [("order-1", "accepted", None)])
        self.assertEqual(len(self.runs), 1)
        self.assertEqual(self.desk.accepted, 1)
        self.assertEqual(len(self.events), 1)

    def test_another_token_of_the_same_name_while_it_runs_does_not_act_either(self):
        self.send()
        self.send(cmp="lock-3", sub="somebody-else")
        self.assertEqual(len(self.runs), 1)

    def test_after_its_final_answer_it_was_used(self):
        self.send()
        self.finish()
        self.assertEqual(self.send(), [("order-1", "rejected", "replayed")])
        self.deliver()
        self.assertEqual(self.send(), [("order-1", "rejected", "replayed")])
        self.boot()
        self.assertEqual(self.send(), [("order-1", "rejected", "replayed")])
        self.assertEqual(self.runs, [])

    def test_what_is_not_for_a_lock(self):
        for act in ("identify", "reboot"):
            with self.subTest(act=act):
                answers = self.send(the_header=OPS, act=act, cmp=None, jti=act, args={"x": 1})
                self.assertEqual(answers, [(act, "accepted", None)])
                self.assertEqual(self.runs[-1].act, act)


class TestRefused(DeskCase, unittest.TestCase):
    def refuse(self, reason, jti="order-1", **how):
        self.assertEqual(self.send(**how), [(jti, "rejected", reason)])
        self.assertEqual(self.runs, [])
        self.assertEqual(self.events[-1][1], "access.rejected")
        self.assertEqual((self.events[-1][2]["jti"], self.events[-1][2]["reason"]), (jti, reason))
        self.assertFalse(self.log.used("order-1"))

    def test_every_reason(self):
        self.refuse("key", the_header=header(kid="booking-9"))
        self.refuse("signature", raw=tokens.token(claims(), header(), b"forged" * 5))
        self.refuse("role", act="reboot")
        self.refuse("audience", aud="hafensport-rostock/box-2")
        self.refuse("not_yet", nbf=NOW + 61, iat=NOW + 61)
        self.refuse("expired", nbf=NOW - 900, iat=NOW - 900, exp=NOW - 61)
        self.refuse("lifetime", exp=NOW + 86401)
        self.refuse("malformed", exp="soon")
        self.refuse("malformed", act="dance")
        self.refuse("retained", retained=True)
        self.assertEqual(self.desk.rejected, 10)

    def test_what_was_taken_apart_is_not_taken_apart_again_for_its_answer(self):
        """That is half of what a check costs; only what cannot be taken apart is looked through."""
        looked = []
        before = desk_tokens.claimed_jti
        desk_tokens.claimed_jti = lambda raw: looked.append(raw) or before(raw)
        self.addCleanup(lambda: setattr(desk_tokens, "claimed_jti", before))
        self.refuse("expired", nbf=NOW - 900, iat=NOW - 900, exp=NOW - 61)
        self.refuse("malformed", jti="a" * 64, raw=tokens.token(claims(jti="a" * 200)))
        self.assertEqual(looked, [])
        self.refuse("malformed", raw=tokens.token(claims()) + b"=")
        self.assertEqual(len(looked), 1)

    def test_what_is_too_large_is_not_even_looked_at(self):
        self.refuse("too_large", jti=None, raw=b"x" * 1537)
        big = tokens.token(claims(args={"x": "y" * 1500}))
        self.refuse("too_large", jti=None, raw=big)
        self.desk.command(None, False, NOW_MS)
        self.assertEqual(self.answers[-1], (None, "rejected", "too_large"))
        self.desk.command(None, True, NOW_MS)
        self.assertEqual(self.answers[-1], (None, "rejected", "too_large"))

    def test_the_largest_that_is_not(self):
        self.refuse("malformed", jti=None, raw=b"x" * 1536)

    def test_what_is_no_token(self):
        for raw in (b" ", b"unlock", b"{}", b"a.b.c", b"\xff\x00", b"." * 1000, b"." * 1536):
            with self.subTest(raw=raw[:9]):
                self.refuse("malformed", jti=None, raw=raw)

    def test_a_retained_order_is_refused_however_good_it_is(self):
        self.refuse("retained", retained=True)
        self.refuse("retained", jti=None, raw=b"rubbish", retained=True)
        self.assertEqual(self.send(), [("order-1", "accepted", None)])  # it was not used up

    def test_a_clock_that_is_not_trusted_needs_the_nonce(self):
        self.clock = Clock()
        self.boot()
        self.refuse("clock")
        self.refuse("clock", nonce="an older one")
        self.clock.set_floor(NOW + 2000, NOW_MS)
        self.refuse("expired", nonce=NONCE)
        self.assertEqual(self.send(nonce=NONCE, exp=NOW + 3000), [("order-1", "accepted", None)])

    def test_a_lock_that_is_busy_or_is_none(self):
        for reason in ("busy", "malformed"):
            self.refusal = reason
            self.refuse(reason)
            self.assertEqual(self.events[-1][0], "lock-2")
        self.refusal = ""
        self.assertEqual(self.send(), [("order-1", "accepted", None)])  # it was not used up

    def test_a_full_log_takes_no_order(self):
        self.log._used = Used(2)
        for jti in "ab":
            self.send(jti=jti)
            self.finish()
        self.deliver()
        self.assertEqual(self.send(jti="c"), [("c", "rejected", "busy")])
        self.clock.set_ntp(NOW + 961, NOW_MS)
        self.assertEqual(self.send(jti="c", exp=NOW + 1800), [("c", "accepted", None)])

    def test_who_asked_is_told_only_of_a_genuine_token(self):
        self.send(raw=tokens.token(claims(), header(), b"forged" * 5))
        self.assertEqual(self.events[-1], ("", "access.rejected", dict(self.events[-1][2], sub="")))
        self.refusal = "busy"
        self.send()
        self.assertEqual(self.events[-1][2]["sub"], "citizen-4711")

    def test_a_flood_is_answered_but_not_written_to_flash(self):
        for _ in range(200):
            self.send(raw=b"rubbish")
        self.assertEqual(len(self.answers), 200)
        self.assertEqual(len(self.events), 60)
        self.assertEqual((self.desk.rejected, self.desk.unreported), (200, 140))
        self.desk.tidy(NOW_MS)  # a second later
        for _ in range(5):
            self.send(raw=b"rubbish")
        self.assertEqual(len(self.events), 61)

    def test_a_flood_does_not_hide_a_good_order(self):
        for _ in range(100):
            self.send(raw=b"rubbish")
        self.send()
        self.assertEqual(self.events[-1][1], "access.accepted")
        self.finish()
        self.assertEqual(self.events[-1][1], "access.done")
