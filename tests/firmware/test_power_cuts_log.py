# runs on: micropython
# heap: 6m
# timeout: 120
"""The log's ring on littlefs, its power cut at every flash operation, before it and within it."""

import os
import unittest

from sportbox.core.clock import Clock
from sportbox.store import record
from sportbox.store.wear import Wear
from sportbox.system.log import Log
from sportbox.system.ring import OLDER

from tests.firmware.cuts_case import PATH, CutsCase, play
from tests.firmware.ramflash import Mounted

FOLDER = PATH + "/data"
LOG = FOLDER + "/log"
BLOCKS = 12
WRITES = 90


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def start(boot):
    log = Log("info", lambda: 0)
    log.path, log.boot, log.wear, log.clock, log.hidden = LOG, boot, Wear(), Clock(), []
    return log


class Writer:
    """Writes batches of lines, and knows how many are certainly on flash."""

    def __init__(self):
        self.count = 0
        self.log = None

    def state(self):
        return self.count

    def run(self, call):
        if call == "start":
            record.make_dir(FOLDER)
            self.log = start(1)
            return
        for number in range(self.count, self.count + call):
            self.log.write("error", "line %04d of the ring, which is as long as lines are" % number)
        self.count += call
        self.log.flush()


class TestLogCuts(CutsCase, unittest.TestCase):
    family = "log"

    def test_whole_lines_in_order_whenever_the_power_goes(self):
        life = play(Writer(), ["start"] + [1, 3, 2] * (WRITES // 3), BLOCKS)
        self.assertGreater(self.cut_all(life, self.check, turn=0), 1200)

    def check(self, cut, where):
        with Mounted(cut.image, PATH):
            self.check_ring(cut.step, where)

    def check_ring(self, step, where):
        data = read(LOG + OLDER) + read(LOG)
        found = self.numbers(data, where)
        last = found[-1] + 1 if found else 0
        self.assertIn(last, (step.before_state, step.after_state), where)
        self.assertEqual(found, list(range(last - len(found), last)), where)
        self.assertGreaterEqual(len(found), min(step.before_state, 50), where)
        record.make_dir(FOLDER)
        again = start(2)
        again.write("error", "after the cut")
        again.flush()
        self.assertTrue(read(LOG).endswith(b"2 0.000 error after the cut\n"), where)
        self.assertLess(os.stat(LOG)[6], 4096, where)

    def numbers(self, data, where):
        lines = data.decode().split("\n")
        self.assertEqual(lines.pop(), "", where)
        for line in lines:
            self.assertTrue(line.startswith("1 0.000 error line ") and line.endswith("lines are"), where)
        return [int(line.split()[4]) for line in lines]


if __name__ == "__main__":
    unittest.main()
