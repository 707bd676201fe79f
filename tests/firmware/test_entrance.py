"""Gates: what they report, and what outlives a power cut."""

import json
import unittest

from sportbox.core.lock import Order
from sportbox.core.occupancy import Gate
from sportbox.parts import entrance
from sportbox.parts.entrance import Entrance

from tests.firmware.field_case import Input, Kit, Reports

EMPTY_MS = 100_000


class EntranceCase:
    def setUp(self):
        self.a, self.b, self.reports = Input(), Input(), Reports()
        self.gate = Entrance("gate-1", Gate(10_000, EMPTY_MS), self.a, self.b, self.reports)

    def walk(self, passage, start_ms):
        for i, beams in enumerate(passage.split()):
            self.a.on, self.b.on = "a" in beams, "b" in beams
            self.gate.scan(start_ms + 100 * i)

    def shown(self):
        return self.gate.states()[0][2]


class TestEntrance(EntranceCase, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.gate.restore([0, 0], True)

    def test_a_passage_is_an_ordinary_event_and_is_remembered(self):
        self.walk("- a ab b -", 0)
        self.assertEqual(
            self.reports.events, [("gate-1", "gate.passed", {"direction": "in", "count": 1}, False)]
        )
        self.assertEqual(self.reports.remembered, [True])  # flash said that nobody is there
        self.assertEqual(self.gate.memory(), [1, 0])
        self.walk("- a ab b -", 1000)
        self.assertEqual(self.reports.remembered, [True, False])
        self.assertEqual(
            self.gate.states()[0], ("gate-1", 1400, {"state": "occupied", "count": 2, "confidence": 0.8})
        )

    def test_a_beam_that_stays_broken_is_reported_once_and_its_end_too(self):
        self.a.on = True
        for at_ms in range(0, 30_000, 1000):
            self.gate.scan(at_ms)
        self.assertEqual(self.reports.events, [("gate-1", "gate.fault", {"state": "unknown"}, True)])
        self.assertIsNone(self.shown()["count"])
        self.a.on = False
        self.gate.scan(30_000)
        self.assertEqual(self.reports.events[1:], [("gate-1", "gate.fault", {"state": "unknown"}, True)])
        self.assertEqual(self.gate.memory(), [None, 0])

    def test_a_state_is_told_though_its_event_finds_no_memory(self):
        self.walk("- a ab b", 0)
        self.reports.full = True
        with self.assertRaises(MemoryError):
            self.walk("-", 400)
        self.assertEqual((self.reports.states, self.shown()["state"]), (["gate-1"], "occupied"))

    def test_a_quiet_gate_says_nothing(self):
        for at_ms in range(0, 3 * EMPTY_MS, 1000):
            self.gate.scan(at_ms)
        self.assertEqual((self.reports.events, self.reports.states), ([], []))

    def test_an_empty_night_corrects_the_count(self):
        self.walk("- a ab b -", 0)
        self.assertEqual(self.gate.deadline(), 400 + EMPTY_MS)
        self.gate.scan(400 + EMPTY_MS)
        self.gate.scan(401 + EMPTY_MS)
        self.assertEqual(
            self.reports.events[1:],
            [("gate-1", "gate.reset", {"count": 0, "was": 1, "why": "empty"}, True)],
        )
        self.assertEqual((self.shown()["state"], self.shown()["count"]), ("free", 0))
        self.assertEqual(self.gate.memory(), [0, 0])
        self.assertEqual(self.reports.remembered, [True, True])
        self.assertIsNone(self.gate.deadline())


class TestMemory(EntranceCase, unittest.TestCase):
    def test_who_is_inside_outlives_a_power_cut(self):
        self.gate.restore([3, 1], False)
        self.assertEqual(self.gate.memory(), [3, 1])
        self.walk("- b ab a -", 0)
        self.assertEqual(self.reports.events[-1][2], {"direction": "out", "count": 2})

    def test_memory_passes_through_json(self):
        self.gate.restore([3, 1], False)
        memory = json.loads(json.dumps(self.gate.memory()))
        self.setUp()
        self.gate.restore(memory, False)
        self.assertEqual((self.shown()["count"], self.shown()["confidence"]), (3, 0.7))

    def test_a_count_that_an_older_firmware_remembered(self):
        self.gate.restore(3, False)
        self.assertEqual(self.shown()["count"], 3)

    def test_what_is_no_memory_is_unknown(self):
        for memory in (None, "3", [], [1], [None, 0], ["1", 0], {"count": 1}):
            self.setUp()
            self.gate.restore(memory, False)
            self.assertEqual((self.shown()["state"], self.shown()["count"]), ("unknown", None), memory)

    def test_the_first_state_after_boot_is_no_false_free(self):
        """It is published before the beams are looked at for the first time."""
        self.assertEqual(self.shown(), {"state": "unknown", "count": None, "confidence": 0.0})
        for memory, expected, state in ((3, False, "occupied"), (3, True, "occupied"), (0, True, "free")):
            with self.subTest(memory=memory):
                self.setUp()
                self.gate.restore([memory, 0], expected)
                self.assertEqual((self.shown()["state"], self.shown()["count"]), (state, memory))

    def test_a_nought_of_before_a_power_cut_is_not_known(self):
        """Nobody saw who came in while there was no power."""
        self.gate.restore([0, 0], False)
        self.assertEqual((self.shown()["state"], self.shown()["count"]), ("unknown", None))

    def test_on_the_very_first_boot_passages_are_told_without_a_count(self):
        self.walk("- a ab b -", 0)
        self.assertEqual(self.reports.events[-1][2], {"direction": "in", "count": None})
        self.assertEqual(self.shown()["state"], "unknown")
        self.gate.scan(400 + EMPTY_MS)
        self.assertEqual(self.reports.events[-1][2], {"count": 0, "was": None, "why": "empty"})
        self.assertEqual(self.shown()["state"], "free")


class TestOrder(EntranceCase, unittest.TestCase):
    def order(self, act="configure", args=None):
        order = Order("jti-1", "warden", act, "gate-1", args)
        reason = self.gate.refusal(order, 1000)
        if not reason:
            self.gate.take(order, 1000)
        return reason

    def test_it_sets_the_count(self):
        self.assertTrue(self.gate.takes("gate-1"))
        self.assertFalse(self.gate.takes("gate-2"))
        self.assertEqual(self.order(args={"count": 5}), "")
        self.assertEqual(
            self.reports.events, [("gate-1", "gate.reset", {"count": 5, "was": None, "why": "order"}, True)]
        )
        self.assertEqual(self.reports.finals, [("jti-1", "done", None)])
        self.assertEqual(self.reports.states, ["gate-1"])
        self.assertEqual((self.shown()["state"], self.shown()["count"]), ("occupied", 5))
        self.assertEqual((self.gate.memory(), self.reports.remembered), ([5, 0], [True]))

    def test_anything_else_is_malformed(self):
        counts = (-1, 10_000, True, "5", 1.5, None)
        others = [None, {}, {"count": 5, "x": 1}, {"reset": "clock"}]
        for args in [{"count": count} for count in counts] + others:
            self.assertEqual(self.order(args=args), "malformed", args)
        self.assertEqual(self.order(act="unlock", args={"count": 5}), "malformed")
        self.assertEqual((self.reports.events, self.reports.finals), ([], []))

    def test_while_a_beam_is_covered(self):
        self.a.on = True
        for at_ms in range(0, 20_000, 1000):
            self.gate.scan(at_ms)
        self.order(args={"count": 5})
        self.gate.scan(21_000)
        self.assertIsNone(self.shown()["count"])
        self.a.on = False
        self.gate.scan(22_000)
        self.assertEqual(self.shown()["count"], 5)


class TestBuild(unittest.TestCase):
    def test_from_its_facts(self):
        kit = Kit(Reports())
        facts = {"kind": "gate", "pins": [9, 10], "blocked_level": 1, "stuck_ms": 10_000, "empty_ms": 5000}
        gate = entrance.build("gate-1", facts, kit)
        self.assertEqual(sorted(kit.inputs), [9, 10])
        gate.scan(0)
        self.assertEqual(gate.deadline(), 5000)


if __name__ == "__main__":
    unittest.main()
