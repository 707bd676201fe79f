# runs on: micropython
# heap: 16m
# timeout: 120
"""A renewal on littlefs, its power cut at every flash operation, each torn in half: receiving, unpacking,
trial, taking over, going back; and the same of a changed part of the configuration. Whatever happens, the
board runs with the old set or the new one, whole, and comes to an end with it."""

import json
import unittest

from sportbox.store import record, renewal
from sportbox.system import setting
from sportbox.system.receiving import Receiver

from tests.firmware import setting_case
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
    """("part", k) or ("change",) comes in, ("boot", whether it reaches the broker). `told` are its final
    answers."""

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
        elif call[0] == "change":
            made, app = change(), setting_case.App()
            if setting.refusal(app, made, PATH):
                raise AssertionError(made.args)
            setting.take(app, made, PATH)
            if app.restart_at_ms is None:
                raise AssertionError(app.desk.finals)
        else:
            self.receiver = None
            self.told += [answer[1:] for answer in boot(PATH, call[1])[1].desk.answers]


def change():
    return setting_case.order(setting_case.CHANGE, setting_case.WIFI)


SENT = [("part", part) for part in range(PARTS)]


class CutsCase:
    """`old` and `new`: what the board has before, and afterwards; `same` compares what it runs with."""

    cuts = 0
    old, new = OLD, NEW

    @classmethod
    def tearDownClass(cls):
        print("power cuts of %s: %d" % (cls.what, cls.cuts))

    def same(self, used):
        return used

    def play(self, script, start=None):
        world, life = Board(), Life(BLOCKS, PATH, start)
        if start is None:
            with Mounted(life.start, PATH) as flash:
                put(PATH, self.old)
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
                self.assertTrue(self.same(used) in (self.old, self.new), where)
                told += [answer[1:] for answer in app.desk.answers]
            left = get(PATH)
            self.assertEqual(used, left, where)
            self.assertFalse(record.exists(PATH + renewal.NEXT), where)
            taken = renewal.read(PATH + renewal.TAKEN)
            is_new = self.same(left) == self.new
            self.assertEqual(is_new, taken is not None, where)
            for answer in told:
                self.assertIn(answer, ends, where)
                self.assertEqual(answer == ("done", None), is_new, where)

    def check_all(self, script, ends, start=None):
        before = self.cuts
        for number, step, image in self.play(script, start).cuts():
            self.check(step, image, "cut at operation %d, %s" % (number, script), ends)
        return self.cuts - before


class TestRenewalCuts(CutsCase, unittest.TestCase):
    what = "renewals"

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


class TestChangeCuts(CutsCase, unittest.TestCase):
    """The new files are made at the boot after the order: it may be cut off there, too, again and again."""

    what = "changes of a configuration"
    old = setting_case.files()
    new = None  # by what same() makes of it

    @classmethod
    def setUpClass(cls):
        config, secrets = dict(setting_case.CONFIG), dict(setting_case.SECRETS)
        broker = dict(config["broker"])
        broker.update(setting_case.CHANGE["broker"])
        config.update({"telemetry_s": 5, "hash": config["hash"] + "+", "broker": broker})
        secrets.update(setting_case.WIFI)
        cls.new = dict(cls.old)
        cls.new["/config.json"], cls.new["/secrets.json"] = config, secrets

    def same(self, used):
        """Two files are written anew, with other spaces and another order of names."""
        if used == self.old:
            return used
        found = dict(used)
        for path in ("/config.json", "/secrets.json"):
            found[path] = json.loads(found[path])
        return found

    def test_ordered_tried_and_taken_over(self):
        script = [("change",)] + [("boot", True)] * 2
        self.assertGreater(self.check_all(script, [("done", None)]), 30)

    def test_tried_and_given_up(self):
        script = [("change",)] + [("boot", False)] * 4 + [("boot", True)]
        self.assertGreater(self.check_all(script, [("done", None), ("failed", "unreachable")]), 30)

    def test_cut_again_in_the_boot_that_follows(self):
        """After every twentieth cut."""
        before = self.cuts
        ends = [("done", None), ("failed", "unreachable")]
        back = [("boot", False)] * 3
        for script in ([("change",), ("boot", True)], [("change",)] + back + [("boot", True)]):
            for number, step, image in self.play(script).cuts():
                if number % 20:
                    continue
                for again, second, image_again in self.play([("boot", True)], bytes(image)).cuts():
                    second.before_state[:0] = step.before_state
                    where = "cuts at operations %d and %d" % (number, again)
                    self.check(second, image_again, where, ends)
        self.assertGreater(self.cuts - before, 300)

    def test_an_order_that_follows_on_parts_of_a_renewal(self):
        script = SENT[:3] + [("change",), ("boot", True)]
        self.assertGreater(self.check_all(script, [("done", None)]), 30)
