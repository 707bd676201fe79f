# runs on: micropython
# heap: 8m
# timeout: 120
"""The replay log and the records on littlefs, their power cut at every flash operation, each torn in half."""

import unittest

from sportbox.core.lock import Order
from sportbox.store import record
from sportbox.store.replay import ReplayLog

from tests.firmware.ramflash import Life, Mounted, unmount

PATH = "/cut"
FOLDER = PATH + "/data"
BLOCKS = 12
NOW = 1795366800


class Cuts:
    """To be mixed into a TestCase: cuts a life everywhere; `check(world, step, where)` is the boot after."""

    cuts = 0

    def play(self, world, script, start=None):
        life = Life(BLOCKS, PATH, start)
        try:
            life.play(world, script)
        finally:
            unmount(PATH)
        return life

    def check_all(self, world, script):
        before = self.cuts
        for number, step, image in self.play(world, script).cuts():
            self.check_cut(world, step, image, "cut at operation %d" % number)
        return self.cuts - before

    def check_cut(self, world, step, image, where):
        type(self).cuts += 1
        with Mounted(image, PATH):
            self.check(world, step, where)


class Records:
    """Writes records to one path; knows the newest that is certain and the one under way."""

    def __init__(self):
        self.newest = None

    def state(self):
        return self.newest

    def run(self, payload):
        if payload == b"folder":
            record.make_dir(FOLDER)
            return
        self.newest = payload
        record.write(FOLDER + "/mark", payload)


class TestRecordCuts(Cuts, unittest.TestCase):
    @classmethod
    def tearDownClass(cls):
        print("power cuts of records: %d" % cls.cuts)

    def check(self, world, step, where):
        """The old record or the new one, whole."""
        found = record.read(FOLDER + "/mark")
        self.assertIn(found, (step.before_state, step.after_state), where)
        record.make_dir(FOLDER)
        record.write(FOLDER + "/mark", b"after the cut")
        self.assertEqual(record.read(FOLDER + "/mark"), b"after the cut", where)

    def test_old_or_new_whatever_their_sizes(self):
        script = [b"folder"] + [
            bytes([65 + i]) * size for i, size in enumerate((16, 16, 24, 1, 300, 16, 0, 700))
        ]
        script += [bytes([97 + i]) * size for i, size in enumerate((5000, 9000, 16, 4093, 4092, 4091))]
        self.assertGreater(self.check_all(Records(), script), 200)

    def test_a_mark_that_is_written_again_and_again(self):
        """Until littlefs has to move its directory block."""
        script = [b"folder"] + [b"mark %4d" % i for i in range(150)]
        self.assertGreater(self.check_all(Records(), script), 150)


class Orders:
    """Carries out ("open",) ("begin", jti, keep_until) ("finish", jti, result, reason) ("told", jti)
    ("tidy", now) ("reset",); knows what each order has come to."""

    def __init__(self, progress=None):
        self.log = None
        self.progress = dict(
            progress or {}
        )  # jti -> None while begin() has not returned, else (result, reason)
        self.over_s = 0  # what must be kept less long than until then may be forgotten

    def state(self):
        return dict(self.progress), self.over_s

    def run(self, call):
        name, arguments = call[0], call[1:]
        if name == "open":
            self.log = ReplayLog(FOLDER, capacity=64)
            self.log.open()
        elif name == "begin":
            jti = arguments[0]
            self.log.begin(Order(jti, "citizen-1", "unlock", "lock-2"), arguments[1])
            self.progress[jti] = ("accepted", None, arguments[1])
        elif name == "tidy":
            self.over_s = arguments[0]
            self.log.tidy(arguments[0])
        else:
            getattr(self.log, name)(*arguments)
            if name != "reset":
                keep_until_s = self.progress[arguments[0]][2]
                rest = arguments[1:] if name == "finish" else (None, None)
                self.progress[arguments[0]] = rest + (keep_until_s,)


