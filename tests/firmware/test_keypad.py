# heap: 512k
"""A keypad with its desk: codes open, once, in their slot, with a clock that can be trusted."""

import unittest

from sportbox.core import hotp
from sportbox.core.clock import Clock
from sportbox.core.slots import Slots
from sportbox.making.keypad import keys_of
from sportbox.parts.keypad import LOCKED, NO_CLOCK, READY, Keypad
from sportbox.store.opening import settle

from tests.core.chance import Chance
from tests.core.tokens import NOW
from tests.firmware.desk_case import DeskCase

HOUR = 3600
KEYS = [("lock-1", b"1" * 20), ("lock-2", b"2" * 20)]
SLOT = NOW // HOUR


class Reader:
    """Keys that wait to be fetched."""

    deadline = None
    beeps = True

    def __init__(self):
        self.keys = []

    def key(self, now_ms):
        return self.keys.pop(0) if self.keys else -1


class Reports:
    def __init__(self):
        self.events, self.states, self.signals, self.remembered = [], [], [], 0

    def event(self, component, kind, data, urgent):
        self.events.append((component, kind, data))

    def state(self, component):
        self.states.append(component)

    def signal(self, name):
        self.signals.append(name)

    def remember(self, at_once):
        assert at_once
        self.remembered += 1


class Keys(unittest.TestCase):
    def test_while_the_master_secret_is_renewed_a_lock_has_two(self):
        secrets = {"codes": {"lock-1": "31" * 20, "lock-2": "32" * 20}}
        self.assertEqual(keys_of(["lock-1", "lock-2"], secrets), KEYS)
        secrets["codes_before"] = {"lock-1": "39" * 20}
        self.assertEqual(keys_of(["lock-1", "lock-2"], secrets), KEYS + [("lock-1", b"9" * 20)])


class KeypadCase(DeskCase):
    def setUp(self):
        self.now_ms = 5000
        self.memory = None
        self.slots = Slots(HOUR, 0, 24 * HOUR, [0, 1, 2, 3, 4, 5, 6], [])
        super().setUp()

    def boot(self):
        super().boot()
        self.reports, self.reader = Reports(), Reader()
        self.part = Keypad("keypad-1", self.reader, self.slots, KEYS, self, self.reports, lambda: self.now_ms)
        self.part.restore(self.memory, False)
        self.part.scan(self.now_ms)

    def power_cut(self):
        self.memory = self.part.memory()
        self.boot()

    def enter(self, text, scan_each=True):
        """Presses these keys; what that reports as events of the desk."""
        before = len(self.events)
        for char in text:
            self.now_ms += 200
            self.reader.keys.append({"*": 10, "#": 11}[char] if char in "*#" else int(char))
            if scan_each:
                self.part.scan(self.now_ms)
        self.part.scan(self.now_ms)
        return [(component, kind, data.get("reason")) for component, kind, data in self.events[before:]]

    def code(self, lock="lock-1", slot=SLOT):
        return hotp.code(dict(KEYS)[lock], slot)

    def wait(self, ms):
        self.now_ms += ms
        self.part.scan(self.now_ms)

    def state(self):
        return self.part.states()[0][2]["state"]


WRONG = [("keypad-1", "access.rejected", "signature")]


class TestCodes(KeypadCase, unittest.TestCase):
    def test_opens_the_lock_that_it_is_for(self):
        for lock in ("lock-1", "lock-2"):
            self.assertEqual(self.enter(self.code(lock)), [(lock, "access.accepted", None)])
            order = self.runs[-1]
            self.assertEqual(
                (order.jti, order.sub, order.act, order.component),
                ("code-%s-%d" % (lock, SLOT), "keypad", "unlock", lock),
            )
        self.assertEqual(self.reports.signals, [])  # the lock says `granted`
        self.assertEqual(self.answers, [])

    def test_keys_that_come_all_at_once(self):
        self.assertEqual(self.enter(self.code() + "#", False), [("lock-1", "access.accepted", None)])

    def test_used_once(self):
        self.enter(self.code())
        self.finish()
        self.assertEqual(self.enter(self.code()), [("lock-1", "access.rejected", "replayed")])
        self.assertEqual(self.reports.signals, ["refused"])
        self.boot()
        self.assertEqual(self.enter(self.code()), [("lock-1", "access.rejected", "replayed")])
        self.assertEqual(self.runs, [])

    def test_a_new_slot_has_a_new_code(self):
        self.enter(self.code())
        self.finish()
        self.wait((HOUR + 120) * 1000)
        self.assertEqual(self.enter(self.code()), WRONG)
        self.assertEqual(self.enter(self.code(slot=SLOT + 1)), [("lock-1", "access.accepted", None)])

    def test_a_busy_lock(self):
        self.refusal = "busy"
        self.assertEqual(self.enter(self.code()), [("lock-1", "access.rejected", "busy")])
        self.refusal = ""
        self.assertEqual(self.enter(self.code()), [("lock-1", "access.accepted", None)])

    def test_an_unreadable_log_refuses(self):
        self.log.readable = False
        self.assertEqual(self.enter(self.code()), [("lock-1", "access.rejected", "replayed")])
        self.assertEqual((self.runs, self.reports.signals), ([], ["refused"]))

    def test_wrong_ones_are_told_without_their_digits(self):
        self.assertEqual(self.enter("13572468"), WRONG)
        self.assertEqual(self.enter("123#"), WRONG)
        self.assertEqual(self.events[-1][2], {"jti": None, "sub": "keypad", "reason": "signature"})
        self.assertEqual(self.reports.signals, ["refused"] * 2)
        self.assertEqual(self.reports.remembered, 2)
        self.assertFalse("1357" in repr(self.events) + repr(self.reports.events) + repr(self.part.memory()))

    def test_closed(self):
        self.slots = Slots(HOUR, 8 * HOUR, 16 * HOUR, [0, 1, 2, 3, 4, 5, 6], [])
        self.boot()
        for _ in range(10):
            self.assertEqual(self.enter(self.code()), [("keypad-1", "access.rejected", "not_yet")])
        self.assertEqual((self.runs, self.state()), ([], READY))

    def test_a_keypad_without_a_beep_of_its_own_gets_one(self):
        self.reader.beeps = False
        self.enter("12*3")
        self.assertEqual(self.reports.signals, ["key"] * 4)
        self.enter("4#")
        self.assertEqual(self.reports.signals, ["key"] * 5 + ["refused"])

    def test_not_restarted_while_somebody_types(self):
        self.assertFalse(self.part.busy())
        self.enter("123")
        self.assertTrue(self.part.busy())
        self.assertEqual(self.part.deadline(), self.now_ms + 8000)
        self.wait(8000)
        self.assertFalse(self.part.busy())


