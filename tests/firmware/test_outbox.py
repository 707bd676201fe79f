# heap: 512k
"""Events on their way to the broker: kept, in order, sent until they are acknowledged."""

import os
import unittest

from sportbox.store.journal import PAYLOAD_MAX

from tests.core.chance import Chance
from tests.firmware.outbox_case import OutboxCase, body


class TestAccept(OutboxCase, unittest.TestCase):
    def test_an_urgent_event_is_on_flash_at_once(self):
        self.assertEqual(self.add("u"), [1])
        self.assertEqual(self.box.durable_seq, 1)
        self.again()
        self.assertEqual(self.seqs(), [1])

    def test_an_ordinary_one_may_wait_and_is_not_sent_before_it_is_on_flash(self):
        """Else a power cut could hand its number out again."""
        self.add("oo")
        self.assertTrue(self.box.waiting())
        self.assertEqual(self.box.durable_seq, 0)
        self.assertIsNone(self.box.take())
        self.assertTrue(self.box.flush())
        self.assertFalse(self.box.waiting())
        self.assertEqual(self.box.durable_seq, 2)
        self.assertEqual(self.seqs(), [1, 2])

    def test_an_urgent_one_takes_those_that_wait_along(self):
        self.add("ooou")
        self.assertFalse(self.box.waiting())
        self.again()
        self.assertEqual(self.seqs(), [1, 2, 3, 4])

    def test_without_memory_it_takes_no_number(self):
        class Full(list):
            def append(self, item):
                raise MemoryError

        waiting, self.box._pending = self.box._pending, Full()
        with self.assertRaises(MemoryError):
            self.add("u")
        self.box._pending = waiting
        self.assertEqual(self.add("u"), [1])

    def test_a_power_cut_takes_only_what_waited(self):
        self.add("ouoo")
        self.again()
        self.assertEqual(self.seqs(), [1, 2])
        self.assertEqual(self.add("u"), [3])

    def test_many_that_wait_are_written_without_being_asked(self):
        self.add("o" * 15)
        self.assertEqual(self.box.durable_seq, 0)
        self.add("o")
        self.assertEqual(self.box.durable_seq, 16)

    def test_they_are_written_together(self):
        self.add("o" * 10)
        self.box.flush()
        self.assertEqual(self.files("o"), ["o00000001"])
        self.assertEqual(self.stored_bytes("o"), 1000)

    def test_nothing_to_flush(self):
        self.assertTrue(self.box.flush())
        self.assertEqual(self.files(), [])

    def test_the_largest_event_and_one_that_is_too_large(self):
        with self.assertRaises(ValueError):
            self.box.accept(b"x" * (PAYLOAD_MAX + 1), True)
        self.assertEqual(self.box.accept(b"y" * PAYLOAD_MAX, True), 1)
        self.again()
        self.assertEqual([out.payload for out in self.take_all()], [b"y" * PAYLOAD_MAX])

    def test_an_empty_event_and_one_of_any_bytes(self):
        payloads = [b"", bytes(range(256)), b"\0" * 100, b"\n"]
        for payload in payloads:
            self.box.accept(payload, True)
        self.again()
        self.assertEqual([out.payload for out in self.take_all()], payloads)


class TestOrder(OutboxCase, unittest.TestCase):
    def test_both_kinds_leave_in_the_order_they_came(self):
        chance = Chance(7)
        for _ in range(20):
            self.add([chance.one_of("oou") for _ in range(1 + chance.below(4))])
            if chance.below(3) == 0:
                self.box.flush()
        self.box.flush()
        expected = list(range(1, self.box.durable_seq + 1))
        self.assertEqual(self.seqs(), expected)
        self.again()
        self.assertEqual(self.seqs(), expected)

    def test_numbers_have_no_gap_over_many_boots(self):
        numbers = []
        for _ in range(6):
            numbers += self.add("uou")
            self.deliver(2)
            self.again()
        self.assertEqual(numbers, list(range(1, 19)))

    def test_the_sequence_goes_on_when_all_is_delivered_and_cleared_away(self):
        for _ in range(3):
            last = self.add("o" * 60 + "u")[-1]
            self.deliver()
            self.box.mark()
            self.again()
            self.assertEqual(self.seqs(), [])
            self.assertEqual(self.add("u"), [last + 1])
            self.deliver()

    def test_new_events_queue_behind_a_backlog(self):
        self.add("uuu")
        self.again()
        self.add("u")
        self.assertEqual(self.seqs(), [1, 2, 3, 4])
        self.add("u")
        self.assertEqual(self.seqs(), [5])