class TestReplayCuts(Cuts, unittest.TestCase):
    @classmethod
    def tearDownClass(cls):
        print("power cuts of the replay log: %d" % cls.cuts)

    def check(self, world, step, where):
        log = ReplayLog(FOLDER, capacity=64)
        log.open()
        self.assertTrue(log.readable, where)
        before, _ = step.before_state
        after, over_s = step.after_state
        for jti in after:
            self.check_order(log, jti, before.get(jti), after[jti], over_s, where)
        self.assertFalse(log.used("never"), where)
        for key in log.answers:
            self.assertIn(key, log._used, where)
        log.begin(Order("after the cut", "s", "unlock", "lock-1"), NOW)
        again = ReplayLog(FOLDER, capacity=64)
        again.open()
        self.assertTrue(again.readable and again.used("after the cut"), where)

    def check_order(self, log, jti, before, after, over_s, where):
        """What stood before the call under way, or what it brought about."""
        where = jti + ", " + where
        found = log.find(jti)
        found = None if found is None else (found.result, found.reason)
        if not log.used(jti):
            self.assertIsNone(found, where)  # never half
            self.assertTrue(before is None or (before[0] is None and before[2] < over_s), where)
            return
        known = [state for state in (before, after) if state is not None]
        allowed = [None if state[0] is None else state[:2] for state in known]
        self.assertIn(found, allowed, where)

    def life(self, jtis, keep_until_s=NOW + 100):
        script = []
        for jti in jtis:
            script.append(("begin", jti, keep_until_s))
            script.append(("finish", jti, "done", None))
            script.append(("told", jti))
        return script

    def test_orders_one_after_the_other(self):
        script = [("open",)] + self.life(["a"]) + [("begin", "b", NOW), ("begin", "c", NOW)]
        script += [("finish", "c", "failed", "not_opened"), ("open",), ("finish", "b", "failed", "power")]
        script += [("told", "c"), ("told", "b"), ("open",)] + self.life(["x" * 64, "d"])
        self.assertGreater(self.check_all(Orders(), script), 40)

    def test_a_log_that_is_written_anew(self):
        script = [("open",), ("begin", "runs", NOW + 9000), ("begin", "untold", NOW + 9000)]
        script += [("finish", "untold", "failed", "contact")]
        script += self.life(["old-%d" % i for i in range(20)])
        script += self.life(["new-%d" % i for i in range(20)], NOW + 9000)
        script += [("tidy", NOW + 200), ("begin", "next", NOW + 9000), ("finish", "runs", "done", None)]
        script += [("open",), ("tidy", NOW + 300)] + self.life(["last"], NOW + 9000)
        self.assertGreater(self.check_all(Orders(), script), 1000)

    def test_a_reset(self):
        script = [("open",)] + self.life(["a", "b"])
        world = Orders()
        life = self.play(world, script)
        with Mounted(life.flash.image, PATH) as flash:
            with open(FOLDER + "/replay.log", "ab") as file:
                file.write(b"damage")
            damaged = bytes(flash.image)
        cuts = 0
        reset = Orders()
        for _, step, image in self.play(reset, [("open",), ("reset",), ("begin", "c", NOW)], damaged).cuts():
            cuts += 1
            type(self).cuts += 1
            with Mounted(image, PATH):
                log = ReplayLog(FOLDER)
                log.open()  # the old one, refusing all, or the new one
                if log.readable:
                    self.assertFalse(log.used("a") or log.used("b"))
                    self.assertTrue(log.used("c") or "c" not in step.before_state[0])
                else:
                    self.assertNotIn("c", step.before_state[0])
                    log.reset()
                    self.assertTrue(log.readable)
        self.assertGreater(cuts, 4)

    def test_cut_again_while_it_recovers(self):
        script = [("open",)] + self.life(["a"]) + [("begin", "b", NOW)]
        recovery = [("open",), ("begin", "c", NOW), ("finish", "c", "done", None), ("told", "c")]
        first = Orders()
        before = self.cuts
        for number, step, image in self.play(first, script).cuts():
            certain, possible = step.before_state[0], step.after_state[0]
            second = Orders(certain)
            for again, second_step, second_image in self.play(second, recovery, image).cuts():
                where = "cuts at operations %d and %d" % (number, again)
                for jti in possible:  # what the first cut left open is still open
                    second_step.after_state[0].setdefault(jti, possible[jti])
                    if jti not in certain:
                        second_step.before_state[0].pop(jti, None)
                    elif certain[jti] != possible[jti]:
                        second_step.after_state[0][jti] = possible[jti]
                self.check_cut(second, second_step, second_image, where)
        self.assertGreater(self.cuts - before, 100)


class TestReplayFlashErrors(unittest.TestCase):
    """Flash that gives I/O errors for a while: an order that was refused may not make the log unreadable."""

    def test_the_log_stays_readable_and_keeps_what_was_used(self):
        spells = 0
        for fails in (1, 2, 9):
            for first in range(1, 60):
                self.check(first, fails)
                spells += 1
        print("spells of flash errors: %d" % spells)

    def check(self, first, fails):
        where = "%d flash errors from operation %d on" % (fails, first)
        life = Life(BLOCKS, PATH)
        begun = []
        try:
            life.play(Orders(), [("open",)])
            life.flash.count, life.flash.fail_at, life.flash.fails = 0, first, fails
            log = ReplayLog(FOLDER)
            log.open()
            for i in range(20):
                try:
                    log.begin(Order("order-%d" % i, "s", "unlock", "lock-1"), NOW)
                    begun.append("order-%d" % i)
                    log.finish("order-%d" % i, "done", None)
                    log.told("order-%d" % i)
                except OSError as error:
                    self.assertEqual(error.errno, 5, where)
        finally:
            unmount(PATH)
        with Mounted(life.flash.image, PATH):
            log = ReplayLog(FOLDER)
            log.open()
            self.assertTrue(log.readable, where)
            self.assertEqual([jti for jti in begun if not log.used(jti)], [], where)
            self.assertGreater(len(begun), 20 - fails - 1, where)
