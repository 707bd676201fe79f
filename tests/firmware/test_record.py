import os
import unittest

from sportbox.store import record

from tests.firmware import scratch


class TestRecord(unittest.TestCase):
    def setUp(self):
        self.folder = scratch.folder(self)
        self.path = self.folder + "/mark"

    def test_what_was_written_is_read(self):
        for payload in (b"", b"x", b"hello", bytes(range(256)) * 8):
            with self.subTest(size=len(payload)):
                record.write(self.path, payload)
                self.assertEqual(record.read(self.path), payload)

    def test_a_shorter_one_leaves_nothing_of_a_longer_one(self):
        record.write(self.path, b"a long record")
        record.write(self.path, b"short")
        self.assertEqual(record.read(self.path), b"short")

    def test_none_was_ever_written(self):
        self.assertIsNone(record.read(self.path))

    def test_a_file_that_was_cut_off_when_it_was_first_made_counts_as_none(self):
        scratch.write(self.path, b"")
        self.assertIsNone(record.read(self.path))

    def test_every_changed_bit_is_found(self):
        record.write(self.path, b"hello")
        for at in range(len(scratch.read(self.path))):
            scratch.flip(self.path, at)
            with self.assertRaises(record.Corrupt) as caught:
                record.read(self.path)
            self.assertEqual(caught.exception.args[0], self.path)
            scratch.flip(self.path, at)
        self.assertEqual(record.read(self.path), b"hello")

    def test_a_rest_and_an_excess_are_found(self):
        record.write(self.path, b"hello")
        whole = scratch.read(self.path)
        for size in range(1, len(whole)):
            scratch.write(self.path, whole[:size])
            with self.assertRaises(record.Corrupt):
                record.read(self.path)
        scratch.write(self.path, whole + b"\0")
        with self.assertRaises(record.Corrupt):
            record.read(self.path)

    def test_flash_that_cannot_be_read_is_not_the_same_as_no_file(self):
        record.write(self.path, b"hello")
        scratch.Flash(self, record).unreadable = self.folder
        with self.assertRaises(record.Corrupt):
            record.read(self.path)

    def test_a_write_that_fails_says_so(self):
        flash = scratch.Flash(self, record)
        flash.broken = True
        for takes in (0, 3):
            flash.takes = takes
            with self.assertRaises(OSError):
                record.write(self.path, b"hello")

    def test_crc32_is_unsigned_and_the_usual_one(self):
        self.assertEqual(record.crc32(b"123456789"), 0xCBF43926)
        self.assertEqual(record.crc32(b""), 0)


class TestMakeDir(unittest.TestCase):
    def test_folders_above_are_made_and_what_is_there_stays(self):
        path = scratch.folder(self) + "/a/b/c"
        record.make_dir(path)
        scratch.write(path + "/file", b"x")
        record.make_dir(path)
        self.assertEqual(os.listdir(path), ["file"])

    def test_a_slash_at_the_end(self):
        path = scratch.folder(self) + "/a/"
        record.make_dir(path)
        self.assertEqual(os.listdir(path), [])

    def test_a_file_in_the_way(self):
        path = scratch.folder(self) + "/a"
        scratch.write(path, b"")
        with self.assertRaises(OSError):
            record.make_dir(path + "/b")
