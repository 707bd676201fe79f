# runs on: micropython
# heap: 10m
# timeout: 120
"""An update on littlefs, its power cut at every flash operation, before it and within it: pulling,
installing, the trial, taking over, going back, telling. Whatever happens, the board comes up with the old
firmware or the new one, every file of it whole; the way back is never a slot that is not; and the update
comes to an end."""

import unittest

from tests.firmware.update_life import (  # first: it brings `machine`
    DEAF,
    ENDS,
    FLAWED,
    HANGS,
    LOST,
    PATH,
    PROVES,
    RAISES,
    Board,
    Player,
    finish,
)

from tests.firmware.cuts_case import CutsCase  # isort: skip
from tests.firmware.ramflash import LONG, Mounted  # isort: skip

PULL, PROVED = ["order", "pull"], [PROVES, PROVES]


class TestUpdateCuts(CutsCase, unittest.TestCase):
    family = "updates"

    def check_all(self, player, script, outcome, turn=None, first=0):
        def check(cut, where):
            finish(self, player, cut.image, outcome, where)

        return self.cut_all(player.play(script), check, turn, first)

    def test_pulled_installed_proved(self):
        self.assertGreater(self.check_all(Player("a"), PULL + PROVED, PROVES), 150)

    def test_the_other_way_round_and_without_a_way_back(self):
        for player in (Player("b"), Player("a", spare=False)):
            first = player.operations(PULL)
            self.assertGreater(self.check_all(player, PULL + PROVED, PROVES, first=first), 100)

    def test_a_trial_that_fails(self):
        for outcome in (RAISES, HANGS, LOST, DEAF):
            script = PULL + [outcome] * 4
            player = Player("a")
            first = player.operations(PULL + [LOST])  # what comes before was cut above
            self.assertGreater(self.check_all(player, script, outcome, first=first), 5)

    def test_what_cannot_be_installed(self):
        player = Player("b", data=FLAWED)
        first = player.operations(PULL)
        self.assertGreater(self.check_all(player, PULL + [LOST, LOST], LOST, first=first), 50)

    def test_cut_again_in_what_follows(self):
        player = Player("a")
        first = player.operations(PULL)

        def recover(cut):
            return Player("a", image=bytes(cut.image)).play([PROVES] * 3)

        def check(_, again, where):
            finish(self, player, again.image, PROVES, where)

        life = player.play(PULL + PROVED)
        self.assertGreater(self.cut_twice(life, recover, check, 0, first, every=8 if LONG else 20), 100)

    def test_uncut(self):
        """What the cuts above are cuts of."""
        for outcome, boots, told in ENDS:
            player = Player("a")
            with Mounted(player.image, PATH):
                board = Board(player)
                for number, call in enumerate(PULL + [outcome] * boots):
                    self.assertEqual(board.told, [], (outcome, number))
                    board.run(call)
                self.assertEqual(board.told, [told], outcome)


if __name__ == "__main__":
    unittest.main()