class TestAcknowledgements(OutboxCase, unittest.TestCase):
    def test_an_event_is_given_up_only_when_it_is_acknowledged(self):
        self.add("uuu")
        self.take_all()
        self.assertEqual(self.box.in_flight(), 3)
        self.box.mark()
        self.again()
        self.assertEqual(self.seqs(), [1, 2, 3])

    def test_acknowledgements_out_of_order(self):
        self.add("uouo")
        self.box.flush()
        outs = self.take_all()
        for i, acked_seq, in_flight in ((2, 0, 4), (1, 0, 4), (0, 3, 1), (3, 4, 0)):
            self.box.ack(outs[i])
            self.assertEqual((self.box.acked_seq, self.box.in_flight()), (acked_seq, in_flight))
        self.assertEqual(self.box.delivered, 4)

    def test_one_that_is_missing_holds_the_mark_back(self):
        """A power cut now must send the first one again, though later ones have arrived."""
        self.add("u" * 10)
        outs = self.take_all()
        for out in outs[1:]:
            self.box.ack(out)
        self.box.mark()
        self.again()
        self.assertEqual(self.seqs(), list(range(1, 11)))

    def test_after_a_lost_connection_the_rest_goes_out_again_in_order(self):
        self.add("uouououo")
        self.box.flush()
        outs = self.take_all()
        for i in (0, 1, 3):
            self.box.ack(outs[i])
        self.box.rewind()
        self.assertEqual(self.box.in_flight(), 0)
        self.assertEqual(self.seqs(), [3, 4, 5, 6, 7, 8])
        self.box.rewind()
        self.assertEqual(self.seqs(), [3, 4, 5, 6, 7, 8])

    def test_nothing_goes_out_twice_on_one_connection(self):
        self.add("uou")
        self.assertEqual(self.seqs(), [1, 2, 3])
        self.assertEqual(self.seqs(), [])
        self.add("u")
        self.assertEqual(self.seqs(), [4])

    def test_a_window_of_eight_over_a_long_backlog(self):
        chance = Chance(3)
        self.add("ou" * 30)
        window, arrived = [], []
        while True:
            while len(window) < 8:
                out = self.box.take()
                if out is None:
                    break
                window.append(out)
            if not window:
                break
            out = window.pop(chance.below(len(window)))
            arrived.append(out.seq)
            self.box.ack(out)
        self.assertEqual(sorted(arrived), list(range(1, 61)))
        self.assertEqual(self.box.acked_seq, 60)
        self.assertEqual(self.box.take_gap(), (0, 0, 0))
        self.assertEqual((self.box.queue_bytes(), self.box.queue_events()), (0, 0))


