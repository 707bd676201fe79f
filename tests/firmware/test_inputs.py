"""Inputs: which level counts, and what a wire that is cut reads as."""

import unittest

from tests.firmware.bay_case import Contact, Reports
from tests.firmware.fake_machine import Pin

# isort: split
from sportbox.drivers import inputs
from sportbox.making import bay
from sportbox.parts import entrance, tamper


class Kit:
    """Notes what is asked for."""

    reports = None
    now_ms = None

    def __init__(self, components=None):
        self.components = components or {}
        self.inputs = []

    def input(self, pin, active, pull):
        self.inputs.append((pin, active, pull))


class TestInput(unittest.TestCase):
    def setUp(self):
        before = inputs.Pin
        inputs.Pin = Pin
        self.addCleanup(setattr, inputs, "Pin", before)

    def test_the_level_that_counts(self):
        for active in (0, 1):
            contact = inputs.digital(7, active, "up", lambda: None)
            for level in (0, 1):
                Pin.made[7].sense = lambda level=level: level
                self.assertEqual(contact.active(), level == active)

    def test_pulls(self):
        for pull, found in (("up", Pin.PULL_UP), ("down", Pin.PULL_DOWN), ("", -1)):
            inputs.digital(7, 0, pull, lambda: None)
            self.assertEqual((Pin.made[7].mode, Pin.made[7].pull), (Pin.IN, found))

    def test_an_edge_is_told_and_nothing_else_is_done(self):
        told = []
        inputs.digital(7, 0, "up", lambda: told.append(1))
        Pin.made[7].fall()
        self.assertEqual(told, [1])


class TestHousing(unittest.TestCase):
    def setUp(self):
        self.reports, self.contact = Reports(), Contact(True)
        self.tamper = tamper.Tamper("tamper-1", self.contact, self.reports)
        self.now_ms = 0

    def shown_at(self, on):
        """What is told with this level, and the last of its states."""
        self.contact.on = on
        self.reports.states.clear()
        for _ in range(10):
            self.now_ms += 10
            self.tamper.scan(self.now_ms)
        told = len(self.reports.states)
        return told, self.tamper.states()[0][2]["state"]

    def test_that_cannot_be_read_is_unknown(self):
        self.assertEqual(self.tamper.states()[0][2], {"state": "unknown"})
        self.assertEqual(self.shown_at(True), (1, "closed"))
        self.assertEqual(self.shown_at(None), (1, "unknown"))
        self.assertEqual(self.shown_at(None), (0, "unknown"))
        self.assertEqual(self.shown_at(True), (1, "closed"))
        self.assertEqual(self.reports.events, [])

    def test_that_was_opened_meanwhile_was_not_opened_without_power(self):
        self.shown_at(True)
        self.shown_at(None)
        self.assertEqual(self.shown_at(False)[1], "open")
        self.assertEqual(self.reports.events, [("device", "device.tamper", {"open": True})])

    def test_that_was_opened_without_power(self):
        self.tamper.restore(True, False)
        self.assertEqual(self.shown_at(None), (0, "unknown"))
        self.assertEqual(self.shown_at(False)[1], "open")
        self.assertEqual(
            self.reports.events, [("device", "device.tamper", {"open": True, "while_off": True})]
        )


class TestContacts(unittest.TestCase):
    """They close to ground: a cut wire reads as a door that is open."""

    def test_of_a_door_with_a_release_and_a_sensor(self):
        kit = Kit(
            {
                "release-1": {"pin": 5, "active": 1},
                "inside-1": {"pin": 6, "active": 1, "hold_ms": 1000, "stuck_ms": 9000},
            }
        )
        facts = {"pin": 4, "closed_level": 0, "ajar_ms": 1000, "ajar_alarm_ms": 9000, "debounce_ms": 50}
        facts.update({"release": "release-1", "inside": "inside-1"})
        bay.build("door-1", facts, kit)
        self.assertEqual(sorted(kit.inputs), [(4, 0, "up"), (5, 1, "up"), (6, 1, "down")])

    def test_of_a_gate_and_of_the_housing(self):
        kit = Kit()
        entrance.build("gate-1", {"pins": [4, 5], "blocked_level": 1, "stuck_ms": 1, "empty_ms": 1}, kit)
        tamper.build("tamper", {"pin": 6, "closed_level": 0}, kit)
        self.assertEqual(kit.inputs, [(4, 1, "up"), (5, 1, "up"), (6, 0, "up")])


if __name__ == "__main__":
    unittest.main()
