# runs on: micropython
"""A bundle is unpacked into the other slot: whole, or the update has failed with a reason."""

import os
import unittest

import install as installing
from install import install
from sportbox.store import slots

from tests.firmware import scratch
from tests.firmware.bundle_case import start_of
from tests.firmware.slots_case import NEW, OLD, entry, get, order, pack, put, received, slot_files, write


class Watchdog:
    def __init__(self):
        self.fed = 0

    def feed(self):
        self.fed += 1


class InstallCase(unittest.TestCase):
    def setUp(self):
        self.base = scratch.folder(self)
        self.watchdog = Watchdog()

    def install(self, bitten=False):
        install(self.watchdog.feed, bitten, self.base)
        return slots.read(self.base)

    def slot(self, name):
        return get(self.base + "/" + name)


class TestWhole(InstallCase):
    def test_every_file_is_there_and_the_slot_is_on_trial(self):
        received(self.base, pack())
        state = self.install()
        self.assertEqual((state["slot"], state["spare"]), ("a", False))
        self.assertEqual((state["update"]["state"], state["update"]["boots"]), ("trial", 0))
        self.assertEqual(self.slot("b"), NEW)
        self.assertEqual(self.slot("a"), OLD)
        self.assertGreater(self.watchdog.fed, 15)

    def test_into_the_first_slot_when_the_second_one_runs(self):
        received(self.base, pack(), "b", True)
        put(self.base, slot_files("a", {"sportbox/gone.mpy": b"1", "boot.py": b"2"}))
        state = self.install()
        self.assertEqual((state["slot"], state["spare"]), ("b", False))
        self.assertEqual((self.slot("a"), self.slot("b")), (NEW, OLD))

    def test_what_a_cut_left_goes(self):
        received(self.base, pack())
        left = {"sportbox/__init__.mpy.tmp": b"x", "list.tmp": b"y", "sportbox/core/old/deep.mpy": b"z"}
        put(self.base, slot_files("b", left))
        self.install()
        self.assertEqual(self.slot("b"), NEW)

    def test_files_of_no_bytes_and_of_whole_pieces(self):
        files = {"empty.py": b"", "piece.py": b"p" * 512, "pieces.py": b"q" * 1024}
        files["sportbox/__init__.mpy"] = b"m"
        received(self.base, pack(files))
        self.assertEqual(self.install()["update"]["state"], "trial")
        self.assertEqual(self.slot("b"), files)


class TestFailed(InstallCase):
    def failed(self, reason, touched=True, bitten=False):
        state = self.install(bitten)
        self.assertEqual((state["slot"], state["spare"]), ("a", not touched))
        self.assertEqual((state["update"]["state"], state["update"]["reason"]), ("failed", reason))
        self.assertFalse(slots.MARK[1:] in self.slot("b") and touched)
        self.assertEqual(self.slot("a"), OLD)

    def given(self, data, **changes):
        received(self.base, data, "a", True, **changes)
        put(self.base, slot_files("b", OLD))

    def test_another_bundle_than_was_ordered(self):
        self.given(pack())
        scratch.flip(self.base + slots.BUNDLE, -20)
        self.failed("hash", touched=False)
        self.assertEqual(self.slot("b"), OLD)

    def test_no_bundle(self):
        self.given(pack())
        os.remove(self.base + slots.BUNDLE)
        self.failed("flash", touched=False)

    def test_a_file_is_not_what_the_list_says(self):
        entries = [entry(path, NEW[path]) for path in sorted(NEW)]
        entries[2]["sha256"] = "0" * 64
        self.given(pack(entries=entries))
        self.failed("damaged")

    def test_a_stream_that_is_too_short_or_too_long(self):
        contents = b"".join([NEW[path] for path in sorted(NEW)])
        for wrong in (contents[:-1], contents + b"x"):
            self.given(pack(contents=wrong))
            self.failed("damaged")

    def test_a_stream_that_cannot_be_unpacked(self):
        data = pack()
        start = start_of(data)
        for wrong in (data[:-300], data[:start], data[:start] + b"\x07" + data[start + 1 :]):
            self.given(wrong)
            self.failed("damaged")

    def test_no_bundle_at_all(self):
        for data in (b"", b"SPBU", b"x" * 3000, b"SPBU\x02" + pack()[5:], b"SPBU\x01\x0f" + pack()[6:]):
            self.given(data)
            self.failed("damaged")

    def test_a_list_that_is_none(self):
        content = b"".join([NEW[path] for path in sorted(NEW)])
        whole = [entry(path, NEW[path]) for path in sorted(NEW)]
        for wrong in (
            ["x"],
            [{}],
            [dict(whole[0], size="9")],
            [dict(whole[0], size=-1)],
            [dict(whole[0], size=1 << 40)],
            [dict(whole[0], path=7)],
            [dict(whole[0], path=["x.py"])],
            whole + whole[-1:],
            whole[::-1],
        ):
            self.given(pack(entries=wrong, contents=content))
            self.failed("damaged")

    def test_nothing_leads_outside(self):
        for path in (
            "../a/sportbox/run.mpy",
            "/boot.py",
            "sportbox/../../boot.py",
            "./x.py",
            "sportbox//x.py",
            "config.json",
            ".py",
            "sportbox/.mpy",
            "Sportbox/x.py",
            "sportbox/x.mpy\x00",
            "x" * 62 + ".py",
            "",
        ):
            self.assertFalse(installing._is_path(path), path)
            self.given(pack({path: b"bad", "sportbox/zz.mpy": b"z"}))
            put(self.base, {"/boot.py": b"boot", "/config.json": b"config"})
            self.failed("damaged")
            self.assertEqual(scratch.read(self.base + "/boot.py"), b"boot")
            self.assertEqual(scratch.read(self.base + "/config.json"), b"config")
        for path in ("boot.py", "a_1/b2/c.mpy", "x" * 61 + ".py"):
            self.assertTrue(installing._is_path(path), path)

    def test_without_the_firmware_itself(self):
        files = dict(NEW)
        del files["sportbox/__init__.mpy"]
        self.given(pack(files))
        self.failed("damaged")

    def test_no_space_and_worn_flash(self):
        for number, reason in ((28, "space"), (5, "flash")):
            self.given(pack())

            def refused(path, mode="r", number=number):
                if mode == "wb":
                    raise OSError(number)
                return open(path, mode)

            installing.open = refused
            try:
                self.failed(reason)
            finally:
                del installing.open

    def test_no_memory(self):
        class Deflate:
            RAW = 1

            @staticmethod
            def DeflateIO(*_):
                raise MemoryError

        self.given(pack())
        real, installing.deflate = installing.deflate, Deflate
        try:
            self.failed("space")
        finally:
            installing.deflate = real

    def test_it_is_not_tried_for_ever(self):
        for bitten, reason in ((False, "power"), (True, "watchdog")):
            data = pack()
            self.given(data, boots=5)
            self.failed(reason, touched=False, bitten=bitten)
            write(self.base, order(data, boots=4), "a", True)
            self.assertEqual(self.install()["update"]["state"], "trial")

    def test_a_record_that_cannot_be_written(self):
        """Told to who called; nothing was touched yet."""
        self.given(pack())
        from sportbox.store import record

        flash = scratch.Flash(self, record)
        flash.broken = True
        self.assertRaises(OSError, self.install)
        self.assertEqual((self.slot("a"), self.slot("b")), (OLD, OLD))


if __name__ == "__main__":
    unittest.main()
