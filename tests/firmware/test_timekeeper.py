"""The clock chip on the clock's ladder: at boot, corrected by network time, wrong, lost."""

import asyncio
import struct
import unittest

from tests.firmware import scratch
from tests.firmware.clock_chip import ADDRESS, Chip
from tests.firmware.fake_machine import I2C

# isort: split
from sportbox import net
from sportbox.core.clock import FLOOR, NTP, RTC, UNKNOWN, Clock
from sportbox.drivers.ds3231 import Ds3231
from sportbox.net import udp
from sportbox.store import record
from sportbox.system import timekeeper
from sportbox.system.timekeeper import Timekeeper

NOW = 1795366800  # 2026-11-22T17:00:00Z
HOUR_MS = 3_600_000


class Board:
    """The processor's wall clock, the Wi-Fi, a time server, and a loop whose pauses take no time."""

    create_task = staticmethod(asyncio.create_task)

    def __init__(self):
        self.now_ms = 700
        self.wall_offset_s = 0
        self.up = False
        self.server_s = None
        self.then = []  # what the server says after that

    def uptime(self):
        return self.now_ms

    def wall_s(self):
        return self.wall_offset_s + self.now_ms // 1000

    def set_wall(self, unix_s):
        self.wall_offset_s = unix_s - self.now_ms // 1000

    def dns_server(self):
        return "127.0.0.1"

    async def sleep_ms(self, _):
        await asyncio.sleep(0)

    async def resolve(self, host, server):
        return host

    async def network_time(self, host, port):
        said_s = self.server_s
        if self.then:
            self.server_s = self.then.pop(0)
        return said_s


class TimekeeperCase(unittest.TestCase):
    def setUp(self):
        self.folder = scratch.folder(self)
        before = timekeeper.chip, timekeeper.forget, timekeeper.asyncio, udp
        self.addCleanup(lambda: self.put_back(before))
        self.chip = Chip()
        self.bus = I2C({ADDRESS: self.chip})
        self.set_chip(NOW)
        self.boot()

    def put_back(self, before):
        timekeeper.chip, timekeeper.forget, timekeeper.asyncio, net.udp = before

    def set_chip(self, unix_s):
        Ds3231(I2C({ADDRESS: self.chip})).write(unix_s)
        del self.chip.writes[:]

    def shown(self):
        return Ds3231(I2C({ADDRESS: self.chip})).read()

    def set_floor(self, unix_s):
        record.write(self.folder + "/floor", struct.pack("<I", unix_s))

    def boot(self, with_chip=True):
        self.board = Board()
        timekeeper.chip = net.udp = timekeeper.asyncio = self.board
        timekeeper.forget = lambda name: None
        self.clock = Clock()
        self.changes, self.faults = [], []
        self.keeper = Timekeeper(
            self.clock,
            self.folder,
            ("127.0.0.1", 123),
            self.board,
            self.board.uptime,
            self.changes.append,
            self.faults.append,
        )
        self.keeper.open(Ds3231(self.bus) if with_chip else None)

    def tick(self, later_ms=1000, times=1):
        async def ticks():
            for _ in range(times):
                self.board.now_ms += later_ms
                self.keeper.tick(self.board.now_ms)
                for _ in range(5):
                    await asyncio.sleep(0)

        asyncio.run(ticks())

    def check(self, trust, now_s=None):
        self.assertEqual(self.clock.trust, trust)
        if now_s is not None:
            self.assertEqual(self.clock.now(self.board.now_ms), now_s)


class TestNoMemory(TimekeeperCase):
    """Once; what was to be done is done later."""

    def setUp(self):
        super().setUp()
        self.boot(with_chip=False)
        self.board.up, self.board.server_s = True, NOW
        self.left = 1

    def short(self, *_):
        if self.left:
            self.left -= 1
            raise MemoryError

    def tick_short(self):
        try:
            self.tick()
        except MemoryError:  # who asks falls, and the supervisor starts it again
            pass
        self.assertEqual(self.left, 0)

    def test_for_the_task_that_asks(self):
        def create_task(coroutine):
            try:
                self.short()
            except MemoryError:
                coroutine.close()
                raise
            return asyncio.create_task(coroutine)

        self.board.create_task = create_task
        self.tick_short()
        self.tick(times=2)
        self.check(NTP)

    def test_to_forget_what_asked(self):
        self.board.server_s = None
        timekeeper.forget = self.short
        self.tick_short()
        self.board.server_s = NOW
        self.tick(times=6)
        self.check(NTP)

    def test_for_the_floor(self):
        before = record.write
        self.addCleanup(lambda: setattr(record, "write", before))
        record.write = self.short
        self.tick_short()
        self.check(NTP)
        self.assertEqual(self.changes, ["from unknown"])


