# heap: 512k
"""The replay log: which tokens were used, and which orders still owe their answer."""

import os
import unittest

from sportbox.core.lock import Order
from sportbox.store import replay
from sportbox.store.replay import ReplayLog, Unreadable, digest

from tests.firmware import scratch

NOW = 1795366800


def order(jti, act="unlock"):
    return Order(jti, "citizen-1", act, "lock-2")


class ReplayCase(unittest.TestCase):
    def setUp(self):
        self.folder = scratch.folder(self)
        self.path = self.folder + "/replay.log"
        self.log = self.again()

    def again(self, capacity=256):
        """The log as the next boot finds it."""
        self.log = ReplayLog(self.folder, capacity)
        self.log.open()
        return self.log

    def used(self, *jtis):
        return [jti for jti in jtis if self.log.used(jti)]


class TestUsed(ReplayCase):
    def test_a_new_board_has_used_nothing(self):
        self.assertTrue(self.log.readable)
        self.assertFalse(self.log.used("a"))
        self.assertIsNone(self.log.find("a"))

    def test_once_begun_it_is_used_for_good(self):
        self.log.begin(order("a"), NOW)
        self.assertTrue(self.log.used("a"))
        self.again()
        self.assertTrue(self.log.readable)
        self.assertTrue(self.log.used("a"))
        self.assertFalse(self.log.used("b"))

    def test_also_after_its_answer_has_arrived(self):
        self.log.begin(order("a"), NOW)
        self.log.finish("a", "done", None)
        self.log.told("a")
        self.assertTrue(self.log.used("a"))
        self.again()
        self.assertTrue(self.log.used("a"))
        self.assertIsNone(self.log.find("a"))

    def test_names_of_any_kind(self):
        names = ["x" * 64, 'a"b\\c', "a b", "[1]", "null"]
        for name in names:
            self.log.begin(order(name), NOW)
        self.again()
        self.assertEqual(self.used(*names), names)
        self.assertEqual([self.log.find(name).order.jti for name in names], names)

    def test_two_names_that_begin_alike(self):
        self.log.begin(order("order-1"), NOW)
        self.assertFalse(self.log.used("order-10"))
        self.assertFalse(self.log.used("order-"))


class TestAnswers(ReplayCase):
    def test_an_order_that_runs_is_found_again(self):
        self.log.begin(Order("a", "citizen-1", "unlock", "lock-2"), NOW)
        for _ in range(2):
            found = self.log.find("a")
            self.assertEqual((found.result, found.reason), ("accepted", None))
            kept = found.order
            self.assertEqual(
                (kept.jti, kept.sub, kept.act, kept.component), ("a", "citizen-1", "unlock", "lock-2")
            )
            self.again()

    def test_a_final_answer_is_kept_until_it_is_told(self):
        self.log.begin(order("a"), NOW)
        self.log.finish("a", "failed", "not_opened")
        for _ in range(2):
            self.assertEqual((self.log.find("a").result, self.log.find("a").reason), ("failed", "not_opened"))
            self.again()
        self.log.told("a")
        self.assertIsNone(self.log.find("a"))
        self.assertIsNone(self.again().find("a"))

    def test_answers_of_several_orders_do_not_mix(self):
        for jti in "abc":
            self.log.begin(order(jti), NOW)
        self.log.finish("b", "done", None)
        self.log.finish("c", "failed", "power")
        self.log.told("c")
        self.again()
        self.assertEqual((self.log.find("a").result, self.log.find("b").result), ("accepted", "done"))
        self.assertIsNone(self.log.find("c"))

    def test_told_twice_and_told_of_nothing(self):
        self.log.begin(order("a"), NOW)
        self.log.finish("a", "done", None)
        self.log.told("a")
        size = os.stat(self.path)[6]
        self.log.told("a")
        self.log.told("never")
        self.assertEqual(os.stat(self.path)[6], size)