class TestMark(OutboxCase, unittest.TestCase):
    def test_what_the_mark_covers_is_not_sent_again(self):
        self.add("uouo")
        self.box.flush()
        self.deliver(3)
        self.assertTrue(self.box.mark())
        self.again()
        self.assertEqual(self.seqs(), [4])

    def test_without_a_mark_there_are_duplicates_but_no_losses(self):
        self.add("uuu")
        self.deliver()
        self.again()
        self.assertEqual(self.seqs(), [1, 2, 3])

    def test_a_mark_that_would_say_nothing_new_is_not_written(self):
        self.assertFalse(self.box.mark())
        self.add("u")
        self.assertFalse(self.box.mark())
        self.deliver()
        self.assertTrue(self.box.mark())
        self.assertFalse(self.box.mark())

    def test_a_long_backlog_is_marked_on_the_way(self):
        self.add("u" * 70)
        self.deliver(3)
        self.again()
        self.assertEqual(len(self.seqs()), 70)
        self.box.rewind()
        self.deliver(65)
        self.again()
        self.assertEqual(self.seqs(), [65, 66, 67, 68, 69, 70])

    def test_what_comes_when_all_is_delivered_begins_a_file(self):
        """Behind what nobody needs any more littlefs would copy that, too."""
        for _ in range(2):
            self.add("u")
            self.deliver()
        self.add("uu")
        self.assertEqual(self.files("u"), ["u00000001", "u00000002", "u00000003"])
        self.again()
        self.assertEqual(self.seqs(), [1, 2, 3, 4])

    def test_few_files_pile_up_while_each_is_delivered_at_once(self):
        for _ in range(100):
            self.add("u")
            self.deliver()
            self.assertLessEqual(len(self.files("u")), 5)

    def test_segments_go_only_when_all_of_them_is_delivered(self):
        self.add("u" * 70)  # 100 bytes each: 40 in the first segment
        self.assertEqual(self.files("u"), ["u00000001", "u00000029"])
        self.deliver(39)
        self.box.mark()
        self.assertEqual(self.files("u"), ["u00000001", "u00000029"])
        self.deliver(1)
        self.box.mark()
        self.assertEqual(self.files("u"), ["u00000029"])
        self.assertEqual(self.seqs(), list(range(41, 71)))

    def test_a_segment_fills_a_block_of_the_flash_and_no_more(self):
        self.add("ou" * 60)
        for name in self.files("o") + self.files("u"):
            self.assertLessEqual(os.stat(self.folder + "/" + name)[6], 4096)
        self.assertEqual((len(self.files("o")), len(self.files("u"))), (2, 2))
        self.assertEqual(self.seqs(), list(range(1, 121)))

    def test_what_is_written_at_once_is_parted_into_segments(self):
        for number in range(1, 8):
            self.box.accept(body(number, 1000), True, at_once=False)
        self.assertTrue(self.box.flush())
        self.assertEqual(self.files("u"), ["u00000001", "u00000005"])
        self.again()
        self.assertEqual(self.seqs(), list(range(1, 8)))

    def test_a_board_that_delivers_never_fills_its_flash(self):
        for _ in range(12):
            self.add("o" * 30 + "u" * 10)
            self.deliver()
            self.box.mark()
            self.assertLess(self.stored_bytes("o") + self.stored_bytes("u"), 3 * 4096)

    def test_a_board_that_sleeps_goes_on_in_the_same_file(self):
        """A file for each start, and a start would look for hundreds."""
        for _ in range(60):
            self.add("o")
            self.box.flush()
            self.again()
        self.assertEqual(len(self.files("o")), 2)
        self.assertEqual(self.seqs(), list(range(1, 61)))

    def test_nothing_is_written_behind_a_torn_end(self):
        self.add("o")
        self.box.flush()
        with open(self.folder + "/" + self.files("o")[0], "ab") as file:
            file.write(b"torn")
        self.again()
        self.add("o")
        self.box.flush()
        self.again()
        self.assertEqual(len(self.files("o")), 2)
        self.assertEqual(self.seqs(), [1, 2])

    def test_boots_do_not_leave_files_behind(self):
        for _ in range(10):
            self.add("ou")
            self.deliver()
            self.box.mark()
            self.again()
        self.assertLessEqual(len(self.files()), 5)

    def test_how_much_waits(self):
        self.add("uo")
        self.box.flush()
        self.assertEqual((self.box.queue_events(), self.box.queue_bytes()), (2, 200))
        self.deliver(1)
        self.assertEqual((self.box.queue_events(), self.box.queue_bytes()), (1, 100))
        self.again()
        self.deliver()
        self.assertEqual((self.box.queue_events(), self.box.queue_bytes()), (0, 0))

    def test_bodies_are_what_these_tests_believe(self):
        self.assertEqual(len(body(1)) + 12, 100)
