# runs on: micropython
"""Tasks that fall again and again."""

import asyncio
import unittest

from sportbox.system import supervisor as module
from sportbox.system.supervisor import Supervisor


class Quick:
    """`asyncio`, but its pauses take no time."""

    def __init__(self):
        self.pauses = []

    def create_task(self, task):
        return asyncio.create_task(task)

    async def sleep_ms(self, ms):
        self.pauses.append(ms)
        await asyncio.sleep_ms(0)


class TestSupervisor(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.quick = module.asyncio = Quick()
        self.addCleanup(lambda: setattr(module, "asyncio", asyncio))
        before = module.sys
        module.sys = type("Sys", (), {"print_exception": staticmethod(lambda error: None)})
        self.addCleanup(lambda: setattr(module, "sys", before))
        self.falls = []
        self.supervisor = Supervisor(lambda: 0, lambda name, error: self.falls.append(name))

    async def fall(self):
        raise ValueError

    async def rounds(self, count):
        for _ in range(count):
            await asyncio.sleep_ms(0)

    async def test_a_vital_one_ends_with_the_board(self):
        self.supervisor.add("house", self.fall)
        await self.rounds(100)
        self.assertEqual(self.supervisor.stuck(0), "house")
        self.assertEqual(len(self.falls), 9)

    async def test_falls_of_long_ago_are_forgiven(self):
        times_ms = [minute * 120000 for minute in range(50)]  # one in two minutes: five within the window
        now_ms = times_ms[:]
        supervisor = Supervisor(lambda: now_ms.pop(0) if len(now_ms) > 1 else now_ms[0], lambda *_: None)

        async def fall():
            if len(now_ms) == 1:
                await asyncio.sleep(100)
            raise ValueError

        supervisor.add("house", fall)
        await self.rounds(300)
        self.assertEqual((supervisor.stuck(0), supervisor.restarts), ("", 49))

    async def test_one_that_makes_no_progress_is_stuck(self):
        async def forever():
            await asyncio.sleep(100)

        beating = type("Beating", (), {"beat_ms": 5000})()
        self.supervisor.add("quiet", forever)
        self.supervisor.add("session", forever, 60000, beating)
        await self.rounds(3)
        self.assertEqual(self.supervisor.stuck(65000), "")
        self.assertEqual(self.supervisor.stuck(65001), "session")
        beating.beat_ms = 65001
        self.assertEqual(self.supervisor.stuck(65001), "")

    async def test_one_that_ends_is_begun_again(self):
        began = []

        async def end():
            began.append(1)
            if len(began) == 3:
                await asyncio.sleep(100)

        self.supervisor.add("house", end)
        await self.rounds(30)
        self.assertEqual((len(began), self.falls, self.supervisor.stuck(0)), (3, ["house"] * 2, ""))

    async def test_no_memory_to_tell_of_a_fall_does_not_keep_it_down(self):
        def on_crash(name, error):
            raise MemoryError

        supervisor = Supervisor(lambda: 0, on_crash)
        supervisor.add("session", self.fall, vital=False)
        await self.rounds(100)
        self.assertEqual(supervisor.stuck(0), "")
        self.assertTrue(supervisor.restarts > 8)

    async def test_a_sensor_is_tried_more_and_more_seldom_and_takes_nobody_with_it(self):
        self.supervisor.add("court-1", self.fall, vital=False)
        await self.rounds(100)
        self.assertEqual(self.supervisor.stuck(0), "")
        self.assertEqual(self.quick.pauses[:9], [500] * 8 + [600000])


if __name__ == "__main__":
    unittest.main()