class TestBoot(TimekeeperCase):
    def test_a_cold_start_without_network(self):
        self.check(RTC, NOW)
        self.tick(times=10)
        self.check(RTC, NOW + 10)
        self.assertEqual((self.changes, self.faults), ([], []))

    def test_without_a_chip_as_before(self):
        self.boot(with_chip=False)
        self.check(UNKNOWN, 0)
        self.set_floor(NOW)
        self.boot(with_chip=False)
        self.check(FLOOR, NOW)
        self.tick(times=10)
        self.assertEqual((self.changes, self.faults), ([], []))

    def test_above_the_floor(self):
        self.set_floor(NOW - 100)
        self.boot()
        self.check(RTC, NOW)

    def test_below_the_floor_a_chip_is_wrong(self):
        self.set_floor(NOW + 100)
        self.boot()
        self.check(FLOOR, NOW + 100)
        self.tick(times=3)
        self.assertEqual(self.faults, ["rtc_time"])

    def test_a_chip_that_lags_a_second_is_only_a_moment_late(self):
        self.set_floor(NOW + 1)
        self.boot()
        self.check(FLOOR)
        self.set_chip(NOW + 5)
        self.tick(times=5)
        self.check(RTC, NOW + 5)
        self.assertEqual((self.changes, self.faults), (["from floor"], []))

    def test_an_oscillator_that_had_stopped(self):
        self.chip.registers[0x0F] |= 0x80
        self.boot()
        self.check(UNKNOWN)
        self.tick(times=20)
        self.assertEqual((self.faults, self.changes), (["rtc_time"], []))

    def test_a_chip_that_was_never_set(self):
        self.set_chip(946684800 + 5000)
        self.boot()
        self.check(UNKNOWN)
        self.tick()
        self.assertEqual(self.faults, ["rtc_time"])

    def test_a_lost_chip_is_told_once_and_the_board_works_on(self):
        self.bus.chips.clear()
        self.boot()
        self.check(UNKNOWN)
        self.tick(times=30)
        self.assertEqual(self.faults, ["rtc"])
        self.board.up, self.board.server_s = True, NOW + 500
        self.tick()
        self.check(NTP, NOW + 500)
        self.assertEqual(self.faults, ["rtc"])

    def test_a_chip_that_answers_later(self):
        self.bus.chips.clear()
        self.boot()
        self.bus.chips[ADDRESS] = self.chip
        self.tick(times=6)
        self.check(RTC)
        self.assertEqual(self.changes, ["from unknown"])


