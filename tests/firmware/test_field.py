"""Courts and gates: what they report, and what outlives a power cut."""

import unittest

from sportbox.core.occupancy import Gate, Presence
from sportbox.field import Court, Entrance


class Sensor:
    def __init__(self):
        self.on = False

    def active(self):
        return self.on


class Reports:
    def __init__(self):
        self.events, self.states, self.remembered = [], [], 0

    def event(self, component, kind, data, urgent):
        self.events.append((component, kind, data, urgent))

    def state(self, component):
        self.states.append(component)

    def remember(self, at_once):
        self.remembered += 1


class TestCourt(unittest.TestCase):
    def setUp(self):
        self.sensor, self.reports = Sensor(), Reports()
        self.court = Court("court-1", Presence(5000, 100_000), self.sensor, self.reports)

    def test_a_change_is_an_event_and_a_state(self):
        self.court.scan(0)
        self.assertEqual((self.reports.events, self.reports.states), ([], []))
        self.assertEqual(self.court.states()[0][2], {"state": "unknown", "count": None, "confidence": 0.0})
        self.sensor.on = True
        self.court.scan(1000)
        self.court.scan(2000)
        self.assertEqual(len(self.reports.events), 1)
        name, kind, data, urgent = self.reports.events[0]
        self.assertEqual(
            (name, kind, data["state"], urgent), ("court-1", "occupancy.changed", "occupied", False)
        )
        self.assertEqual(self.reports.states, ["court-1"])
        self.assertEqual(self.court.states()[0][1], 1000)

    def test_it_asks_to_be_looked_at_when_the_hold_is_over(self):
        self.sensor.on = True
        self.court.scan(0)
        self.sensor.on = False
        self.court.scan(1000)
        self.assertEqual(self.court.deadline(), 6000)
        self.court.scan(6000)
        self.assertEqual(self.reports.events[-1][2]["state"], "free")

    def test_nothing_is_remembered(self):
        self.court.restore({"state": "occupied"}, False)
        self.assertIsNone(self.court.memory())
        self.assertEqual(self.court.states()[0][2]["state"], "unknown")


class TestEntrance(unittest.TestCase):
    def setUp(self):
        self.a, self.b, self.reports = Sensor(), Sensor(), Reports()
        self.gate = Entrance("gate-1", Gate(10_000), self.a, self.b, self.reports)

    def walk(self, passage, start_ms):
        for i, beams in enumerate(passage.split()):
            self.a.on, self.b.on = "a" in beams, "b" in beams
            self.gate.scan(start_ms + 100 * i)

    def test_a_passage_is_an_ordinary_event_and_is_remembered(self):
        self.walk("- a ab b -", 0)
        self.assertEqual(
            self.reports.events, [("gate-1", "gate.passed", {"direction": "in", "count": 1}, False)]
        )
        self.assertEqual(self.reports.remembered, 1)
        self.assertEqual(self.gate.memory(), 1)
        self.assertEqual(
            self.gate.states()[0], ("gate-1", 400, {"state": "occupied", "count": 1, "confidence": 0.8})
        )

    def test_who_is_inside_outlives_a_power_cut(self):
        self.gate.restore(3, False)
        self.assertEqual(self.gate.memory(), 3)
        self.walk("- b ab a -", 0)
        self.assertEqual(self.reports.events[-1][2], {"direction": "out", "count": 2})

    def test_the_first_state_after_boot_is_no_false_free(self):
        """It is published before the beams are looked at for the first time."""
        for memory, state in ((3, "occupied"), (0, "free")):
            with self.subTest(memory=memory):
                self.setUp()
                self.gate.restore(memory, False)
                found = self.gate.states()[0][2]
                self.assertEqual((found["state"], found["count"]), (state, memory))

    def test_a_beam_that_stays_broken_is_reported_once_and_its_end_too(self):
        self.a.on = True
        for at_ms in range(0, 30_000, 1000):
            self.gate.scan(at_ms)
        self.assertEqual(self.reports.events, [("gate-1", "gate.fault", {"state": "unknown"}, True)])
        self.assertIsNone(self.gate.states()[0][2]["count"])
        self.a.on = False
        self.gate.scan(30_000)
        self.assertEqual(self.reports.events[1:], [("gate-1", "gate.fault", {"state": "free"}, True)])

    def test_a_quiet_gate_says_nothing(self):
        for at_ms in range(0, 10_000, 100):
            self.gate.scan(at_ms)
        self.assertEqual((self.reports.events, self.reports.states), ([], []))
