import unittest

from sportbox.core.door import AJAR, CLOSED, FORCED, OPEN, UNKNOWN, Door

WARNING = ("door.ajar", {"open_s": 60, "level": "warning"})


class TestFirstReading(unittest.TestCase):
    """What the contact says after boot, against what flash remembers."""

    def first(self, closed, was_closed, expected=False):
        door = Door(60_000, 600_000)
        self.assertEqual(door.state, UNKNOWN)
        return door, door.first(closed, was_closed, expected, 1000)

    def test_opened_while_the_power_was_away_was_forced(self):
        door, events = self.first(closed=False, was_closed=True)
        self.assertEqual(events, [("door.forced", {"while_off": True})])
        self.assertEqual(door.state, FORCED)
        self.assertTrue(door.is_open())

    def test_opened_while_an_order_was_cut_off_was_not_forced(self):
        door, events = self.first(closed=False, was_closed=True, expected=True)
        self.assertEqual(events, [("door.opened", {"while_off": True})])
        self.assertEqual(door.state, OPEN)

    def test_open_before_and_open_now_is_no_news(self):
        door, events = self.first(closed=False, was_closed=False)
        self.assertEqual(events, [])
        self.assertEqual(door.state, OPEN)
        self.assertEqual(door.deadline, 61_000)  # but it may be left ajar

    def test_closed_while_the_power_was_away(self):
        door, events = self.first(closed=True, was_closed=False)
        self.assertEqual(events, [("door.closed", {"while_off": True})])
        self.assertEqual(door.state, CLOSED)

    def test_closed_before_and_closed_now_is_no_news(self):
        door, events = self.first(closed=True, was_closed=True)
        self.assertEqual(events, [])
        self.assertEqual(door.state, CLOSED)
        self.assertIsNone(door.deadline)

    def test_an_order_that_was_cut_off_does_not_make_a_closed_door_open(self):
        door, events = self.first(closed=True, was_closed=True, expected=True)
        self.assertEqual((events, door.state), ([], CLOSED))


class TestDoor(unittest.TestCase):
    def setUp(self):
        self.door = Door(60_000, 600_000)
        self.door.first(True, True, False, 0)

    def test_opened_without_leave_was_forced_and_says_so_once(self):
        self.assertEqual(self.door.step(False, False, 1000), [("door.forced", {})])
        self.assertEqual(self.door.state, FORCED)
        self.assertEqual(self.door.step(False, False, 2000), [])
        self.assertEqual(self.door.step(False, False, 100_000), [])
        self.assertEqual(self.door.state, FORCED)

    def test_leave_that_comes_later_does_not_make_a_break_in_good(self):
        self.door.step(False, False, 1000)
        self.assertEqual(self.door.step(False, True, 2000), [])
        self.assertEqual(self.door.state, FORCED)

    def test_a_forced_door_closes_as_any_other(self):
        self.door.step(False, False, 1000)
        self.assertEqual(self.door.step(True, False, 8999), [("door.closed", {"open_s": 7})])
        self.assertEqual(self.door.state, CLOSED)
        self.assertFalse(self.door.is_open())

    def test_opened_and_closed_with_leave(self):
        self.assertEqual(self.door.step(False, True, 1000), [("door.opened", {})])
        self.assertEqual(self.door.state, OPEN)
        self.assertEqual(self.door.step(True, True, 13_000), [("door.closed", {"open_s": 12})])
        self.assertIsNone(self.door.deadline)

    def test_leave_that_ends_while_the_door_is_open_is_no_break_in(self):
        self.door.step(False, True, 1000)
        self.assertEqual(self.door.step(False, False, 2000), [])
        self.assertEqual(self.door.state, OPEN)

    def test_left_ajar_is_reported_once_and_at_the_very_moment(self):
        self.door.step(False, True, 1000)
        self.assertEqual(self.door.deadline, 61_000)
        self.assertEqual(self.door.step(False, True, 60_999), [])
        self.assertEqual(self.door.step(False, True, 61_000), [WARNING])
        self.assertEqual(self.door.state, AJAR)
        self.assertTrue(self.door.is_open())
        self.assertEqual(self.door.deadline, 601_000)
        self.assertEqual(self.door.step(False, True, 600_999), [])
        alarm = ("door.ajar", {"open_s": 600, "level": "alarm"})
        self.assertEqual(self.door.step(False, True, 601_000), [alarm])
        self.assertIsNone(self.door.deadline)
        self.assertEqual(self.door.step(False, True, 2_000_000), [])

    def test_an_ajar_door_closes_with_the_whole_time_it_stood_open(self):
        self.door.step(False, True, 1000)
        self.door.step(False, True, 61_000)
        self.assertEqual(self.door.step(True, True, 121_000), [("door.closed", {"open_s": 120})])

    def test_a_closed_door_has_nothing_to_say(self):
        self.assertEqual(self.door.step(True, False, 1000), [])
        self.assertEqual(self.door.step(True, True, 2000), [])

    def test_each_opening_counts_its_own_time(self):
        self.door.step(False, True, 1000)
        self.door.step(True, True, 50_000)
        self.door.step(False, True, 51_000)
        self.assertEqual(self.door.step(False, True, 110_999), [])
        self.assertEqual(self.door.step(False, True, 111_000), [WARNING])


