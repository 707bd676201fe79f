# heap: 512k
"""A replay log that cannot be believed, and flash that fails."""

import os
import unittest

from sportbox.store import opening, replay
from sportbox.store.replay import Unreadable

from tests.firmware import scratch
from tests.firmware.replay_case import NOW, ReplayCase, order


class TestUnreadable(ReplayCase, unittest.TestCase):
    """It fails closed: what cannot be believed refuses everything."""

    def setUp(self):
        super().setUp()
        for jti in "abc":
            self.log.begin(order(jti), NOW)
        self.log.finish("a", "done", None, 1)

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
        scratch.Flash(self, opening).unreadable = self.folder
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


class TestWriteErrors(ReplayCase, unittest.TestCase):
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
            self.log.finish("a", "done", None, 1)
        self.assertEqual(self.log.find("a").result, "done")

    def test_an_answer_that_cannot_be_noted_as_told_is_given_again_after_a_power_cut(self):
        self.log.begin(order("a"), NOW)
        self.log.finish("a", "done", None, 1)
        self.flash.broken = True
        with self.assertRaises(OSError):
            self.log.told("a")
        self.flash.broken = False
        self.assertEqual(self.again().find("a").result, "done")
