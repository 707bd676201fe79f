# runs on: micropython
# heap: 16m
# timeout: 120
"""A renewal on littlefs, its power cut at every flash operation, each torn in half: receiving, unpacking,
trial, taking over, going back. Whatever happens, the board runs with the old set or the new one, whole, and
comes to an end with it."""

import unittest

from sportbox.store import record, renewal
from sportbox.system.receiving import Receiver

from tests.firmware.ramflash import Life, Mounted, unmount
from tests.firmware.renewal_case import PART, boot, files, get, order, pack, put

PATH = "/cut"
BLOCKS = 24
OLD, NEW = files("o"), files("n")
NEW["/certs/ca-next.der"] = b"c" * 398
del NEW["/certs/device.key"]
BLOB = pack(NEW)
PARTS = (len(BLOB) + PART - 1) // PART


class Board:
    """("part", k) comes in, ("boot", whether it reaches the broker). `told` are its final answers."""

    def __init__(self):
        self.receiver = None
        self.told = []

    def state(self):
        return list(self.told)

    def run(self, call):
        if call[0] == "part":
            if self.receiver is None:
                self.receiver = Receiver(PATH)
            outcome = self.receiver.take(order(BLOB, call[1]))
            if outcome[0] not in ("done", "trial"):
                raise AssertionError(outcome)
        else:
            self.receiver = None
            self.told += [answer[1:] for answer in boot(PATH, call[1])[1].desk.answers]


SENT = [("part", part) for part in range(PARTS)]


class TestRenewalCuts(unittest.TestCase):
    cuts = 0

    @classmethod
    def tearDownClass(cls):
        print("power cuts of renewals: %d" % cls.cuts)

    def play(self, script, start=None):
        world, life = Board(), Life(BLOCKS, PATH, start)
        if start is None:
            with Mounted(life.start, PATH) as flash:
                put(PATH, OLD)
                image = bytes(flash.image)
            life = Life(BLOCKS, PATH, image)
        try:
            life.play(world, script)
        finally:
            unmount(PATH)
        return life

    def check(self, step, image, where, ends):
        """The boots that follow: the first may be with either set, and one is left in the end. `ends` are the
        answers that may be the final one."""
        type(self).cuts += 1
        with Mounted(image, PATH):
            told = list(step.before_state)
            for reaches in (True, True):
                used, app = boot(PATH, reaches)
                self.assertTrue(used in (OLD, NEW), where)
                told += [answer[1:] for answer in app.desk.answers]
            left = get(PATH)
            self.assertEqual(used, left, where)
            self.assertFalse(record.exists(PATH + renewal.NEXT), where)
            taken = renewal.read(PATH + renewal.TAKEN)
            self.assertEqual(left == NEW, taken is not None, where)
            for answer in told:
                self.assertIn(answer, ends, where)
                self.assertEqual(answer == ("done", None), left == NEW, where)

    def check_all(self, script, ends, start=None):
        before = self.cuts
        for number, step, image in self.play(script, start).cuts():
            self.check(step, image, "cut at operation %d, %s" % (number, script), ends)
        return self.cuts - before

    def test_sent_tried_and_taken_over(self):
        script = SENT + [("boot", True)] * 2
        self.assertGreater(self.check_all(script, [("done", None)]), 50)

    def test_sent_again_after_a_boot(self):
        script = SENT[:3] + [("boot", True)] + SENT[:2] + SENT + [("boot", True)]
        self.assertGreater(self.check_all(script, [("done", None)]), 50)

    def test_tried_and_given_up(self):
        script = SENT + [("boot", False)] * 4 + [("boot", True)]
        self.assertGreater(self.check_all(script, [("done", None), ("failed", "unreachable")]), 50)

    def test_cut_again_in_the_boot_that_follows(self):
        """Both in taking over and in going back; after every third cut of unpacking and what follows it."""
        before, sent = self.cuts, self.sent()
        for script in (SENT + [("boot", True)], SENT + [("boot", False)] * 3 + [("boot", True)]):
            ends = [("done", None), ("failed", "unreachable")]
            for number, step, image in self.play(script).cuts():
                if step.first < sent or number % 3:
                    continue
                for again, second, image_again in self.play([("boot", True)], bytes(image)).cuts():
                    second.before_state[:0] = step.before_state
                    where = "cuts at operations %d and %d" % (number, again)
                    self.check(second, image_again, where, ends)
        self.assertGreater(self.cuts - before, 300)

    def sent(self):
        """Operations until the last part was in."""
        return self.play(SENT[:-1]).steps[-1].after
