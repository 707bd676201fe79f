# runs on: micropython
# heap: 16m
# timeout: 120
"""An update on littlefs, its power cut at every flash operation, each torn in half: pulling, installing, the
trial, taking over, going back, telling. Whatever happens, the board comes up with the old firmware or the new
one, every file of it whole; the way back is never a slot that is not; and the update comes to an end."""

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

from tests.firmware.ramflash import Mounted  # isort: skip

PULL, PROVED = ["order", "pull"], [PROVES, PROVES]


class TestUpdateCuts(unittest.TestCase):
    cuts = 0

    @classmethod
    def tearDownClass(cls):
        print("power cuts of updates: %d" % cls.cuts)

    def check_all(self, player, script, outcome, every=1, first=0):
        before = type(self).cuts
        for number, image in player.cuts(script, every, first):
            type(self).cuts += 1
            finish(self, player, image, outcome, "cut at operation %d, %s" % (number, script))
        return type(self).cuts - before

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
        before, first = type(self).cuts, player.operations(PULL)
        for number, image in player.cuts(PULL + PROVED, 8, first):
            again = Player("a", image=image)
            for second, image_again in again.cuts([PROVES] * 3, 4):
                type(self).cuts += 1
                where = "cuts at operations %d and %d" % (number, second)
                finish(self, player, image_again, PROVES, where)
        self.assertGreater(type(self).cuts - before, 100)

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
