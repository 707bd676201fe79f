"""After the restart: a new firmware proves itself or is given up, and what was decided is told once."""

import unittest

from sportbox.store import record, slots
from sportbox.system import resuming

from tests.firmware import scratch
from tests.firmware.update_case import Box, UpdateCase

UPDATE = {"jti": "jti-1", "sha256": "0" * 64, "size": 9000, "version": "0.2.0", "down": False}
AT_REST = {"slot": "a", "spare": False, "fell": "", "update": None}


class ProvingCase(UpdateCase):
    def begin(self, state, reason=None, runs="b", **changes):
        """A start that finds the update in this state."""
        update = dict(UPDATE, state=state, boots=1, reason=reason) if state else None
        slots.write(dict(AT_REST, update=update, **changes), self.base)
        self.box = Box(self.base)
        self.app = self.box.app
        self.box.identity["slot"] = runs
        self.box.queued = 3  # of this start's events
        self.box.slots = self.state()
        resuming.resume(self.box, self.base)
        self.assertFalse(self.app.update.may_abort)

    def prove(self):
        self.box.outbox.acked_seq += self.box.queued
        self.box.queued = 0


class TestProof(ProvingCase, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.begin("trial")

    def check_on_trial(self):
        self.assertEqual(self.state()["update"]["state"], "trial")
        self.assertEqual((self.app.desk.finals, self.app.events), ([], []))

    def test_it_stays_once_everything_is_well(self):
        self.box.session.up = False
        self.box.pass_s(10)
        self.box.session.up = True
        self.box.pass_s(10)  # the broker is there, but does not have the events of this start
        self.check_on_trial()
        self.box.stuck = "wifi"
        self.prove()
        self.box.pass_s(10)
        self.check_on_trial()
        self.box.stuck = ""
        self.box.session.up = False
        self.box.pass_s(10)
        self.check_on_trial()
        self.box.session.up = True
        self.box.pass_s(1)
        self.assertEqual(self.state(), {"slot": "b", "spare": True, "fell": "", "update": None})
        self.assertEqual(self.app.desk.finals, [("jti-1", "done", None)])
        self.assertEqual(self.app.events, [("done", None)])
        self.assertIsNone(self.app.update)
        self.assertIsNone(self.app.restart_at_ms)
        self.assertEqual(self.box.shown, [None])
        self.assertIn("sportbox.system.proving", self.forgotten)

    def test_a_trial_that_the_loader_could_not_count(self):
        """Worn flash: the old firmware runs, and proves nothing about the new one."""
        self.begin("trial", runs="a")
        self.prove()
        self.box.pass_s(1)
        self.assertEqual(self.state(), AT_REST)
        self.assertEqual(self.app.desk.finals, [("jti-1", "failed", "flash")])
        self.assertEqual(self.app.events, [("failed", "flash")])

    def test_all_events_of_this_start_and_no_later_one(self):
        self.box.outbox.acked_seq += 2
        self.box.queued = 1
        self.box.pass_s(1)
        self.check_on_trial()
        self.box.outbox.acked_seq += 1
        self.box.queued = 5
        self.box.pass_s(1)
        self.assertEqual(self.state()["slot"], "b")

    def check_given_up(self, seconds):
        self.box.pass_s(seconds - 1)
        self.check_on_trial()
        self.assertIsNone(self.app.restart_at_ms)
        self.box.pass_s(1)
        state = self.state()
        self.assertEqual((state["slot"], state["spare"]), ("a", False))
        self.assertEqual((state["update"]["state"], state["update"]["reason"]), ("failed", "unreachable"))
        self.assertEqual((self.app.desk.finals, self.app.events), ([], []))  # the old one will tell

    def test_a_broker_that_stays_away(self):
        self.box.session.up = False
        self.check_given_up(120)
        self.assertEqual(self.app.restart_at_ms, self.box.now_ms)

    def test_no_wifi_either(self):
        self.box.session.up = self.box.wifi.up = False
        self.check_given_up(600)

    def test_a_broker_that_takes_no_event(self):
        self.check_given_up(120)

    def test_a_task_that_stays_down(self):
        self.box.stuck = "session"
        self.prove()
        self.check_given_up(120)

    def test_nobody_is_locked_in_by_going_back(self):
        busy = [True]
        self.app.busy = lambda: busy[0]
        self.box.session.up = False
        self.check_given_up(120)
        self.box.session.up = True
        self.prove()
        self.box.pass_s(50)
        self.assertIsNone(self.app.restart_at_ms)
        self.assertEqual(self.state()["update"]["state"], "failed")  # decided is decided
        busy[0] = False
        self.box.pass_s(1)
        self.assertIsNotNone(self.app.restart_at_ms)

    def test_a_record_that_cannot_be_written_decides_nothing(self):
        flash = scratch.Flash(self, record)
        flash.broken = True
        self.prove()
        self.box.pass_s(3)
        self.assertEqual(self.box.outbox.write_errors, 3)
        self.check_on_trial()
        flash.broken = False
        self.box.pass_s(1)
        self.assertEqual(self.state(), {"slot": "b", "spare": True, "fell": "", "update": None})


class TestTelling(ProvingCase, unittest.TestCase):
    def test_what_the_loader_gave_up(self):
        for reason in ("damaged", "space", "crash", "watchdog", "unproven", "flash"):
            self.begin("failed", reason)
            self.box.pass_s(1)
            self.check_failed(reason)

    def test_done_before_the_power_went(self):
        self.begin("done", slot="b", spare=True)
        self.box.pass_s(1)
        self.assertEqual(self.app.desk.finals, [("jti-1", "done", None)])
        self.assertEqual(self.app.events, [("done", None)])
        self.assertEqual(self.state(), {"slot": "b", "spare": True, "fell": "", "update": None})

    def test_an_order_that_this_firmware_never_saw(self):
        self.begin("failed", "damaged")
        self.app.desk.known = False
        self.box.pass_s(1)
        self.assertEqual(self.app.answers, [("jti-1", "failed", "damaged")])
        self.assertEqual(self.app.events, [("failed", "damaged")])

    def test_a_boot_loop_is_told_once(self):
        self.begin("", fell="b", spare=True)
        self.box.pass_s(1)
        self.assertEqual(self.app.events, [("failed", "boot_loop")])
        self.assertEqual((self.app.desk.finals, self.app.answers), ([], []))
        self.assertEqual(self.state(), {"slot": "a", "spare": True, "fell": "", "update": None})
        self.assertIsNone(self.app.update)

    def test_both(self):
        self.begin("failed", "unproven", fell="b")
        self.box.pass_s(1)
        self.assertEqual(self.app.events, [("failed", "boot_loop"), ("failed", "unproven")])
        self.assertEqual(self.state(), AT_REST)
