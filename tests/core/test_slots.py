"""Which slots are open: local hours, weekdays, midnight, and the days on which the clocks change."""

import unittest

from sportbox.core.slots import Slots, local_s

HOUR = 3600
DAY = 86400
EVERY_DAY = [0, 1, 2, 3, 4, 5, 6]
# Europe/Berlin: from winter to summer time on 2026-03-29, 01:00 UTC, and back on 2026-10-25, 01:00 UTC
SPRING = 1774746000
AUTUMN = 1792890000
BERLIN = [[0, HOUR], [SPRING, 2 * HOUR], [AUTUMN, HOUR]]
SUNDAY = 1795305600  # 2026-11-22T00:00:00Z


def slots(open_from=8, open_to=22, days=EVERY_DAY, slot_s=HOUR, offsets=BERLIN):
    return Slots(slot_s, open_from * HOUR, open_to * HOUR, days, offsets)


def open_hours(some, begin_s, hours=24):
    """The hours after `begin_s` that are open."""
    return [hour for hour in range(hours) if some.is_open(begin_s + hour * HOUR)]


class TestCurrent(unittest.TestCase):
    def test_one_slot_in_its_middle(self):
        at_s = SUNDAY + 12 * HOUR
        self.assertEqual(slots().current(at_s + 60), [at_s // HOUR])
        self.assertEqual(slots().current(at_s + HOUR - 61), [at_s // HOUR])

    def test_sixty_seconds_of_leeway_at_both_ends(self):
        at_s = SUNDAY + 12 * HOUR
        slot = at_s // HOUR
        self.assertEqual(slots().current(at_s - 61), [slot - 1])
        self.assertEqual(slots().current(at_s - 60), [slot - 1, slot])
        self.assertEqual(slots().current(at_s + 59), [slot - 1, slot])
        self.assertEqual(slots().current(at_s + 60), [slot])

    def test_the_first_and_the_last_of_the_day_have_it_too(self):
        opens_s, closes_s = SUNDAY + 7 * HOUR, SUNDAY + 21 * HOUR  # 8 and 22 o'clock in Berlin
        self.assertEqual(slots().current(opens_s - 61), [])
        self.assertEqual(slots().current(opens_s - 60), [opens_s // HOUR])
        self.assertEqual(slots().current(closes_s + 59), [closes_s // HOUR - 1])
        self.assertEqual(slots().current(closes_s + 60), [])

    def test_its_bounds_are_those_of_the_leeway(self):
        slot = SUNDAY // HOUR + 12
        some = slots()
        self.assertEqual(some.current(some.begins_s(slot)), [slot - 1, slot])
        self.assertEqual(some.current(some.begins_s(slot) - 1), [slot - 1])
        self.assertEqual(some.current(some.ends_s(slot) - 1), [slot, slot + 1])
        self.assertEqual(some.current(some.ends_s(slot)), [slot + 1])

    def test_slots_of_any_length(self):
        at_s = SUNDAY + 12 * HOUR
        self.assertEqual(slots(slot_s=300).current(at_s + 150), [at_s // 300])
        self.assertEqual(slots(slot_s=4 * HOUR).current(at_s + 150), [at_s // (4 * HOUR)])


class TestHours(unittest.TestCase):
    def test_local_hours(self):
        self.assertEqual(open_hours(slots(), SUNDAY), list(range(7, 21)))
        self.assertEqual(open_hours(slots(offsets=[]), SUNDAY), list(range(8, 22)))

    def test_a_slot_over_the_end_of_the_hours_ends_with_them(self):
        """Slots of two hours begin at odd local hours in winter."""
        some = slots(slot_s=2 * HOUR)
        opens_s, closes_s = SUNDAY + 7 * HOUR, SUNDAY + 21 * HOUR  # 8 and 22 o'clock in Berlin
        self.assertEqual(some.current(opens_s - 1), [])
        self.assertEqual(some.current(opens_s), [(opens_s - HOUR) // (2 * HOUR)])
        self.assertEqual(some.current(closes_s - 1), [(closes_s - HOUR) // (2 * HOUR)])
        self.assertEqual(some.current(closes_s), [])
        self.assertEqual(some.current(closes_s + 59), [])  # the leeway is for the ends of slots

    def test_hours_that_are_shorter_than_a_slot(self):
        some = Slots(DAY, 17 * HOUR, 19 * HOUR, [6], BERLIN)
        self.assertEqual(
            [some.current(SUNDAY + hour * HOUR) for hour in (15, 16, 17, 18)],
            [[], [SUNDAY // DAY], [SUNDAY // DAY], []],
        )

    def test_weekdays(self):
        self.assertEqual(open_hours(slots(days=[6]), SUNDAY), list(range(7, 21)))
        self.assertEqual(open_hours(slots(days=[0, 1, 2, 3, 4, 5]), SUNDAY), [])
        self.assertEqual(open_hours(slots(days=[0]), SUNDAY + DAY), list(range(7, 21)))

    def test_the_weekday_is_the_local_one(self):
        some = slots(0, 24, days=[6])
        self.assertEqual(open_hours(some, SUNDAY - DAY, 72), list(range(23, 47)))

    def test_over_midnight(self):
        """Friday from 22 to 2 o'clock ends on Saturday, whatever Saturday itself has."""
        friday = SUNDAY - 2 * DAY
        some = slots(22, 2, days=[4])
        self.assertEqual(open_hours(some, friday, 48), [21, 22, 23, 24])
        self.assertEqual(open_hours(slots(22, 2), SUNDAY), [0, 21, 22, 23])

    def test_equal_hours_last_a_whole_day(self):
        self.assertEqual(open_hours(slots(8, 8, days=[6]), SUNDAY, 48), list(range(7, 31)))
        self.assertEqual(len(open_hours(slots(0, 0), SUNDAY)), 24)


class TestClockChange(unittest.TestCase):
    def test_spring(self):
        """At 2 it is 3 o'clock: the day has 23 hours, and 8 o'clock comes an hour earlier."""
        midnight = SPRING - 2 * HOUR
        self.assertEqual(open_hours(slots(), midnight - DAY), list(range(8, 22)))
        self.assertEqual(open_hours(slots(), midnight, 23), list(range(7, 21)))
        night = slots(1, 4)
        self.assertEqual(open_hours(night, midnight, 23), [1, 2])  # 1 and 3 o'clock; there is no 2

    def test_autumn(self):
        """At 3 it is 2 o'clock again: both of them are open, and have codes of their own."""
        midnight = AUTUMN - 3 * HOUR
        self.assertEqual(open_hours(slots(), midnight, 25), list(range(9, 23)))
        night = slots(1, 4)
        self.assertEqual(open_hours(night, midnight, 25), [1, 2, 3, 4])

    def test_over_midnight_into_the_change(self):
        saturday = slots(22, 3, days=[5])
        self.assertEqual(open_hours(saturday, SPRING - 4 * HOUR, 8), [0, 1, 2, 3])  # 22, 23, 0, 1 o'clock
        self.assertEqual(open_hours(saturday, AUTUMN - 5 * HOUR, 8), [0, 1, 2, 3, 4, 5])

    def test_integers_stay_exact(self):
        offsets = [[0, HOUR], [2_000_000_001, 2 * HOUR]]
        self.assertEqual(local_s(2_000_000_000, offsets), 2_000_000_000 + HOUR)
        self.assertEqual(local_s(2_000_000_001, offsets), 2_000_000_001 + 2 * HOUR)
