# runs on: micropython
"""Asking over UDP, against a server on loopback that misbehaves."""

import asyncio
import errno
import socket
import struct
import time
import unittest

from sportbox.net import udp

from tests.firmware.polls import CountedPolls

NOW = 1795366800
NTP_OF_1970 = 2208988800


class Server:
    """Answers each question with the datagrams that `answers(question)` gives."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        for port in range(20_000 + time.ticks_ms() % 20_000, 65_000):
            try:
                self.socket.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        self.port = port

    async def run(self):
        while True:
            await asyncio.sleep_ms(5)
            try:
                question, address = self.socket.recvfrom(512)
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    raise
                continue
            self.asked += 1
            for answer in self.answers(question):
                self.socket.sendto(answer, address)


def sntp_answer(question, unix_s=NOW, originate=None, stratum=2):
    originate = question[40:48] if originate is None else originate
    head = bytes([0x24, stratum]) + b"\0" * 22
    return head + originate + b"\0" * 8 + struct.pack("!II", unix_s + NTP_OF_1970, 0)


class TestAsk(unittest.IsolatedAsyncioTestCase):
    async def with_server(self, answers, question):
        """What `question(port)` comes to with such a server, and how long the loop was held up at most."""
        server = Server(answers)
        task = asyncio.create_task(server.run())
        try:
            return await question(server.port)
        finally:
            task.cancel()
            server.socket.close()

    async def time_from(self, answers):
        return await self.with_server(answers, lambda port: udp.network_time("127.0.0.1", port))

    async def test_the_time(self):
        self.assertEqual(await self.time_from(lambda question: [sntp_answer(question)]), NOW)

    async def test_answers_to_other_questions_are_passed_over(self):
        """Who cannot see the question cannot set the clock."""

        def answers(question):
            forged = [
                sntp_answer(question, 1, b"\0" * 8),
                sntp_answer(question, 2, b"guessed!"),
                b"",
                b"x" * 47,
            ]
            return forged + [sntp_answer(question)]

        self.assertEqual(await self.time_from(answers), NOW)

    async def test_no_two_questions_are_alike(self):
        seen = []

        def answers(question):
            seen.append(question)
            return [sntp_answer(question)]

        for _ in range(3):
            await self.time_from(answers)
        self.assertEqual(len(set(seen)), 3)
        self.assertEqual({question[:40] for question in seen}, {b"\x23" + b"\0" * 39})

    async def test_a_server_that_is_to_be_discarded(self):
        self.assertIsNone(await self.time_from(lambda question: [sntp_answer(question, stratum=0)]))

    async def test_silence_ends_after_two_seconds_and_holds_nothing_up(self):
        turns = []

        async def count():
            while True:
                turns.append(time.ticks_ms())
                await asyncio.sleep_ms(10)

        counter = asyncio.create_task(count())
        begin_ms = time.ticks_ms()
        self.assertIsNone(await self.time_from(lambda question: []))
        duration_ms = time.ticks_diff(time.ticks_ms(), begin_ms)
        counter.cancel()
        self.assertGreaterEqual(duration_ms, 1900)
        self.assertLess(duration_ms, 6000)
        self.assertGreater(len(turns), 50)

    async def test_until_an_answer_comes_nobody_looks(self):
        """50 looks a second for each name and each time, on a network that answers slowly, cost a battery."""
        server = Server(lambda question: [])
        loop = CountedPolls()
        self.addCleanup(loop.end)
        task = asyncio.create_task(udp.network_time("127.0.0.1", server.port))
        await asyncio.sleep_ms(300)
        self.assertLess(loop.polls, 12)
        question, address = server.socket.recvfrom(512)
        server.socket.sendto(b"no answer", address)
        await asyncio.sleep_ms(10)
        server.socket.sendto(sntp_answer(question), address)
        self.assertEqual(await task, NOW)
        server.socket.close()

    async def test_nobody_there(self):
        server = Server(lambda question: [])
        server.socket.close()
        with self.assertRaises(OSError):
            await udp.network_time("127.0.0.1", server.port)

    async def test_an_address_needs_no_question(self):
        self.assertEqual(await udp.resolve("192.168.4.1", "0.0.0.0"), "192.168.4.1")