class TestCorrected(TimekeeperCase):
    def sync(self, server_s):
        self.board.up, self.board.server_s = True, server_s
        self.tick(0)

    def test_network_time_sets_a_chip_that_had_lost_it(self):
        self.chip.registers[0x0F] |= 0x80
        self.boot()
        self.sync(NOW + 77)
        self.check(NTP, NOW + 77)
        self.assertEqual(self.shown(), NOW + 77)
        self.boot()
        self.check(RTC, NOW + 77)

    def test_only_when_it_is_off(self):
        for off_s, writes in ((0, 0), (1, 0), (-1, 0), (2, 2), (-2, 2), (3600, 2)):
            with self.subTest(off_s=off_s):
                self.set_chip(NOW - off_s)
                self.boot()
                self.sync(NOW)
                self.check(NTP, NOW)
                self.assertEqual(len(self.chip.writes), writes)

    def test_a_chip_that_goes_later(self):
        self.bus.chips.clear()
        self.sync(NOW + 5)
        self.check(NTP, NOW + 5)
        self.tick(times=2)
        self.assertEqual(self.faults, ["rtc"])

    def test_a_server_that_is_silent_is_asked_less_and_less(self):
        asked_ms = []

        async def network_time(host, port):
            asked_ms.append(self.board.now_ms)
            return self.board.server_s

        self.board.network_time = network_time
        self.board.up = True
        self.tick(times=200)
        pauses = [(asked_ms[n + 1] - asked_ms[n]) // 1000 for n in range(len(asked_ms) - 1)]
        self.assertEqual(pauses, [5, 10, 20, 40, 40, 40, 40])
        self.board.server_s = NOW + 200
        self.tick(times=40)
        self.check(NTP)
        self.board.server_s = None
        del asked_ms[:]
        self.tick(times=3620)
        self.assertEqual((asked_ms[1] - asked_ms[0]) // 1000, 5)

    def test_a_server_that_is_refused_does_not_touch_it(self):
        self.set_floor(NOW - 10)
        self.boot()
        self.sync(NOW - 4000)
        self.check(RTC)
        self.assertEqual((self.keeper.refused, self.chip.writes), (1, []))
        self.assertEqual(self.faults, [])

    def test_without_network_the_chip_keeps_the_board_right(self):
        """Its crystal is the better one: here the board is 3 s an hour too fast."""
        for hour in range(1, 4):
            self.set_chip(NOW + 3597 * hour)
            self.tick(HOUR_MS)
            self.check(RTC, NOW + 3597 * hour)
        self.assertEqual(self.changes, [])

    def test_network_time_that_is_fresh_goes_before_the_chip(self):
        self.sync(NOW + 1)
        self.set_chip(NOW + 1800)
        self.tick(HOUR_MS // 2)
        self.check(NTP, NOW + 1 + 1800)

    def test_network_time_that_is_old_does_not(self):
        self.sync(NOW + 1)
        self.board.up = False
        self.set_chip(NOW + 7190)
        self.tick(2 * HOUR_MS)
        self.check(NTP, NOW + 7190)

    def test_a_chip_that_jumps_does_not_take_the_board_with_it(self):
        self.set_chip(NOW + 86400)
        self.tick(HOUR_MS)
        self.check(RTC, NOW + 3600)


class TestServer(TimekeeperCase):
    """Network time far from what is known needs a second answer, for it becomes the floor."""

    def says(self, *answers_s):
        self.board.up, self.board.server_s, self.board.then = True, answers_s[0], list(answers_s[1:])
        self.tick(6000)  # beyond the pause after one that was refused

    def test_one_that_is_near_is_enough(self):
        self.says(NOW + 3600, None)
        self.check(NTP, NOW + 3600)

    def test_far_away_one_answer_counts_for_nothing(self):
        for second_s in (None, NOW, NOW + 10**6 - 1, NOW + 10**6 + 4, NOW + 2 * 10**6):
            with self.subTest(second_s=second_s):
                self.says(NOW + 10**6, second_s)
                self.check(RTC)

    def test_far_away_two_that_agree_count(self):
        self.says(NOW + 10**6, NOW + 10**6 + 3)
        self.check(NTP, NOW + 10**6 + 3)

    def test_at_the_first_start_too(self):
        self.boot(with_chip=False)
        self.says(NOW, NOW + 4000)
        self.check(UNKNOWN)
        self.says(NOW, NOW + 1)
        self.check(NTP, NOW + 1)

    def test_it_becomes_the_floor_of_the_next_start(self):
        self.says(NOW + 5)
        self.boot(with_chip=False)
        self.check(FLOOR, NOW + 5)

    def test_which_rises_each_hour(self):
        self.says(NOW)
        self.board.up = False
        self.tick(HOUR_MS)
        self.boot(with_chip=False)
        self.check(FLOOR, NOW + 3600)


class TestDoubt(TimekeeperCase):
    def test_a_wall_clock_that_jumps_leads_back_to_the_chip(self):
        self.tick()
        self.board.wall_offset_s -= 5000
        self.set_chip(NOW + 2)
        self.tick()
        self.check(RTC, NOW + 2)
        self.assertEqual(self.changes, ["wall clock jumped", "from floor"])

    def test_and_without_it_to_the_floor(self):
        self.tick()
        self.bus.chips.clear()
        self.board.wall_offset_s -= 5000
        self.tick()
        self.check(FLOOR)
        self.assertEqual(self.changes, ["wall clock jumped"])

    def test_a_repaired_clock_forgets_the_chip_too(self):
        """A time server had lied, and the chip had believed it."""
        self.set_chip(NOW + 10**8)
        self.set_floor(NOW + 10**8)
        self.boot()
        self.check(RTC, NOW + 10**8)
        self.keeper.reset()
        self.check(UNKNOWN)
        self.tick(times=10)
        self.check(UNKNOWN)
        self.boot()
        self.check(UNKNOWN)
        self.board.up, self.board.server_s = True, NOW
        self.tick()
        self.check(NTP, NOW)
        self.assertEqual(self.shown(), NOW)
