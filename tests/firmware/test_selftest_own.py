"""What the board checks of itself: damaged, foreign, full and worn first."""

import binascii
import hashlib
import json
import sys
import unittest

from tests.firmware import scratch
from tests.firmware.selftest_case import Played, own

CONFIG = {"site": "s", "device": "box-1", "hash": "abc", "chip": "esp32s3"}


class Memory:
    kept = {}

    @staticmethod
    def load():
        return Memory.kept


class Os:
    """A flash of blocks of 4 KiB."""

    def __init__(self, real, free):
        self._real = real
        self.free = free

    def statvfs(self, path):
        return (4096, 4096, 512, self.free, self.free, 0, 0, 0, 0, 255)

    def urandom(self, count):
        return self._real.urandom(count)

    def remove(self, path):
        self._real.remove(path)


class OwnCase(unittest.TestCase):
    def setUp(self):
        self.folder = scratch.folder(self)
        self.now_ms = 0
        self.test = Played(self, dict(CONFIG))
        self.swap("MANIFEST", self.folder + "/manifest.json")
        self.swap("SCRATCH", self.folder + "/selftest.tmp")
        self.swap("CRASH", self.folder + "/crash")
        self.swap("SLOT", sys.path[0])  # what runs here was not updated
        self.swap("rtcmem", Memory)
        Memory.kept = {}

    def swap(self, name, value):
        self.addCleanup(setattr, own, name, getattr(own, name))
        setattr(own, name, value)

    def put(self, name, content):
        scratch.write(self.folder + "/" + name, content)
        return self.folder + "/" + name

    def manifest(self, files=None, **changes):
        listed = {"site": "s", "device": "box-1", "firmware": own.__version__, "files": files or {}}
        listed.update(changes)
        self.put("manifest.json", json.dumps(listed).encode())

    def ask(self, check):
        return own.CHECKS[check](self.test)


def digest(data):
    return binascii.hexlify(hashlib.sha256(data).digest()).decode()


class TestFiles(OwnCase):
    def test_no_manifest_or_none_that_can_be_read(self):
        self.assertEqual(self.ask("files"), (False, None, "no_manifest"))
        for broken in (b"{", b"[]", b'{"files": 1}', b'{"files": {"/a'):
            self.put("manifest.json", broken)
            self.assertEqual(self.ask("files"), (False, None, "no_manifest"))

    def test_changed_cut_and_missing_files(self):
        data = bytes(range(256)) * 9
        paths = [self.put(name, data) for name in ("a", "b", "c")]
        files = {path: digest(data) for path in paths}
        files[self.folder + "/gone"] = digest(b"")
        self.manifest(files)
        scratch.flip(paths[0], -1)
        self.put("b", data[:-1])
        ok, value, why = self.ask("files")
        self.assertEqual((ok, why, value["files"]), (False, "changed", 4))
        self.assertEqual(sorted(value["wrong"]), sorted([paths[0], paths[1], self.folder + "/gone"]))

    def test_whole_files(self):
        files = {
            self.put("f%d" % size, b"x" * size): digest(b"x" * size) for size in (0, 1, 1024, 1025, 5000)
        }
        self.manifest(files)
        self.assertEqual(self.ask("files"), (True, {"files": 5, "wrong": []}, ""))
        self.assertGreaterEqual(self.test.fed, 5, "the watchdog, meanwhile")

    def test_a_self_test_that_the_host_brought_along_and_a_slot_that_was_updated(self):
        whole = self.put("whole", b"x")
        others = {"/selftest/own.mpy": digest(b"old"), own.SLOT + "/sportbox/app.mpy": digest(b"old")}
        others[whole] = digest(b"x")
        self.manifest(others)
        self.assertEqual(self.ask("files")[1]["wrong"], [own.SLOT + "/sportbox/app.mpy"])
        self.manifest(others, firmware="0.0.9")
        self.assertEqual(self.ask("files"), (None, {"files": 1, "wrong": []}, "updated"))
        others[whole] = digest(b"y")
        self.manifest(others, firmware="0.0.9")
        self.assertEqual(self.ask("files"), (False, {"files": 1, "wrong": [whole]}, "changed"))
        self.swap("SLOT", "/other")
        self.manifest({whole: digest(b"x"), "/other/sportbox/app.mpy": digest(b"old")})
        self.assertEqual(self.ask("files"), (None, {"files": 1, "wrong": []}, "updated"))


class TestConfig(OwnCase):
    def test_that_of_another_board(self):
        self.manifest(device="box-2")
        self.assertEqual(self.ask("config")[2], "other_device")
        self.manifest(site="elsewhere")
        self.assertEqual(self.ask("config")[2], "other_site")
        self.test.why_not = "/config.json is missing"
        self.assertEqual(self.ask("config"), (False, None, "/config.json is missing"))

    def test_its_own(self):
        self.manifest()
        self.assertEqual(self.ask("config")[0], True)

    def test_another_chip(self):
        self.swap("model", lambda: "esp32c3")
        self.assertEqual(self.ask("chip"), (False, "esp32c3", "other_chip"))
        self.test.config["chip"] = "esp32c3"
        self.assertEqual(self.ask("chip"), (True, "esp32c3", ""))
        self.test.config["chip"] = "rp2040"
        self.assertEqual(self.ask("chip"), (None, "esp32c3", "unknown"))


class TestFlash(OwnCase):
    def test_full(self):
        self.swap("os", Os(own.os, 15))
        self.assertEqual(self.ask("flash"), (False, {"free_kib": 60, "size_kib": 2048}, "full"))

    def test_worn(self):
        self.swap("os", Os(own.os, 100))
        flash = scratch.Flash(self, own)
        flash.broken = True
        self.assertEqual(self.ask("flash")[2], "worn")
        flash.takes = 100
        self.assertEqual(self.ask("flash")[2], "worn")

    def test_well(self):
        self.swap("os", Os(own.os, 100))
        self.assertEqual(self.ask("flash"), (True, {"free_kib": 400, "size_kib": 2048}, ""))
        with self.assertRaises(OSError):
            scratch.read(own.SCRATCH)


class TestLastRun(OwnCase):
    def test_a_crash_that_was_not_told(self):
        Memory.kept = {"crash": {"task": "house", "error": "E" * 100, "stack": "secret"}}
        ok, value, why = self.ask("crash")
        self.assertEqual((ok, why, value["task"], len(value["error"])), (False, "crashed", "house", 60))
        self.assertFalse("stack" in value)
        Memory.kept = {}
        self.put("crash", b"torn")
        self.assertEqual(self.ask("crash")[0], False)

    def test_none(self):
        self.assertEqual(self.ask("crash"), (True, None, ""))

    def test_a_brownout(self):
        before = own.chip.reset_cause
        self.addCleanup(setattr, own.chip, "reset_cause", before)
        own.chip.reset_cause = lambda chip: "brownout"
        self.assertEqual(self.ask("reset"), (False, "brownout", "brownout"))
        own.chip.reset_cause = lambda chip: "hard"
        self.assertEqual(self.ask("reset"), (True, "hard", ""))
