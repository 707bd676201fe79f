# heap: 512k
"""Steps of the self-test with a technician's hand: what does not happen comes first."""

import unittest

from tests.firmware.bay_case import BayCase
from tests.firmware.selftest_case import Played, Reports, acts

PATIENCE_MS = 20_000
OWN = ("pull", "rest", "wait")
OWN_MS = 90_000
WAITS_MAX = 100_000


class ActCase(BayCase):
    def setUp(self):
        super().setUp()
        self.reports = Reports()
        self.test = Played(self)
        self.expected = []

    def run_act(self, act, hands):
        """`hands`: what somebody does when it is expected; else nothing happens, and it is given up."""
        since_ms = self.now_ms
        self.expected = []
        for _ in range(WAITS_MAX):
            self.wait(10)
            try:
                expect = next(act)
            except StopIteration:
                return self.test.results
            if self.expected[-1:] != [expect]:
                self.expected.append(expect)
                since_ms = self.now_ms
                if expect in hands:
                    hands[expect]()
            elif self.now_ms - since_ms >= (PATIENCE_MS if expect not in OWN else OWN_MS):
                self.test.late = True
        raise AssertionError("no end")

    def settle(self, place):
        place.bay.restore(None, True)
        self.wait(400)
        return place


def put(contact, on):
    return lambda: setattr(contact, "on", on)


class TestStrike(ActCase, unittest.TestCase):
    def test_a_contact_that_never_closes(self):
        place = self.place("strike")
        place.contact.on = False
        self.settle(place)
        found = self.run_act(acts.door(self.test, "door-1"), {})
        self.assertEqual(found, [("door", "door-1", False, "never_closed"), ("lock", "lock-1", None, "door")])
        self.assertEqual(place.driver.moves, [])

    def test_a_contact_that_nobody_can_read(self):
        place = self.place("strike")
        place.contact.on = None
        self.settle(place)
        found = self.run_act(acts.door(self.test, "door-1"), {})
        self.assertEqual(found[0], ("door", "door-1", False, "no_answer"))
        self.assertEqual(self.expected, [], "nobody is asked to move what cannot be seen")

    def test_nobody_pulls(self):
        place = self.settle(self.place("strike"))
        found = self.run_act(acts.door(self.test, "door-1"), {})
        self.assertEqual(found, [("lock", "lock-1", False, "not_opened"), ("door", "door-1", None, "lock")])
        pulses = [move for move in place.driver.moves if move[0] == "unlock"]
        self.assertEqual(pulses, [("unlock", 10_000)] * 2, "twice, and as long as the app would")

    def test_the_duty_of_the_coil_is_kept(self):
        """48 s in any 60 s, and one pulse from before the start is assumed: as in the app."""
        place = self.settle(self.place("strike"))
        begins = [self.now_ms - 10_000]
        drive = place.driver.drive

        def note(way, pulse_ms):
            begins.append(self.now_ms)
            drive(way, pulse_ms)

        place.driver.drive = note
        rested = False
        for _ in range(3):
            self.run_act(acts.door(self.test, "door-1"), {})
            rested = rested or "rest" in self.expected
        self.assertEqual(len(begins), 7)
        self.assertTrue(rested)
        for end_ms in [begin + 10_000 for begin in begins]:
            used = sum([max(0, min(end_ms, b + 10_000) - max(end_ms - 60_000, b)) for b in begins])
            self.assertTrue(used <= 48_000 + 1000, used)

    def test_never_closed_again(self):
        place = self.settle(self.place("strike"))
        found = self.run_act(acts.door(self.test, "door-1"), {"pull": put(place.contact, False)})
        self.assertEqual(found, [("door", "door-1", False, "never_closed"), ("lock", "lock-1", None, "door")])

    def test_a_driver_that_fails(self):
        place = self.settle(self.place("strike"))

        def drive(way, pulse_ms):
            raise OSError(5)

        place.driver.drive = drive
        found = self.run_act(acts.door(self.test, "door-1"), {})
        self.assertEqual(found[0], ("lock", "lock-1", False, "coil"))

    def test_passes(self):
        place = self.settle(self.place("strike"))
        hands = {"pull": put(place.contact, False), "close": put(place.contact, True)}
        found = self.run_act(acts.door(self.test, "door-1"), hands)
        self.assertEqual(found, [("door", "door-1", True, ""), ("lock", "lock-1", True, "")])
        self.assertEqual(self.expected, ["wait", "pull", "close", "wait"])

    def test_one_lock_is_not_told_the_answer_of_another(self):
        first, second = self.settle(self.place("strike")), self.settle(self.place("strike"))
        self.order(first)
        act = acts.door(self.test, "door-2")
        self.wait(11_000)
        self.assertIn("lock-1", self.reports.answers)
        found = self.run_act(act, {"pull": put(second.contact, False), "close": put(second.contact, True)})
        self.assertEqual([one[2] for one in found], [True, True])


