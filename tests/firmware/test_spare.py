# runs on: micropython
# heap: 2m
"""A flash that something else has filled: orders and events go on, on the littlefs of a board."""

import os
import unittest

import vfs
from sportbox.core.lock import Order
from sportbox.store.outbox import Outbox
from sportbox.store.replay import ReplayLog
from sportbox.store.spare import Spare, give_up
from sportbox.store.wear import Wear

from tests.firmware.ramflash import RamFlash, mount, unmount

BLOCKS = 40
FOLDER = "/data"
NOW = 1795366800
MINUTE_MS = 60000


def fill():
    """Somebody's files, until there is no block left."""
    number = 0
    while True:
        try:
            with open(FOLDER + "/foreign%d" % number, "wb") as file:
                file.write(bytes(4096))
        except OSError:
            os.remove(FOLDER + "/foreign%d" % number)
            return
        number += 1


def empty():
    for name in os.listdir(FOLDER):
        if name.startswith("foreign"):
            os.remove(FOLDER + "/" + name)


def size():
    try:
        return os.stat(FOLDER + "/spare")[6]
    except OSError:
        return 0


class TestSpare(unittest.TestCase):
    def setUp(self):
        self.flash = RamFlash(BLOCKS)
        vfs.VfsLfs2.mkfs(self.flash)
        mount(self.flash, FOLDER)
        self.addCleanup(unmount, FOLDER)
        self.wear = Wear()
        self.spare = Spare(self.wear)
        self.log = ReplayLog(FOLDER)
        self.log.open()
        self.box = Outbox(FOLDER + "/outbox", 8192, 8192)
        self.box.open()

    def minutes(self, count, begin_ms=0):
        """Seconds pass."""
        for now_ms in range(begin_ms, begin_ms + count * MINUTE_MS, 1000):
            self.spare.tick(now_ms)

    def uses(self, first, last):
        for number in range(first, last):
            self.log.begin(Order("jti-%d" % number, "citizen-1", "unlock", "lock-2"), NOW + 100)
            self.log.finish("jti-%d" % number, "done", None, 1)
            self.log.told("jti-%d" % number)

    def test_it_is_made_in_pieces_and_once(self):
        self.spare.tick(0)
        self.assertEqual(size(), 0)
        self.minutes(2)
        self.assertEqual((size(), self.wear.bytes), (24576, 24576))
        self.minutes(180, 2 * MINUTE_MS)
        self.assertEqual(self.wear.files, 6)

    def test_orders_are_taken_though_something_else_has_filled_the_flash(self):
        self.minutes(2)
        self.uses(0, 30)
        fill()
        self.uses(30, 60)
        self.assertEqual(size(), 0)
        again = ReplayLog(FOLDER)
        again.open()
        self.assertTrue(again.readable)
        self.assertEqual([n for n in range(60) if not again.used("jti-%d" % n)], [])

    def test_a_log_that_has_grown_is_written_anew(self):
        self.minutes(2)
        self.uses(0, 60)
        fill()
        self.log._rewrite_at = 0
        self.log.tidy(NOW)
        self.assertFalse(self.log.torn)

    def test_events_go_to_flash(self):
        self.minutes(2)
        fill()
        for _ in range(60):
            self.box.accept(bytes(88), True)
        self.assertEqual((self.box.durable_seq, self.box.write_errors, size()), (60, 0, 0))

    def test_without_it_they_are_refused(self):
        """What the file is for; and an error of another kind does not take it."""
        fill()
        with self.assertRaises(OSError):
            self.uses(0, 60)
        empty()
        self.minutes(2)
        self.log._path = FOLDER + "/no/folder"
        with self.assertRaises(OSError):
            self.uses(60, 61)
        self.assertEqual(size(), 24576)

    def test_a_piece_that_is_given_up_at_once_is_not_made_again_at_once(self):
        """A flash with few blocks left would be worn out by that, one erase a second."""
        self.minutes(2)
        self.assertTrue(give_up(OSError(28)))
        self.spare.tick(20 * MINUTE_MS)
        self.assertEqual(size(), 4096)
        self.assertTrue(give_up(OSError(28)))
        self.minutes(10, 20 * MINUTE_MS + 1000)
        self.assertEqual(size(), 0)
        self.minutes(6, 31 * MINUTE_MS)
        self.assertEqual(size(), 24576)

    def test_a_block_that_becomes_free_is_filled_and_not_erased_for_more_than_fits(self):
        self.box.accept(bytes(240), True)
        fill()
        for _ in range(40):
            self.box.accept(bytes(240), False)
        os.remove(FOLDER + "/foreign0")
        before_seq = self.box.durable_seq
        self.flash.operations = []
        for _ in range(60):
            self.assertFalse(self.box.flush())
        self.assertEqual(len([data for _, data in self.flash.operations if data is None]), 1)
        self.assertTrue(self.box.durable_seq > before_seq)

    def test_it_is_made_again_when_there_is_room(self):
        self.minutes(2)
        fill()
        self.uses(0, 60)
        self.minutes(20, 2 * MINUTE_MS)
        self.assertTrue(size() < 24576)
        empty()
        self.minutes(20, 22 * MINUTE_MS)
        self.assertEqual(size(), 24576)


if __name__ == "__main__":
    unittest.main()
