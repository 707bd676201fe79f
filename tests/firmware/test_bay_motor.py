"""The container door: a motor lock, an inside release, a sensor inside."""

import unittest

from tests.firmware.bay_case import TRAVEL_MS, BayCase


class TestContainer(BayCase, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.door = self.place("motor", people=True)
        self.wait(3000)  # the sensor inside says free

    def ways(self):
        return [move[0] for move in self.door.driver.moves if move[0] != "stop"]

    def test_who_cannot_be_seen_may_be_inside(self):
        self.assertEqual(self.order(self.door), "")
        self.wait(2000)
        self.door.contact.on = False
        self.wait(1000)
        self.door.pir.on = None
        self.door.contact.on = True
        self.wait(60_000)
        self.assertEqual(self.ways(), ["unlock"])
        self.assertIn(("lock-1", "lock.blocked", {"why": "inside"}), self.reports.events)
        self.door.pir.on = False
        self.wait(10_000)
        self.assertEqual(self.ways(), ["unlock", "lock"])

    def test_an_evening(self):
        self.assertEqual(self.order(self.door), "")
        self.wait(2000)
        self.assertEqual(self.reports.signals, ["granted"])
        self.assertEqual(self.states(self.door)["lock-1"], "unlocked")
        self.door.contact.on = False
        self.door.pir.on = True
        self.wait(5000)
        self.assertEqual(self.reports.finals, [("a", "done", None)])
        self.door.contact.on = True  # the door falls shut behind them
        self.wait(60_000)
        self.assertEqual(self.states(self.door)["lock-1"], "unlocked")
        self.assertIn(("lock-1", "lock.blocked", {"why": "inside"}), self.reports.events)
        self.door.contact.on = False
        self.wait(1000)
        self.door.pir.on = False
        self.door.contact.on = True
        self.wait(10_000)
        self.assertEqual(
            self.states(self.door),
            {"door-1": "closed", "lock-1": "locked", "release-1": "clear", "inside-1": "free"},
        )
        self.assertEqual(self.ways(), ["unlock", "lock"])
        self.assertEqual(self.door.driver.at_ms, 0)

    def test_the_release_is_told_at_once_and_its_door_is_no_break_in(self):
        self.door.handle.on = True
        self.wait(20)
        self.assertEqual(self.reports.events[-1], ("release-1", "release.pressed", {}))
        self.door.driver.at_ms = TRAVEL_MS  # its mechanics draw the bolt back
        self.wait(100)
        self.door.handle.on = False
        self.wait(100)
        self.door.contact.on = False
        self.wait(100)
        self.assertIn(("door-1", "door.opened", {"release": True}), self.reports.events)
        self.assertNotIn("door.forced", self.reports.kinds())
        self.assertEqual(self.ways(), [])

    def test_a_release_long_ago_does_not_excuse_a_break_in(self):
        self.door.handle.on = True
        self.wait(100)
        self.door.handle.on = False
        self.wait(30_000)
        self.door.contact.on = False
        self.wait(100)
        self.assertIn("door.forced", self.reports.kinds())

    def test_pressed_while_it_locks(self):
        self.order(self.door)
        self.wait(2000)
        self.door.contact.on = False
        self.wait(2000)
        self.door.contact.on = True
        self.wait(1000 + TRAVEL_MS // 2)
        self.assertEqual(self.door.driver.way, "lock")
        self.door.handle.on = True
        self.wait(20)
        self.assertEqual(self.door.driver.way, "")
        self.wait(60_000)
        self.assertEqual(self.ways(), ["unlock", "lock"])

    def test_a_bolt_that_is_pushed_back(self):
        self.door.driver.at_ms = TRAVEL_MS
        self.wait(100)
        self.assertIn(("door-1", "door.forced", {"latch": True}), self.reports.events)
        self.assertEqual(self.states(self.door)["door-1"], "forced")
        self.wait(60_000)
        self.assertEqual(self.ways(), [])

    def test_a_jam(self):
        self.door.driver.jammed = True
        self.order(self.door)
        self.wait(10_000)
        self.assertEqual(self.reports.finals, [("a", "failed", "jammed")])
        self.assertEqual(self.states(self.door)["lock-1"], "jammed")
        self.door.driver.jammed = False
        self.assertEqual(self.order(self.door, jti="b"), "")
        self.wait(2000)
        self.door.contact.on = False
        self.wait(100)
        self.assertEqual(self.reports.finals[-1], ("b", "done", None))

    def test_a_door_contact_that_says_open_though_the_bolt_is_out(self):
        self.door.contact.on = False
        self.wait(10_000)
        self.assertIn(("door-1", "door.fault", {"what": "contact"}), self.reports.events)
        self.assertEqual(self.states(self.door)["door-1"], "unknown")
        self.assertEqual(self.order(self.door), "")  # it opens all the same
        self.wait(2000)
        self.assertEqual(self.states(self.door)["lock-1"], "unlocked")

    def test_a_switch_wire_that_is_cut_while_it_is_locked(self):
        self.door.driver.locked_cut = True
        self.wait(1000)
        self.assertIn("door.forced", self.reports.kinds())
        self.assertEqual(self.order(self.door), "")
        self.wait(2000)
        self.door.contact.on = False
        self.wait(1000)
        self.assertEqual(self.reports.finals, [("a", "done", None)])


class TestSharedSupply(BayCase, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.first, self.second, self.third = [self.place("strike") for _ in range(3)]
        self.wait(1000)

    def test_they_open_one_after_the_other(self):
        for place in self.places:
            self.assertEqual(self.order(place, jti=place.lock_name), "")
        self.wait(200)
        self.assertEqual([len(place.driver.moves) for place in self.places], [1, 0, 0])
        self.assertEqual(self.states(self.second)["lock-2"], "unlocking")
        self.first.contact.on = False
        self.wait(500)
        self.assertEqual([len(place.driver.moves) for place in self.places], [2, 1, 0])
        self.wait(11_000)  # nobody opens the second one
        self.assertEqual([len(place.driver.moves) for place in self.places], [2, 2, 1])
        self.third.contact.on = False
        self.wait(1000)
        self.assertEqual(
            self.reports.finals,
            [("lock-1", "done", None), ("lock-2", "failed", "not_opened"), ("lock-3", "done", None)],
        )

    def test_a_pulse_that_cannot_be_ended_keeps_the_next_one_waiting(self):
        self.first.driver.rest = 4000
        self.order(self.first)
        self.wait(500)
        self.first.contact.on = False
        self.order(self.second)
        self.wait(3900)
        self.assertEqual(self.second.driver.moves, [])
        self.wait(1000)
        self.assertEqual(self.second.driver.moves, [("unlock", 10_000)])


class TestLostExpander(BayCase, unittest.TestCase):
    def test_contacts_that_cannot_be_read_are_unknown_and_do_not_keep_it_from_opening(self):
        place = self.place("strike")
        self.wait(1000)
        place.contact.on = None
        self.wait(5000)
        self.assertEqual(self.reports.events, [("door-1", "door.fault", {"what": "expander"})])
        self.assertEqual(self.states(place)["door-1"], "unknown")
        self.order(place)
        self.wait(20_000)
        self.assertEqual(self.reports.finals, [("a", "failed", "contact")])  # opened or not: who knows
        self.assertEqual(place.driver.moves, [("unlock", 10_000), ("stop",)])
        place.contact.on = True
        self.wait(1000)
        self.assertEqual(self.states(place)["door-1"], "closed")

    def test_a_door_that_nobody_could_see_is_no_break_in_after_a_power_cut(self):
        place = self.place("strike")
        self.wait(1000)
        self.order(place)
        self.wait(500)
        place.contact.on = False
        self.wait(1000)
        place.contact.on = None
        self.wait(5000)
        self.assertIsNone(place.bay.memory())

    def test_lost_from_the_start(self):
        place = self.place("strike")
        place.contact.on = None
        self.wait(5000)
        self.order(place)
        self.wait(20_000)
        self.assertEqual(self.reports.finals, [("a", "failed", "contact")])
        place.contact.on = True
        self.wait(1000)
        self.assertEqual(self.states(place)["door-1"], "closed")
        self.assertNotIn("door.forced", self.reports.kinds())


class TestAjar(BayCase, unittest.TestCase):
    def test_close_the_door(self):
        place = self.place("strike")
        self.wait(1000)
        self.order(place)
        self.wait(500)
        place.contact.on = False
        self.wait(61_000)
        self.assertTrue(self.reports.nagging)
        self.wait(600_000)
        self.assertEqual(
            [data["level"] for _, kind, data in self.reports.events if kind == "door.ajar"],
            ["warning", "alarm"],
        )
        place.contact.on = True
        self.wait(100)
        self.assertFalse(self.reports.nagging)