class TestFull(ReplayCase):
    def test_a_full_log_takes_no_more_until_something_is_over(self):
        self.again(capacity=3)
        for i in range(3):
            self.assertFalse(self.log.full(NOW))
            self.log.begin(order("order-%d" % i), NOW + 100 + i)
        for i in range(3):
            self.finish("order-%d" % i)
        self.assertTrue(self.log.full(NOW))
        self.assertTrue(self.log.full(NOW + 100))  # until then and including it
        self.assertFalse(self.log.full(NOW + 101))
        self.assertEqual(self.used("order-0", "order-1", "order-2"), ["order-1", "order-2"])

    def finish(self, jti):
        self.log.finish(jti, "done", None)
        self.log.told(jti)

    def test_what_still_owes_its_answer_is_not_forgotten(self):
        self.again(capacity=2)
        self.log.begin(order("runs"), NOW)
        self.log.begin(order("done"), NOW)
        self.log.finish("done", "done", None)
        self.assertTrue(self.log.full(NOW + 10_000))
        self.assertEqual(self.used("runs", "done"), ["runs", "done"])

    def test_a_clock_that_knows_nothing_forgets_nothing(self):
        self.again(capacity=2)
        for jti in "ab":
            self.log.begin(order(jti), NOW)
            self.finish(jti)
        self.assertTrue(self.log.full(0))
        self.assertEqual(self.used("a", "b"), ["a", "b"])


class TestRewrite(ReplayCase):
    def fill(self, count, keep_until_s, prefix="old"):
        for i in range(count):
            jti = "%s-%d" % (prefix, i)
            self.log.begin(order(jti), keep_until_s)
            self.log.finish(jti, "done", None)
            self.log.told(jti)

    def test_a_small_file_is_left_alone(self):
        self.fill(3, NOW)
        size = os.stat(self.path)[6]
        self.log.tidy(NOW + 10_000)
        self.assertEqual(os.stat(self.path)[6], size)

    def test_growth_is_bounded_and_nothing_that_counts_is_lost(self):
        self.log.begin(order("runs"), NOW + 50)
        self.log.begin(order("untold"), NOW + 50)
        self.log.finish("untold", "failed", "contact")
        largest = 0
        for hour in range(30):
            self.fill(10, NOW + hour * 3600 + 60, "hour-%d" % hour)
            self.log.tidy(NOW + hour * 3600)
            largest = max(largest, os.stat(self.path)[6])
        self.assertLess(largest, 12_000)
        for _ in range(2):
            self.assertTrue(self.log.readable)
            self.assertEqual(len(self.used(*["hour-29-%d" % i for i in range(10)])), 10)
            self.assertEqual(self.log.find("runs").result, "accepted")
            untold = self.log.find("untold")
            self.assertEqual((untold.result, untold.reason), ("failed", "contact"))
            self.again()
        self.assertFalse(self.log.used("hour-0-0"))

    def test_a_file_of_which_all_is_needed_is_not_written_again_and_again(self):
        self.fill(100, NOW + 90_000)
        self.log.tidy(NOW)
        before = scratch.read(self.path)
        self.fill(1, NOW + 90_000, "more")
        self.log.tidy(NOW)
        self.assertEqual(scratch.read(self.path)[: len(before)], before)
        self.assertGreater(os.stat(self.path)[6], len(before))

    def test_a_rewrite_that_fails_leaves_the_old_log(self):
        flash = scratch.Flash(self, replay)
        self.fill(60, NOW + 60)
        before = scratch.read(self.path)
        flash.broken, flash.takes = True, 500
        with self.assertRaises(OSError):
            self.log.tidy(NOW)
        self.assertEqual(scratch.read(self.path), before)
        flash.broken = False
        self.log.tidy(NOW)
        self.again()
        self.assertTrue(self.log.readable)
        self.assertEqual(len(self.used(*["old-%d" % i for i in range(60)])), 60)


