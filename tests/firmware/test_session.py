# runs on: micropython
"""The session without a network: packet ids, the window, and a writer that fails."""

import asyncio
import io
import unittest

from sportbox.net import session as module
from sportbox.net.message import Insecure, Message, Settings
from sportbox.net.packets import Malformed, Packets
from sportbox.net.session import Session

from tests.firmware.polls import CountedPolls

OPTIONS = {
    "keepalive_s": 30,
    "connect_ms": 5000,
    "ack_ms": 5000,
    "backoff_cap_ms": 4000,
    "window": 8,
    "packet_max": 2048,
}


def nothing(*_):
    return None


def make_session(next_message=nothing):
    settings = Settings("127.0.0.1", 1, OPTIONS)
    packets = Packets("client", 30, None, None)
    return Session(
        settings,
        packets,
        "cmd",
        ("will", "offline"),
        next_message,
        nothing,
        nothing,
        nothing,
        nothing,
        lambda: 0,
        lambda: 0,
    )


def packets_of(session, now_ms=0):
    """What would be written next, None if there is nothing."""
    size = session._next_packets(now_ms)
    packets, session._long = session._long or session._out, None
    return bytes(packets[:size]) if size else None


def acknowledge(session, pid):
    session._view[:4] = bytes([0x40, 2, pid >> 8, pid & 0xFF])
    session._fill = 4
    session._handle_pubacks()


class Stingy:
    """A buffer that cannot be copied for want of memory."""

    def __getitem__(self, at):
        raise MemoryError


class TestBuffer(unittest.TestCase):
    def take(self, size, without_memory):
        session = make_session()
        session._view[:100] = bytes(range(100))
        session._fill = 100
        if without_memory:
            session._buffer = Stingy()
        session._take(size)
        return bytes(session._view[: session._fill])

    def test_a_packet_leaves_the_rest_at_the_start(self):
        for size in (2, 3, 33, 50, 51, 99, 100):
            rest = bytes(range(size, 100))
            self.assertEqual(self.take(size, False), rest)
            self.assertEqual(self.take(size, True), rest)


class TestIds(unittest.TestCase):
    def test_wraps_and_skips_what_is_in_flight(self):
        session = make_session()
        session._pid = 65533
        session._inflight = {65535: None, 1: None, 3: None}
        self.assertEqual([session._next_pid() for _ in range(4)], [65534, 2, 4, 5])

    def test_every_id_of_a_whole_round_is_legal(self):
        session = make_session()
        seen = bytearray(65536)
        for _ in range(65535):
            seen[session._next_pid()] += 1
        self.assertEqual(seen[0], 0)
        self.assertEqual(sum(seen), 65535)
        self.assertEqual(session._next_pid(), 1)

    def test_publishes_with_its_id_across_the_wrap(self):
        made = []

        def next_message():
            return Message().fill("t", b"x", False, 1, None)

        session = make_session(next_message)
        session.up = True
        session._pid = 65534
        packets = packets_of(session)
        for at in range(0, 24, 8):
            made.append(packets[at + 5] << 8 | packets[at + 6])  # 0x32, length, topic length (2), "t", id
        self.assertEqual(made, [65535, 1, 2])

    def test_the_window_is_kept(self):
        session = make_session(lambda: Message().fill("t", b"x", False, 1, None))
        session.up = True
        self.assertEqual(packets_of(session).count(b"\x32\x06\x00\x01t"), 8)
        self.assertIsNone(packets_of(session))
        acknowledge(session, 1)
        self.assertEqual(packets_of(session), b"\x32\x06\x00\x01t\x00\x09x")

    def test_a_stray_puback_is_counted_and_does_no_harm(self):
        session = make_session()
        acknowledge(session, 77)
        self.assertEqual(session.stray_pubacks, 1)


