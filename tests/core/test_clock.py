import unittest

from sportbox.core.clock import FLOOR, NTP, RTC, UNKNOWN, Clock, rfc3339

EVENING = 1795366800  # 2026-11-22T17:00:00Z


class TestLadder(unittest.TestCase):
    def test_a_new_clock_knows_nothing(self):
        clock = Clock()
        self.assertEqual(clock.trust, UNKNOWN)
        self.assertEqual(clock.now(5000), 0)
        self.assertFalse(clock.trusted())

    def test_a_floor_is_a_lower_bound_and_proves_nothing_current(self):
        clock = Clock()
        clock.set_floor(EVENING, 1000)
        self.assertEqual(clock.trust, FLOOR)
        self.assertFalse(clock.trusted())
        self.assertEqual(clock.now(1000), EVENING)
        self.assertEqual(clock.now(61_999), EVENING + 60)

    def test_a_floor_of_nought_is_no_time(self):
        clock = Clock()
        clock.set_floor(0, 0)
        self.assertEqual(clock.trust, UNKNOWN)

    def test_an_older_floor_never_lowers_a_newer_one(self):
        clock = Clock()
        clock.set_floor(EVENING, 0)
        clock.set_floor(EVENING - 1, 0)
        self.assertEqual(clock.now(0), EVENING)
        clock.set_floor(EVENING + 5, 10_000)  # time has passed meanwhile: this is below now
        self.assertEqual(clock.now(10_000), EVENING + 10)

    def test_a_newer_floor_raises_an_older_one(self):
        clock = Clock()
        clock.set_floor(EVENING, 0)
        clock.set_floor(EVENING + 100, 10_000)
        self.assertEqual(clock.now(10_000), EVENING + 100)
        self.assertEqual(clock.trust, FLOOR)

    def test_an_rtc_below_the_floor_is_refused(self):
        clock = Clock()
        clock.set_floor(EVENING, 0)
        clock.set_rtc(EVENING - 1, 0)
        self.assertEqual(clock.trust, FLOOR)
        self.assertEqual(clock.now(0), EVENING)

    def test_an_rtc_at_the_floor_is_trusted(self):
        clock = Clock()
        clock.set_floor(EVENING, 0)
        clock.set_rtc(EVENING, 0)
        self.assertEqual(clock.trust, RTC)
        self.assertTrue(clock.trusted())

    def test_an_rtc_does_not_push_ntp_aside(self):
        clock = Clock()
        clock.set_ntp(EVENING, 0)
        clock.set_rtc(EVENING + 500, 0)
        self.assertEqual(clock.trust, NTP)
        self.assertEqual(clock.now(0), EVENING)

    def test_ntp_well_below_the_floor_is_refused(self):
        for below_s, taken in ((60, True), (61, False), (10**8, False)):
            with self.subTest(below_s=below_s):
                clock = Clock()
                clock.set_floor(EVENING, 0)
                self.assertEqual(clock.set_ntp(EVENING - below_s, 0), taken)
                self.assertEqual(clock.trusted(), taken)

    def test_a_floor_does_not_take_trust_away(self):
        for rung in ("set_rtc", "set_ntp"):
            with self.subTest(rung=rung):
                clock = Clock()
                getattr(clock, rung)(EVENING, 0)
                clock.set_floor(EVENING + 500, 0)
                self.assertTrue(clock.trusted())
                self.assertEqual(clock.now(0), EVENING)

    def test_ntp_counts_from_the_moment_it_was_set(self):
        clock = Clock()
        clock.set_ntp(EVENING, 123_456)
        self.assertTrue(clock.trusted())
        self.assertEqual(clock.now(123_456), EVENING)
        self.assertEqual(clock.now(124_455), EVENING)
        self.assertEqual(clock.now(124_456), EVENING + 1)

    def test_seconds_stay_whole_after_years_of_uptime(self):
        clock = Clock()
        clock.set_ntp(EVENING, 0)
        years_ms = 10 * 365 * 86400 * 1000
        self.assertEqual(clock.now(years_ms + 999), EVENING + 10 * 365 * 86400)
        self.assertIs(type(clock.now(years_ms)), int)


