"""A bundle comes in piece by piece: what is kept, what is not, and where it goes on."""

import os
import sys
import unittest

from sportbox.store import bundle, slots
from sportbox.store.bundle import Incoming

from tests.firmware import scratch
from tests.firmware.bundle_case import (
    BLOCK,
    MPY,
    give,
    manifest,
    packed,
    sha256,
    start_of,
    whole,
)
from tests.firmware.bundle_case import bundle as made

LONG = "x" * 760  # in a name: a head of more than one piece


class Torn:
    """A file that the flash takes four bytes for, and then no more."""

    def __init__(self, file):
        self._file = file

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self._file.close()

    def seek(self, at):
        self._file.seek(at)

    def write(self, data):
        self._file.write(b"torn")
        raise OSError(28)


def torn(path, mode="r"):
    return open(path, mode) if mode == "rb" else Torn(open(path, mode))


class Full:
    """The module os, but so many blocks are free."""

    def __init__(self, blocks):
        self.statvfs = lambda path: (4096, 4096, 480, blocks, blocks)

    def __getattr__(self, name):
        return getattr(os, name)


class BundleCase(unittest.TestCase):
    def setUp(self):
        self.base = scratch.folder(self)
        self.data = made()
        self.start = start_of(self.data)

    def incoming(self, data=None, digest=None):
        data = self.data if data is None else data
        return Incoming(digest or sha256(data), len(data), self.base)

    def kept(self):
        try:
            return scratch.read(self.base + slots.BUNDLE)
        except OSError:
            return b""


