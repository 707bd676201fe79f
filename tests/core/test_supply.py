import unittest

from sportbox.core.supply import Supply


class TestSupply(unittest.TestCase):
    def setUp(self):
        self.supply = Supply()

    def test_one_at_a_time_in_the_order_they_asked(self):
        for name in ("b", "a", "c"):
            self.supply.ask(name)
        self.assertFalse(self.supply.grant("a", 0))
        self.assertTrue(self.supply.grant("b", 0))
        self.assertFalse(self.supply.grant("a", 0))
        self.assertIsNone(self.supply.deadline("a"))
        self.supply.give_back("b", 100)
        self.assertEqual(self.supply.deadline("a"), 100)
        self.assertIsNone(self.supply.deadline("c"))
        self.assertTrue(self.supply.grant("a", 100))
        self.supply.give_back("a", 100)
        self.assertTrue(self.supply.grant("c", 100))

    def test_a_pulse_that_still_runs_keeps_the_others_waiting(self):
        self.supply.ask("a")
        self.supply.grant("a", 0)
        self.supply.ask("b")
        self.supply.give_back("a", 5000)
        self.assertFalse(self.supply.grant("b", 4999))
        self.assertTrue(self.supply.grant("b", 5000))

    def test_nobody_stands_in_line_twice(self):
        for _ in range(5):
            self.supply.ask("a")
        self.assertTrue(self.supply.grant("a", 0))
        self.supply.ask("a")
        self.supply.give_back("a", 0)
        self.assertFalse(self.supply.grant("a", 0))

    def test_one_that_no_longer_wants_it_leaves_the_line(self):
        self.supply.ask("a")
        self.supply.ask("b")
        self.supply.give_back("a", 99)
        self.assertTrue(self.supply.grant("b", 0))
        self.supply.give_back("a", 99)  # a holds nothing: this changes nothing
        self.assertFalse(self.supply.grant("a", 0))

    def test_a_holder_alone_gives_it_back(self):
        self.supply.ask("a")
        self.supply.grant("a", 0)
        self.supply.give_back("b", 0)
        self.supply.ask("b")
        self.assertFalse(self.supply.grant("b", 0))
