# runs on: micropython
# heap: 6m
# timeout: 120
"""What is noted on flash beside the event that tells it, and the power cut at every flash operation of both:
a door is told to have opened and closed by turns, an order at the box to have ended once."""

import json
import unittest

from sportbox.access import Desk
from sportbox.app import App, Reports
from sportbox.core.clock import Clock
from sportbox.core.debounce import Debounce
from sportbox.core.door import Door
from sportbox.core.lock import Order
from sportbox.parts.bay import Bay
from sportbox.parts.tamper import Tamper
from sportbox.store.opening import open_memory, settle
from sportbox.store.outbox import Outbox
from sportbox.store.replay import ReplayLog
from sportbox.uplink import Uplink

from tests.core import tokens
from tests.core.tokens import NONCE, NOW
from tests.firmware.cuts_case import PATH, CutsCase, play
from tests.firmware.ramflash import Mounted

FOLDER = PATH + "/data"
BLOCKS = 24


class Contact:
    """Says, of a door and of the housing, whether it is closed."""

    closed = True

    def active(self):
        return self.closed


class Board:
    """From one start to the next. Carries out ("start",) ("close", is it closed) ("enter", slot) ("end",)
    ("tidy",); `told` is what the outbox has taken, as it is known when the power goes."""

    def __init__(self, closed=True, told=()):
        self.contact = Contact()
        self.contact.closed = closed
        self.told = list(told)
        self.now_ms = 0

    def state(self):
        return list(self.told)

    def run(self, call):
        getattr(self, call[0])(*call[1:])

    def start(self):
        self.now_ms = 0
        self.outbox = Outbox(FOLDER + "/outbox", 8192, 16384)
        self.outbox.open()
        memory = open_memory(FOLDER + "/memory", self.outbox)
        self.log = ReplayLog(FOLDER)
        self.log.open(self.outbox.durable_seq)
        uplink = Uplink("site", "box-1", "boot", self.outbox)
        self.app = App(FOLDER, Clock(), self.outbox, uplink, 1000, lambda: self.now_ms, lambda: None)
        self.app.clock.set_ntp(NOW, 0)
        reports = Reports(self.app)
        door = Door(60_000, 600_000)
        self.app.parts = [
            Bay("door-1", door, Debounce(50), self.contact, None, None, reports),
            Tamper("tamper", self.contact, reports),
        ]
        self.orders = []
        self.app.desk = Desk(
            tokens.access(),
            self.log,
            self.app.clock,
            NONCE,
            1536,
            lambda order: "",
            self.orders.append,
            lambda *event: self.app.event(*event),
            None,
            None,
            None,
            self.outbox.next_seq,
        )
        self.event = self.app.event
        self.app.event = self.note
        self.app.event("device", "device.booted", {})
        for part in self.app.parts:
            part.restore(memory.get(part.name), False)
        settle(self.app.desk)
        self.look()

    def note(self, component, kind, data):
        self.event(component, kind, data)
        if kind != "device.booted":
            self.told.append(told(kind, data))

    def look(self):
        """Long enough for what bounces."""
        for _ in range(3):
            for part in self.app.parts:
                part.scan(self.now_ms)
            self.now_ms += 60

    def close(self, closed):
        self.contact.closed = closed
        self.look()

    def enter(self, slot):
        self.app.desk.local(code(slot), NOW - 60, NOW + 3600, self.now_ms)

    def end(self):
        self.app.desk.final(self.orders.pop(0), "done", None)

    def tidy(self):
        self.app.desk.tidy(self.now_ms)

    def on_flash(self):
        """All that it has told of doors and codes, oldest first."""
        found = []
        while True:
            out = self.outbox.take()
            if out is None:
                return found
            _, kind, _, _, _, data = json.loads(out.payload)
            if kind != "device.booted":
                found.append(told(kind, data))


def code(slot):
    return Order("code-%d" % slot, "keypad", "unlock", "lock-1")


def told(kind, data):
    if kind == "device.tamper":
        kind = "tamper.opened" if data["open"] else "tamper.closed"
    return kind, data.get("jti")


OPENED_AND_CLOSED = [
    ("start",),
    ("close", False),
    ("close", True),
    ("close", False),
    ("start",),
    ("close", True),
]
CODES = [("start",), ("enter", 1), ("end",), ("enter", 2), ("tidy",), ("end",), ("enter", 3), ("start",)]
CODES += [("enter", 4), ("end",), ("start",), ("tidy",), ("enter", 5), ("end",), ("tidy",)]


class TestTold(CutsCase, unittest.TestCase):
    family = "notes"

    def setUp(self):
        """A board that has run once."""
        self.image = play(Board(), [("start",), ("tidy",)], BLOCKS).flash.image

    def check(self, cut, where):
        for closed in (True, False):
            with Mounted(bytearray(cut.image), PATH):
                board = Board(closed)
                board.start()
                board.tidy()
                self.check_told(
                    board.on_flash(), cut.step, closed, "%s, the door closed: %s" % (where, closed)
                )

    def check_told(self, found, step, closed, where):
        certain = step.before_state
        self.assertEqual(found[: len(certain)], certain, where)
        for what in ("door", "tamper"):
            was_open = False
            for kind in [kind for kind, _ in found if kind.startswith(what)]:
                self.assertEqual(kind.endswith(".closed"), was_open, "%s twice, %s" % (kind, where))
                was_open = not was_open
            self.assertEqual(was_open, not closed, "%s is told wrong, %s" % (what, where))
        for slot in range(1, 6):
            kinds = [kind for kind, jti in found if jti == code(slot).jti]
            ends = kinds.count("access.done") + kinds.count("access.failed")
            self.assertLessEqual(ends, 1, "code %d ended twice, %s" % (slot, where))
            if "access.accepted" in kinds:
                self.assertEqual(ends, 1, "code %d never ended, %s" % (slot, where))

    def cut_each(self, script):
        return self.cut_all(play(Board(), script, BLOCKS, self.image), self.check)

    def test_a_door_opens_and_closes_by_turns(self):
        self.assertGreater(self.cut_each(OPENED_AND_CLOSED), 100)

    def test_a_code_ends_once(self):
        self.assertGreater(self.cut_each(CODES), 100)

    def cut_again(self, script, closed):
        def recover(cut):
            board = Board(closed, cut.step.before_state)
            return play(board, [("start",), ("tidy",)], BLOCKS, cut.image)

        def check(cut, again, where):
            again.step.before_state = cut.step.before_state
            self.check(again, where)

        return self.cut_twice(play(Board(), script, BLOCKS, self.image), recover, check, turn=0)

    def test_a_door_and_the_start_after_it(self):
        for closed in (True, False):
            self.assertGreater(self.cut_again(OPENED_AND_CLOSED[:3], closed), 200)

    def test_a_code_and_the_start_after_it(self):
        self.assertGreater(self.cut_again(CODES[:3], True), 150)
