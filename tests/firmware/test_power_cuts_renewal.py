# runs on: micropython
# heap: 6m
# timeout: 120
"""A renewal on littlefs, its power cut at every flash operation, before it and within it: receiving,
unpacking, trial, taking over, going back; and the same of a changed part of the configuration.
Whatever happens, the board runs with the old set or the new one, whole, and comes to an end with it."""

import json
import unittest

from sportbox.store import record, renewal
from sportbox.system import setting
from sportbox.system.receiving import Receiver

from tests.firmware import setting_case
from tests.firmware.cuts_case import PATH, CutsCase, play
from tests.firmware.ramflash import LONG, Life, Mounted
from tests.firmware.renewal_case import PART, boot, files, get, order, pack, put

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


BOOT = ("boot", True)
TAKEN_OVER, GIVEN_UP = [BOOT], [("boot", False)] * 3 + [BOOT]
SENT = [("part", part) for part in range(PARTS)]


class SetCase(CutsCase):
    """`old` and `new`: what the board has before, and afterwards; `same` compares what it runs with."""

    old, new = OLD, NEW

    def same(self, used):
        return used

    def play(self, script, start=None):
        if start is None:
            with Mounted(Life(BLOCKS, PATH).start, PATH) as flash:
                put(PATH, self.old)
                start = bytes(flash.image)
        return play(Board(), script, BLOCKS, start)

    def check(self, told, cut, where, ends):
        """The boots that follow: the first may be with either set, and one is left in the end. `ends` are the
        answers that may be the final one."""
        with Mounted(cut.image, PATH):
            told = told + cut.step.before_state
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

    def check_all(self, script, ends):
        return self.cut_all(self.play(script), lambda cut, where: self.check([], cut, where, ends))

    def check_pairs(self, script, every, first=0):
        """The boot after a cut is cut, too."""

        def check(cut, again, where):
            ends = [("done", None), ("failed", "unreachable")]
            self.check(cut.step.before_state, again, where, ends)

        life = self.play(script)
        return self.cut_twice(life, lambda cut: self.play([BOOT], bytes(cut.image)), check, 0, first, every)


class TestRenewalCuts(SetCase, unittest.TestCase):
    family = "renewal"

    def test_sent_tried_and_taken_over(self):
        script = SENT + [BOOT] * 2
        self.assertGreater(self.check_all(script, [("done", None)]), 400)

    def test_sent_again_after_a_boot(self):
        script = SENT[:3] + [BOOT] + SENT[:2] + SENT + [BOOT]
        self.assertGreater(self.check_all(script, [("done", None)]), 400)

    def test_tried_and_given_up(self):
        script = SENT + [("boot", False)] * 4 + [BOOT]
        self.assertGreater(self.check_all(script, [("done", None), ("failed", "unreachable")]), 450)

    def test_cut_again_in_the_boot_that_follows(self):
        """In taking over and in going back, from unpacking on."""
        sent = self.play(SENT[:-1]).steps[-1].after
        pairs = sum(
            [self.check_pairs(SENT + rest, 1 if LONG else 3, sent) for rest in (TAKEN_OVER, GIVEN_UP)]
        )
        self.assertGreater(pairs, 900)


class TestChangeCuts(SetCase, unittest.TestCase):
    """The new files are made at the boot after the order: it may be cut off there, too, again and again."""

    family = "configure"
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
        script = [("change",)] + [BOOT] * 2
        self.assertGreater(self.check_all(script, [("done", None)]), 250)

    def test_tried_and_given_up(self):
        script = [("change",)] + [("boot", False)] * 4 + [BOOT]
        self.assertGreater(self.check_all(script, [("done", None), ("failed", "unreachable")]), 250)

    def test_cut_again_in_the_boot_that_follows(self):
        pairs = sum(
            [self.check_pairs([("change",)] + rest, 1 if LONG else 10) for rest in (TAKEN_OVER, GIVEN_UP)]
        )
        self.assertGreater(pairs, 600)

    def test_an_order_that_follows_on_parts_of_a_renewal(self):
        script = SENT[:3] + [("change",), BOOT]
        self.assertGreater(self.check_all(script, [("done", None)]), 250)
