"""A door with its lock: rules on inputs and outputs that are played here."""

import unittest

from sportbox.core.debounce import Debounce, earliest
from sportbox.core.door import Door
from sportbox.core.lock import Order
from sportbox.core.strike import StrikeLock
from sportbox.core.supply import Supply
from sportbox.parts.bay import Bay
from sportbox.parts.bolt import Bolt, Sense


class Contact:
    """A reed contact: active while the door is closed."""

    def __init__(self):
        self.closed = True

    def active(self):
        return self.closed


class Strike:
    fault = "coil"

    def __init__(self):
        self.error = None
        self.moves = []

    def drive(self, way, pulse_ms):
        if self.error is not None:
            raise self.error
        self.moves.append((way, pulse_ms))

    def stop(self):
        self.moves.append(("stop",))

    def rest_ms(self):
        return 0


class Reports:
    def __init__(self):
        self.events, self.states, self.finals = [], [], []
        self.remembered = 0
        self.foretold = []  # by which part, and after how many events
        self.signals, self.nagging = [], []

    def signal(self, name):
        self.signals.append(name)

    def nag(self, component, on):
        self.nagging.append(on)

    def event(self, component, kind, data, urgent):
        self.events.append((component, kind, data))

    def state(self, component):
        self.states.append(component)

    def final(self, order, result, reason):
        self.finals.append((order.jti, result, reason))

    def remember(self, at_once):
        self.remembered += 1

    def foretell(self, component):
        self.foretold.append((component, len(self.events)))


class BayCase:
    """To be mixed into a TestCase."""

    def setUp(self):
        self.contact, self.strike, self.reports = Contact(), Strike(), Reports()
        self.make(self.lock(), self.strike, Sense(None, None), None)
        self.now_ms = 0

    def lock(self):
        return StrikeLock(10_000, 48_000, 60_000)

    def make(self, lock, driver, sense, people):
        self.bolt = Bolt("lock-1", lock, driver, sense, Supply(), self.reports)
        door = Door(60_000, 600_000)
        self.bay = Bay("door-1", door, Debounce(50), self.contact, self.bolt, people, self.reports)

    def wait(self, duration_ms):
        """Lets time pass; the bay is looked at only when it asked for it, and at the end."""
        end_ms = self.now_ms + duration_ms
        self.bay.scan(self.now_ms)
        while True:
            at_ms = self.bay.deadline()
            if at_ms is None or at_ms > end_ms:
                break
            self.assertGreaterEqual(at_ms, self.now_ms)
            self.now_ms = at_ms
            self.bay.scan(at_ms)
        self.now_ms = end_ms
        self.bay.scan(end_ms)

    def unlock(self, jti="a", act="unlock"):
        order = Order(jti, "sub", act, "lock-1")
        reason = self.bay.refusal(order, self.now_ms)
        if not reason:
            self.bay.take(order, self.now_ms)
        return reason

    def kinds(self):
        return [kind for _, kind, _ in self.reports.events]

    def states(self):
        return [state["state"] for _, _, state in self.bay.states()]


class TestBoot(BayCase, unittest.TestCase):
    def test_nothing_moves_and_a_closed_door_is_no_news(self):
        self.bay.restore(True, False)
        self.wait(100_000)
        self.assertEqual(self.strike.moves, [])
        self.assertEqual(self.reports.events, [])
        self.assertEqual(self.states(), ["closed", "locked"])

    def test_opened_while_off(self):
        for expected, kind, state in ((False, "door.forced", "forced"), (True, "door.opened", "open")):
            with self.subTest(expected=expected):
                self.setUp()
                self.contact.closed = False
                self.bay.restore(True, expected)
                self.wait(1000)
                self.assertEqual(self.reports.events, [("door-1", kind, {"while_off": True})])
                self.assertEqual(self.states(), [state, "unlocked"])
                self.assertEqual(self.strike.moves, [])

    def test_a_first_boot_has_nothing_to_compare_with(self):
        self.contact.closed = False
        self.bay.restore(None, False)
        self.wait(1000)
        self.assertEqual(self.reports.events, [])
        self.assertEqual(self.states(), ["open", "unlocked"])

    def test_what_is_remembered_is_not_forgotten_before_the_first_reading(self):
        """Else a power cut in that moment would turn a door that stood open into a break-in."""
        for memory in (True, False):
            with self.subTest(memory=memory):
                self.setUp()
                self.contact.closed = memory
                self.bay.restore(memory, False)
                self.assertEqual(self.bay.memory(), memory)
                self.wait(1000)
                self.assertEqual(self.bay.memory(), memory)

    def test_what_changes_is_remembered(self):
        self.bay.restore(True, False)
        self.wait(1000)
        self.unlock()
        before = len(self.reports.events)
        self.contact.closed = False
        self.wait(1000)
        self.assertEqual((self.bay.memory(), self.kinds()[before]), (False, "door.opened"))
        self.assertEqual(self.reports.foretold, [("door-1", before)])  # before the event
        self.wait(600_000)
        self.assertEqual(self.kinds().count("door.ajar"), 2)  # open all the same
        self.assertEqual((self.reports.remembered, len(self.reports.foretold)), (0, 1))
        self.contact.closed = True
        self.wait(1000)
        self.assertEqual(self.reports.foretold[1:], [("door-1", self.kinds().index("door.closed"))])
        self.assertTrue(self.bay.memory())

    def test_what_no_event_tells_is_remembered_too(self):
        self.bay.restore(None, False)
        self.wait(1000)
        self.assertEqual((self.reports.remembered, self.reports.foretold, self.reports.events), (1, [], []))
        self.wait(1000)
        self.assertEqual(self.reports.remembered, 1)

    def test_an_order_that_is_quicker_than_the_first_reading(self):
        """As when the contact chatters: it must not stop the box from opening."""
        self.bay.restore(True, False)
        for i in range(20):
            self.contact.closed = not self.contact.closed
            self.wait(20)
            if i == 5:
                self.assertEqual(self.unlock(), "")
        self.contact.closed = False
        self.wait(1000)
        self.assertEqual(self.reports.finals, [("a", "done", None)])
        self.assertEqual(self.strike.moves, [("unlock", 10_000), ("stop",)])
        self.assertNotIn("door.forced", self.kinds())


