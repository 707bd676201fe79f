# runs on: micropython
"""What a board takes through deep sleep: its boot goes on, its clock as far as it may be trusted."""

import sys
import unittest


class Rtc:
    """RTC memory, a wall clock, and why the board woke."""

    def __init__(self):
        self.kept = b""
        self.timer = True
        self.slept = None


world = Rtc()


class Machine:
    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
    TIMER_WAKE = 4
    cause = 4

    class Pin:
        IN = 1

        def __init__(self, number, mode=0):
            self.number = number

    class RTC:
        def memory(self, data=None):
            if data is None:
                return world.kept
            if len(data) > 2048:
                raise ValueError("buffer too long")
            world.kept = bytes(data)

    def reset_cause(self):
        return self.cause

    def wake_reason(self):
        return 4 if world.timer else 7

    def deepsleep(self, ms):
        world.slept = ms


class Esp32:
    WAKEUP_ALL_LOW, WAKEUP_ANY_HIGH = False, True

    def __init__(self):
        self.armed = None

    def wake_on_gpio(self, pins, level):
        self.armed = ([pin.number for pin in pins], level)


machine = Machine()
for name in ("machine", "esp32"):
    sys.modules.pop(name, None)
sys.modules["machine"] = machine
sys.modules["esp32"] = esp32 = Esp32()

from sportbox.core.clock import Clock  # noqa: E402
from sportbox.drivers import rtcmem, sleep  # noqa: E402
from sportbox.sleep import rest as module  # noqa: E402
from sportbox.sleep.rest import Rest  # noqa: E402

NOW_S = 1_800_000_000


