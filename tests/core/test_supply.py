import unittest

from sportbox.core.supply import Supply


class TestSupply(unittest.TestCase):
    def setUp(self):
        self.supply = Supply()

    def test_one_at_a_time_in_the_order_they_asked(self):
        for name in ("b", "a", "c"):
            self.supply.ask(name, 0)
        self.assertFalse(self.supply.grant("a", 0))
        self.assertTrue(self.supply.grant("b", 0))
        self.assertFalse(self.supply.grant("a", 0))
        self.assertIsNone(self.supply.deadline("a"))
        self.supply.give_back("b", 100, 0)
        self.assertEqual(self.supply.deadline("a"), 100)
        self.assertIsNone(self.supply.deadline("c"))
        self.assertTrue(self.supply.grant("a", 100))
        self.supply.give_back("a", 100, 0)
        self.assertTrue(self.supply.grant("c", 100))

    def test_a_pulse_that_still_runs_keeps_the_others_waiting(self):
        self.supply.ask("a", 0)
        self.supply.grant("a", 0)
        self.supply.ask("b", 0)
        self.supply.give_back("a", 5000, 0)
        self.assertFalse(self.supply.grant("b", 4999))
        self.assertTrue(self.supply.grant("b", 5000))

    def test_nobody_stands_in_line_twice(self):
        for _ in range(5):
            self.supply.ask("a", 0)
        self.assertTrue(self.supply.grant("a", 0))
        self.supply.ask("a", 0)
        self.supply.give_back("a", 0, 0)
        self.assertFalse(self.supply.grant("a", 0))

    def test_one_that_no_longer_wants_it_leaves_the_line(self):
        self.supply.ask("a", 0)
        self.supply.ask("b", 0)
        self.supply.give_back("a", 99, 0)
        self.assertTrue(self.supply.grant("b", 0))
        self.supply.give_back("a", 99, 0)  # a holds nothing: this changes nothing
        self.assertFalse(self.supply.grant("a", 0))

    def test_a_holder_alone_gives_it_back(self):
        self.supply.ask("a", 0)
        self.supply.grant("a", 0)
        self.supply.give_back("b", 0, 0)
        self.supply.ask("b", 0)
        self.assertFalse(self.supply.grant("b", 0))


class TestFailures(unittest.TestCase):
    """A lock whose part has failed must not keep the others shut."""

    def setUp(self):
        self.supply = Supply()

    def test_one_that_does_not_give_it_back(self):
        self.supply.ask("a", 0)
        self.assertTrue(self.supply.grant("a", 0))
        self.supply.ask("b", 1000)
        for at_ms in range(1000, 120_000, 1000):
            self.assertFalse(self.supply.grant("b", at_ms))
        self.assertTrue(self.supply.grant("b", 120_000))
        self.assertFalse(self.supply.holds("a"))
        self.supply.give_back("a", 500_000, 121_000)  # late, and no longer its own
        self.assertTrue(self.supply.holds("b"))

    def test_one_that_does_not_claim_it(self):
        self.supply.ask("a", 3_600_000)
        self.supply.ask("b", 3_600_000)
        for at_ms in range(3_600_000, 3_610_000, 1000):
            self.assertFalse(self.supply.grant("b", at_ms))
        self.supply.grant("b", 3_610_000)
        self.assertTrue(self.supply.grant("b", 3_610_000))

    def test_who_waits_for_a_pulse_that_still_runs_has_not_failed(self):
        self.supply.ask("a", 0)
        self.supply.grant("a", 0)
        self.supply.ask("b", 0)
        self.supply.ask("c", 0)
        self.supply.give_back("a", 30_000, 0)
        self.assertFalse(self.supply.grant("c", 29_999))
        self.assertFalse(self.supply.grant("c", 30_000))
        self.assertTrue(self.supply.grant("b", 30_001))

    def test_one_that_was_passed_over_asks_again(self):
        self.supply.ask("a", 0)
        self.supply.ask("b", 0)
        self.supply.grant("b", 20_000)
        self.assertTrue(self.supply.grant("b", 20_000))
        self.supply.ask("a", 21_000)
        self.supply.give_back("b", 22_000, 22_000)
        self.assertTrue(self.supply.grant("a", 22_000))
