"""A board around an update: everything that it tells and asks is noted, time and the network are played."""

import hashlib
import json
import struct

from sportbox.core.lock import Order
from sportbox.store import slots
from sportbox.system import finishing, proving, pulling, resuming, updating

from tests.firmware import scratch
from tests.firmware.bundle_case import bundle as made
from tests.firmware.bundle_case import sha256


class Played:
    """A thing with the attributes that it is given."""

    def __init__(self, **facts):
        for name, value in facts.items():
            setattr(self, name, value)


class Quick:
    """`asyncio` whose tasks run when the test says so, and whose pauses take no time."""

    def __init__(self):
        self.tasks = []

    def create_task(self, task):
        self.tasks.append(task)

    async def sleep_ms(self, ms):
        pass

    def run(self):
        while self.tasks:
            try:
                self.tasks.pop(0).send(None)
            except StopIteration:
                continue


class Desk:
    known = True

    def __init__(self):
        self.finals = []

    def final(self, order, result, reason):
        self.finals.append((order.jti, result, reason))

    def settle(self, jti, result, reason):
        if self.known:
            self.finals.append((jti, result, reason))
        return self.known


class App:
    update = None
    receiver = None
    short_of_power = 0
    restart_at_ms = None

    def __init__(self):
        self.desk = Desk()
        self.parts = []
        self.events, self.answers = [], []

        self.uplink = None

    def event(self, component, kind, data):
        assert (component, kind, sorted(data)) == ("device", "device.update", ["reason", "state", "version"])
        self.events.append((data["state"], data["reason"]))

    def answer(self, jti, result, reason, done):
        self.answers.append((jti, result, reason))

    def busy(self):
        return any(part.busy() for part in self.parts)


class Session:
    up = True
    second = None
    connects = 1
    room = 2048

    def __init__(self):
        self.topics = []

    def subscribe(self, topic):
        self.topics.append(topic)

    def wake(self):
        pass


class Box:
    slots = None

    def __init__(self, base):
        self.base = base
        self.now_ms = 0
        self.app = App()
        self.app.box = self
        self.config = {"board": "sim"}
        self.session = Session()
        self.wifi = Played(up=True)
        self.supervisor = Played(stuck=lambda now_ms: self.stuck)
        self.outbox = Played(acked_seq=5, write_errors=0, queue_events=lambda: self.queued)
        self.uplink = Played(base="sportbox/v1/s/b", ask=b"", short=0)
        self.uptime = Played(ms=lambda: self.now_ms)
        self.history = Played(wear=Played(wrote=lambda size: None))
        self.log = Played(write=lambda level, text: None)
        self.identity = {"slot": "b"}
        self.shown = []
        self.stuck = ""
        self.queued = 0

    def publish_info(self):
        update = self.identity["update"]
        self.shown.append(None if update is None else (update["state"], update["version"]))

    def is_updating(self):
        return self.app.update is not None or self.slots is not None

    def pass_s(self, seconds=1):
        for _ in range(seconds):
            self.now_ms += 1000
            if self.app.update is not None:
                self.app.update.tick(self.now_ms)
            elif self.slots is not None:
                resuming.resume(self, self.base)


class UpdateCase:
    """To be mixed into a TestCase."""

    def setUp(self):
        self.base = scratch.folder(self)
        self.data = made()
        self.quick = finishing.asyncio = Quick()
        pulling.sys = Played(implementation=Played(version=(1, 29, 0)))
        resuming.heap_free = lambda: self.heap
        self.heap = 20000
        self.forgotten = []
        for module in (updating, resuming, pulling, proving):  # they would leave the tests, too
            module.forget = lambda *names, emptied=False: self.forgotten.extend(names)
        self.box = Box(self.base)
        self.app = self.box.app
        slots.write({"slot": "a", "spare": False, "fell": "", "update": None}, self.base)

    def args(self, **changes):
        found = {"sha256": sha256(self.data), "size": len(self.data), "version": "0.2.0"}
        found.update(changes)
        return {name: value for name, value in found.items() if value is not None}

    def order(self, jti="jti-1", args=None):
        return Order(jti, "", "update", "device", self.args() if args is None else args)

    def take(self, data=None, **changes):
        """An order for a bundle was accepted."""
        self.data = self.data if data is None else data
        order = self.order(args=self.args(**changes))
        self.assertEqual(updating.refusal(self.app, order), "")
        updating.take(self.app, order, self.base)
        if self.box.slots is not None:
            resuming.resume(self.box, self.base)

    def asked(self):
        """(at, bytes) of what was asked for since, None if nothing was."""
        ask, self.box.uplink.ask = self.box.uplink.ask, b""
        if not ask:
            return None
        found = json.loads(ask)
        self.assertEqual(found["sha256"], sha256(self.data)[:16])
        return found["at"], found["bytes"]

    def give(self, at, content, head=None):
        head = head or hashlib.sha256(self.data).digest()[:8]
        self.packet(head + struct.pack("<I", at) + content)

    def packet(self, payload, topic=b"sportbox/v1/s/b/update/data"):
        """As the session has it: True if it was for the update."""
        packet = b"\x32\x80\x08" + struct.pack(">H", len(topic)) + topic + b"\x00\x07" + payload
        return self.app.update.takes(memoryview(packet), 3, len(packet) - len(payload))

    def serve(self, pieces=1000):
        """Answers what is asked for; how many pieces."""
        for count in range(pieces):
            asked = self.asked()
            if asked is None:
                return count
            at, size = asked
            self.give(at, self.data[at : at + size])
        return pieces

    def finish(self):
        """All pieces are there: the whole is looked at, then the board waits for its moment."""
        self.box.pass_s(1)
        self.quick.run()
        self.box.pass_s(1)

    def state(self):
        return slots.read(self.base)

    def check_failed(self, reason):
        """It was told once, and nothing is left of it."""
        self.box.pass_s(2)  # what pulled it leaves the memory first
        self.assertEqual(self.app.desk.finals, [("jti-1", "failed", reason)])
        self.assertEqual(self.app.events[-1], ("failed", reason))
        self.assertEqual([state for state, _ in self.app.events].count("failed"), 1)
        self.assertIsNone(self.app.update)
        self.assertEqual(self.state(), {"slot": "a", "spare": False, "fell": "", "update": None})
        self.assertEqual(self.box.shown[-1], None)
        self.assertRaises(OSError, scratch.read, self.base + slots.BUNDLE)
        self.assertIsNone(self.app.restart_at_ms)
