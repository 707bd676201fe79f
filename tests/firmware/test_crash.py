# runs on: micropython
"""What a crash leaves behind, for the report after the restart."""

import json
import os
import sys
import unittest

from tests.firmware import scratch


class Memory:
    kept = b""


class Machine:
    class RTC:
        def memory(self, data=None):
            if data is None:
                return Memory.kept
            if len(data) > 2048:
                raise ValueError("buffer too long")
            Memory.kept = bytes(data)


sys.modules["machine"] = Machine()
sys.modules.pop("sportbox.drivers.rtcmem", None)

from sportbox.drivers import rtcmem  # noqa: E402
from sportbox.system import crash  # noqa: E402


class TestCrash(unittest.TestCase):
    def setUp(self):
        Memory.kept = b""
        self.path = scratch.folder(self) + "/crash"
        self.events = []

    def tell(self, reset="hard"):
        crash.tell(
            self.path, reset, 7, lambda component, kind, data: self.events.append((component, kind, data))
        )

    def error(self, depth=0):
        if depth:
            return self.error(depth - 1)
        raise ValueError("x" * 500)

    def describe(self, depth):
        try:
            self.error(depth)
        except ValueError as error:
            return crash.describe("main", error)

    def test_the_description_is_bounded_and_shows_where_it_happened(self):
        note = self.describe(30)
        self.assertEqual(note["task"], "main")
        self.assertTrue(note["error"].startswith("ValueError xxx"))
        self.assertEqual((len(note["error"]), len(note["stack"])), (120, 600))
        self.assertIn("line", self.describe(0)["stack"][:200])

    def test_it_is_told_once(self):
        note = {"task": "main", "error": "E", "stack": "S"}
        crash.keep(self.path, note)
        self.tell()
        self.tell()
        self.assertEqual(self.events, [("device", "device.crashed", note)])
        self.assertRaises(OSError, os.stat, self.path)

    def test_it_is_told_from_flash_when_the_power_went_too(self):
        crash.keep(self.path, {"task": "main", "error": "E"})
        Memory.kept = b""
        self.tell("power_on")
        self.assertEqual(len(self.events), 1)

    def test_it_is_told_from_rtc_memory_when_flash_is_worn(self):
        flash = scratch.Flash(self, sys.modules["sportbox.store.record"])
        flash.broken = True
        self.assertRaises(OSError, crash.keep, self.path, {"task": "main", "error": "E"})
        flash.broken = False
        self.tell()
        self.assertEqual(len(self.events), 1)

    def test_a_note_that_cannot_be_believed_is_none(self):
        crash.keep(self.path, {"task": "main", "error": "E"})
        Memory.kept = b""
        scratch.flip(self.path, -2)
        self.tell("power_on")
        self.assertEqual(self.events, [])

    def test_the_newest_is_known_after_it_was_told(self):
        self.assertIsNone(crash.newest(self.path))
        crash.keep(self.path, {"task": "main", "error": "E"})
        self.assertEqual(crash.newest(self.path), {"task": "main", "error": "E"})
        self.tell()
        self.assertEqual(crash.newest(self.path), {"task": "main", "error": "E", "boot": 6})
        crash.remember(self.path, {"task": "house", "error": "F"}, 7, "2026-11-29T12:00:00Z")
        told = {"task": "house", "error": "F", "boot": 7, "time": "2026-11-29T12:00:00Z"}
        self.assertEqual(crash.newest(self.path), told)
        crash.note_stuck(self.path, "wifi")
        self.assertEqual(crash.newest(self.path)["task"], "wifi")
        crash.note_stuck(self.path, "")
        self.assertEqual(crash.newest(self.path), told)
        self.assertLess(os.stat(self.path + "-told")[6], 200)

    def test_what_is_kept_of_told_ones_is_one_and_bounded(self):
        for number in range(5):
            crash.remember(self.path, self.describe(30), number, None)
        self.assertLess(os.stat(self.path + "-told")[6], 1024)
        self.assertEqual(crash.newest(self.path)["boot"], 4)
        scratch.flip(self.path + "-told", -2)
        self.assertIsNone(crash.newest(self.path))

    def test_worn_flash_keeps_nothing_and_does_no_harm(self):
        flash = scratch.Flash(self, sys.modules["sportbox.store.record"])
        flash.broken = True
        crash.remember(self.path, {"task": "main", "error": "E"}, 1, None)
        self.assertIsNone(crash.newest(self.path))

    def test_a_watchdog_that_bit_a_loop_that_stood_still(self):
        self.tell("watchdog")
        self.assertEqual(self.events, [("device", "device.crashed", {"task": "loop", "error": "watchdog"})])

    def test_a_task_that_makes_no_progress_and_then_does(self):
        crash.note_stuck(self.path, "house")
        crash.note_stuck(self.path, "")
        self.tell()
        self.assertEqual(self.events, [])
        crash.note_stuck(self.path, "house")
        self.tell("watchdog")
        self.assertEqual(self.events[0][2], {"task": "house", "error": "no progress"})

    def test_what_else_is_in_rtc_memory_stays_unless_there_is_no_room(self):
        rtcmem.save({"rest": "r" * 500})
        crash.keep(self.path, {"task": "main", "error": "E", "stack": "s" * 600})
        crash.drop(self.path)
        self.assertEqual(rtcmem.load(), {"rest": "r" * 500})
        rtcmem.save({"rest": "r" * 1900})
        crash.keep(self.path, {"task": "main", "error": "E", "stack": "s" * 600})
        self.assertEqual(list(rtcmem.load()), ["crash"])


class TestRtcMemory(unittest.TestCase):
    def test_chance_is_not_believed(self):
        for kept in (b"", b"\x01", b"\xff" * 2048, b"\x01\x00\x00\x00\x00{}", bytes(range(256)) * 8):
            Memory.kept = kept
            self.assertEqual(rtcmem.load(), {})

    def test_a_bit_that_changed_is_found(self):
        rtcmem.save({"starts": 4})
        whole = Memory.kept
        for at in range(len(whole)):
            changed = bytearray(whole)
            changed[at] ^= 1  # among them a 5 in place of the 4
            Memory.kept = bytes(changed)
            self.assertEqual(rtcmem.load(), {})

    def test_another_version_is_not_believed(self):
        rtcmem.save({"a": 1})
        Memory.kept = b"\x02" + Memory.kept[1:]
        self.assertEqual(rtcmem.load(), {})

    def test_what_does_not_fit_is_refused(self):
        rtcmem.save({"a": 1})
        self.assertRaises(ValueError, rtcmem.save, {"a": "x" * 2048})
        self.assertEqual(rtcmem.load(), {"a": 1})
        self.assertEqual(json.loads(Memory.kept[5:]), {"a": 1})


if __name__ == "__main__":
    unittest.main()
