"""An update in the running firmware: what is refused, how its bundle comes, what ends it, when it goes on."""

import unittest

from sportbox.core.lock import Order
from sportbox.store import bundle, record, slots
from sportbox.system import orders, proving, updating

from tests.firmware import scratch
from tests.firmware.bundle_case import BLOCK, manifest, packed, start_of
from tests.firmware.bundle_case import bundle as made
from tests.firmware.update_case import Box, Played, UpdateCase


class TestOrder(UpdateCase, unittest.TestCase):
    def refusal(self, args, component="device"):
        order = self.order(args=args)
        order.component = component
        return updating.refusal(self.app, order)

    def test_what_is_one(self):
        for changes in ({}, {"allow_downgrade": True}, {"size": 98304}, {"version": "9999.0.12"}):
            self.assertEqual(self.refusal(self.args(**changes)), "", changes)
        self.assertEqual(self.refusal(self.args(), ""), "")

    def test_what_is_none(self):
        bad = [("size", 0), ("size", -1), ("size", 98305), ("size", "9"), ("size", True), ("size", None)]
        bad += [
            ("sha256", "0" * 63),
            ("sha256", "0" * 65),
            ("sha256", "A" * 64),
            ("sha256", 7),
            ("sha256", None),
        ]
        bad += [("sha256", "g" * 64), ("version", "1.2"), ("version", "1.2.x"), ("version", "1.2.-3")]
        bad += [("version", "1..3"), ("version", 7), ("version", None), ("version", "1." * 40 + "1")]
        bad += [
            ("version", "10000.0.0"),
            ("allow_downgrade", False),
            ("allow_downgrade", 2),
            ("x", 1),
        ]
        for name, value in bad:
            self.assertEqual(self.refusal(self.args(**{name: value})), "malformed", (name, value))
        for args in ({}, {"abort": False}, {"abort": True, "x": 1}, {"abort": "yes"}):
            self.assertEqual(self.refusal(args), "malformed", args)
        self.assertEqual(self.refusal(self.args(), "lock-1"), "malformed")

    def test_one_at_a_time(self):
        self.take()
        self.assertEqual(self.refusal(self.args()), "busy")
        self.assertEqual(self.refusal({"abort": True}), "")
        self.box.pass_s(1)
        self.serve()
        self.finish()
        self.assertEqual(self.state()["update"]["state"], "ready")
        self.assertIsNotNone(self.app.restart_at_ms)  # from then on the app refuses all orders

    def test_nothing_to_abort(self):
        self.assertEqual(self.refusal({"abort": True}), "busy")
        self.app.update = proving.Proof(self.box, self.state(), self.base)
        self.assertEqual(self.refusal({"abort": True}), "busy")

    def test_abort(self):
        self.take()
        self.box.pass_s(1)
        self.serve(2)
        updating.take(self.app, self.order("jti-2", {"abort": True}), self.base)
        self.assertEqual(self.app.desk.finals, [("jti-2", "done", None)])
        self.app.desk.finals.clear()
        self.box.pass_s(1)
        self.check_failed("aborted")
        self.assertIsNone(self.box.session.second)
        self.assertEqual(self.box.uplink.ask, b"")

    def test_short_of_power(self):
        self.app.short_of_power = 1
        self.take()
        self.assertEqual(self.app.desk.finals, [("jti-1", "failed", "power")])
        self.assertIsNone(self.state()["update"])
        self.assertIsNone(self.app.update)

    def test_short_of_memory(self):
        self.heap = 8000
        self.take()
        self.box.pass_s(1)
        self.check_failed("busy")
        self.assertIsNone(self.box.session.second)
        self.assertIn("sportbox.system.pulling", self.forgotten)

    def test_packets_that_hold_no_piece(self):
        self.box.session.room = 1131
        self.take()
        self.box.pass_s(1)
        self.check_failed("space")

    def test_a_renewal_that_is_under_way(self):
        going = [True, True, False]
        self.app.receiver = Played(is_going=lambda: going.pop(0))
        self.assertEqual([self.refusal(self.args()) for _ in range(3)], ["busy", "busy", ""])

    def test_a_record_that_cannot_be_written(self):
        flash = scratch.Flash(self, slots.record)
        flash.broken = True
        self.take()
        self.assertEqual(self.app.desk.finals, [("jti-1", "failed", "flash")])
        self.assertIsNone(self.app.update)


