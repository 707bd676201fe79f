# runs on: micropython
# heap: 16m
# timeout: 170
"""The outbox on littlefs, its power cut at every single flash operation, before it and within it.

Whatever was accepted for good is there after the cut, in order, under its own number; numbers have no gap and
none names two events.
"""

import unittest

from tests.core.chance import Chance
from tests.firmware.outbox_life import CutTest
from tests.firmware.ramflash import LONG

OPEN, FLUSH, MARK, REWIND = ("open",), ("flush",), ("mark",), ("rewind",)
FIRST = [("ack", 0)]


def deliver(count):
    return [("take", count)] + FIRST * count


class TestOutboxCuts(CutTest, unittest.TestCase):
    def test_a_short_life_from_the_first_boot_on(self):
        script = [OPEN, ("o", 60), ("o", 200), FLUSH, ("u", 100), ("o", 60), ("u", 300)]
        script += [("take", 3), ("ack", 1), ("ack", 0), MARK, ("u", 80), ("take", 9), REWIND, MARK]
        self.assertGreater(self.check_all(script), 90)

    def test_segments_come_and_go(self):
        script = [OPEN]
        for i in range(8):
            script += [("o", 300), ("o", 150), ("u", 250), ("u", 180)] * 2 + [FLUSH] + deliver(6)
            if i % 2:
                script.append(MARK)
            if i % 3 == 2:
                script.append(OPEN)
        self.assertGreater(self.check_all(script), 1500)

    def test_full_of_both_kinds(self):
        """The oldest make room, are counted, and never come back behind what followed them."""
        script = [OPEN, ("u", 200), ("o", 200)]
        for i in range(10 if LONG else 6):
            script += [("o", 350), ("o", 250), ("u", 300), ("u", 200)] * 2 + [FLUSH]
            if i % 3 == 2:
                script += deliver(4)
            if i % 5 == 4:
                script += [REWIND, MARK, OPEN]
        self.assertGreater(self.check_all(script), 1800)

    def test_full_while_events_are_under_way(self):
        script = [OPEN] + [("u", 300)] * 12 + [("take", 8)]
        script += [("u", 500)] * 3 + [("ack", 3), ("ack", 0), MARK] + [("u", 900)] * 4
        script += [("ack", 0), ("ack", 0), REWIND, ("take", 4), ("ack", 1), MARK, OPEN, ("u", 200)]
        self.assertGreater(self.check_all(script), 1000)

    def test_a_mark_on_the_way_through_a_backlog(self):
        self.limits = (12_000, 4000)
        script = [OPEN] + [("o", 60)] * 80 + [FLUSH] + deliver(70) + [("u", 50)] + deliver(11) + [MARK]
        self.assertGreater(self.check_all(script), 300)

    def test_lives_of_chance(self):
        cuts = 0
        for seed in range(10 if LONG else 2):
            chance = Chance(seed)
            script = [OPEN]
            for _ in range(90):
                what = chance.below(100)
                if what < 55:
                    size = chance.one_of((30, 90, 200, 400, 1500))
                    script.append(("u" if chance.below(3) == 0 else "o", size))
                elif what < 65:
                    script.append(FLUSH)
                elif what < 88:
                    script += [("take", 1 + chance.below(6)), ("ack", chance.below(3)), ("ack", 0)]
                else:
                    script.append(chance.one_of((MARK, MARK, REWIND, OPEN)))
            cuts += self.check_all(script)
        self.assertGreater(cuts, 2000)

    def test_cut_again_while_it_recovers(self):
        script = [OPEN, ("o", 60), ("u", 100), ("u", 90), ("take", 2)] + FIRST * 2 + [MARK, ("u", 70)]
        recovery = [OPEN, ("o", 50), ("u", 60), ("take", 2)] + FIRST * 2 + [MARK]
        self.assertGreater(self.check_pairs(script, recovery), 600)

    def test_cut_again_while_it_recovers_from_a_full_life(self):
        self.limits = (1000, 600)
        script = [OPEN] + [("u", 150)] * 3 + [("take", 1), ("u", 150), ("u", 160), ("ack", 0), ("take", 2)]
        recovery = [OPEN, ("u", 200), ("take", 2)] + FIRST + [MARK]
        self.assertGreater(self.check_pairs(script + FIRST, recovery), 1000)

    def test_cut_again_while_segments_are_deleted(self):
        past = [OPEN] + [("u", 1000), ("o", 900), FLUSH] * 5 + [("u", 50), ("o", 50), FLUSH] + deliver(3)
        script = [OPEN] + deliver(8) + [MARK, ("u", 80), ("take", 1)]
        recovery = [OPEN] + deliver(9) + [("u", 50), MARK]
        self.limits = (6000, 6000)
        self.assertGreater(self.check_pairs(script, recovery, past), 100)


class TestFlashErrors(CutTest, unittest.TestCase):
    """Flash that gives I/O errors for a while and then works again, without a boot in between."""

    def test_nothing_is_lost(self):
        script = [OPEN]
        for i in range(4):
            script += [("o", 300), ("u", 200), ("o", 100), FLUSH] + deliver(2) + [MARK] * (i % 2)
        _, life = self.play(script)
        self.assertGreater(len(life.flash.operations), 100)
        for fails in (1, 3, 20):
            for first in range(1, len(life.flash.operations) + 1):
                self.check_errors(script, first, fails)
