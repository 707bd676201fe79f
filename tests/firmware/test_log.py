"""The log: what goes where, when it is written to flash, and what is left out."""

import os
import sys
import unittest

import sportbox.system
from sportbox.core.clock import Clock
from sportbox.store.wear import Wear
from sportbox.system import log as logs
from sportbox.system import ring
from sportbox.system.log import Log
from sportbox.system.ring import OLDER

from tests.firmware import scratch

WAITING_BYTES = 512


class TestLog(unittest.TestCase):
    def setUp(self):
        self.path = scratch.folder(self) + "/log"
        self.now_ms = 0
        self.published = []
        logs.print = lambda line: None
        self.addCleanup(delattr, logs, "print")
        self.wear = Wear()
        self.log = self.start(7)

    def start(self, boot, level="info"):
        log = Log(level, lambda: self.now_ms)
        log.to(self.published.append)
        log.path, log.boot, log.wear, log.hidden = self.path, boot, self.wear, ["correct horse"]
        self.clock = log.clock = Clock()
        return log

    def lines(self, path=None):
        try:
            return scratch.read(path or self.path).decode().splitlines()
        except OSError:
            return []

    def at(self, second):
        self.now_ms = second * 1000
        self.log.tick(self.now_ms)

    def test_a_warning_is_on_flash_within_a_second(self):
        self.now_ms = 12345
        self.log.write("warning", "no broker: wifi lost")
        self.assertEqual(self.published, ["12.345 warning no broker: wifi lost"])
        self.assertEqual(self.lines(), [], "no write where the line is made")
        self.at(13)
        self.assertEqual(self.lines(), ["7 12.345 warning no broker: wifi lost"])

    def test_what_informs_waits_for_the_next_warning(self):
        self.log.write("info", "wifi up")
        self.at(100)
        self.assertEqual(self.lines(), [])
        self.log.write("error", "task house: ValueError")
        self.at(101)
        self.assertEqual(self.lines(), ["7 0.000 info wifi up", "7 100.000 error task house: ValueError"])
        self.assertEqual(self.wear.files, 1)

    def test_what_informs_is_written_some_minutes_later_at_the_latest(self):
        self.at(50)
        self.log.write("info", "wifi up")
        self.at(349)
        self.assertEqual(self.lines(), [])
        self.at(350)
        self.assertEqual(self.lines(), ["7 50.000 info wifi up"])

    def test_a_start_is_written_soon(self):
        self.log.write("info", "starts", True)
        self.at(1)
        self.assertEqual(self.lines(), ["7 0.000 info starts"])

    def test_a_flood_is_one_write_in_half_a_minute_and_counted(self):
        self.log.to(lambda line: None)
        for second in range(120):
            for number in range(10):
                self.log.write("error", "task edges: OSError %d" % number)
            self.at(second)
        self.assertEqual(self.wear.files, 4)
        kept = [line for line in self.lines() if "OSError" in line]
        told = [int(line.split()[3]) for line in self.lines() if "left out" in line]
        # what came after the last write is in RAM
        self.assertEqual(len(kept) + sum(told), 10 * 91)
        self.assertTrue(self.lines()[-1].endswith("warning %d lines left out" % told[-1]))

    def test_what_informs_leaves_room_for_warnings(self):
        for number in range(100):
            self.log.write("info", "wifi up %d" % number)
        self.log.write("error", "the reason")
        self.at(1)
        self.assertIn("7 0.000 error the reason", self.lines())
        self.assertTrue(self.lines()[-1].endswith("lines left out"))

    def test_the_ring_is_two_files(self):
        for second in range(0, 31 * 200, 31):
            self.log.write("warning", "w" * 39 + " " + "x" * 39 + " %d" % second)
            self.at(second + 1)
            for path in (self.path, self.path + OLDER):
                if self.lines(path):
                    self.assertLess(os.stat(path)[6], 4096)
        lines = self.lines(self.path + OLDER) + self.lines()
        numbers = [int(line.split()[-1]) for line in lines]
        self.assertEqual(numbers, list(range(numbers[0], 31 * 200, 31)), "the newest, without a hole")
        self.assertGreater(len(numbers), 40)
        self.assertEqual(sorted(os.listdir(self.path[:-4])), ["log", "log" + OLDER])

    def test_each_file_tells_the_time_once_a_boot_if_the_board_knows(self):
        self.log.write("error", "first")
        self.log.flush()
        self.now_ms = 61_250
        self.clock.set_ntp(1795366800, self.now_ms)
        self.log.write("error", "second")
        self.log.flush()
        time = "7 61.250 info time 2026-11-22T17:00:00Z"
        self.assertEqual(self.lines(), ["7 0.000 error first", "7 61.250 error second", time])
        while not self.lines(self.path + OLDER):
            self.log.write("error", "another line of this log")
            self.log.flush()
        for path in (self.path, self.path + OLDER):
            self.assertEqual(len([line for line in self.lines(path) if " info time " in line]), 1)
        self.log = self.start(8)
        self.clock.set_ntp(1795366900, self.now_ms)
        self.log.write("error", "after a start")
        self.log.flush()
        self.assertTrue(self.lines()[-1].startswith("8 61.250 info time 2026"))

    def test_another_boot_goes_on_in_the_same_file(self):
        self.log.write("error", "first")
        self.log.flush()
        self.log = self.start(8)
        self.log.write("error", "second")
        self.log.flush()
        self.assertEqual(self.lines(), ["7 0.000 error first", "8 0.000 error second"])

    def test_what_is_below_the_level_goes_nowhere(self):
        self.log = self.start(8, "warning")
        self.log.write("info", "wifi up")
        self.log.flush()
        self.assertEqual((self.published, self.lines()), ([], []))
        self.log.level = 0
        self.log.write("debug", "for the console alone")
        self.log.write("info", "wifi up")
        self.log.flush()
        self.assertEqual((self.published, self.lines()), (["0.000 info wifi up"], ["8 0.000 info wifi up"]))

    def test_a_line_is_one_line_without_secrets(self):
        secrets = (
            "correct horse",
            "eyJhbGciOiJIUzI1NiJ9." + "c" * 90,
            "0f" * 32,
            repr(bytes(range(200, 232))),
        )
        for secret in secrets:
            self.log.write("error", "task x: ValueError %s\nand\tmore" % secret)
        self.log.flush()
        self.assertEqual(self.lines(), ["7 0.000 error task x: ValueError *** and more"] * len(secrets))

    def test_a_long_line_is_cut(self):
        self.log.write("error", "word " * 1000)
        self.log.flush()
        self.assertLess(len(self.lines()[0]), 170)

    def test_deep_sleep_writes_warnings_alone(self):
        self.log.base_ms = 5_000_000
        self.log.write("info", "wifi up")
        self.log.tick(self.now_ms + 30_000)
        self.assertEqual(self.lines(), [])
        self.log.write("warning", "no broker")
        self.log.tick(self.now_ms + 30_000)
        self.assertEqual(self.lines(), ["7 5000.000 info wifi up", "7 5000.000 warning no broker"])

    def test_before_the_flash_is_there_lines_wait(self):
        self.log.boot = 0
        self.log.write("error", "early")
        self.at(1)
        self.log.boot = 8
        self.at(2)
        self.assertEqual(self.lines(), ["8 0.000 error early"])

    def test_the_writer_is_not_kept_in_memory(self):
        self.log.write("error", "first")
        self.log.flush()
        self.assertNotIn("sportbox.system.ring", sys.modules)

    def test_flash_that_fails_is_tried_again_half_a_minute_later(self):
        self.log.write("error", "before")
        self.log.flush()
        sys.modules["sportbox.system.ring"] = sportbox.system.ring = ring  # the one whose `open` fails
        flash = scratch.Flash(self, ring)
        flash.broken = True
        self.now_ms = 30_000
        self.log.write("error", "first")
        self.at(31)
        self.log.write("error", "second")
        self.at(32)
        self.assertEqual(flash.refused, 1)
        flash.broken = False
        self.at(61)
        whole = ["7 0.000 error before", "7 30.000 error first", "7 31.000 error second"]
        self.assertEqual(self.lines(), whole)

    def test_no_line_goes_on_behind_half_a_line(self):
        scratch.write(self.path, b"6 9.000 error wh")
        self.log.write("error", "first")
        self.log.flush()
        self.assertEqual(self.lines(), ["6 9.000 error wh", "7 0.000 error first"])


if __name__ == "__main__":
    unittest.main()
