# runs on: micropython
"""The app's sense of time: edges that never end, alarms that do not pile up, gaps that are told together."""

import asyncio
import sys
import unittest

from tests.firmware import bare_machine  # noqa: F401  before the drivers

# isort: split
from sportbox.app import App
from sportbox.core.clock import Clock
from sportbox.core.lock import Order
from sportbox.core.power import Battery
from sportbox.parts.power import Power
from sportbox.store import record
from sportbox.store.outbox import Outbox
from sportbox.system import orders
from sportbox.uplink import Uplink

from tests.firmware import scratch


class Part:
    """Wants to be looked at at `at_ms`."""

    name = "court-1"

    def __init__(self):
        self.scans = 0
        self.at_ms = None

    def scan(self, now_ms):
        self.scans += 1

    def deadline(self):
        return self.at_ms

    def states(self):
        return []

    def memory(self):
        return None


class Voltage:
    at_mv = 3800

    def mv(self):
        return self.at_mv


class Desk:
    def tidy(self, now_ms):
        pass


class Box:
    config = {"components": {"court-1": {}}}


class TestApp(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.folder = scratch.folder(self)
        self.outbox = Outbox(self.folder + "/outbox", 8192, 4096)
        self.outbox.open()
        self.now_ms = 0
        uplink = Uplink("site", "box-1", "boot", self.outbox)
        self.app = App(self.folder, Clock(), self.outbox, uplink, 1000, lambda: self.now_ms, lambda: None)
        self.part = Part()
        self.app.parts = [self.part]

    async def test_edges_without_an_end_leave_the_others_their_turn(self):
        flag = self.app.edge
        turns = []

        class Chatter(Part):
            def scan(self, now_ms):
                self.scans += 1
                flag.set()

        chatter = Chatter()
        self.app.parts = [chatter]
        edges = asyncio.create_task(self.app.watch_edges())
        flag.set()
        for _ in range(20):
            await asyncio.sleep_ms(1)
            turns.append(chatter.scans)
        edges.cancel()
        self.assertGreater(turns[-1], 1)
        self.assertLess(turns[-1], 30)

    async def test_what_matters_is_on_flash_at_once_and_the_rest_within_the_batch(self):
        self.app.event("court-1", "occupancy.changed", {})
        self.assertEqual(self.outbox.durable_seq, 0)
        self.app.event("door-1", "door.forced", {})
        self.assertEqual(self.outbox.durable_seq, 2)
        self.app.event("door-1", "occupancy.changed", {"alarm": True})
        self.assertEqual(self.outbox.durable_seq, 3)
        self.app.event("court-1", "gate.passed", {})
        for self.now_ms, durable in ((999, 3), (1000, 4)):
            self.tick()
            self.assertEqual(self.outbox.durable_seq, durable)

    def tick(self):
        self.app.desk = Desk()
        self.app.tick(self.now_ms)

    async def test_what_can_wait_is_remembered_within_a_minute(self):
        self.app.memory_stale = True
        for self.now_ms, stale in ((59_999, True), (60_000, False)):
            self.tick()
            self.assertEqual((self.app.memory_stale, record.exists(self.app.memory_path)), (stale, not stale))

    async def test_no_order_is_taken_before_a_restart(self):
        order = Order("a", "", "unlock", "lock-9")
        self.app.parts = []
        self.assertEqual(self.app.refusal_of(order), "malformed")
        self.app.restart_at_ms = 500
        self.assertEqual(self.app.refusal_of(order), "busy")

    def test_an_answer_without_memory_ends_nothing(self):
        """The order has been used up, or is over: what is done about it goes on."""
        tries, rooms, left = [], [], [1]

        def answer(*told):
            tries.append(told[1])
            if left:
                left.pop()
                raise MemoryError

        self.app.uplink.answer = answer
        self.app.make_room = lambda: rooms.append(1)
        self.app.answer("jti-1", "accepted", None, None)
        self.assertEqual((tries, len(rooms), self.app.uplink.answers_lost), (["accepted"] * 2, 1, 0))
        left += [1, 1]
        self.app.answer("jti-1", "done", None, None)
        self.assertEqual((len(tries), self.app.uplink.answers_lost), (4, 1))

    def without_memory(self, times):
        """So often there is none to write an event down; what gives way is counted."""
        real, left, gave_way = self.app.uplink.event, [times], []

        class Update:
            def give_way(self):
                gave_way.append(True)

        def event(*args):
            if left[0]:
                left[0] -= 1
                raise MemoryError
            return real(*args)

        self.app.update = Update()
        self.app.uplink.event = event
        return gave_way

    def test_an_event_that_finds_no_memory_is_tried_once_more_while_an_update_waits(self):
        gave_way = self.without_memory(1)
        self.app.event("door-1", "door.forced", {})
        self.assertEqual((self.outbox.durable_seq, len(gave_way), self.app.update_at_ms), (1, 1, 10000))

    def test_an_event_that_finds_none_then_either_is_not_accepted(self):
        gave_way = self.without_memory(2)
        with self.assertRaises(MemoryError):
            self.app.event("door-1", "door.forced", {})
        self.assertEqual((self.outbox.next_seq(), len(gave_way)), (1, 1))

    def test_no_memory_for_what_outlives_a_power_cut_does_not_keep_an_event_back(self):
        def memory():
            raise MemoryError

        self.part.memory = memory
        self.app.remember("court-1")
        self.assertEqual((self.app.memory_stale, record.exists(self.app.memory_path)), (True, False))

    def test_a_part_that_is_back_tells_its_states_again(self):
        """It may have fallen before it asked for that."""

        class Short(Part):
            name = "door-1"
            short = 1

            def scan(self, now_ms):
                if self.short:
                    self.short -= 1
                    raise MemoryError

            def states(self):
                if self.none_left:
                    raise MemoryError
                return [("door-1", 0, {}), ("lock-1", 0, {})]

        short = Short()
        short.none_left = True
        self.app.parts = [short, self.part]
        self.app.uplink.describe(dict, lambda name: {"of": name})
        self.app.scan()
        self.app.scan()  # no memory for that either
        short.none_left = False
        self.assertIsNone(self.app.uplink.next_message())
        self.app.scan()
        self.app.scan()
        topics = []
        for _ in range(3):
            message = self.app.uplink.next_message()
            if message is not None:
                topics.append(message.topic.split("/")[-2:])
                message.topic = ""
        self.assertEqual(topics, [["door-1", "state"], ["lock-1", "state"]])
        self.assertEqual(self.app.idle, [])

    def test_what_a_low_battery_costs_is_off_though_nobody_can_be_told(self):
        levels = []
        self.part.shed = levels.append
        voltage = Voltage()
        power = Power(self.app, {}, (Battery(3700, 3500, 3300), voltage), None)
        self.without_memory(2)
        voltage.at_mv = 3200
        with self.assertRaises(MemoryError):
            power.scan(0)
        self.assertEqual((levels, self.app.short_of_power), ([2], 2))

    async def test_alarms_do_not_pile_up(self):
        """A chattering contact asks for a later look again and again."""
        for i in range(200):
            self.part.at_ms = 60000 + i
            self.app.scan()
            self.part.at_ms = 50
            self.app.scan()
        self.assertLessEqual(len(self.app._armed), 2)

    async def test_a_part_that_fails_does_not_silence_the_others(self):
        class Broken(Part):
            name = "court-2"
            well = False

            def scan(self, now_ms):
                self.scans += 1
                if not self.well:
                    raise OSError(19)

        broken = Broken()
        told = []
        self.app.on_crash = lambda name, error: told.append((name, error.errno))
        self.app.parts = [broken, self.part]
        broken.at_ms = 0  # as it never comes to look, this stays due
        for _ in range(20):
            self.app.scan()
        self.assertEqual(self.part.scans, 20)
        self.assertEqual(told, [("court-2", 19)])
        self.assertEqual(self.app._armed, [])
        self.now_ms = 600000
        self.app.scan()
        self.assertEqual(len(told), 2)
        broken.well = True
        self.app.scan()
        self.assertEqual(self.app._armed, [0])

    def test_figures_that_cannot_be_had_leave_the_others(self):
        def broken():
            raise OSError(5)

        told = []
        self.app.on_crash = lambda name, error: told.append(name)
        self.part.figures = broken
        other = Part()
        other.figures = lambda: {"solar": 5000}
        self.app.parts = [self.part, other]
        self.assertEqual(self.app.figures(), {"solar": 5000})
        self.app.figures()
        self.assertEqual(told, ["court-1"])

    def test_orders_for_what_is_not_there(self):
        self.part.takes = lambda component: False
        self.app.box = Box()
        for act in ("unlock", "lock", "configure"):
            order = Order("a", "sub", act, "gate-9", {"count": 0})
            self.assertEqual(self.app.refusal_of(order), "malformed")
        self.assertEqual(self.app.refusal_of(Order("a", "sub", "configure", "", {"reset": "clock"})), "")

    def test_an_update_gives_way_to_orders_for_parts(self):
        gave_way = []

        class Update:
            def give_way(self):
                gave_way.append(True)

        self.app.update, self.now_ms = Update(), 5000
        self.part.takes = lambda component: component == "court-1"
        self.part.refusal = lambda order, now_ms: "busy"
        self.app.refusal_of(Order("a", "sub", "configure", "", {"reset": "clock"}))
        self.assertEqual((gave_way, self.app.update_at_ms), ([], 0))
        self.assertEqual(self.app.refusal_of(Order("b", "sub", "lock", "court-1", {})), "busy")
        self.assertEqual((gave_way, self.app.update_at_ms), ([True], 15000))

    def test_an_update_gives_way_to_any_order_that_finds_no_memory(self):
        """So that it can be told to end."""
        gave_way = []

        class Update:
            def give_way(self):
                gave_way.append(True)

        def refusal(app, order):
            if len(gave_way) < needed:
                raise MemoryError
            return "malformed"

        self.app.update = Update()
        self.addCleanup(setattr, orders, "refusal", orders.refusal)
        orders.refusal = refusal
        for needed, reason in ((1, "malformed"), (3, "busy")):
            gave_way.clear()
            sys.modules[orders.__name__] = orders
            self.assertEqual(self.app.refusal_of(Order("a", "sub", "update", "", {"abort": True})), reason)
            self.assertEqual(len(gave_way), min(needed, 2))

    def test_when_all_parts_fail_it_is_the_board(self):
        def scan(now_ms):
            raise MemoryError

        self.part.scan = scan
        with self.assertRaises(MemoryError):
            self.app.scan()

    async def test_a_deadline_is_kept(self):
        self.part.at_ms = 20
        self.app.scan()
        self.part.at_ms = None
        before = self.part.scans
        for _ in range(50):
            await asyncio.sleep_ms(10)
            if self.part.scans > before:
                break
        self.assertGreater(self.part.scans, before)
        self.assertEqual(self.app._armed, [])

    def test_gaps_are_told_in_one_report_a_tick(self):
        class Lock:
            def tidy(self, now_ms):
                pass

        self.app.desk = Lock()
        for i in range(60):
            self.app.event("door-1", "door.opened", {"i": i})
            for _ in range(12):
                self.app.event("court-1", "occupancy.changed", {"state": "occupied", "pad": "x" * 80})
        self.outbox.flush()
        while True:
            out = self.outbox.take()
            if out is None:
                break
            self.outbox.ack(out)
        told = []
        self.app.event = lambda component, kind, data: told.append((kind, data["count"]))
        missing = self.outbox.dropped_ordinary + self.outbox.dropped_urgent
        self.assertGreater(missing, 100)
        self.app.tick(1000)
        self.app.tick(2000)
        self.assertEqual(told, [("device.dropped", missing)])


if __name__ == "__main__":
    unittest.main()