class TestBay(BayCase, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.bay.restore(True, False)
        self.wait(1000)

    def test_unlocked_opened_closed_locked(self):
        self.assertEqual(self.unlock(), "")
        self.wait(2000)
        self.contact.closed = False
        self.wait(5000)
        self.assertEqual(self.states(), ["open", "unlocked"])
        self.contact.closed = True
        self.wait(1000)
        self.assertEqual(self.states(), ["closed", "locked"])
        self.assertEqual(self.kinds(), ["lock.unlocked", "door.opened", "door.closed", "lock.locked"])
        self.assertEqual(self.reports.events[1], ("door-1", "door.opened", {"jti": "a"}))
        self.assertEqual(self.reports.finals, [("a", "done", None)])
        self.assertEqual(self.strike.moves, [("unlock", 10_000), ("stop",)])

    def test_a_break_in_is_not_put_down_to_who_opened_before(self):
        self.test_unlocked_opened_closed_locked()
        self.wait(5000)
        self.contact.closed = False
        self.wait(1000)
        self.assertEqual(self.reports.events[-1], ("door-1", "door.forced", {}))
        self.assertEqual(self.states(), ["forced", "locked"])

    def test_a_contact_that_never_tells_does_not_stop_the_box_from_opening(self):
        """Its wire is cut: it says open for ever."""
        self.contact.closed = False
        self.wait(1000)
        for i in range(5):
            self.assertEqual(self.unlock("order-%d" % i), "")
            self.wait(12_000)
        self.assertEqual([move for move in self.strike.moves if move[0] == "unlock"], [("unlock", 3000)] * 5)
        self.assertEqual([final[1] for final in self.reports.finals], ["done"] * 5)

    def test_a_contact_that_says_closed_for_ever(self):
        for i in range(3):
            self.assertEqual(self.unlock("order-%d" % i), "")
            self.wait(30_000)
        self.assertEqual(len(self.strike.moves), 6)
        self.assertEqual([final[2] for final in self.reports.finals], ["not_opened"] * 3)

    def test_a_coil_that_cannot_be_driven(self):
        for error in (OSError(5), ValueError("pulses")):
            for closed in (True, False):
                with self.subTest(error=error, closed=closed):
                    self.setUp()
                    self.contact.closed = closed
                    self.wait(1000)
                    self.strike.error = error
                    self.unlock()
                    self.wait(60_000)
                    self.assertEqual(len(self.reports.finals), 1)
                    self.assertIn(("lock-1", "lock.fault", {"jti": "a", "what": "coil"}), self.reports.events)
                    self.assertEqual(self.states()[1], "fault")
                    self.assertEqual(self.strike.moves, [])
                    self.assertEqual(self.bay.refusal(Order("z", "sub", "unlock", "lock-1"), self.now_ms), "")

    def test_a_bounce_is_no_news(self):
        self.unlock()
        self.wait(2000)
        for _ in range(10):
            self.contact.closed = not self.contact.closed
            self.wait(20)
        self.contact.closed = False
        self.wait(1000)
        self.assertEqual(self.kinds(), ["lock.unlocked", "door.opened"])

    def test_left_ajar(self):
        self.unlock()
        self.wait(1000)
        self.contact.closed = False
        self.wait(61_000)
        self.assertEqual(self.reports.events[-1], ("door-1", "door.ajar", {"open_s": 60, "level": "warning"}))
        self.assertEqual(self.states(), ["ajar", "unlocked"])

    def test_while_an_order_runs_or_the_door_is_open_it_is_busy(self):
        self.assertFalse(self.bay.busy())
        self.unlock()
        self.assertTrue(self.bay.busy())
        self.wait(1000)
        self.contact.closed = False
        self.wait(5000)
        self.assertTrue(self.bay.busy())
        self.contact.closed = True
        self.wait(1000)
        self.assertFalse(self.bay.busy())

    def test_a_state_tells_since_when(self):
        self.unlock()
        self.wait(2000)
        self.contact.closed = False
        self.wait(10_000)
        self.assertEqual([since for _, since, _ in self.bay.states()], [3050, 1100])

    def test_a_door_without_a_lock(self):
        door = Door(60_000, 600_000)
        self.bay = Bay("door-1", door, Debounce(50), self.contact, None, None, self.reports)
        self.bay.restore(True, False)
        self.wait(100)
        self.contact.closed = False
        self.wait(100)
        self.assertEqual(self.reports.events, [("door-1", "door.opened", {})])
        self.bay = Bay("door-1", door, Debounce(50), self.contact, None, None, self.reports)
        self.bay.restore(True, False)  # nobody can force it while the power is off, either
        self.wait(100)
        self.assertEqual(self.reports.events[1:], [("door-1", "door.opened", {"while_off": True})])
        self.assertEqual(self.bay.refusal(Order("z", "sub", "unlock", "lock-1"), self.now_ms), "malformed")


class TestEarliest(unittest.TestCase):
    def test_earliest(self):
        self.assertIsNone(earliest([]))
        self.assertIsNone(earliest([None, None]))
        self.assertEqual(earliest([None, 5, 3, None, 9]), 3)
        self.assertEqual(earliest([0, 5]), 0)