class TestClock(KeypadCase, unittest.TestCase):
    def test_without_a_clock_it_says_why_not(self):
        self.clock = Clock()
        self.boot()
        self.assertEqual(self.state(), NO_CLOCK)
        self.assertEqual(self.enter(self.code()), [("keypad-1", "access.rejected", "clock")])
        self.clock.set_floor(NOW, self.now_ms)
        for _ in range(10):
            self.assertEqual(self.enter(self.code()), [("keypad-1", "access.rejected", "clock")])
        self.assertEqual((self.runs, self.state()), ([], NO_CLOCK))
        self.assertEqual(self.reports.signals, ["refused"] * 11)
        self.assertEqual(self.part.memory(), [0, 0])
        self.clock.set_rtc(NOW, self.now_ms)
        self.wait(1000)
        self.assertEqual((self.state(), self.part.states()[0][1]), (READY, self.now_ms))
        self.assertEqual(self.enter(self.code()), [("lock-1", "access.accepted", None)])


class TestLockOut(KeypadCase, unittest.TestCase):
    def lock_out(self, times=5):
        for _ in range(times):
            self.enter("13572468")

    def test_after_five(self):
        self.lock_out(4)
        self.assertEqual(self.state(), READY)
        self.lock_out(1)
        self.assertEqual(self.state(), LOCKED)
        self.assertEqual(self.reports.events, [("keypad-1", "keypad.locked", {"wrong": 5, "lock_s": 30})])
        self.assertEqual(self.reports.states, ["keypad-1"] * 2)
        self.assertEqual(self.part.deadline(), self.now_ms + 30_000)

    def test_locked_it_ignores_even_a_right_code_and_says_so(self):
        self.lock_out()
        self.reports.signals = []
        self.assertEqual(self.enter(self.code()), [])
        self.assertEqual(self.reports.signals, ["refused"] * 8)
        self.wait(30_000)
        self.assertEqual(self.state(), READY)
        self.assertEqual(self.enter(self.code()), [("lock-1", "access.accepted", None)])
        self.assertEqual(self.part.memory(), [0, 0])

    def test_digits_of_a_lock_out_do_not_count_afterwards(self):
        self.lock_out()
        self.enter(self.code()[:4])
        self.wait(30_000)
        self.assertEqual(self.enter(self.code()[4:]), [])

    def test_an_old_code_does_not_make_it_forget(self):
        """Or one used code, entered after every fourth guess, would allow any number of them."""
        self.enter(self.code())
        self.finish()
        self.lock_out(4)
        self.enter(self.code())
        self.assertEqual(self.part.memory(), [4, 0])
        self.refusal = "busy"
        self.enter(self.code("lock-2"))
        self.assertEqual(self.part.memory(), [4, 0])
        self.lock_out(1)
        self.assertEqual(self.state(), LOCKED)

    def test_neither_does_a_power_cut(self):
        for _ in range(4):
            self.lock_out(1)
            self.power_cut()
        self.lock_out(1)
        self.assertEqual(self.state(), LOCKED)
        self.power_cut()
        self.assertEqual(self.state(), LOCKED)
        self.assertEqual(self.enter(self.code()), [])
        self.wait(30_000)
        self.assertEqual(self.state(), READY)
        self.assertEqual(self.reports.remembered, 1)
        self.power_cut()
        self.assertEqual(self.state(), READY)


class TestRandom(KeypadCase, unittest.TestCase):
    """Right, wrong, old and early codes, pauses and power cuts in any order."""

    def test_a_code_never_opens_twice(self):
        chance = Chance(4226)
        opened, running, wrong = [], [], 0
        for _ in range(400):
            what = chance.below(12)
            wrong += sum([reason == "signature" for _, _, reason in self.enter(self.some_code(what, chance))])
            for order in self.runs:
                self.assertFalse(order.jti in opened, order.jti)
                opened.append(order.jti)
                running.append(order)
            del self.runs[:]
            while running and chance.below(2):
                self.desk.final(running.pop(0), "done", None)
            if what == 9:
                self.power_cut()
                settle(self.desk)
                running = []
            elif what == 10:
                self.wait(chance.below(40_000))
            elif what == 11:
                self.wait(chance.below(HOUR * 1000))
            self.desk.tidy(self.now_ms)
            del self.events[:]
        self.assertTrue(wrong >= 20 and len(opened) >= 10, (wrong, opened))

    def some_code(self, what, chance):
        slot = self.clock.now(self.now_ms) // HOUR
        if what < 3:
            return self.code("lock-%d" % (1 + chance.below(2)), slot)
        if what < 5:
            return self.code("lock-1", slot - 1 + chance.below(3))
        if what < 7:
            return "%08d" % chance.below(10**8)
        return ["12*", "12*##", ""][chance.below(3)]