class TestWallClock(unittest.TestCase):
    """The chip's wall clock starts anew when the power was away, and others may set it."""

    def setUp(self):
        self.clock = Clock()
        self.clock.set_ntp(EVENING, 0)

    def test_the_first_reading_is_the_reference(self):
        self.assertFalse(self.clock.watch_wall(5, 1000))
        self.assertTrue(self.clock.trusted())

    def test_a_steady_wall_clock_is_no_jump(self):
        for second in range(0, 7200, 60):
            self.assertFalse(self.clock.watch_wall(100 + second, second * 1000))

    def test_a_jump_takes_the_trust_away_but_not_the_lower_bound(self):
        for jump_s in (60, -60, 86400, -700_000_000):
            with self.subTest(jump_s=jump_s):
                clock = Clock()
                clock.set_ntp(EVENING, 0)
                clock.watch_wall(800_000_000, 0)
                self.assertTrue(clock.watch_wall(800_000_010 + jump_s, 10_000))
                self.assertEqual(clock.trust, FLOOR)
                self.assertEqual(clock.now(10_000), EVENING + 10)

    def test_less_than_a_minute_is_drift(self):
        for drift_s in (59, -59):
            with self.subTest(drift_s=drift_s):
                clock = Clock()
                clock.set_ntp(EVENING, 0)
                clock.watch_wall(1000, 0)
                self.assertFalse(clock.watch_wall(1010 + drift_s, 10_000))
                self.assertTrue(clock.trusted())

    def test_a_jump_is_reported_once(self):
        self.clock.watch_wall(1000, 0)
        self.assertTrue(self.clock.watch_wall(9000, 1000))
        self.clock.set_ntp(EVENING + 1, 1000)
        self.assertFalse(self.clock.watch_wall(9001, 2000))

    def test_a_jump_of_an_untrusted_clock_is_nothing_to_report(self):
        clock = Clock()
        clock.set_floor(EVENING, 0)
        clock.watch_wall(1000, 0)
        self.assertFalse(clock.watch_wall(9000, 1000))
        self.assertEqual(clock.now(1000), EVENING + 1)

    def test_what_the_firmware_set_itself_is_no_jump(self):
        self.clock.watch_wall(1000, 0)
        self.clock.wall_was_set()
        self.assertFalse(self.clock.watch_wall(800_000_000, 1000))
        self.assertTrue(self.clock.trusted())
        self.assertTrue(self.clock.watch_wall(1000, 2000))  # and the next jump counts again


def naive_dates():
    """(day number since 1970-01-01, date) by counting, to the end of 2104."""
    lengths = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    day_number = 0
    for year in range(1970, 2105):
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        for month in range(1, 13):
            days = 29 if leap and month == 2 else lengths[month - 1]
            for day in range(1, days + 1):
                yield day_number, "%04d-%02d-%02d" % (year, month, day)
                day_number += 1


class TestRfc3339(unittest.TestCase):
    def test_known_instants(self):
        known = (
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (946_684_799, "1999-12-31T23:59:59Z"),
            (1_735_689_600, "2025-01-01T00:00:00Z"),
            (1_795_366_800, "2026-11-22T17:00:00Z"),
            (1_835_395_199, "2028-02-28T23:59:59Z"),
            (1_835_395_200, "2028-02-29T00:00:00Z"),
            (2_147_483_647, "2038-01-19T03:14:07Z"),
            (2_147_483_648, "2038-01-19T03:14:08Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (4_294_967_296, "2106-02-07T06:28:16Z"),
        )
        for unix_s, text in known:
            with self.subTest(unix_s=unix_s):
                self.assertEqual(rfc3339(unix_s), text)

    def test_every_day_until_2104(self):
        for day_number, date in naive_dates():
            if rfc3339(day_number * 86400 + 45296) != date + "T12:34:56Z":
                self.assertEqual(rfc3339(day_number * 86400 + 45296), date + "T12:34:56Z")
        self.assertEqual(day_number, 49307)