class TestUnreadable(ReplayCase):
    """It fails closed: what cannot be believed refuses everything."""

    def setUp(self):
        super().setUp()
        for jti in "abc":
            self.log.begin(order(jti), NOW)
        self.log.finish("a", "done", None)

    def refuses(self):
        self.again()
        self.assertFalse(self.log.readable)
        size = os.stat(self.path)[6]
        with self.assertRaises(Unreadable):
            self.log.begin(order("new"), NOW)
        self.assertEqual(os.stat(self.path)[6], size)

    def test_a_changed_bit_anywhere(self):
        size = os.stat(self.path)[6]
        for at in range(0, size, 7):
            scratch.flip(self.path, at)
            self.refuses()
            scratch.flip(self.path, at)
        self.again()
        self.assertTrue(self.log.readable)

    def test_a_torn_last_line(self):
        whole = scratch.read(self.path)
        for size in (len(whole) - 1, len(whole) - 10, len(whole) - 60):
            scratch.write(self.path, whole[:size])
            self.refuses()

    def test_something_behind_the_end(self):
        whole = scratch.read(self.path)
        for rest in (b"\n", b"\0", b"\xff" * 40, b"00000000 []\n", b"not hex! {}\n"):
            with self.subTest(rest=rest):
                scratch.write(self.path, whole + rest)
                self.refuses()

    def test_lines_with_a_good_checksum_that_mean_nothing(self):
        whole = scratch.read(self.path)
        for fields in (
            [],
            ["used"],
            ["used", "zz", 5],
            ["used", "0011"],
            ["later", "0011", 1],
            {"a": 1},
            7,
            None,
        ):
            with self.subTest(fields=fields):
                scratch.write(self.path, whole + replay._line(fields))
                self.refuses()

    def test_flash_that_gives_an_error(self):
        scratch.Flash(self, replay).unreadable = self.folder
        self.again()
        self.assertFalse(self.log.readable)

    def test_nothing_is_owed_that_cannot_be_believed(self):
        """The answers before the damage may have been given long ago: a second one is worse than none."""
        whole = scratch.read(self.path)
        scratch.write(self.path, whole + b"damage\n")
        self.refuses()
        self.assertEqual(self.log.answers, {})

    def test_tidying_does_not_make_it_readable(self):
        scratch.flip(self.path, 20)
        self.refuses()
        before = scratch.read(self.path)
        self.log.tidy(NOW + 100_000)
        self.assertEqual(scratch.read(self.path), before)

    def test_reset_begins_an_empty_log(self):
        scratch.flip(self.path, 20)
        self.refuses()
        self.log.reset()
        self.assertTrue(self.log.readable)
        self.log.begin(order("new"), NOW)
        self.again()
        self.assertTrue(self.log.readable)
        self.assertEqual(self.used("a", "b", "c", "new"), ["new"])

    def test_a_reset_that_fails_stays_closed(self):
        flash = scratch.Flash(self, replay)
        scratch.flip(self.path, 20)
        self.refuses()
        flash.broken = True
        with self.assertRaises(OSError):
            self.log.reset()
        with self.assertRaises(Unreadable):
            self.log.begin(order("new"), NOW)


class TestWriteErrors(ReplayCase):
    def setUp(self):
        super().setUp()
        self.flash = scratch.Flash(self, replay)

    def test_a_token_that_cannot_be_used_up_may_not_act(self):
        self.flash.broken = True
        with self.assertRaises(OSError):
            self.log.begin(order("a"), NOW)
        self.assertIsNone(self.log.find("a"))

    def test_an_order_half_written_is_not_followed_by_others(self):
        """Else the log would be unreadable at the next boot, and every trainer would stand outside."""
        self.log.begin(order("before"), NOW)
        self.flash.broken, self.flash.takes = True, 30
        with self.assertRaises(OSError):
            self.log.begin(order("torn"), NOW)
        self.flash.broken = False
        self.log.begin(order("after"), NOW)
        self.again()
        self.assertTrue(self.log.readable)
        self.assertEqual(self.used("before", "after"), ["before", "after"])

    def test_a_final_answer_stands_in_ram_if_flash_fails(self):
        self.log.begin(order("a"), NOW)
        self.flash.broken = True
        with self.assertRaises(OSError):
            self.log.finish("a", "done", None)
        self.assertEqual(self.log.find("a").result, "done")

    def test_an_answer_that_cannot_be_noted_as_told_is_given_again_after_a_power_cut(self):
        self.log.begin(order("a"), NOW)
        self.log.finish("a", "done", None)
        self.flash.broken = True
        with self.assertRaises(OSError):
            self.log.told("a")
        self.flash.broken = False
        self.assertEqual(self.again().find("a").result, "done")


class TestDigest(unittest.TestCase):
    def test_many_names_do_not_meet(self):
        self.assertEqual(len({digest("order-%d" % i) for i in range(500)}), 500)
