# runs on: micropython
"""The session against a broker that is played byte by byte: its deadlines, and what acknowledges what."""

import asyncio
import unittest

from sportbox.net.message import Message, Settings
from sportbox.net.packets import Packets
from sportbox.net.session import Session

OPTIONS = {
    "keepalive_s": 30,
    "connect_ms": 4000,
    "ack_ms": 5000,
    "backoff_cap_ms": 4000,
    "window": 2,
    "packet_max": 128,
}
CONNACK = b"\x20\x02\x00\x00"
SUBACK = b"\x90\x03\x00\x01\x01"
PING, PINGRESP = b"\xc0\x00", b"\xd0\x00"


def puback(pid):
    return bytes([0x40, 2, pid >> 8, pid & 255])


def publish(topic, payload, pid):
    body = bytes([0, len(topic)]) + topic + bytes([pid >> 8, pid & 255]) + payload
    length = len(body)
    head = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
    return b"\x32" + head + body


class Broker:
    """The other end of the connection; also the socket, TLS and the pauses before the next one."""

    def __init__(self):
        self.said, self.heard, self.out_buf = b"", b"", b""
        self.s = self
        self.stuck = False
        self.resets = 0

    async def open(self, raw, hello):
        self.heard = bytes(hello)
        return self

    async def readinto(self, buffer):
        while not self.said:
            await asyncio.sleep_ms(0)
        count = min(len(buffer), len(self.said))
        buffer[:count] = self.said[:count]
        self.said = self.said[count:]
        return count

    def write(self, packet, size):
        """All of it but the last byte if it is stuck; `drain` is supposed to know that one."""
        self.heard += bytes(packet[:size])
        return size - self.stuck

    async def drain(self):
        while self.stuck:
            await asyncio.sleep_ms(0)
        self.out_buf = b""

    def close(self):
        self.said = b""

    def next(self, random_bits):
        return 0

    def reset(self):
        self.resets += 1


