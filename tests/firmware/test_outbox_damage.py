# heap: 512k
"""Damage that the outbox finds on flash: what is lost is told, nothing else is, and numbers stay numbers."""

import os
import unittest

from sportbox.store import record

from tests.firmware import scratch
from tests.firmware.outbox_case import OutboxCase


class TestDamagedRecords(OutboxCase, unittest.TestCase):
    def path(self, name):
        return self.folder + "/" + name

    def test_a_changed_bit_in_any_place_of_a_record(self):
        """The rest of its segment cannot be told apart; everything before and in other segments can."""
        self.add("u" * 60)  # 40 of them in the first segment
        first = self.files("u")[0]
        for at in range(2 * 100, 3 * 100, 3):
            scratch.flip(self.path(first), at)
            self.again()
            found = self.take_all()
            seqs = [out.seq for out in found]
            self.assertEqual(seqs, [1, 2] + list(range(41, 61)), "byte %d" % at)
            self.assertEqual(self.gap_of(found), 38)
            scratch.flip(self.path(first), at)
        self.again()
        self.assertEqual(self.seqs(), list(range(1, 61)))

    def test_what_is_passed_over_is_missing_and_nothing_else(self):
        """Of a record that can be read and not be sent, as of one that cannot be read."""
        self.add("uou")
        while True:
            out = self.box.take()
            if out is None:
                break
            if out.seq == 2:
                self.box.pass_over(out)
            else:
                self.box.ack(out)
        self.assertEqual(self.box.take_gap(), (1, 2, 2))
        self.assertEqual((self.box.acked_seq, self.box.in_flight()), (3, 0))
        self.assertTrue(self.box.mark())
        self.again()
        self.assertEqual(self.seqs(), [])

    def test_the_first_and_the_last_record(self):
        for at, expected in ((0, []), (900, list(range(1, 10)))):
            with self.subTest(at=at):
                self.folder = scratch.folder(self) + "/outbox"
                self.again()
                self.add("u" * 10)
                scratch.flip(self.path("u00000001"), at)
                self.again()
                self.assertEqual(self.seqs(), expected)

    def test_a_length_that_points_far_away(self):
        self.add("u" * 3)
        data = bytearray(scratch.read(self.path("u00000001")))
        data[100:102] = b"\xff\xff"
        scratch.write(self.path("u00000001"), data)
        self.again()
        self.assertEqual(self.seqs(), [1])

    def test_a_segment_cut_off_anywhere(self):
        self.add("u" * 3)
        whole = scratch.read(self.path("u00000001"))
        for size in (299, 213, 212, 201, 200, 101, 100, 99, 12, 1):
            with self.subTest(size=size):
                scratch.write(self.path("u00000001"), whole[:size])
                self.again()
                self.assertEqual(self.seqs(), [1, 2, 3][: size // 100])

    def test_numbers_of_damaged_records_are_not_given_again(self):
        """The broker may have them: then one number would name two events."""
        for at in (0, 250):
            with self.subTest(at=at):
                self.folder = scratch.folder(self) + "/outbox"
                self.again()
                self.add("u" * 5)
                self.deliver(2)
                self.box.mark()
                scratch.flip(self.path("u00000001"), at)
                self.again()
                self.assertGreater(self.add("u")[0], 5)

    def test_nor_is_the_number_that_names_their_segment(self):
        """Where no mark was written yet."""
        self.add("u" * 50)
        scratch.flip(self.path(self.files("u")[1]), 0)
        self.again()
        self.assertGreater(self.add("u")[0], 41)
        self.assertEqual(self.seqs()[:40], list(range(1, 41)))

    def test_the_other_journal_is_not_touched(self):
        self.add("ouou")
        scratch.flip(self.path("u00000002"), 5)
        self.again()
        found = self.take_all()
        self.assertEqual([out.seq for out in found], [1, 3])
        self.assertEqual(self.gap_of(found), 1)

    def test_new_events_behind_damaged_ones_are_kept(self):
        """The name of the damaged segment must not be given to a new one."""
        for at in (0, 150):
            with self.subTest(at=at):
                self.folder = scratch.folder(self) + "/outbox"
                self.again()
                self.add("u" * 2)
                scratch.flip(self.path("u00000001"), at)
                self.again()
                self.add("uu")
                for _ in range(3):
                    self.deliver(1)
                    self.box.mark()
                    self.again()
                    last = self.box._seq
                    self.add("uu")
                    self.assertEqual(self.seqs()[-2:], [last + 1, last + 2])
                    self.box.rewind()

    def test_flash_that_cannot_be_read_is_passed_over(self):
        from sportbox.store import journal

        flash = scratch.Flash(self, journal)
        self.add("ouou")
        flash.unreadable = self.path("u0")
        self.again()
        self.assertEqual(self.seqs(), [1, 3])


class TestEmptySegment(OutboxCase, unittest.TestCase):
    """A power cut while a segment is first made leaves an empty file with the name of the next one."""

    def cut_off(self, name):
        scratch.write(self.folder + "/" + name, b"")
        self.again()

    def test_it_takes_no_number(self):
        self.add("uu")
        self.cut_off("u00000003")
        self.assertEqual(self.add("u"), [3])
        self.assertEqual(self.seqs(), [1, 2, 3])

    def test_what_is_written_in_its_place_is_not_cleared_away_with_it(self):
        self.add("uu")
        self.cut_off("u00000003")
        self.add("uuu")
        self.deliver(3)
        self.box.mark()
        self.assertEqual(self.seqs(), [4, 5])
        self.again()
        self.assertEqual(self.seqs(), [4, 5])

    def test_also_where_it_is_the_only_one(self):
        for name, kind in (("u00000001", "u"), ("o00000001", "o")):
            with self.subTest(name=name):
                self.folder = scratch.folder(self) + "/outbox"
                self.again()
                self.cut_off(name)
                self.add(kind * 3 + "u")
                self.deliver(1)
                self.box.mark()
                self.again()
                self.assertEqual(self.seqs(), [2, 3, 4])


class TestMark(OutboxCase, unittest.TestCase):
    def mark(self, data):
        scratch.write(self.folder + "/mark", data)

    def test_a_damaged_mark_means_duplicates_but_no_losses(self):
        self.add("uouu")
        self.deliver(3)
        self.box.mark()
        scratch.flip(self.folder + "/mark", 5)
        self.again()
        self.assertEqual(self.seqs(), [1, 2, 3, 4])
        self.assertEqual(self.add("u"), [5])

    def test_a_damaged_mark_after_segments_are_gone(self):
        self.add("u" * 60)
        self.deliver(50)
        self.box.mark()
        scratch.flip(self.folder + "/mark", 0)
        self.again()
        found = self.take_all()
        self.assertEqual([out.seq for out in found], list(range(41, 61)))
        self.assertEqual(self.gap_of(found), 0)  # what is gone had arrived
        self.assertEqual(self.add("u"), [61])

    def test_a_damaged_mark_is_mended_by_the_next_one(self):
        self.add("uu")
        self.deliver(1)
        self.box.mark()
        scratch.flip(self.folder + "/mark", 0)
        self.again()
        self.deliver()
        self.assertTrue(self.box.mark())
        self.again()
        self.assertEqual(self.seqs(), [])
        self.assertEqual(self.add("u"), [3])

    def test_a_mark_of_another_version(self):
        self.add("uu")
        for payload in (b"", b"x", b"\0" * 100):
            with self.subTest(payload=payload):
                record.write(self.folder + "/mark", payload)
                self.again()
                self.assertEqual(self.seqs(), [1, 2])
                self.assertEqual(self.box._seq, 2)

    def test_a_damaged_mark_and_nothing_else(self):
        self.mark(b"damage")
        self.again()
        self.assertEqual(self.seqs(), [])
        self.assertEqual(self.add("u"), [1])
        self.assertEqual(self.seqs(), [1])

    def test_strange_files_are_left_alone(self):
        scratch.write(self.folder + "/readme", b"hello")
        self.add("uo")
        self.box.flush()
        self.again()
        self.assertEqual(self.seqs(), [1, 2])
        self.assertEqual(scratch.read(self.folder + "/readme"), b"hello")


class TestRolledBack(OutboxCase, unittest.TestCase):
    """Rot in the block that lists the files shows the folder as it was; a board that wakes up knows the
    numbers that it had given out."""

    def keep(self):
        """The folder as it is now."""
        return [(name, scratch.read(self.folder + "/" + name)) for name in self.files()]

    def roll_back(self, kept):
        for name in self.files():
            os.remove(self.folder + "/" + name)
        for name, data in kept:
            scratch.write(self.folder + "/" + name, data)

    def test_no_number_is_given_again_and_what_arrived_is_not_sent_again(self):
        self.add("uou")
        self.deliver(1)
        self.box.mark()
        old = self.keep()
        self.add("uuu")
        self.deliver()
        self.box.mark()
        self.roll_back(old)
        self.again(6, 6)
        self.assertEqual(self.seqs(), [])
        self.assertEqual(self.add("u"), [7])
        found = self.take_all()
        self.assertEqual(([out.seq for out in found], self.gap_of(found)), ([7], 0))
        self.box.mark()
        self.again()
        self.assertEqual((self.seqs(), self.add("u")), ([], [8]))

    def test_what_was_lost_is_told(self):
        self.add("uu")
        self.deliver()
        self.box.mark()
        old = self.keep()
        self.add("uuu")
        self.roll_back(old)
        self.again(2, 5)
        self.assertEqual(self.add("u"), [6])
        found = self.take_all()
        self.assertEqual(([out.seq for out in found], self.gap_of(found)), ([6], 3))

    def test_so_it_is_where_nothing_is_left(self):
        self.add("u" * 50)
        self.deliver(45)
        self.roll_back([])
        self.again(45, 50)
        self.assertEqual(self.add("u"), [51])
        found = self.take_all()
        self.assertEqual(([out.seq for out in found], self.gap_of(found)), ([51], 5))

    def test_flash_that_knows_more_is_believed(self):
        self.add("uuu")
        self.deliver(2)
        self.box.mark()
        self.again(1, 2)
        self.assertEqual(self.seqs(), [3])
        self.assertEqual(self.add("u"), [4])