class TestPulling(UpdateCase, unittest.TestCase):
    def test_piece_by_piece_to_the_restart(self):
        self.take()
        self.assertEqual(self.box.shown, [("pull", "0.2.0")])
        self.assertIsNone(self.asked())
        self.box.pass_s(1)
        self.assertEqual(self.box.session.topics, ["sportbox/v1/s/b/update/data"])
        self.assertEqual(self.serve(), 6)
        self.finish()
        update = self.state()["update"]
        self.assertEqual((update["state"], update["jti"], update["boots"]), ("ready", "jti-1", 0))
        self.assertEqual(update["down"], False)
        self.assertEqual(scratch.read(self.base + slots.BUNDLE), self.data)
        self.assertEqual(self.app.events, [("pulling", None), ("installing", None)])
        self.assertEqual(self.app.restart_at_ms, self.box.now_ms)
        self.assertEqual(self.app.desk.finals, [])

    def test_nobody_answers(self):
        self.take()
        self.box.pass_s(1)
        asked = []
        for second in range(240):
            if self.asked() is not None:
                asked.append(second)
            self.box.pass_s(1)
        self.assertEqual(asked, [0, 5, 15, 35, 75, 135, 195])

    def test_a_day_without_data(self):
        self.take()
        self.box.pass_s(1)
        self.serve(2)
        self.box.now_ms += 86400000
        self.box.pass_s(2)
        self.check_failed("no_data")

    def test_an_hour_on_a_battery(self):
        self.box.config = {"power": {"sleep": {"every_s": 900}}}
        self.take()
        self.box.now_ms += 3600000
        self.box.pass_s(2)
        self.check_failed("no_data")

    def test_a_broker_that_lets_nobody_listen(self):
        self.take()
        self.app.update.subscribed(128)
        self.box.pass_s(1)
        self.check_failed("no_data")

    def test_a_connection_that_comes_back_is_used_at_once(self):
        self.take()
        self.box.pass_s(120)
        self.asked()
        self.box.session.up = False
        self.box.pass_s(100)
        self.assertIsNone(self.asked())
        self.box.session.up = True
        self.box.session.connects += 1
        self.box.pass_s(1)
        self.assertEqual(self.asked(), (0, BLOCK))
        self.assertEqual(len(self.box.session.topics), 2)

    def test_five_bad_pieces_in_a_row(self):
        self.take()
        self.box.pass_s(1)
        self.serve(2)
        for bad in range(5):
            at, size = self.asked()
            self.assertIsNotNone(self.app.update)
            self.give(at, bytes(size))
            if bad == 3:  # a good one in between
                at, size = self.asked()
                self.give(at, self.data[at : at + size])
        for _ in range(4):
            self.box.pass_s(1)
            at, size = self.asked()
            self.give(at, b"short")
        self.box.pass_s(1)
        self.check_failed("block")

    def test_what_is_for_another_update_is_passed_over(self):
        self.take()
        self.box.pass_s(1)
        at, size = self.asked()
        for _ in range(9):
            self.give(at, self.data[at : at + size], head=b"another!")
            self.give(BLOCK, self.data[:BLOCK])
            self.give(1 << 31, b"")
            self.packet(b"short")
            self.packet(b"")
        self.box.pass_s(1)
        self.assertEqual(self.app.update.tick(self.box.now_ms), None)
        self.assertEqual(self.app.events, [("pulling", None)])
        self.assertFalse(record.exists(self.base + slots.BUNDLE))
        self.give(at, self.data[at : at + size])
        self.assertEqual(self.asked(), (start_of(self.data), BLOCK))

    def test_what_this_board_cannot_take(self):
        cases = {
            "board": manifest(boards=["box-esp32"]),
            "micropython": manifest(micropython={"first": "1.30.0", "below": "1.31.0"}),
            "downgrade": manifest(version="0.0.9"),
            "space": manifest(flash=1 << 60),
        }
        for reason, facts in cases.items():
            self.box = Box(self.base)
            self.app = self.box.app
            self.take(made(facts))
            self.box.pass_s(1)
            self.assertEqual(self.serve(), 1, reason)  # the head alone
            self.box.pass_s(1)
            self.check_failed(reason)

    def test_an_older_version_that_is_meant(self):
        self.take(made(manifest(version="0.0.9")), allow_downgrade=True, version="0.0.9")
        self.assertIs(self.state()["update"]["down"], True)
        self.box.pass_s(1)
        self.serve()
        self.finish()
        self.assertEqual(self.state()["update"]["state"], "ready")

    def test_a_whole_with_another_hash(self):
        foreign = made(content=packed(5000, 1))
        self.take()
        self.box.pass_s(1)
        mine, head = self.data, None
        while True:
            asked = self.asked()
            if asked is None:
                break
            self.give(asked[0], foreign[asked[0] : asked[0] + asked[1]], head)
        self.assertEqual(len(foreign), len(mine))
        self.finish()
        self.check_failed("hash")

    def test_flash_that_takes_nothing(self):
        self.take()
        self.box.pass_s(1)
        self.serve(1)

        def broken(path, mode="r"):
            if mode != "rb":
                raise OSError(28)
            return open(path, mode)

        bundle.open = broken
        try:
            self.serve(1)
        finally:
            del bundle.open
        self.box.pass_s(1)
        self.check_failed("flash")

    def test_a_failure_that_cannot_be_written_is_told_later(self):
        flash = scratch.Flash(self, slots.record)
        self.take()
        self.box.pass_s(1)
        self.app.update.fail("block")
        flash.broken = True
        self.box.pass_s(6)
        self.assertEqual(self.box.outbox.write_errors, 4)
        self.assertEqual((self.app.desk.finals, self.app.events), ([], [("pulling", None)]))
        flash.broken = False
        self.box.pass_s(1)
        self.check_failed("block")

    def test_what_was_told_but_not_written_is_told_once(self):
        flash = scratch.Flash(self, slots.record)
        self.take()
        self.app.update.fail("block")

        def told(*_):
            flash.broken = True

        event, self.app.event = self.app.event, lambda *facts: (event(*facts), told())
        self.box.pass_s(4)
        self.app.event = event
        self.box.pass_s(1)
        self.assertEqual(self.box.outbox.write_errors, 3)
        flash.broken = False
        self.box.pass_s(1)
        self.check_failed("block")

    def test_no_renewal_begins_beside_one_that_has_given_way(self):
        """The start would have two orders that go on, and knows of one."""
        self.take()
        self.box.pass_s(1)
        self.app.update.give_way()
        self.app.receiver = Played(refusal=lambda args: "")
        made = Order("jti-2", "", "configure", "", {"renew": {"part": 0, "of": 1}})
        self.assertEqual(orders.refusal(self.app, made), "busy")

    def test_orders_for_locks_go_first(self):
        """Nothing of the pull stays in memory; it goes on where it was, with what it had."""
        self.take()
        self.box.pass_s(1)
        self.assertEqual(self.serve(3), 3)
        at = self.app.update._incoming.wanted()[0]
        self.assertTrue(at > 0)
        del self.forgotten[:]
        self.app.update.give_way()
        self.assertEqual((self.app.update, self.box.session.second, self.asked()), (None, None, None))
        self.assertTrue("sportbox.system.pulling" in self.forgotten)
        self.assertTrue("sportbox.store.bundle" in self.forgotten)
        self.assertEqual(updating.refusal(self.app, self.order("jti-2")), "busy")
        self.box.pass_s(2)
        self.assertEqual(self.app.update._incoming.wanted()[0], at)
        self.serve()
        self.finish()
        self.assertEqual(self.state()["update"]["state"], "ready")
        self.assertEqual(self.app.events, [("pulling", None), ("installing", None)])

    def test_short_of_memory_after_it_gave_way_it_waits_for_more(self):
        self.take()
        self.box.pass_s(1)
        self.serve(3)
        self.app.update.give_way()
        self.heap = 5000
        self.box.pass_s(30)
        self.assertEqual((self.app.update, self.box.session.second), (None, None))
        self.assertEqual(self.app.update_at_ms, self.box.now_ms + 10000)
        self.assertEqual(self.state()["update"]["state"], "pull")
        self.heap = 20000
        self.box.pass_s(2)
        self.serve()
        self.finish()
        self.assertEqual(self.app.events, [("pulling", None), ("installing", None)])

    def test_aborted_while_it_gives_way(self):
        self.take()
        self.box.pass_s(1)
        self.app.update.give_way()
        self.app.update_at_ms = self.box.now_ms + 10_000  # as the order for a lock has it
        order = self.order("jti-2", {"abort": True})
        self.assertEqual(updating.refusal(self.app, order), "")
        updating.take(self.app, order, self.base)
        self.assertEqual(self.app.desk.finals.pop(), ("jti-2", "done", None))
        self.assertEqual(self.app.update_at_ms, 0)  # told at once
        self.assertEqual(updating.refusal(self.app, self.order("jti-3", {"abort": True})), "busy")
        self.check_failed("aborted")

    def test_an_abort_without_memory_ends_as_failed(self):
        self.take()
        self.box.pass_s(1)
        self.app.update.give_way()

        def read(base):
            raise MemoryError

        order, read, slots.read = self.order("jti-2", {"abort": True}), slots.read, read
        try:
            updating.take(self.app, order, self.base)
        finally:
            slots.read = read
        self.assertEqual(self.app.desk.finals, [("jti-2", "failed", "busy")])
        self.box.pass_s(1)
        self.assertIsNotNone(self.app.update)

    def test_a_pull_that_has_failed_does_not_begin_again_for_them(self):
        self.take()
        self.box.pass_s(1)
        self.app.update.fail("aborted")
        self.app.update.give_way()
        self.box.pass_s(1)
        self.check_failed("aborted")

    def test_the_battery_gets_low(self):
        self.take()
        self.box.pass_s(1)
        self.app.short_of_power = 1
        self.box.pass_s(2)
        self.check_failed("power")

    def test_no_memory_for_the_hash_is_another_try(self):
        self.take()
        self.box.pass_s(1)
        self.serve()
        step, tries = bundle.Incoming.hash_step, []

        def short(incoming):
            tries.append(1)
            raise MemoryError

        bundle.Incoming.hash_step = short
        try:
            for _ in range(3):
                self.finish()
        finally:
            bundle.Incoming.hash_step = step
        self.assertGreater(len(tries), 1)
        self.finish()
        self.assertEqual(self.state()["update"]["state"], "ready")

    def test_no_memory_to_begin_the_hash_is_another_try(self):
        self.take()
        self.box.pass_s(1)
        self.serve()
        create, left = self.quick.create_task, [1]

        def short(coroutine):
            if left:
                left.pop()
                coroutine.close()
                raise MemoryError
            create(coroutine)

        self.quick.create_task = short
        for _ in range(3):
            self.finish()
        self.assertEqual(self.state()["update"]["state"], "ready")

    def test_no_memory_for_a_piece_of_the_hash_is_another_try(self):
        self.take()
        self.box.pass_s(1)
        self.serve()
        left = [1]

        def short(size):
            if left:
                left.pop()
                raise MemoryError
            return bytearray(size)

        bundle.bytearray = short
        try:
            for _ in range(3):
                self.finish()
        finally:
            del bundle.bytearray
        self.assertEqual(self.state()["update"]["state"], "ready")
