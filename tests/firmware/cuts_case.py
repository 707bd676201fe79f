"""What tests of power cuts share: lives that are cut everywhere, short ones twice, and the count."""

from tests.firmware.ramflash import Life, unmount

PATH = "/cut"


def play(world, script, blocks, start=None):
    """The life of `world`, and its flash with nothing mounted."""
    life = Life(blocks, PATH, start)
    try:
        life.play(world, script)
    finally:
        unmount(PATH)
    return life


class CutsCase:
    """To be mixed into a TestCase. tests/cuts.py adds up the cuts of each `family`. `check` is the boot after
    a cut, and what must hold then."""

    family = ""

    def count(self, operations=0, cuts=0, pairs=0):
        self.properties.append(("cuts", (self.family, operations, cuts, pairs)))

    def cut_all(self, life, check, turn=None, first=0, every=1):
        """Cuts a life at every operation; how many cuts that were."""
        cuts = 0
        struck = set()
        for cut in life.cuts(turn, first, every):
            check(cut, str(cut))
            cuts += 1
            struck.add(cut.number)
        self.count(operations=len(struck) - 1, cuts=cuts)  # the last one came after all of them
        return cuts

    def cut_twice(self, life, recover, check, turn=None, first=0, every=1):
        """Cuts a life at every operation in every way, and what follows at every operation, by turns.
        `recover(cut)` plays what follows; how many pairs that were."""
        pairs = 0
        for cut in life.cuts(turn, first, every):
            second = recover(cut)
            for again in second.cuts(cut.number):
                check(cut, again, "%s, then %s" % (cut, again))
                pairs += 1
        self.count(pairs=pairs)
        return pairs
