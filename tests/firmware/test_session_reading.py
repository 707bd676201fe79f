# runs on: micropython
"""How the session reads without TLS: in asyncio's queue, without a coroutine for each packet."""

import asyncio
import gc
import io
import unittest

from sportbox.net.message import Message

from tests.firmware.test_session import make_session

_POLL = 3  # MP_STREAM_POLL
MESSAGES = 100
BYTES_MAX = 320
"""A message one at a time: umqtt.simple asks for as much (`make bench BENCH="--only publish"`)."""


class Broker(io.IOBase):
    """Acknowledges each message as soon as it is there. Also the socket."""

    def __init__(self):
        self.said, self.left = bytearray(64), 0
        self.heard, self.full, self.ended = 0, False, False

    def ioctl(self, request, argument):
        if request != _POLL:
            return -1
        return argument & ((1 if self.left or self.ended else 0) | (0 if self.full else 4))

    def say(self, data):
        self.said[self.left : self.left + len(data)] = data
        self.left += len(data)

    def readinto(self, buffer):
        count = self.left
        buffer[:count] = self.said[:count]
        self.left = 0
        return count

    def write(self, packets, *bounds):
        """Bounds as of a stream: none, a size, or where to begin and a size. It takes all or nothing."""
        if self.full:
            return None
        size = bounds[-1] if bounds else len(packets)
        self.heard += 1
        self.said[:4] = _ACK
        self.said[2] = packets[5]
        self.said[3] = packets[6]
        self.left = 4
        return size


_ACK = b"\x40\x02\x00\x00"


class TestReading(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.message, self.left, self.acknowledged = Message(), 0, 0
        self.session = session = make_session(self.next)
        session._settings.window = 1
        self.addCleanup(lambda: setattr(session._settings, "window", 8))
        self.broker = session._socket = Broker()
        session._stream = asyncio.StreamReader(self.broker)
        session.up = True
        self.done = self.count
        self.over = asyncio.Event()

    def next(self):
        if not self.left:
            return None
        self.left -= 1
        return self.message.fill("t", b"x", False, 1, self.done)

    def count(self):
        self.acknowledged += 1
        if not self.left:
            self.over.set()

    async def begin(self):
        self.task = asyncio.create_task(self.wait())
        await asyncio.sleep_ms(0)

    async def wait(self):
        await self.session._read_on()

    async def publish(self, count):
        self.left = count
        self.over.clear()
        self.session._write_due()
        await asyncio.wait_for(self.over.wait(), 5)

    async def end(self):
        self.task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await self.task

    async def test_a_message_and_its_acknowledgement_ask_for_little_memory(self):
        await self.begin()
        await self.publish(5)
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        before = gc.mem_alloc()
        await self.publish(MESSAGES)
        used = gc.mem_alloc() - before
        gc.enable()
        self.assertEqual((self.acknowledged, self.broker.heard), (5 + MESSAGES, 5 + MESSAGES))
        self.assertLessEqual(used / MESSAGES, BYTES_MAX)
        await self.end()

    async def test_whoever_is_cancelled_waits_no_longer(self):
        await self.begin()
        self.assertIn(id(self.broker), asyncio.core._io_queue.map)
        await self.end()
        self.assertNotIn(id(self.broker), asyncio.core._io_queue.map)

    async def test_the_writer_may_wait_for_the_same_socket(self):
        """It waits first, so the reader finds it there; what comes is read all the same, and then written."""
        session, broker = self.session, self.broker
        broker.full = True
        self.left = 1
        self.assertFalse(session._write_due(), "the socket takes nothing")
        writer = asyncio.create_task(session._write_loop())
        await asyncio.sleep_ms(0)
        await self.begin()
        broker.say(b"\x40\x02\x00\x63")
        await asyncio.sleep_ms(20)
        self.assertEqual((session.stray_pubacks, broker.heard), (1, 0))
        broker.full = False
        await asyncio.wait_for(self.over.wait(), 5)
        self.assertEqual((self.acknowledged, broker.heard), (1, 1))
        await self.end()
        writer.cancel()

    async def test_half_a_packet_and_the_rest(self):
        await self.begin()
        for piece in (b"\x40", b"\x02\x00", b"\x63\x40\x02\x00\x64\x40\x02\x00", b"\x65"):
            self.broker.say(piece)
            await asyncio.sleep_ms(20)
            self.assertEqual(self.session._rx_deadline_ms > 0, self.session._fill > 0)
        self.assertEqual((self.session.stray_pubacks, self.session._fill), (3, 0))
        await self.end()

    async def test_the_broker_closes(self):
        await self.begin()
        self.broker.ended = True
        with self.assertRaises(OSError) as caught:
            await self.task
        self.assertEqual(str(caught.exception), "closed by the broker")


if __name__ == "__main__":
    unittest.main()