class TestRest(unittest.TestCase):
    def setUp(self):
        world.kept = b""
        world.timer = True
        machine.cause = 4
        self.wall = 1_000_000
        module.wall_ms = lambda: self.wall
        self.rest = Rest("hash", 7, "bootid", "nonce")

    def doze(self, rest, uptime_ms, ms, deadlines=(), counted_ms=None):
        """Sleep and wake up: as the chip counts, it was `counted_ms` later."""
        rest.sleep(uptime_ms, list(deadlines), [])
        self.wall += ms if counted_ms is None else counted_ms
        return Rest.wake("hash")

    def test_the_boot_goes_on(self):
        self.rest.courts = {"court-1": ["free", 0, None, False, None, False]}
        self.rest.wear = [123, 4]
        self.rest.acked_seq, self.rest.seq = 70, 71
        self.rest.next_report(5000, 900_000, True)
        woken = self.doze(self.rest, 5000, 900_000)
        self.assertEqual(world.slept, 900_000)
        self.assertEqual((woken.boot, woken.boot_id, woken.nonce, woken.wakes), (7, "bootid", "nonce", 1))
        self.assertEqual((woken.courts, woken.wear), (self.rest.courts, [123, 4]))
        self.assertEqual((woken.acked_seq, woken.seq), (70, 71))
        self.assertEqual(woken.base_ms, 905_000)
        self.assertTrue(woken.is_report_due())

    def test_the_earliest_deadline_wakes(self):
        self.rest.report_ms = 900_000
        self.rest.sleep(10_000, [None, 40_000, 50_000], [])
        self.assertEqual(world.slept, 30_000)
        self.rest.sleep(10_000, [9_000], [])
        self.assertEqual(world.slept, 100, "what is late is not negative")

    def test_a_sleep_without_memory_counts_no_time_twice(self):
        """It is tried again."""

        def short(*_):
            raise MemoryError

        self.rest.report_ms = 930_000
        for place, name in ((rtcmem, "load"), (rtcmem, "save"), (sleep, "deep")):
            before = getattr(place, name)
            setattr(place, name, short)
            try:
                with self.assertRaises(MemoryError):
                    self.rest.sleep(self.rest.base_ms + 30_000, [], [])
            finally:
                setattr(place, name, before)
        woken = self.doze(self.rest, self.rest.base_ms + 30_000, 900_000)
        self.assertEqual(woken.base_ms, 930_000)

    def test_a_timer_that_is_much_too_early_had_its_clock_moved(self):
        """Back by ten minutes, during half an hour."""
        self.rest.report_ms = 1_800_000
        woken = self.doze(self.rest, 0, 1_800_000, counted_ms=1_200_000)
        self.assertTrue(woken.is_report_due())
        self.assertEqual(woken.base_ms, 1_800_000)
        world.timer = False
        self.rest.base_ms = 0
        woken = self.doze(self.rest, 0, 1_200_000)
        self.assertEqual(woken.base_ms, 1_200_000, "a pin may be early")

    def test_a_pin_wakes_without_a_report(self):
        self.rest.report_ms = 900_000
        world.timer = False
        woken = self.doze(self.rest, 0, 300_000)
        self.assertFalse(woken.by_timer)
        self.assertFalse(woken.is_report_due())

    def test_a_timer_that_is_a_little_early_reports_all_the_same(self):
        self.rest.report_ms = 900_000
        self.assertTrue(self.doze(self.rest, 0, 900_000, counted_ms=870_000).is_report_due())

    def test_a_broker_that_is_away_is_tried_less_often(self):
        due = []
        for _ in range(5):
            self.rest.next_report(0, 900_000, False)
            due.append(self.rest.report_ms // 900_000)
        self.assertEqual(due, [2, 4, 8, 8, 8])
        self.rest.next_report(0, 900_000, True)
        self.assertEqual(self.rest.report_ms, 900_000)

    def test_nothing_else_is_a_wake(self):
        self.rest.sleep(0, [1000], [])
        self.assertIsNone(Rest.wake("another configuration"))
        machine.cause = 2
        self.assertIsNone(Rest.wake("hash"))
        machine.cause = 4
        self.assertIsNotNone(Rest.wake("hash"))
        for at in (0, 3, 20, -1):
            kept = bytearray(world.kept)
            kept[at] ^= 1
            world.kept, good = bytes(kept), world.kept
            self.assertIsNone(Rest.wake("hash"), "byte %d is broken" % at)
            world.kept = good
        world.kept = b""
        self.assertIsNone(Rest.wake("hash"))

    def clock(self, rest):
        clock = Clock()
        rest.set_clock(clock)
        return clock

    def test_the_clock_goes_on_to_the_millisecond(self):
        clock = Clock()
        clock.set_ntp(NOW_S, 0)
        rest, now_ms = self.rest, 0
        rest.report_ms = 10**9
        for _ in range(40):
            rest.keep_clock(clock, now_ms)
            rest = self.doze(rest, rest.base_ms, 20_700, deadlines=[rest.base_ms + 20_700])
            clock, now_ms = self.clock(rest), 550
        self.assertEqual(clock.trust, "rtc")
        self.assertEqual(clock.now(now_ms), NOW_S + (40 * 20_700 + 40 * 550) // 1000)

    def test_after_too_long_a_sleep_the_time_is_a_floor(self):
        clock = Clock()
        clock.set_ntp(NOW_S, 0)
        self.rest.keep_clock(clock, 0)
        self.rest.report_ms = 3_600_000
        woken = self.doze(self.rest, 0, 3_600_000)
        clock = self.clock(woken)
        self.assertEqual(clock.trust, "floor")
        self.assertEqual(clock.now(0), NOW_S + 3600 - 180, "5 % of an hour may be missing")

    def test_network_time_teaches_the_rate(self):
        clock = Clock()
        clock.set_ntp(NOW_S, 0)
        self.rest.synced(NOW_S, 0)
        self.rest.keep_clock(clock, 0)
        self.rest.report_ms = 900_000
        woken = self.doze(self.rest, 0, 0, counted_ms=873_000)  # 900 s, counted 3 % short
        woken.synced(NOW_S + 900, 0)
        clock = Clock()
        clock.set_ntp(NOW_S + 900, 0)
        woken.keep_clock(clock, 0)
        woken.report_ms = woken.base_ms + 900_000
        again = self.doze(woken, woken.base_ms, 0, counted_ms=873_000)
        self.assertEqual(self.clock(again).trust, "rtc")
        self.assertLess(abs(self.clock(again).now(0) - NOW_S - 1800), 3)

    def test_a_floor_teaches_nothing(self):
        """After a loss of power the board shows what flash remembers, here half an hour ago. That lag is none
        of the oscillator's: a storm found sleeps that counted a tenth too long from then on."""
        clock = Clock()
        clock.set_floor(NOW_S - 1800, 0)
        self.rest.keep_clock(clock, 0)
        self.rest.report_ms = 900_000
        woken = self.doze(self.rest, 0, 900_000)
        woken.synced(NOW_S + 900, 0)
        woken.report_ms = woken.base_ms + 900_000
        again = self.doze(woken, woken.base_ms, 900_000)
        self.assertEqual(again.base_ms, 1_800_000)
        again.synced(NOW_S + 1800, 0)
        again.report_ms = again.base_ms + 3_600_000
        again = self.doze(again, again.base_ms, 3_600_000, counted_ms=3_600_000)
        self.assertEqual(again.base_ms, 5_400_000, "an exact oscillator is taken for what it is")

    def test_a_wall_clock_that_jumped_is_not_believed(self):
        clock = Clock()
        clock.set_ntp(NOW_S, 0)
        for counted_ms in (-1, 1_200_000):
            self.rest.keep_clock(clock, 0)
            self.rest.report_ms = 900_000
            woken = self.doze(self.rest, 0, 0, counted_ms=counted_ms)
            self.assertEqual(self.clock(woken).trust, "unknown")
            self.assertEqual(woken.base_ms, 900_000, "the timer says how long it was")

    def test_notes_of_others_are_kept(self):
        rtcmem.save({"crash": {"task": "x"}})
        self.rest.sleep(0, [1000], [])
        self.assertEqual(rtcmem.load()["crash"], {"task": "x"})

    def test_pins_that_wake(self):
        for pins, armed in (
            ([(4, 1), (5, 1)], ([4, 5], True)),
            ([(4, 0), (5, 1)], ([5], True)),
            ([(4, 0), (5, 0)], ([4, 5], False)),
            ([], None),
        ):
            with self.subTest(pins=pins):
                esp32.armed = None
                sleep.deep(1000, pins)
                self.assertEqual(esp32.armed, armed)


if __name__ == "__main__":
    unittest.main()
