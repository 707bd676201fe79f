# heap: 512k
"""The replay log: which tokens were used, and which orders still owe their answer."""

import os
import random
import unittest

from sportbox.store import replay
from sportbox.store.replay import ReplayLog, Used, digest

from tests.firmware import scratch
from tests.firmware.replay_case import NOW, ReplayCase, order


class TestUsed(ReplayCase, unittest.TestCase):
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
        self.log.finish("a", "done", None, 1)
        self.log.told("a")
        self.assertTrue(self.log.used("a"))
        self.again()
        self.assertTrue(self.log.used("a"))
        self.assertIsNone(self.log.find("a"))

    def test_what_is_owed_no_answer_is_used_for_good_too(self):
        self.log.spend("a", NOW)
        self.assertTrue(self.log.used("a"))
        self.again()
        self.assertEqual((self.used("a", "b"), self.log.answers), (["a"], {}))

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


class TestAnswers(ReplayCase, unittest.TestCase):
    def test_an_order_that_runs_is_found_again(self):
        self.log.begin(order("a"), NOW)
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
        self.log.finish("a", "failed", "not_opened", 1)
        for _ in range(2):
            self.assertEqual((self.log.find("a").result, self.log.find("a").reason), ("failed", "not_opened"))
            self.again()
        self.log.told("a")
        self.assertIsNone(self.log.find("a"))
        self.assertIsNone(self.again().find("a"))

    def test_whether_its_event_got_to_flash_is_seen_once_at_the_next_start(self):
        """Before another event gets its number."""
        for kept_seq, seq in ((7, 7), (8, 7), (6, 0), (9, 0)):
            with self.subTest(kept_seq=kept_seq):
                if kept_seq <= 7:
                    self.log = ReplayLog(scratch.folder(self))
                    self.log.open()
                    self.log.begin(order("a"), NOW)
                    self.log.finish("a", "done", None, 7)
                if kept_seq == 8:
                    self.log._rewrite()
                again = ReplayLog(self.log._folder)
                again.open(kept_seq)
                self.assertEqual((again.find("a").result, again.find("a").seq), ("done", seq))

    def test_an_end_that_an_older_firmware_has_noted_counts_as_told(self):
        self.log.begin(order("a"), NOW)
        self.log._append(replay._line(["final", digest("a").hex(), "done", None]))
        again = ReplayLog(self.folder)
        again.open(5)
        self.assertEqual((again.find("a").result, again.find("a").seq), ("done", 1))

    def test_answers_of_several_orders_do_not_mix(self):
        for jti in "abc":
            self.log.begin(order(jti), NOW)
        self.log.finish("b", "done", None, 1)
        self.log.finish("c", "failed", "power", 1)
        self.log.told("c")
        self.again()
        self.assertEqual((self.log.find("a").result, self.log.find("b").result), ("accepted", "done"))
        self.assertIsNone(self.log.find("c"))

    def test_told_twice_and_told_of_nothing(self):
        self.log.begin(order("a"), NOW)
        self.log.finish("a", "done", None, 1)
        self.log.told("a")
        size = os.stat(self.path)[6]
        self.log.told("a")
        self.log.told("never")
        self.assertEqual(os.stat(self.path)[6], size)


class TestFull(ReplayCase, unittest.TestCase):
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
        self.log.finish(jti, "done", None, 1)
        self.log.told(jti)

    def test_what_still_owes_its_answer_is_not_forgotten(self):
        self.again(capacity=2)
        self.log.begin(order("runs"), NOW)
        self.log.begin(order("done"), NOW)
        self.log.finish("done", "done", None, 1)
        self.assertTrue(self.log.full(NOW + 10_000))
        self.assertEqual(self.used("runs", "done"), ["runs", "done"])

    def test_a_clock_that_knows_nothing_forgets_nothing(self):
        self.again(capacity=2)
        for jti in "ab":
            self.log.begin(order(jti), NOW)
            self.finish(jti)
        self.assertTrue(self.log.full(0))
        self.assertEqual(self.used("a", "b"), ["a", "b"])

    def test_a_file_that_holds_more_than_fits_forgets_what_was_over_first(self):
        self.again(capacity=3)
        for i in range(9):
            self.assertFalse(self.log.full(NOW + i))
            self.log.begin(order("order-%d" % i), NOW + i)
            if i != 1:
                self.finish("order-%d" % i)
        self.again(capacity=3)
        self.assertTrue(self.log.readable)
        self.assertEqual(self.used(*["order-%d" % i for i in range(9)]), ["order-1", "order-7", "order-8"])
        self.assertEqual(self.log.find("order-1").result, "accepted")
        self.assertTrue(self.log.doubtful(NOW + 6, NOW))
        self.assertFalse(self.log.doubtful(NOW + 7, NOW))

    def test_a_file_with_more_owed_answers_than_fit_is_not_believed(self):
        for i in range(4):
            self.log.begin(order("order-%d" % i), NOW)
        self.assertFalse(self.again(capacity=3).readable)


class TestTable(unittest.TestCase):
    def test_it_does_as_a_dict_does(self):
        random.seed(1)
        used, model = Used(20), {}
        for step in range(3000):
            key = bytes([random.choice(b"\0\1") for _ in range(8)])
            if key in model and random.getrandbits(1):
                used.drop(key)
                del model[key]
            elif len(model) < 20:
                used.keep(key, step % 3)
                model[key] = step % 3
            self.assertEqual((dict(used.items()), len(used), key in used), (model, len(model), key in model))
            self.assertEqual(used.full(), len(model) == 20)

    def test_times_of_all_sizes(self):
        used = Used(3)
        for key, until_s in ((b"a" * 8, -5), (b"b" * 8, NOW), (b"c" * 8, 1 << 40)):
            used.keep(key, until_s)
        self.assertEqual(dict(used.items()), {b"a" * 8: 0, b"b" * 8: NOW, b"c" * 8: 0xFFFFFFFF})

    def test_it_takes_no_memory_as_it_fills(self):
        used = Used(256)
        size = len(used._table)
        for i in range(256):
            used.keep(b"%8d" % i, NOW)
        self.assertTrue(used.full())
        self.assertEqual((len(used._table), size), (3072, 3072))


class TestRewrite(ReplayCase, unittest.TestCase):
    def fill(self, count, keep_until_s, prefix="old"):
        for i in range(count):
            jti = "%s-%d" % (prefix, i)
            self.log.begin(order(jti), keep_until_s)
            self.log.finish(jti, "done", None, 1)
            self.log.told(jti)

    def test_a_small_file_is_left_alone(self):
        self.fill(3, NOW)
        size = os.stat(self.path)[6]
        self.log.tidy(NOW + 10_000)
        self.assertEqual(os.stat(self.path)[6], size)

    def test_growth_is_bounded_and_nothing_that_counts_is_lost(self):
        self.log.begin(order("runs"), NOW + 50)
        self.log.begin(order("untold"), NOW + 50)
        self.log.finish("untold", "failed", "contact", 1)
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


class TestDigest(unittest.TestCase):
    def test_many_names_do_not_meet(self):
        self.assertEqual(len({digest("order-%d" % i) for i in range(500)}), 500)