class TestMotor(ActCase, unittest.TestCase):
    def test_jams(self):
        place = self.settle(self.place("motor"))
        place.driver.jammed = True
        found = self.run_act(acts.door(self.test, "door-1"), {})
        self.assertEqual(found[0], ("lock", "lock-1", False, "jammed"))
        self.assertEqual(found[1], ("door", "door-1", None, "lock"))

    def test_does_not_lock_again(self):
        place = self.settle(self.place("motor"))

        def close():
            place.contact.on = True
            place.driver.jammed = True

        found = self.run_act(
            acts.door(self.test, "door-1"), {"pull": put(place.contact, False), "close": close}
        )
        self.assertEqual(found[-1], ("lock", "lock-1", False, "not_locked"))

    def test_somebody_stays_inside(self):
        place = self.settle(self.place("motor", people=True))
        self.wait(3000)

        def close():
            place.contact.on = True
            place.pir.on = True

        found = self.run_act(
            acts.door(self.test, "door-1"), {"pull": put(place.contact, False), "close": close}
        )
        self.assertEqual(found[-1], ("lock", "lock-1", False, "somebody_inside"))

    def test_passes_once_everybody_has_left(self):
        place = self.settle(self.place("motor", people=True))
        place.pir.on = True
        hands = {
            "pull": put(place.contact, False),
            "close": put(place.contact, True),
            "leave": put(place.pir, False),
        }
        found = self.run_act(acts.door(self.test, "door-1"), hands)
        self.assertEqual(found[-1], ("lock", "lock-1", True, ""))
        self.assertEqual(self.expected, ["wait", "pull", "close", "leave", "wait"])


class TestPeople(ActCase, unittest.TestCase):
    def test_a_release_that_is_never_pressed_or_never_let_go(self):
        place = self.settle(self.place("strike", people=True))
        self.assertEqual(
            self.run_act(acts.release(self.test, "release-1"), {})[-1],
            ("release", "release-1", False, "never_pressed"),
        )
        found = self.run_act(acts.release(self.test, "release-1"), {"press": put(place.handle, True)})
        self.assertEqual(found[-1], ("release", "release-1", False, "always_pressed"))

    def test_a_sensor_inside(self):
        place = self.settle(self.place("strike", people=True))
        self.wait(3000)
        self.assertEqual(
            self.run_act(acts.inside(self.test, "inside-1"), {})[-1],
            ("inside", "inside-1", False, "never_occupied"),
        )
        hands = {"move": put(place.pir, True)}
        self.assertEqual(self.run_act(acts.inside(self.test, "inside-1"), hands)[-1][3], "never_free")
        hands["go_away"] = put(place.pir, False)
        self.assertEqual(self.run_act(acts.inside(self.test, "inside-1"), hands)[-1][2:], (True, ""))


class Sensor:
    state = "free"


class Court:
    def __init__(self, pir, radar):
        self.presence = pir
        self.radar = Sensor()
        self.radar.witness = radar
        self.tof = None


class TestCourt(ActCase, unittest.TestCase):
    def test_names_the_sensor_that_sees_nobody(self):
        pir, radar = Sensor(), Sensor()
        self.test.called = lambda name: Court(pir, radar)
        hands = {
            "walk_in": lambda: setattr(pir, "state", "occupied"),
            "go_away": lambda: setattr(pir, "state", "free"),
        }
        found = self.run_act(acts.court(self.test, "court-3"), hands)
        self.assertEqual(found, [("pir", "pir-3", True, ""), ("radar", "radar-3", False, "never_occupied")])

    def test_names_the_sensor_that_sees_somebody_all_the_time(self):
        pir, radar = Sensor(), Sensor()
        self.test.called = lambda name: Court(pir, radar)

        def walk_in():
            pir.state = radar.state = "occupied"

        hands = {"walk_in": walk_in, "go_away": lambda: setattr(pir, "state", "free")}
        found = self.run_act(acts.court(self.test, "court-3"), hands)
        self.assertEqual(found, [("pir", "pir-3", True, ""), ("radar", "radar-3", False, "never_free")])


class Reader:
    def __init__(self):
        self.keys = []

    def key(self, now_ms):
        return self.keys.pop(0) if self.keys else -1


class TestKeypad(ActCase, unittest.TestCase):
    def type(self, keys):
        from sportbox.making import keypad

        reader = Reader()
        before = keypad.make_reader
        keypad.make_reader = lambda facts, kit: reader
        self.test.kit = None
        self.test.config = {"components": {"keypad-1": {}}}
        numbers = [10 if key == "*" else 11 if key == "#" else 13 if key == "B" else int(key) for key in keys]
        try:
            hands = {"type": lambda: reader.keys.extend(numbers)}
            return self.run_act(acts.keypad(self.test, "keypad-1"), hands)[-1][2:]
        finally:
            keypad.make_reader = before

    def test_keys(self):
        self.assertEqual(self.type(""), (False, "no_keys"))
        self.assertEqual(self.type("123456789*#"), (False, "keys_missing"))
        self.assertEqual(self.type("12345678900*#"), (False, "keys_wrong"))
        self.assertEqual(self.type("213456789B*#"), (False, "keys_missing"))
        self.assertEqual(self.type("1234567890*#"), (True, ""))


if __name__ == "__main__":
    unittest.main()