class TestTogether(unittest.TestCase):
    """What goes out in one write."""

    def session(self, *payloads):
        left = [Message().fill("t", payload, False, 1, None) for payload in payloads]
        session = make_session(lambda: left.pop(0) if left else None)
        session.up = True
        return session

    def sizes(self, session):
        """Of what is written, write by write."""
        found = []
        while True:
            packets = packets_of(session, session._now_ms())
            if packets is None:
                return found
            found.append(len(packets))

    def test_answers_and_messages(self):
        session = self.session(b"one", b"two")
        session._answer(b"\x40\x02\x00\x07")
        heard = packets_of(session)
        self.assertEqual(heard, b"\x40\x02\x00\x07\x32\x08\x00\x01t\x00\x01one\x32\x08\x00\x01t\x00\x02two")
        self.assertIsNone(packets_of(session))

    def test_what_does_not_fit_goes_first_the_next_time(self):
        session = self.session(b"x" * 600, b"y" * 600, b"z")
        self.assertEqual(len(packets_of(session)), 608)
        self.assertEqual((sorted(session._inflight), session.idle()), ([1], False))
        acknowledge(session, 1)
        self.assertFalse(session.idle(), "the second one waits")
        self.assertEqual(self.sizes(session), [608 + 8])
        self.assertEqual(sorted(session._inflight), [2, 3])

    def test_one_that_is_larger_than_the_buffer_goes_alone(self):
        session = self.session(b"a", b"x" * 3000, b"b")
        self.assertEqual(self.sizes(session), [8, 3008, 8])

    def test_sizes_around_the_end_of_the_buffer(self):
        for spare in (-1, 0, 1):
            session = self.session(b"x" * (768 - 8 - 11 - spare), b"y")  # 11: what the second may take
            self.assertEqual(len(self.sizes(session)), 2 if spare < 0 else 1, spare)

    def test_what_was_held_back_is_forgotten_with_the_connection(self):
        session = self.session(b"x" * 600, b"y" * 600)
        session._next_packets(0)
        session._close()
        session.up = True
        self.assertIsNone(packets_of(session))
        self.assertTrue(session.idle())

    def test_writing_pauses_for_the_others(self):
        """A slow board needs milliseconds for each message."""
        session = self.session(b"1", b"2", b"3", b"4")
        now_ms = [0]

        def later():
            now_ms[0] += 2
            return now_ms[0]

        session._now_ms = later
        self.assertEqual(self.sizes(session), [16, 16])


class Second:
    """Takes what comes on one topic more."""

    def __init__(self):
        self.taken, self.codes = [], []

    def takes(self, packet, topic_at, payload_at):
        if packet[topic_at + 2 : payload_at - 2] != b"data":
            return False
        self.taken.append(bytes(packet[payload_at:]))
        return True

    def subscribed(self, code):
        self.codes.append(code)


