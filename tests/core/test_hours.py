"""Hours of a week: several pairs of times, each with its days; midnight as for slots."""

import unittest

from sportbox.core.hours import Hours

HOUR = 3600
DAY = 86400
SUNDAY = 1795305600  # 2026-11-22T00:00:00Z
BERLIN = [[0, HOUR]]


class Told:
    """A clock that shows how long the board is on, after a moment."""

    def __init__(self, begin_s):
        self.begin_s = begin_s

    def trusted(self):
        return self.begin_s != 0

    def now(self, now_ms):
        return self.begin_s + now_ms // 1000


def within(hours, begin_s, offsets=BERLIN):
    facts = []
    for begin, end, days in hours:
        facts += [begin * HOUR, end * HOUR, sum([1 << day for day in days])]
    some = Hours(facts, offsets, Told(begin_s))
    return [hour for hour in range(24) if some.contain(hour * HOUR * 1000)]


class TestHours(unittest.TestCase):
    def test_any_of_them_counts(self):
        both = [(8, 12, [6]), (14, 16, [6])]
        self.assertEqual(within(both, SUNDAY), [7, 8, 9, 10, 13, 14])
        self.assertEqual(within(both, SUNDAY + DAY), [])

    def test_over_midnight_they_belong_to_the_day_on_which_they_begin(self):
        night = [(22, 6, [6])]
        self.assertEqual(within(night, SUNDAY), [21, 22, 23])
        self.assertEqual(within(night, SUNDAY + DAY), [0, 1, 2, 3, 4])

    def test_a_whole_day(self):
        self.assertEqual(within([(0, 24, [6])], SUNDAY, []), list(range(24)))
        self.assertEqual(within([(0, 24, [5])], SUNDAY, []), [])

    def test_it_is_known_only_with_a_clock(self):
        self.assertTrue(Hours([], [], Told(SUNDAY)).known())
        self.assertFalse(Hours([], [], Told(0)).known())


if __name__ == "__main__":
    unittest.main()
