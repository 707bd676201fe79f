# runs on: micropython
"""When a board may go back to sleep, and what it says before."""

import unittest

from tests.firmware import bare_machine  # noqa: F401  before the drivers

# isort: split

from sportbox.sleep.farewell import Farewell
from sportbox.sleep.sleeper import Sleeper


class Clock:
    trust = "ntp"

    def trusted(self):
        return True

    def now(self, now_ms):
        return 1_800_000_000 + now_ms // 1000


class Part:
    def __init__(self):
        self.is_busy = self.is_settling = False

    def busy(self):
        return self.is_busy

    def settles(self):
        return self.is_settling


class Box:
    trial = slots = None


class App:
    log = None

    def __init__(self):
        self.box = Box()
        self.clock = Clock()
        self.parts = [Part()]
        self.restart_at_ms = None
        self.info_due = False
        self.update = None
        self.identify = False

    def identifying(self, now_ms):
        return self.identify


class Outbox:
    def __init__(self):
        self.queue, self.urgent, self.durable_seq = 0, False, 5
        self.sent = []
        self.takes, self.flushes = True, 0

    def queue_events(self):
        return self.queue

    def urgent_waiting(self):
        return self.urgent

    def take(self):
        return None

    def flush(self):
        self.flushes += 1
        return self.takes


class Session:
    def __init__(self):
        self.up, self.is_idle, self.leaves = True, True, 0

    def idle(self):
        return self.is_idle

    def wake(self):
        pass

    def leave(self):
        self.leaves += 1
        self.left.set()


class TestSleeper(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        import asyncio

        self.now_ms = 0
        self.app, self.outbox, self.session = App(), Outbox(), Session()
        self.session.left = asyncio.Event()
        self.uplink = Farewell("site", "court-1", "boot", self.outbox)
        self.sleeper = Sleeper(
            self.app,
            None,
            self.uplink,
            self.outbox,
            self.session,
            None,
            lambda: {"device": "court-1"},
            {"every_s": 900, "awake_s": 20},
            lambda: self.now_ms,
        )

    def may(self, from_ms, to_ms):
        """When it first may sleep within that time, None: not at all."""
        for at_ms in range(from_ms, to_ms, 50):
            if self.sleeper._may_sleep(at_ms):
                return at_ms
        return None

    def test_it_listens_for_a_second_after_all_is_said(self):
        self.outbox.queue = 1
        self.assertIsNone(self.may(0, 3000))
        self.outbox.queue = 0
        self.assertEqual(self.may(3000, 6000), 3950)

    def test_a_board_without_a_broker_tries_for_awake_s(self):
        self.session.up = False
        self.assertEqual(self.may(0, 30_000), 20_000)

    def test_an_alarm_is_delivered_while_the_broker_is_there(self):
        self.outbox.queue, self.outbox.urgent = 1, True
        self.assertIsNone(self.may(0, 120_000))
        self.session.up = False
        self.assertEqual(self.may(120_000, 130_000), 120_000)

    def test_ordinary_events_wait_for_the_next_time(self):
        self.outbox.queue = 1
        self.assertEqual(self.may(0, 120_000), 20_000)

    def test_what_is_busy_keeps_it_awake_with_broker_and_without(self):
        for up in (True, False):
            for what in ("part", "settles", "restart", "info", "identify", "update", "slots", "trial"):
                with self.subTest(up=up, what=what):
                    self.setUp()
                    self.session.up = up
                    self.app.parts[0].is_busy = what == "part"
                    self.app.parts[0].is_settling = what == "settles"
                    self.app.restart_at_ms = 10**6 if what == "restart" else None
                    self.app.info_due = what == "info"
                    self.app.update = object() if what == "update" else None
                    self.app.box.slots = {} if what == "slots" else None  # an update that has given way
                    self.app.box.trial = object() if what == "trial" else None
                    self.app.identify = what == "identify"
                    self.assertIsNone(self.may(0, 60_000))

    def test_it_waits_a_little_for_network_time(self):
        self.app.clock.trust = "rtc"
        self.assertEqual(self.may(0, 10_000), 3950)

    def test_what_is_on_its_way_keeps_it_awake(self):
        self.session.is_idle = False
        self.assertIsNone(self.may(0, 5000))
        self.session.is_idle = True
        self.uplink.answer("jti", "done", None, 0, None)
        self.assertIsNone(self.may(5000, 10_000))

    def test_what_is_in_ram_alone_keeps_it_awake_for_a_while(self):
        self.assertTrue(self.sleeper._kept(5000))
        self.outbox.takes = False
        tried = self.outbox.flushes
        kept = [at_ms for at_ms in range(10_000, 45_000, 50) if self.sleeper._kept(at_ms)]
        self.assertEqual(kept[0], 40_000)
        self.assertEqual(self.outbox.flushes - tried, 30 + len(kept))  # once a second: it may be worn
        self.outbox.takes = True
        self.assertTrue(self.sleeper._kept(41_000))

    def drain(self):
        """What the broker is sent; it acknowledges at once."""
        said = []
        while True:
            message = self.uplink.next_message()
            if message is None:
                return said
            said.append((message.topic.split("/")[-1], message.payload, message.retain, message.qos))
            if message.done is not None:
                message.done()

    async def test_info_then_sleeping_then_disconnect(self):
        import asyncio
        import json

        goodbye = asyncio.create_task(self.sleeper._goodbye())
        await asyncio.sleep(0)
        said = self.drain()
        self.assertEqual(
            [(topic, retain, qos) for topic, _, retain, qos in said],
            [("info", True, 1), ("availability", True, 1)],
        )
        info = json.loads(said[0][1])
        self.assertEqual(
            (info["sleeping"], info["sleep_s"], info["wake_by"]), (True, 900, "2027-01-15T08:15:00Z")
        )
        self.assertEqual(said[1][1], b"sleeping")
        self.assertTrue(await goodbye)
        self.assertEqual(self.session.leaves, 1)

    async def test_an_order_in_the_last_moment_is_heard(self):
        import asyncio

        goodbye = asyncio.create_task(self.sleeper._goodbye())
        await asyncio.sleep(0)
        self.app.identify = True
        self.drain()
        self.assertFalse(await goodbye)
        self.assertEqual(self.session.leaves, 0)
        self.assertEqual(self.drain()[0][:2], ("availability", b"online"))

    async def test_without_a_broker_there_is_nobody_to_tell(self):
        self.session.up = False
        self.assertTrue(await self.sleeper._goodbye())
        self.assertEqual((self.session.leaves, self.drain()), (0, []))


if __name__ == "__main__":
    unittest.main()