class TestTaking(BundleCase):
    def test_piece_by_piece(self):
        incoming = self.incoming()
        self.assertIsNone(incoming.manifest)
        self.assertEqual(incoming.wanted(), (0, BLOCK))
        self.assertEqual(incoming.take(0, self.data[:BLOCK]), "")
        self.assertEqual(incoming.manifest, manifest())
        self.assertEqual(incoming.wanted(), (self.start, BLOCK))
        self.assertEqual(give(incoming, self.data), 5)
        self.assertIsNone(incoming.wanted())
        self.assertEqual(self.kept(), self.data)
        self.assertEqual(whole(incoming), "")
        self.assertEqual(whole(incoming), "")  # a second time as well

    def test_a_head_of_two_pieces_and_a_bundle_of_one(self):
        for data in (
            made(manifest(boards=["sim", LONG]), packed(5 * BLOCK + 1)),
            made(content=packed(7)),
            made(content=packed(BLOCK)),
            made(content=packed(2 * BLOCK)),
        ):
            with self.subTest(size=len(data)):
                slots.clear(self.base)
                incoming = self.incoming(data)
                give(incoming, data)
                self.assertEqual(self.kept(), data)
                self.assertEqual(whole(incoming), "")

    def test_the_whole_hash_decides(self):
        incoming = self.incoming(digest=sha256(b"another"))
        give(incoming, self.data)
        self.assertEqual(whole(incoming), "hash")

    def test_a_step_is_small(self):
        data = made(content=packed(20000))
        incoming = self.incoming(data)
        give(incoming, data)
        steps = 1
        while incoming.hash_step() is None:
            steps += 1
        self.assertGreaterEqual(steps, 10)

    def test_a_block_that_is_changed_swapped_or_foreign_is_not_kept(self):
        incoming = self.incoming()
        give(incoming, self.data, 2)
        before, (at, size) = self.kept(), incoming.wanted()
        good = self.data[at : at + size]
        changed = bytearray(good)
        changed[-1] ^= 1
        foreign = made(content=packed(5000, 1))
        for bad in (
            changed,
            self.data[at + size : at + 2 * size],
            foreign[at : at + size],
            good[:-1],
            good + b"x",
            b"",
        ):
            self.assertEqual(incoming.take(at, bad), "block")
            self.assertEqual((self.kept(), incoming.wanted()), (before, (at, size)))
        self.assertEqual(incoming.take(at, good), "")

    def test_old_and_later_pieces_do_no_harm(self):
        incoming = self.incoming()
        give(incoming, self.data, 3)
        wanted, before = incoming.wanted(), self.kept()
        for at in (0, self.start, self.start + BLOCK, self.start + 3 * BLOCK, 1, len(self.data), 1 << 31):
            self.assertEqual(incoming.take(at, self.data[at : at + BLOCK]), "")
        self.assertEqual((incoming.wanted(), self.kept()), (wanted, before))
        give(incoming, self.data)
        self.assertEqual(incoming.take(self.start, b"late"), "")
        self.assertEqual(whole(incoming), "")

    def test_a_damaged_head(self):
        heads = [(at, 1) for at in (0, 4, 5, 6, 8, 12, 13)]  # each of the header's numbers
        heads += [(16, 1), (47, 1), (50, 1), (self.start - 1, 1)]  # digest, manifest, table
        for at, change in heads:
            with self.subTest(at=at):
                bad = bytearray(self.data)
                bad[at] ^= change
                incoming = self.incoming()
                self.assertEqual(incoming.take(0, bad[:BLOCK]), "block")
                self.assertEqual(incoming.wanted(), (0, BLOCK))
                give(incoming, self.data)
                self.assertEqual(whole(incoming), "")
                slots.clear(self.base)

    def test_a_second_piece_of_the_head_that_is_damaged_costs_both(self):
        data = made(manifest(boards=["sim", LONG]), packed(5 * BLOCK))
        bad = bytearray(data)
        bad[BLOCK + 9] ^= 1
        incoming = self.incoming(data)
        give(incoming, data, 1)
        at, size = incoming.wanted()
        self.assertEqual((at, size), (BLOCK, start_of(data) - BLOCK))
        self.assertEqual(incoming.take(at, bad[at : at + size]), "block")
        self.assertEqual(incoming.wanted(), (0, BLOCK))
        give(incoming, data)
        self.assertEqual(whole(incoming), "")

    def test_heads_that_no_bundle_has(self):
        for line in (b"[]\n", b"{\n", b"\xff\xfe\n", b"7\n", b""):
            data = made(line=line)
            self.assertEqual(self.incoming(data).take(0, data[:BLOCK]), "block", line)
        for size in (len(self.data) - 1, len(self.data) + 1, 10):  # another size than that of the order
            incoming = Incoming(sha256(self.data), size, self.base)
            self.assertEqual(incoming.take(0, self.data[: min(BLOCK, size)]), "block")

    def test_flash_that_fails_is_told_and_written_over_later(self):
        incoming = self.incoming()
        give(incoming, self.data, 2)
        at, size = incoming.wanted()
        bundle.open = torn
        try:
            with self.assertRaises(OSError):
                incoming.take(at, self.data[at : at + size])
        finally:
            del bundle.open
        self.assertEqual(self.kept(), self.data[:at] + b"torn")
        self.assertEqual(incoming.wanted(), (at, size))
        self.assertEqual(self.incoming().wanted(), (at, size))
        give(incoming, self.data)
        self.assertEqual(whole(incoming), "")


