"""An update whose bundle is whole waits for a quiet moment; one that a restart interrupted goes on."""

import unittest

from sportbox.store import bundle, slots
from sportbox.system import resuming, updating

from tests.firmware import scratch
from tests.firmware.update_case import Box, Played, UpdateCase


class TestWaiting(UpdateCase, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.open, self.runs = False, False
        door = Played(is_open=lambda: self.open)
        self.app.parts = [
            Played(busy=lambda: False),
            Played(door=door, busy=lambda: self.open or self.runs),
        ]

    def whole(self):
        self.take()
        self.box.pass_s(1)
        self.serve()
        self.finish()

    def test_a_door_a_lend_and_then_it_goes_on(self):
        self.open = self.runs = True
        self.whole()
        self.box.pass_s(100)
        self.assertEqual(self.app.events[1:], [("waiting", "door")])
        self.open = False
        self.box.pass_s(100)
        self.assertEqual(self.app.events[2:], [("waiting", "lend")])
        self.assertEqual(self.state()["update"]["state"], "pull")
        self.runs = False
        self.box.pass_s(1)
        self.assertEqual(self.app.events[3:], [("installing", None)])
        self.assertEqual(self.state()["update"]["state"], "ready")

    def test_an_hour_of_it(self):
        self.open = True
        self.whole()
        self.box.pass_s(3601)
        self.check_failed("busy")

    def test_power_that_does_not_come_back(self):
        self.take()
        self.box.pass_s(1)
        self.serve()
        self.app.short_of_power = 1
        self.finish()
        self.box.pass_s(1000)
        self.assertEqual(self.app.events[1:], [("waiting", "power")])
        self.box.pass_s(2610)
        self.check_failed("power")

    def test_given_up_meanwhile(self):
        self.open = True
        self.whole()
        self.box.pass_s(10)
        updating.take(self.app, self.order("jti-2", {"abort": True}), self.base)
        self.app.desk.finals.clear()
        self.box.pass_s(1)
        self.check_failed("aborted")

    def test_a_record_that_takes_nothing_when_it_is_time(self):
        self.open = True
        self.whole()
        flash = scratch.Flash(self, slots.record)
        flash.broken = True
        self.open = False
        self.box.pass_s(1)
        self.assertIsNone(self.app.restart_at_ms)
        flash.broken = False
        self.box.pass_s(1)
        self.check_failed("flash")


class TestGoingOn(UpdateCase, unittest.TestCase):
    def restart(self):
        self.box = Box(self.base)
        self.app = self.box.app
        self.box.slots = self.state()
        resuming.resume(self.box, self.base)

    def test_a_restart_in_the_middle(self):
        for pieces in (0, 1, 3, 6):
            with self.subTest(pieces=pieces):
                slots.clear(self.base)
                slots.write({"slot": "a", "spare": False, "fell": "", "update": None}, self.base)
                self.box = Box(self.base)
                self.app = self.box.app
                self.take()
                self.box.pass_s(1)
                self.serve(pieces)
                self.restart()
                self.box.pass_s(1)
                self.assertEqual(len(self.box.session.topics), int(pieces < 6))
                self.assertEqual(self.serve(), 6 - pieces)
                self.box.pass_s(1)
                self.quick.run()
                self.box.pass_s(1)
                self.assertEqual(self.app.events, [("installing", None)])
                self.assertEqual(self.state()["update"]["state"], "ready")

    def test_a_bundle_that_cannot_be_read_any_more(self):
        self.take()
        self.box.pass_s(1)
        self.serve(3)
        flash = scratch.Flash(self, bundle)
        flash.unreadable = self.base + slots.BUNDLE
        self.restart()
        self.box.pass_s(1)
        self.check_failed("flash")
