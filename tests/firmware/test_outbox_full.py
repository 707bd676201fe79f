# heap: 512k
"""A full outbox: what makes room, what does not, and who is told."""

import unittest

from tests.firmware.outbox_case import ORDINARY_BYTES, RESERVE_BYTES, OutboxCase, body

FITS = ORDINARY_BYTES // 100  # 81 events of 100 bytes


class TestFull(OutboxCase, unittest.TestCase):
    def fill(self, kind, count):
        for i in range(count):
            self.add(kind)
            if i % 8 == 7:
                self.box.flush()
        self.box.flush()

    def dropped(self):
        return self.box.dropped_ordinary, self.box.dropped_urgent

    def test_what_fits_is_kept(self):
        self.fill("o", FITS)
        self.assertEqual(self.dropped(), (0, 0))
        self.assertEqual(self.seqs(), list(range(1, FITS + 1)))

    def test_the_oldest_ordinary_event_makes_room(self):
        self.fill("o", FITS + 20)
        lost, _ = self.dropped()
        self.assertGreaterEqual(lost, 20)
        self.assertLess(lost, 40)
        self.assertEqual(self.seqs(), list(range(lost + 1, FITS + 21)))

    def test_ordinary_events_leave_the_reserve_alone(self):
        self.add("u" * 5)
        self.fill("o", 3 * FITS)
        self.assertEqual(self.dropped()[1], 0)
        self.assertEqual(self.seqs()[:5], [1, 2, 3, 4, 5])
        self.add("u" * 10)
        self.assertEqual(self.dropped()[1], 0)

    def test_urgent_events_leave_ordinary_ones_alone_and_are_counted_apart(self):
        self.fill("o", 10)
        self.fill("u", FITS + 5)
        ordinary, urgent = self.dropped()
        self.assertEqual(ordinary, 0)
        self.assertEqual(urgent, 5)
        self.assertEqual(self.seqs(), list(range(1, 11)) + list(range(16, FITS + 16)))

    def test_the_gap_is_told_once_with_its_number(self):
        self.fill("u", FITS + 7)
        self.assertEqual(self.take_all()[0].seq, 8)
        self.box.rewind()
        self.deliver()
        self.assertEqual(self.box.take_gap(), (7, 1, 7))
        self.assertEqual(self.box.take_gap(), (0, 0, 0))

    def test_gaps_are_told_together(self):
        """A report a gap would push out what is left."""
        for _ in range(20):
            self.add("u")
            self.fill("o", 5)
        self.fill("o", FITS)
        self.deliver()
        count, first, last = self.box.take_gap()
        self.assertEqual((count, first), (100, 2))
        self.assertGreater(last, 100)

    def test_a_gap_that_opens_around_what_is_under_way_is_told(self):
        self.fill("u", FITS)
        for _ in range(30):
            self.box.take()
        self.fill("u", 40)  # pushes out what is under way and more
        self.box.rewind()
        arrived = self.deliver()
        count, first, last = self.box.take_gap()
        self.assertEqual((count, first, last), (40, 1, 40))
        self.assertEqual(arrived[0], 41)

    def test_the_mark_waits_for_the_report(self):
        """Or a power cut in between would lose it."""
        self.fill("u", FITS + 5)
        self.deliver()
        self.again()
        self.deliver()
        self.assertEqual(self.box.take_gap(), (5, 1, 5))

    def test_what_is_dropped_and_what_is_missing_agree(self):
        """The subscriber counts gaps, telemetry counts drops."""
        arrived, missed = [], 0
        for round_number in range(6):
            self.fill("o", 60)
            self.fill("u", 30)
            for _ in range(20 * round_number):
                out = self.box.take()
                self.box.ack(out)
                arrived.append(out.seq)
                missed += self.box.take_gap()[0]
        arrived += self.deliver()
        missed += self.box.take_gap()[0]
        self.assertGreater(missed, 100)
        self.assertEqual(missed, sum(self.dropped()))
        self.assertEqual(len(arrived) + missed, 540)
        self.assertEqual(arrived, sorted(arrived))

    def test_a_drop_of_what_is_under_way_and_arrives_is_taken_back(self):
        self.fill("u", FITS)
        first = self.box.take()
        second = self.box.take()
        self.add("uu")
        self.assertEqual(self.dropped(), (0, 2))
        self.box.ack(first)
        self.assertEqual(self.dropped(), (0, 1))
        self.assertEqual(self.box.acked_seq, 1)
        self.box.ack(second)
        self.assertEqual(self.dropped(), (0, 0))
        self.assertEqual(self.seqs(), list(range(3, FITS + 3)))

    def test_the_counts_outlive_a_power_cut(self):
        self.fill("o", FITS + 30)
        self.fill("u", FITS + 3)
        before = self.dropped()
        self.assertEqual(before[1], 3)
        self.again()
        self.assertEqual(self.dropped(), before)

    def test_flash_is_bounded(self):
        for _ in range(20):
            self.fill("o", 40)
            self.fill("u", 15)
            self.assertLessEqual(self.box.queue_bytes(), ORDINARY_BYTES + RESERVE_BYTES)
            self.assertLess(self.stored_bytes("o"), ORDINARY_BYTES + 2 * 4096)
            self.assertLess(self.stored_bytes("u"), RESERVE_BYTES + 2 * 4096)

    def test_events_of_every_size(self):
        sizes = (20, 2000, 100, 1500, 40)
        for i in range(200):
            self.box.accept(body(i + 1, sizes[i % 5]), i % 3 == 0)
        self.box.flush()
        found = self.seqs()
        self.assertEqual(found[-1], 200)
        self.assertEqual(found, sorted(found))
        self.assertEqual(len(found), 200 - sum(self.dropped()))

    def test_what_was_dropped_does_not_come_back_after_what_followed_it(self):
        """It may lie on flash still, in a segment that is needed; after a power cut it must not be sent
        behind events that the broker has: that would be out of order."""
        self.fill("u", FITS + 7)
        arrived = self.deliver(10)
        self.assertEqual(arrived[0], 8)
        self.again()
        again = self.seqs()
        self.assertEqual([seq for seq in again if seq not in arrived and seq < arrived[-1]], [])
        self.assertEqual(again[-1], FITS + 7)

    def test_also_where_the_other_journal_holds_the_mark_back(self):
        self.add("u")
        self.fill("o", FITS + 12)
        lost, _ = self.dropped()
        self.assertGreater(lost, 0)
        arrived = self.seqs()[:20]
        self.assertEqual(arrived[:2], [1, lost + 2])
        self.again()
        again = self.seqs()
        self.assertEqual(again[0], 1)  # never acknowledged
        self.assertEqual([seq for seq in again if seq not in arrived and seq < arrived[-1]], [])


class TestRunLargerThanTheLimit(OutboxCase, unittest.TestCase):
    def test_its_end_is_kept_and_all_before_makes_room(self):
        self.add("uuu")
        for _ in range(15):
            self.box.accept(b"x" * 1000, False)
        self.box.flush()
        self.assertEqual(self.box.durable_seq, 18)
        self.assertEqual([out.seq for out in self.take_all()], [1, 2, 3] + list(range(11, 19)))
        self.box.accept(b"y" * 1000, False)
        self.box.flush()
        self.assertLessEqual(self.box.queue_bytes(), ORDINARY_BYTES + 300)