class TestSecondTopic(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.session = make_session()
        self.session.up = True
        self.orders = []
        self.session._on_command = lambda payload, retained: self.orders.append(payload)
        self.session.second = self.second = Second()

    async def comes(self, packet):
        self.session._view[: len(packet)] = packet
        self.session._fill = len(packet)
        await self.session._handle(await self.session._packet())
        self.assertEqual(self.session._fill, 0)
        control, self.session._control = bytes(self.session._control), b""
        return control

    async def publish(self, topic, payload, pid=7):
        body = bytes([0, len(topic)]) + topic + bytes([0, pid]) + payload
        return await self.comes(bytes([0x32, len(body)]) + body)

    async def test_each_has_its_own(self):
        self.assertEqual(await self.publish(b"data", b"piece"), b"\x40\x02\x00\x07")
        self.assertEqual(await self.publish(b"cmd", b"order", 8), b"\x40\x02\x00\x08")
        self.assertEqual(await self.publish(b"else", b"?", 9), b"\x40\x02\x00\x09")
        self.assertEqual((self.second.taken, self.orders), ([b"piece"], [b"order"]))

    async def test_at_qos_0_there_is_no_answer(self):
        self.second.takes = lambda packet, topic_at, payload_at: packet[payload_at:] == b"piece"
        self.assertEqual(await self.comes(b"\x30\x0b\x00\x04datapiece"), b"")

    async def test_without_a_second_it_is_passed_over(self):
        self.session.second = None
        await self.publish(b"data", b"piece")
        self.assertEqual((self.second.taken, self.orders), ([], []))

    async def test_a_refusal_does_not_end_the_connection(self):
        self.session.subscribe("data")
        self.assertEqual(bytes(self.session._control)[:1], b"\x82")
        self.session._control = b""
        for code in (1, 0x80):
            await self.comes(bytes([0x90, 3, 0, 1, code]))
        self.assertEqual(self.second.codes, [1, 0x80])
        self.assertTrue(self.session.up)

    async def test_who_asked_has_given_way(self):
        """An order for a lock came before the broker's answer, and what pulls an update is gone."""
        self.session.subscribe("data")
        self.session._control = b""
        self.session.second = None
        await self.comes(b"\x90\x03\x00\x01\x01")
        self.assertTrue(self.session.up)

    async def test_nobody_asked_for_it(self):
        with self.assertRaises(Malformed):
            await self.comes(b"\x90\x03\x00\x01\x01")


class Network:
    """Stands in for `socket` and for TLS; counts what is open of each. A connection comes to nothing, each
    time in another way."""

    def __init__(self):
        self.is_slow = self.hangs = False
        self.sockets = self.most_sockets = self.sessions = self.most_sessions = self.tries = 0

    def socket(self):
        self.sockets += 1
        self.most_sockets = max(self.most_sockets, self.sockets)
        return Plug(self)

    def getaddrinfo(self, host, port):
        return [(None, None, None, None, (host, port))]

    async def open(self, raw, hello):
        """As Secure.open()."""
        self.tries += 1
        way = self.tries % 4
        if way == 0:
            raise Insecure("certificate: expired")
        if way == 1:
            raise MemoryError
        if way == 2:
            self.hangs = True
            await asyncio.sleep(100)  # until it is cancelled
        return Shaken(self)


class Plug(io.IOBase):
    """A socket that is connected at once, unless it is told to be slow."""

    def __init__(self, network):
        self.network = network
        self.is_open = True
        self.is_slow = network.is_slow

    def setblocking(self, flag):
        pass

    def setsockopt(self, *_):
        pass

    def connect(self, address):
        pass

    def ioctl(self, request, argument):
        if request != 3:  # MP_STREAM_POLL
            return -1
        return 0 if self.is_slow else argument & 4  # it can be written to

    def close(self):
        self.network.sockets -= self.is_open
        self.is_open = False


class TestDeadline(unittest.IsolatedAsyncioTestCase):
    async def test_one_that_meets_the_alarm_of_a_wait_is_not_lost(self):
        """A task that is cancelled twice before it runs hears of one. The handshake takes it for its own."""
        session = make_session()
        now_ms = [0]
        session._now_ms = lambda: now_ms[0]

        async def shakes():
            while True:
                try:
                    await asyncio.sleep(100)
                except asyncio.CancelledError:
                    if session._why and now_ms[0] < 6000:
                        continue  # the alarm was done, so it is thought to be its own
                    raise

        session._task = task = asyncio.create_task(shakes())
        session._deadline_ms = 5000
        await asyncio.sleep_ms(0)
        for now_ms[0] in (5000, 6000):
            session.check(now_ms[0])
            await asyncio.sleep_ms(0)
        with self.assertRaises(asyncio.CancelledError):
            await asyncio.wait_for(task, 1)
        self.assertEqual(session._why, "broker silent")


class Shaken:
    def __init__(self, network):
        self.network = network
        self.s = self
        network.sessions += 1
        network.most_sessions = max(network.most_sessions, network.sessions)

    async def readinto(self, buffer):
        await asyncio.sleep_ms(0)
        return 0

    def write(self, packets, size):
        return size

    out_buf = b""

    def close(self):
        self.network.sessions -= 1


class TestOneAtATime(unittest.IsolatedAsyncioTestCase):
    async def test_a_connection_is_closed_before_the_next_one(self):
        network = Network()
        before = module.socket
        module.socket = network
        self.addCleanup(lambda: setattr(module, "socket", before))

        async def resolve(host):
            return host

        session = make_session()
        session._resolve, session._secure = resolve, network
        session.set_link(True)
        task = asyncio.create_task(session.run())
        for _ in range(1000):
            if session.failures >= 8 and network.most_sessions:
                break
            if network.hangs:  # and not the next attempt, which has not come so far on a busy computer
                network.hangs = False
                session._fail("broker silent")
            await asyncio.sleep_ms(2)
        task.cancel()
        self.assertTrue(session.failures >= 8)
        self.assertEqual((network.most_sockets, network.most_sessions), (1, 1))
        self.assertEqual((network.sockets, network.sessions), (0, 0))


class TestConnecting(unittest.IsolatedAsyncioTestCase):
    async def test_nobody_looks_until_the_connection_is_there(self):
        network = Network()
        network.is_slow = True
        before = module.socket
        module.socket = network
        self.addCleanup(lambda: setattr(module, "socket", before))

        async def resolve(host):
            return host

        session = make_session()
        session._resolve = resolve
        loop = CountedPolls()
        self.addCleanup(loop.end)
        task = asyncio.create_task(session._connect())
        await asyncio.sleep_ms(300)
        self.assertLess(loop.polls, 8)
        self.assertFalse(task.done())
        session._socket.is_slow = False
        await asyncio.wait_for(task, 5)


class TestWriter(unittest.IsolatedAsyncioTestCase):
    async def test_any_failure_of_the_writer_ends_the_connection(self):
        """A session with a reader and no writer would open locks and answer nobody. There may be no memory to
        say why, either."""

        class Wordless(MemoryError):
            def __str__(self):
                raise MemoryError

        for error, why in ((ValueError("odd"), "ValueError odd"), (Wordless(), "no memory")):
            await self.falls(error, why)

    async def falls(self, error, why):
        def next_message():
            raise error

        session = make_session(next_message)
        session.up = True

        async def forever():
            await asyncio.sleep(100)

        session._task = asyncio.create_task(forever())
        await asyncio.sleep_ms(0)
        session._stream = Shaken(Network())
        await session._write_loop()
        self.assertEqual(session._why, why)
        with self.assertRaises(asyncio.CancelledError):
            await session._task

    async def test_no_memory_for_a_connection_is_one_that_failed(self):
        """The task does not fall: after some falls the board would restart, and with it the locks."""
        reasons = []

        async def resolve(host):
            raise MemoryError

        session = make_session()
        session._resolve = resolve
        session._on_down = reasons.append
        session.set_link(True)
        task = asyncio.create_task(session.run())
        for _ in range(200):
            if session.failures:
                break
            await asyncio.sleep_ms(5)
        self.assertEqual((session.failures, session.last_error, reasons), (1, "no memory", ["no memory"]))
        self.assertFalse(task.done())
        task.cancel()

    def test_a_writer_that_is_stuck_is_noticed(self):
        session = make_session()

        class Task:
            cancelled = False

            def cancel(self):
                self.cancelled = True

        session.up, session._task = True, Task()
        session.check(29999)
        self.assertFalse(session._task.cancelled)
        self.assertEqual(session.beat_ms, 29999)
        session.check(30000)
        self.assertTrue(session._task.cancelled)

    def test_no_beat_while_a_connection_neither_stands_nor_has_a_deadline(self):
        session = make_session()
        session._task = object()
        session.check(70000)
        self.assertEqual(session.beat_ms, 0)


if __name__ == "__main__":
    unittest.main()