class TestGoingOn(BundleCase):
    def test_at_any_length(self):
        for size in list(range(0, len(self.data) + 1, 97)) + [
            len(self.data) - 1,
            self.start,
            self.start + BLOCK,
        ]:
            with self.subTest(size=size):
                slots.clear(self.base)
                os.mkdir(self.base + slots.FOLDER)
                scratch.write(self.base + slots.BUNDLE, self.data[:size])
                incoming = self.incoming()
                blocks = max(0, size - self.start) // BLOCK
                if size < self.start:
                    expected = (0, BLOCK)
                elif size == len(self.data):
                    expected = None
                else:
                    at = self.start + blocks * BLOCK
                    expected = (at, min(BLOCK, len(self.data) - at))
                self.assertEqual(incoming.wanted(), expected)
                give(incoming, self.data)
                self.assertEqual(self.kept(), self.data)
                self.assertEqual(whole(incoming), "")

    def test_what_does_not_fit_its_table_is_asked_for_again(self):
        give(self.incoming(), self.data)
        scratch.flip(self.base + slots.BUNDLE, self.start + 2 * BLOCK + 5)
        incoming = self.incoming()
        self.assertEqual(incoming.wanted(), (self.start + 2 * BLOCK, BLOCK))
        give(incoming, self.data)
        self.assertEqual(self.kept(), self.data)
        self.assertEqual(whole(incoming), "")

    def test_another_bundle_or_litter_is_begun_anew(self):
        other = made(content=packed(3000))
        longer = self.data + b"x"
        wrong_head = bytearray(self.data)
        wrong_head[60] ^= 1
        for found in (other, longer, bytes(wrong_head), b"x" * 9000):
            slots.clear(self.base)
            os.mkdir(self.base + slots.FOLDER)
            scratch.write(self.base + slots.BUNDLE, found)
            incoming = self.incoming()
            self.assertEqual(incoming.wanted(), (0, BLOCK))
            give(incoming, self.data)
            self.assertEqual(self.kept(), self.data)

    def test_a_foreign_bundle_of_the_same_size_ends_as_a_wrong_hash(self):
        foreign = made(content=packed(5000, 1))
        give(self.incoming(foreign), foreign, 3)
        incoming = self.incoming()
        give(incoming, foreign)
        self.assertEqual(whole(incoming), "hash")


class TestRefusing(BundleCase):
    def refusal(self, facts, board="sim", micropython="1.29.0", own="0.1.0", down=False):
        slots.clear(self.base)
        data = made(facts)
        incoming = self.incoming(data)
        give(incoming, data, 1)
        return incoming.refusal(board, micropython, own, down)

    def test_what_fits_is_taken(self):
        self.assertEqual(self.refusal(manifest()), "")
        self.assertEqual(self.refusal(manifest(), own="0.2.0"), "")
        self.assertEqual(self.refusal(manifest(), micropython="1.29.9"), "")

    def test_what_does_not_fit(self):
        self.assertEqual(self.refusal(manifest(), board="box-esp32-c3"), "board")
        self.assertEqual(self.refusal(manifest(), micropython="1.28.9"), "micropython")
        self.assertEqual(self.refusal(manifest(), micropython="1.30.0"), "micropython")
        is_board = hasattr(sys.implementation, "_mpy")  # CPython has no bytecode to compare with
        self.assertEqual(self.refusal(manifest(mpy=MPY ^ 1)), "micropython" if is_board else "")
        self.assertEqual(self.refusal(manifest(flash=1 << 60)), "space")

    def test_what_the_other_slot_takes_will_be_free(self):
        self.assertEqual(bundle.held(self.base + "/b"), 0)
        for folder in ("/b", "/b/sportbox"):
            os.mkdir(self.base + folder)
        for name, size in (("boot", 5000), ("sportbox/a", 4096), ("sportbox/b", 4097), ("sportbox/c", 20)):
            scratch.write(self.base + "/b/" + name, bytes(size))
        self.assertEqual(bundle.held(self.base + "/b"), 5 * 4096)
        for blocks, expected in ((16, "space"), (20, "")):  # of 16 the reserve is made
            bundle.os = Full(blocks)
            try:
                self.assertEqual(self.refusal(manifest(flash=5 * 4096)), expected)
            finally:
                bundle.os = os

    def test_an_older_version(self):
        for own, expected in (("0.2.1", "downgrade"), ("0.10.0", "downgrade"), ("0.1.99", ""), ("0.2.0", "")):
            self.assertEqual(self.refusal(manifest(), own=own), expected, own)
            self.assertEqual(self.refusal(manifest(), own=own, down=True), "")

    def test_a_manifest_with_something_else_in_it(self):
        changes = (
            ("boards", 7),
            ("micropython", []),
            ("micropython", {"first": 1}),
            ("version", "x"),
            ("flash", ""),
        )
        for name, value in changes:
            self.assertEqual(self.refusal(manifest(**{name: value})), "block", name)
        facts = manifest()
        del facts["flash"]
        self.assertEqual(self.refusal(facts), "block")
        self.assertEqual(self.incoming(self.data + b"x").refusal("sim", "1.29.0", "0.1.0", False), "block")
