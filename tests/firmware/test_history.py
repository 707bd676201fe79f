"""Boot count and wear of the flash, kept cheaply."""

import unittest

from sportbox.store import record
from sportbox.store.outbox import Outbox
from sportbox.system.history import History

from tests.firmware import scratch


class TestHistory(unittest.TestCase):
    def setUp(self):
        self.folder = scratch.folder(self)
        self.path = self.folder + "/boots"

    def boot(self):
        history = History(self.path)
        history.open()
        return history

    def test_boots_are_counted(self):
        self.assertEqual([self.boot().boots for _ in range(3)], [1, 2, 3])

    def test_the_count_of_the_first_releases_goes_on(self):
        record.write(self.path, b"\x29\x00\x00\x00")
        history = self.boot()
        self.assertEqual(history.boots, 42)
        self.assertEqual((history.wear.bytes, history.wear.files), (16, 1))

    def test_a_count_that_cannot_be_believed_begins_anew(self):
        self.boot()
        scratch.flip(self.path, -1)
        self.assertEqual(self.boot().boots, 1)

    def test_wear_outlives_a_boot(self):
        history = self.boot()
        history.wear.wrote(1000)
        before = history.wear.bytes
        history.tick(86_399_999)
        self.assertEqual(self.boot().wear.files, 2, "not a write a time: what was not saved is lost")
        history.tick(86_400_000)
        self.assertGreaterEqual(self.boot().wear.bytes, before)

    def test_no_write_more_than_once_a_day(self):
        history = self.boot()
        files = history.wear.files
        for uptime_ms in range(0, 86_400_000 * 3, 3_600_000):
            history.tick(uptime_ms)
        self.assertEqual(history.wear.files - files, 2)

    def test_worn_flash_stops_nothing(self):
        flash = scratch.Flash(self, record)
        flash.broken = True
        self.assertEqual(self.boot().boots, 1)

    def test_events_are_counted_as_wear(self):
        history = self.boot()
        outbox = Outbox(self.folder + "/outbox", 8192, 8192, history.wear)
        outbox.open()
        before, files = history.wear.bytes, history.wear.files
        outbox.accept(b"x" * 100, True)
        self.assertEqual((history.wear.bytes - before, history.wear.files - files), (112, 1))

    def test_after_sleep_it_goes_on_without_a_write(self):
        history = History(self.path)
        history.go_on(7, [500, 3])
        self.assertEqual((history.boots, history.wear.bytes, history.wear.files), (7, 500, 3))
        self.assertFalse(record.exists(self.path))


if __name__ == "__main__":
    unittest.main()