class TestLatch(unittest.TestCase):
    """The latch contact of a strike, or the bolt of a motor lock, lets go though nobody asked."""

    def setUp(self):
        self.door = Door(60_000, 600_000)
        self.door.first(True, True, False, 0)

    def test_a_lost_latch_is_forced_though_the_door_is_closed(self):
        self.assertEqual(self.door.latch(True, 1000), [("door.forced", {"latch": True})])
        self.assertEqual(self.door.state, FORCED)
        self.assertFalse(self.door.is_open())
        self.assertEqual(self.door.step(True, False, 2000), [])
        self.assertEqual(self.door.latch(True, 3000), [])

    def test_it_is_over_when_the_latch_is_back(self):
        self.door.latch(True, 1000)
        self.assertEqual(self.door.latch(False, 9000), [("door.closed", {"open_s": 8})])
        self.assertEqual(self.door.state, CLOSED)
        self.assertEqual(self.door.latch(False, 9000), [])

    def test_then_it_is_opened_as_well(self):
        self.door.latch(True, 1000)
        self.assertEqual(self.door.step(False, False, 2000), [("door.forced", {})])
        self.assertTrue(self.door.is_open())
        self.assertEqual(self.door.step(True, False, 5000), [("door.closed", {"open_s": 3})])

    def lose_sight(self):
        self.door.fault("expander")
        self.assertEqual(self.door.state, UNKNOWN)

    def test_back_behind_a_door_that_nobody_sees(self):
        """It may stand open with its latch out: that is for the contact to say."""
        for closed, allowed, told in (
            (True, False, ("door.closed", {"open_s": 11})),
            (False, True, ("door.opened", {})),
            (False, False, ("door.forced", {})),
        ):
            with self.subTest(told=told[0]):
                self.setUp()
                self.door.latch(True, 1000)
                self.lose_sight()
                self.assertEqual(self.door.latch(False, 9000), [])
                self.assertEqual(self.door.state, UNKNOWN)
                self.door.recovered()
                self.assertEqual(self.door.step(closed, allowed, 12_000), [told])

    def test_lost_behind_a_door_that_nobody_sees(self):
        self.lose_sight()
        self.assertEqual(self.door.latch(True, 1000), [("door.forced", {"latch": True})])
        self.assertEqual(self.door.latch(True, 1000), [])
        self.assertEqual(self.door.state, UNKNOWN)
        self.door.recovered()
        self.assertEqual((self.door.step(True, False, 2000), self.door.state), ([], FORCED))
        self.assertEqual(self.door.latch(False, 9000), [("door.closed", {"open_s": 8})])

    def test_lost_behind_a_door_that_was_open_when_it_was_last_seen(self):
        self.door.step(False, True, 500)
        self.lose_sight()
        self.assertEqual(self.door.latch(True, 1000), [])


class TestContactFault(unittest.TestCase):
    def test_what_cannot_be_believed_is_unknown_and_told_once(self):
        door = Door(60_000, 600_000)
        door.first(True, True, False, 0)
        self.assertEqual(door.fault("contact"), [("door.fault", {"what": "contact"})])
        self.assertEqual(door.fault("contact"), [])
        self.assertEqual(door.state, UNKNOWN)
        self.assertFalse(door.is_open())
        door.recovered()
        self.assertEqual(door.state, CLOSED)

    def test_an_opening_meanwhile_is_noticed_afterwards(self):
        door = Door(60_000, 600_000)
        door.first(True, True, False, 0)
        door.fault("expander")
        door.recovered()
        self.assertEqual(door.step(False, False, 5000), [("door.forced", {})])