class PeerCase(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.now_ms = 1000
        self.messages, self.done, self.downs, self.orders = [], [], [], []
        self.broker = broker = Broker()
        self.session = session = Session(
            Settings("127.0.0.1", 1, OPTIONS),
            Packets("client", 30, None, None),
            "cmd",
            ("will", "offline"),
            lambda: self.messages.pop(0) if self.messages else None,
            lambda payload, retained: self.orders.append(payload),
            lambda: None,
            self.downs.append,
            None,
            lambda: self.now_ms,
            lambda: 0,
            broker,
        )
        session._backoff = broker

        async def connect():
            session._socket = broker

        session._connect = connect
        session.set_link(True)

    async def turn(self):
        for _ in range(20):
            await asyncio.sleep_ms(0)

    async def say(self, data):
        self.broker.heard = b""
        self.broker.said += data
        await self.turn()
        return self.broker.heard

    async def begin(self, *said):
        task = asyncio.create_task(self.session.run())
        self.addCleanup(task.cancel)
        await self.turn()
        for data in said:
            await self.say(data)

    async def send(self, *names):
        """Messages at QoS 1; what was heard of them."""
        self.broker.heard = b""
        for name in names:
            self.messages.append(
                Message().fill("t", name, False, 1, lambda name=name: self.done.append(name))
            )
        self.session.wake()
        await self.turn()
        return self.broker.heard

    async def look(self, at_ms):
        self.now_ms = at_ms
        self.session.check(at_ms)
        await self.turn()
        return self.downs


class TestLeaving(PeerCase):
    async def test_nothing_goes_out_after_the_goodbye_and_no_order_is_taken(self):
        await self.begin(CONNACK, SUBACK)
        self.broker.stuck = True
        await self.send(b"one")  # its PUBLISH is on its way
        self.session.leave()
        self.messages.append(Message().fill("t", b"two", False, 1, None))
        self.session.wake()
        self.broker.stuck = False
        self.assertEqual(await self.say(publish(b"cmd", b"order", 7) + puback(2)), b"\xe0\x00")
        self.assertEqual((self.orders, await self.send(b"three")), ([], b""))

    async def test_whoever_is_not_connected_has_left(self):
        self.assertFalse(self.session.left.is_set())
        self.session.leave()
        self.assertTrue(self.session.left.is_set())


class TestDeadlines(PeerCase):
    async def test_no_connack(self):
        await self.begin()
        self.assertEqual(await self.look(4999), [])
        self.assertEqual(await self.look(5000), ["broker silent"])

    async def test_no_suback(self):
        await self.begin(CONNACK)
        self.assertEqual(await self.look(5999), [])
        self.assertEqual(await self.look(6000), ["broker silent"])

    async def test_half_a_packet(self):
        await self.begin(CONNACK, SUBACK, b"\x40\x02")
        self.assertEqual(await self.look(5999), [])
        self.assertEqual(await self.look(6000), ["half a packet"])

    async def test_a_large_packet_that_stops_half_way(self):
        await self.begin(CONNACK, SUBACK, publish(b"cmd", b"x" * 400, 7)[:-1])
        self.assertEqual(await self.look(6000), ["half a packet"])

    async def test_a_write_that_is_stuck(self):
        await self.begin(CONNACK, SUBACK)
        self.broker.stuck = True
        self.messages.append(Message().fill("t", b"x", False, 0, None))  # no PUBACK would be missed
        self.session.wake()
        await self.turn()
        self.assertEqual(await self.look(5999), [])
        self.assertEqual(await self.look(6000), ["write stuck"])

    async def test_a_line_so_slow_that_messages_wait_for_each_other(self):
        """As long as the broker acknowledges something, nothing is given up."""
        await self.begin(CONNACK, SUBACK)
        await self.send(b"one", b"two")
        self.assertEqual(await self.look(5500), [])
        await self.say(puback(2))
        for at_ms in range(6000, 10001, 1000):
            self.assertEqual(await self.look(at_ms), [])
        await self.say(puback(3))
        self.assertEqual((await self.look(11000), self.done), ([], [b"one", b"two"]))

    async def test_a_line_that_dies_while_messages_wait_for_each_other(self):
        await self.begin(CONNACK, SUBACK)
        await self.send(b"one", b"two")
        await self.say(puback(2))
        self.assertEqual(await self.look(5500), [])
        self.assertEqual(await self.look(10499), [])
        self.assertEqual(await self.look(10500), ["no PUBACK"])

    async def test_a_puback_that_never_comes_though_all_others_do(self):
        await self.begin(CONNACK, SUBACK)
        await self.send(b"lost")
        ended_ms, pid = 0, 3
        for at_ms in range(2000, 50000, 1000):
            await self.send(b"x")
            await self.say(puback(pid))
            pid += 1
            if await self.look(at_ms):
                ended_ms = at_ms
                break
        self.assertEqual((ended_ms, self.downs), (36000, ["no PUBACK"]))

    async def test_a_puback_of_two_bytes_ends_the_connection(self):
        await self.begin(CONNACK, SUBACK, b"\x40\x00")
        self.assertEqual(self.downs, ["Malformed PUBACK"])

    async def test_a_puback_of_three_bytes_ends_the_connection(self):
        await self.begin(CONNACK, SUBACK, b"\x40\x01\x00")
        self.assertEqual(self.downs, ["Malformed PUBACK"])

    async def test_no_puback(self):
        await self.begin(CONNACK, SUBACK)
        await self.send(b"x")
        self.assertEqual(await self.look(5999), [])
        self.assertEqual(await self.look(6000), ["no PUBACK"])
        self.assertEqual(self.done, [])

    async def test_a_ping_after_half_of_the_keepalive_and_its_answer(self):
        await self.begin(CONNACK, SUBACK)
        self.broker.heard = b""
        await self.look(15999)
        self.assertEqual(self.broker.heard, b"")
        await self.look(16000)
        self.assertEqual(self.broker.heard, PING)
        await self.say(PINGRESP)
        self.assertEqual(await self.look(30999), [])
        await self.look(31000)
        self.assertEqual(self.broker.heard, PING)
        self.assertEqual(await self.look(35999), [])
        self.assertEqual(await self.look(36000), ["no PINGRESP"])


class TestAcknowledged(PeerCase):
    async def test_a_message_counts_with_its_own_puback_alone(self):
        await self.begin(CONNACK, SUBACK)
        heard = await self.send(b"a", b"b", b"c")
        self.assertEqual((heard[-1:], self.done), (b"b", []))  # the window is two
        await self.say(puback(77))
        self.assertEqual((self.session.stray_pubacks, self.done), (1, []))
        heard = await self.say(puback(3))
        self.assertEqual((heard[-1:], self.done), (b"c", [b"b"]))
        await self.say(puback(3))
        self.assertEqual((self.session.stray_pubacks, self.done), (2, [b"b"]))
        await self.say(puback(2) + puback(4))
        self.assertEqual(self.done, [b"b", b"a", b"c"])
        self.assertTrue(self.session.idle())

    async def test_nothing_of_an_old_connection_is_in_flight_on_the_next(self):
        await self.begin(CONNACK, SUBACK)
        await self.send(b"a", b"b")
        self.session._fail("cut")
        await asyncio.sleep_ms(80)  # the shortest pause
        await self.say(CONNACK)
        await self.say(b"\x90\x03\x00\x04\x01")
        self.assertTrue(self.session.up and self.session.idle())
        heard = await self.send(b"c", b"d")
        self.assertEqual((heard[-1:], self.done), (b"d", []))

    async def test_an_order_is_given_on_and_acknowledged(self):
        await self.begin(CONNACK, SUBACK)
        self.assertEqual(await self.say(publish(b"cmd", b"order", 300)), puback(300))
        self.assertEqual(self.orders, [b"order"])

    async def test_an_order_at_qos_0_and_an_empty_one(self):
        await self.begin(CONNACK, SUBACK)
        self.assertEqual(await self.say(b"\x30\x0a\x00\x03cmdorder\x30\x05\x00\x03cmd"), b"")
        self.assertEqual((self.orders, self.downs), ([b"order", b""], []))

    async def test_what_is_for_another_topic_is_acknowledged_only(self):
        await self.begin(CONNACK, SUBACK)
        self.assertEqual(await self.say(publish(b"cme", b"order", 8)), puback(8))
        self.assertEqual(self.orders, [])

    async def test_one_that_is_too_large_is_passed_over_acknowledged_and_told(self):
        await self.begin(CONNACK, SUBACK)
        heard = await self.say(publish(b"cmd", b"x" * 1000, 9) + publish(b"cmd", b"order", 10))
        self.assertEqual(heard, puback(9) + puback(10))
        self.assertEqual((self.orders, self.downs), ([None, b"order"], []))


class TestRefused(PeerCase):
    async def test_a_connection(self):
        await self.begin(b"\x20\x02\x00\x05")
        self.assertEqual(self.downs, ["OSError refused by the broker, code 5"])

    async def test_the_subscription(self):
        await self.begin(CONNACK, b"\x90\x03\x00\x01\x80")
        self.assertEqual(self.downs, ["OSError subscription refused, code 128"])
        self.assertFalse(self.session.up)

    async def test_pauses_grow_until_a_connection_lasts(self):
        """One that is over at once is none: what ends it, as code that has rotted, would end each."""
        await self.begin()
        self.assertEqual(self.broker.resets, 0)
        await self.say(b"\x20\x02\x00\x05")
        await asyncio.sleep_ms(80)
        self.assertEqual(self.broker.resets, 0)
        await self.say(CONNACK)
        await self.look(100)
        await self.say(SUBACK)
        self.assertEqual((self.session.up, self.broker.resets), (True, 0))
        await self.look(1000)
        self.assertEqual(self.broker.resets, 1)


if __name__ == "__main__":
    unittest.main()
