"""The frame of the self-test: one line a result whatever goes wrong, steps that end, the watchdog fed."""

import asyncio
import json
import time
import unittest

from sportbox.compose import NotProvisioned

from tests.firmware.selftest_case import Reports, acts, own, selftest

if not hasattr(asyncio, "sleep_ms"):  # CPython
    asyncio.sleep_ms = lambda ms: asyncio.sleep(ms / 1000)
    time.ticks_ms = lambda: int(time.monotonic() * 1000)
    time.ticks_diff = lambda a, b: a - b

CONFIG = {
    "site": "s",
    "device": "box-1",
    "led": {"pin": 1},
    "rtc": None,
    "components": {
        "door-1": {"kind": "door", "lock": "lock-1"},
        "lock-1": {"kind": "lock", "latch": {"pin": 3}},
        "keypad-1": {"kind": "keypad"},
        "court-2": {"kind": "occupancy", "pir": {"pin": 5}, "radar": {"rx": 6}, "tof": None},
        "court-3": {"kind": "occupancy", "pir": None, "gate": "gate-1"},
    },
}


class Dog:
    fed = 0

    def __init__(self, timeout_ms):
        self.timeout_ms = timeout_ms

    def feed(self):
        Dog.fed += 1


class Parts:
    def __init__(self):
        self.reports = Reports()
        self.scans = 0

    def scan(self, now_ms):
        self.scans += 1


class FrameCase(unittest.TestCase):
    def setUp(self):
        self.lines = []
        self.swap(selftest.chip, "Watchdog", Dog)
        self.swap(selftest, "load", lambda path: dict(CONFIG))
        Dog.fed = 0

    def swap(self, module, name, value):
        self.addCleanup(setattr, module, name, getattr(module, name, None))
        setattr(module, name, value)

    def make(self):
        test = selftest.Selftest(300_000, lambda line: self.lines.append(json.loads(line)))
        test._parts = Parts()
        return test


class TestChecks(FrameCase):
    def test_a_check_that_raises_is_a_result(self):
        def broken(test):
            raise MemoryError("x" * 500)

        self.swap(own, "CHECKS", {"flash": broken})
        test = self.make()
        test.check("flash", "board")
        test.check("no such check", "door-9")
        self.assertEqual([line["ok"] for line in self.lines], [False, False])
        self.assertTrue(self.lines[0]["why"].startswith("MemoryError xxx"))
        self.assertEqual(len(self.lines[0]["why"]), 80)
        self.assertGreaterEqual(Dog.fed, 4)

    def test_a_value_that_is_too_long_is_left_out(self):
        self.swap(own, "CHECKS", {"flash": lambda test: (True, "x" * 1000, "")})
        test = self.make()
        test.check("flash", "board")
        self.assertEqual(self.lines[0]["value"], None)

    def test_without_a_configuration_only_the_board_itself(self):
        def load(path):
            raise NotProvisioned(path + " is missing")

        self.swap(selftest, "load", load)
        test = self.make()
        test.list()
        self.assertEqual({component for _, component in self.lines[0]["checks"]}, {"board"})
        self.assertEqual(self.lines[0]["steps"], [])
        self.assertEqual(test.why_not, "/config.json is missing")

    def test_what_there_is_to_do(self):
        self.make().list()
        plan = self.lines[0]
        self.assertIn(["bolt", "lock-1"], plan["checks"])
        self.assertIn(["radar", "radar-2"], plan["checks"])
        self.assertNotIn(["contact", "keypad-1"], plan["checks"])
        self.assertNotIn(["rtc", "rtc"], plan["checks"])
        steps = [tuple(step) for step in plan["steps"]]
        self.assertEqual(
            steps, [("led", "led"), ("court", "court-2"), ("door", "door-1"), ("keypad", "keypad-1")]
        )


class TestSteps(FrameCase):
    def begin(self, act):
        self.swap(acts, "played", act)
        test = self.make()
        test.begin("played", "door-1")
        return test

    def test_says_what_is_expected_once(self):
        def act(test, name):
            while test.answer is None:
                yield "look"
            test.result("played", name, test.answer, None)

        test = self.begin(act)
        test.tick(30)
        test.tick(30)
        self.assertEqual([line["expect"] for line in self.lines], ["look"])
        test.answer = True
        test.tick(30)
        self.assertEqual(self.lines[1]["ok"], True)
        self.assertEqual(self.lines[2], {"end": "played", "component": "door-1"})
        test.tick(30)
        self.assertEqual(len(self.lines), 3, "it is over")

    def test_a_step_that_raises_ends_with_a_result(self):
        def act(test, name):
            yield "open"
            raise OSError(5)

        test = self.begin(act)
        test.tick(10)
        test.tick(30)
        self.assertEqual((self.lines[1]["ok"], self.lines[1]["component"]), (False, "door-1"))
        self.assertTrue("end" in self.lines[2])

    def test_given_up(self):
        def act(test, name):
            found = yield from acts._wait(test, "open", lambda: False)
            test.result("played", name, found, None, "never")

        test = self.begin(act)
        test.tick(10)
        test.give_up()
        self.assertEqual(self.lines[1]["why"], "never")
        self.assertTrue("end" in self.lines[2])

    def test_what_comes_with_the_last_chance_counts_and_the_next_wait_begins_anew(self):
        seen = []

        def act(test, name):
            first = yield from acts._wait(test, "open", lambda: bool(seen))
            second = yield from acts._wait(test, "close", lambda: False)
            test.result("played", name, first and not second, None)

        test = self.begin(act)
        test.tick(10)
        seen.append(1)
        test.give_up()
        self.assertEqual([line.get("expect") for line in self.lines], ["open", "close"])
        test.give_up()
        self.assertEqual(self.lines[2]["ok"], True)


if __name__ == "__main__":
    unittest.main()
