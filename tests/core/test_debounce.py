import unittest

from sportbox.core.debounce import Debounce


class TestDebounce(unittest.TestCase):
    def setUp(self):
        self.contact = Debounce(50)

    def settle(self, level, at_ms):
        self.contact.step(level, at_ms)
        self.contact.step(level, at_ms + 50)

    def test_nothing_is_believed_at_first(self):
        self.assertIsNone(self.contact.step(True, 1000))
        self.assertEqual(self.contact.deadline, 1050)
        self.assertIsNone(self.contact.step(True, 1049))

    def test_a_level_that_stood_still_is_believed(self):
        self.contact.step(True, 1000)
        self.assertIs(self.contact.step(True, 1050), True)
        self.assertIsNone(self.contact.deadline)

    def test_what_cannot_be_read_asks_for_nothing(self):
        self.settle(True, 0)
        self.contact.step(False, 100)
        self.assertIsNone(self.contact.step(None, 120))
        self.assertIsNone(self.contact.deadline)

    def test_what_can_be_read_again_is_believed_as_at_first(self):
        """And not what stood before until then: a door opened meanwhile would be closed for a moment,
        and always where an expander answers now and then only."""
        for level in (True, False):
            with self.subTest(level=level):
                self.settle(True, 0)
                self.contact.step(None, 120)
                self.assertIsNone(self.contact.step(level, 1000))  # it may be bouncing
                self.assertEqual(self.contact.deadline, 1050)
                self.assertIs(self.contact.step(level, 1050), level)

    def test_a_bounce_starts_the_wait_again(self):
        self.settle(True, 0)
        self.contact.step(False, 100)
        self.contact.step(True, 120)
        self.contact.step(False, 130)
        self.assertEqual(self.contact.deadline, 180)
        self.assertIs(self.contact.step(False, 179), True)
        self.assertIs(self.contact.step(False, 180), False)

    def test_a_glitch_that_is_over_leaves_nothing_to_wait_for(self):
        self.settle(True, 0)
        self.contact.step(False, 100)
        self.assertIs(self.contact.step(True, 110), True)
        self.assertIsNone(self.contact.deadline)

    def test_a_glitch_and_the_next_one_do_not_add_up(self):
        self.settle(True, 0)
        self.contact.step(False, 100)
        self.contact.step(True, 110)
        self.contact.step(False, 145)
        self.assertIs(self.contact.step(False, 194), True)
        self.assertIs(self.contact.step(False, 195), False)

    def test_a_contact_that_chatters_for_ever_is_never_believed(self):
        for at_ms in range(0, 10_000, 20):
            self.assertIsNone(self.contact.step(at_ms % 40 == 0, at_ms))
            self.assertIsNotNone(self.contact.deadline)

    def test_no_wait_at_all(self):
        self.assertIs(Debounce(0).step(True, 7), True)

    def test_looking_late_is_as_good_as_looking_in_time(self):
        self.contact.step(False, 0)
        self.assertIs(self.contact.step(False, 100_000), False)
