# heap: 512k
"""Flash that takes nothing: nothing is lost while RAM lasts, and the box is not silenced."""

import unittest

from sportbox.store import journal, record

from tests.firmware import scratch
from tests.firmware.outbox_case import OutboxCase


class TestFailingFlash(OutboxCase, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.flash = scratch.Flash(self, journal, record)

    def dropped(self):
        return self.box.dropped_ordinary, self.box.dropped_urgent

    def test_what_could_not_be_written_waits_and_is_not_sent(self):
        self.add("u")
        self.flash.broken = True
        self.add("u")
        self.assertTrue(self.box.waiting())
        self.assertEqual(self.box.durable_seq, 1)
        self.assertEqual(self.seqs(), [1])
        self.assertEqual(self.box.write_errors, 1)

    def test_when_it_works_again_all_is_there_in_order(self):
        self.add("uo")
        self.flash.broken = True
        self.add("uo")
        self.assertFalse(self.box.flush())
        self.flash.broken = False
        self.assertTrue(self.box.flush())
        self.add("u")
        self.again()
        self.assertEqual(self.seqs(), [1, 2, 3, 4, 5])
        self.assertEqual(self.dropped(), (0, 0))

    def test_a_write_that_ends_halfway_leaves_nothing_twice_and_nothing_lost(self):
        for takes in (1, 12, 50, 100, 150, 250):
            for at_start in (False, True):
                with self.subTest(takes=takes, at_start=at_start):
                    self.folder = scratch.folder(self) + "/outbox"
                    self.again()
                    if not at_start:
                        self.add("ou")
                    self.flash.broken, self.flash.takes = True, takes
                    first = self.add("ooou")[0]
                    self.flash.broken = False
                    self.assertTrue(self.box.flush())
                    last = self.add("ou")[-1]
                    expected = list(range(1, last + 1))
                    self.assertEqual(self.seqs(), expected)
                    self.again()
                    self.assertEqual(self.seqs(), expected)
                    self.assertEqual(last, first + 5)

    def test_a_mark_that_fails_frees_nothing_and_is_written_later(self):
        self.add("u" * 5)
        self.flash.broken = True
        self.add("u")
        self.flash.broken = False
        self.box.flush()  # begins a segment
        self.deliver()
        self.flash.broken = True
        self.assertFalse(self.box.mark())
        self.assertEqual(len(self.files("u")), 2)
        self.flash.broken = False
        self.assertTrue(self.box.mark())
        self.assertEqual(len(self.files("u")), 1)

    def test_no_memory_once_it_is_written_writes_nothing_twice(self):
        class Short:
            def __init__(self, events):
                self.events = events

            def __len__(self):
                return len(self.events)

            def __iter__(self):
                return iter(self.events)

            def __getitem__(self, at):
                if isinstance(at, slice):
                    raise MemoryError
                return self.events[at]

        self.add("oo")
        waiting, self.box._pending = self.box._pending, Short(self.box._pending)
        self.assertFalse(self.box.flush())
        self.box._pending = waiting
        self.assertTrue(self.box.flush())
        self.assertEqual(self.stored_bytes("o"), 200)
        self.assertEqual(self.seqs(), [1, 2])

    def test_a_lost_connection_without_memory_loses_and_doubles_nothing(self):
        self.flash.broken = True
        self.add("uuu")
        for _ in range(3):
            self.box.flush()
        self.assertEqual(self.seqs(), [1, 2, 3])
        self.flash.broken = False
        self.add("u")  # newer than what goes out again from RAM
        waiting = self.box._pending

        class Full:
            def __radd__(self, _):
                raise MemoryError

        self.box._pending = Full()
        with self.assertRaises(MemoryError):
            self.box.rewind()
        self.box._pending = waiting
        self.box.rewind()
        self.assertEqual(self.seqs(), [1, 2, 3, 4])

    def test_after_three_failures_events_are_sent_from_ram_in_order(self):
        self.add("uo")
        self.box.flush()
        self.flash.broken = True
        self.add("uou")
        for _ in range(3):
            self.box.flush()
        found = self.take_all()
        self.assertEqual([out.seq for out in found], [1, 2, 3, 4, 5])
        self.assertEqual(self.gap_of(found), 0)
        self.assertEqual((self.box.acked_seq, self.box.in_flight()), (5, 0))

    def test_a_lost_connection_does_not_lose_what_was_sent_from_ram(self):
        self.flash.broken = True
        self.add("uuu")
        for _ in range(3):
            self.box.flush()
        self.assertEqual(self.seqs(), [1, 2, 3])
        self.box.rewind()
        self.add("u")
        found = self.take_all()
        self.assertEqual([out.seq for out in found], [1, 2, 3, 4])
        self.assertEqual(self.gap_of(found), 0)

    def test_nor_if_flash_works_again_meanwhile(self):
        self.flash.broken = True
        self.add("uuu")
        for _ in range(3):
            self.box.flush()
        first = self.box.take()
        self.box.take()
        self.box.ack(first)
        self.box.rewind()
        self.flash.broken = False
        self.assertTrue(self.box.flush())
        self.assertEqual(self.seqs(), [2, 3])
        self.again()
        self.assertEqual(self.seqs()[-2:], [2, 3])
        self.assertEqual(self.add("u"), [4])

    def test_what_is_late_for_flash_goes_out_before_what_is_newer(self):
        """Sent from RAM, then flash heals and takes a newer one, then the connection is lost."""
        self.add("u")
        self.flash.broken = True
        self.add("uu")
        for _ in range(3):
            self.box.flush()
        self.assertEqual(self.seqs(), [1, 2, 3])
        self.flash.broken = False
        self.add("u")
        self.box.rewind()
        self.assertEqual(self.deliver(), [1, 2, 3, 4])
        self.assertEqual(self.box.take_gap()[0], 0)
        self.assertEqual(self.box.acked_seq, 4)

    def test_a_long_segment_is_never_overwritten(self):
        self.flash.broken = True
        self.add("uu")
        for _ in range(3):
            self.box.flush()
        self.assertEqual(self.seqs(), [1, 2])
        self.flash.broken = False
        self.add("u" * 40)
        self.box.rewind()
        self.box.flush()
        self.assertEqual(self.seqs(), list(range(1, 43)))
        self.again()
        self.assertEqual(self.seqs()[-40:], list(range(3, 43)))

    def test_ram_is_bounded_and_the_oldest_ordinary_event_goes_first(self):
        self.flash.broken = True
        self.add("uo" * 16)
        self.assertEqual(self.dropped(), (0, 0))
        self.add("uuu")
        self.assertEqual(self.dropped(), (3, 0))
        self.add("u" * 13)
        self.assertEqual(self.dropped(), (16, 0))
        self.add("uu")
        self.assertEqual(self.dropped(), (16, 2))
        self.flash.broken = False
        self.box.flush()
        found = self.take_all()
        self.assertEqual(len(found), 32)
        self.assertEqual([out.seq for out in found][-18:], list(range(33, 51)))
        self.assertEqual(self.gap_of(found), 18)

    def test_what_was_given_up_in_ram_does_not_come_back(self):
        """The first write may have reached the flash though it was reported as failed."""
        self.flash.broken, self.flash.takes = True, 250
        self.add("o" * 60)
        lost = self.dropped()[0]
        self.assertEqual(lost, 28)
        self.flash.broken = False
        self.box.flush()
        arrived = self.deliver(5)
        self.again()
        again = self.seqs()
        self.assertEqual([seq for seq in again if seq < arrived[-1] and seq not in arrived], [])
        self.assertEqual(again[-1], 60)

    def test_room_is_made_once_however_often_writing_fails(self):
        self.add("u" * 81)
        self.flash.broken = True
        self.add("u")
        for _ in range(10):
            self.box.flush()
        self.flash.broken = False
        self.box.flush()
        self.assertEqual(self.dropped(), (0, 1))
        self.assertEqual(self.seqs(), list(range(2, 83)))

    def test_reading_fails_later_than_writing(self):
        """A segment that was written and cannot be read is passed over, and told as a gap."""
        self.add("uou")
        self.flash.unreadable = self.folder + "/o"
        self.again()
        found = self.take_all()
        self.assertEqual([out.seq for out in found], [1, 3])
        self.assertEqual(self.gap_of(found), 1)
