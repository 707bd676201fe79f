import unittest

from sportbox.core.backoff import Backoff

MOST = 0xFFFF  # the largest number that 16 random bits give


def bounds(backoff, count):
    """The bounds of the next pauses, found by asking for the longest one each time."""
    found = []
    for _ in range(count):
        bound_ms = backoff._bound_ms
        found.append(backoff.next(bound_ms))
    return found


class TestBackoff(unittest.TestCase):
    def test_the_bound_doubles_up_to_the_cap_and_stays_there(self):
        self.assertEqual(bounds(Backoff(4000), 7), [250, 500, 1000, 2000, 4000, 4000, 4000])

    def test_a_cap_that_is_no_power_of_two_is_never_passed(self):
        self.assertEqual(bounds(Backoff(1500), 5), [250, 500, 1000, 1500, 1500])

    def test_no_random_number_leads_past_the_bound(self):
        backoff = Backoff(4000)
        for bound_ms in (250, 500, 1000, 2000, 4000, 4000):
            pause_ms = backoff.next(MOST)
            self.assertLessEqual(pause_ms, bound_ms)
            self.assertGreaterEqual(pause_ms, 0)

    def test_a_cap_below_the_first_pause_holds_from_the_start(self):
        self.assertEqual(bounds(Backoff(100), 3), [100, 100, 100])

    def test_jitter_is_full_so_every_pause_up_to_the_bound_comes_up(self):
        pauses = {Backoff(4000).next(number) for number in range(MOST + 1)}
        self.assertEqual(pauses, set(range(251)))

    def test_jitter_favours_no_part_of_the_range(self):
        low = 0
        for number in range(0, MOST + 1, 5):
            backoff = Backoff(4000)
            for _ in range(4):
                backoff.next(0)
            low += backoff.next(number) <= 2000
        share = low / (MOST // 5 + 1)
        self.assertAlmostEqual(share, 0.5, delta=0.05)

    def test_a_success_starts_again_from_the_shortest_pause(self):
        backoff = Backoff(4000)
        bounds(backoff, 6)
        backoff.reset()
        self.assertEqual(bounds(backoff, 2), [250, 500])
