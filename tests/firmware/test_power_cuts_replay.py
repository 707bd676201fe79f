# runs on: micropython
# heap: 6m
# timeout: 120
"""The replay log on littlefs, its power cut at every flash operation, before it and within it: a token that
was used stays used, an order owes the answer that it has come to, and the log can be read."""

import unittest

from sportbox.core.lock import Order
from sportbox.store.replay import ReplayLog

from tests.firmware.cuts_case import PATH, CutsCase, play
from tests.firmware.ramflash import Life, Mounted, Step, unmount

FOLDER = PATH + "/data"
BLOCKS = 12
NOW = 1795366800
LATER = NOW + 9000


class Orders:
    """Carries out ("open",) ("begin", jti, keep_until), "local" and "spend" likewise, ("finish", jti, result,
    reason) ("told", jti) ("tidy", now) ("anew", now) ("reset", now); knows what each order has come to."""

    def __init__(self, progress=None):
        self.log = None
        self.progress = dict(progress or {})  # jti -> (result or None, reason, keep_until)
        self.over_s = 0  # what must be kept less long than until then may be forgotten

    def state(self):
        return dict(self.progress), self.over_s

    def run(self, call):
        name, arguments = call[0], call[1:]
        if name == "open":
            self.log = ReplayLog(FOLDER, capacity=64)
            self.log.open(1)
        elif name in ("begin", "local"):
            jti, until_s = arguments
            self.log.begin(Order(jti, "citizen-1", "unlock", "lock-2"), until_s, name == "local")
            self.progress[jti] = ("accepted", None, until_s)
        elif name == "spend":
            self.log.spend(*arguments)
            self.progress[arguments[0]] = (None, None, arguments[1])
        elif name in ("tidy", "anew"):
            self.over_s = arguments[0]
            if name == "anew":
                self.log._rewrite_at = 0  # as if it had grown
            self.log.tidy(arguments[0])
        elif name == "finish":
            self.log.finish(*(arguments + (1,)))
            self.progress[arguments[0]] = arguments[1:] + (self.progress[arguments[0]][2],)
        else:
            getattr(self.log, name)(*arguments)
            if name == "told":
                self.progress[arguments[0]] = (None, None, self.progress[arguments[0]][2])


def life_of(jtis, keep_until_s=NOW + 100):
    script = []
    for jti in jtis:
        script.append(("begin", jti, keep_until_s))
        script.append(("finish", jti, "done", None))
        script.append(("told", jti))
    return script


SHORT = [("open",)] + life_of(["a"]) + [("begin", "b", NOW)]
ANEW = [("open",), ("begin", "runs", LATER), ("begin", "old", NOW), ("finish", "old", "failed", "contact")]
ANEW += [("told", "old"), ("spend", "spent", LATER), ("anew", NOW + 200), ("begin", "next", LATER)]
RECOVERY = [("open",), ("begin", "c", NOW + 500), ("finish", "c", "done", None), ("told", "c")]


class TestReplayCuts(CutsCase, unittest.TestCase):
    family = "replay log"

    def check_all(self, script, turn=None):
        return self.cut_all(play(Orders(), script, BLOCKS), self.check, turn)

    def check(self, cut, where):
        with Mounted(cut.image, PATH):
            log = ReplayLog(FOLDER, capacity=64)
            log.open(1)
            self.assertTrue(log.readable, where)
            before, _ = cut.step.before_state
            after, over_s = cut.step.after_state
            for jti in after:
                self.check_order(log, jti, before.get(jti), after[jti], over_s, where)
            self.assertFalse(log.used("never"), where)
            for key in log.answers:
                self.assertIn(key, log._used, where)
            log.begin(Order("after the cut", "s", "unlock", "lock-1"), NOW)
            again = ReplayLog(FOLDER, capacity=64)
            again.open(1)
            self.assertTrue(again.readable and again.used("after the cut"), where)

    def check_order(self, log, jti, before, after, over_s, where):
        """What stood before the call under way, or what it brought about."""
        where = jti + ", " + where
        found = log.find(jti)
        found = None if found is None else (found.result, found.reason)
        if not log.used(jti):
            self.assertIsNone(found, where)  # never half
            is_over = before is not None and before[0] is None and before[2] < over_s
            self.assertTrue(before is None or is_over, where)
            self.assertTrue(not is_over or log.doubtful(before[2], NOW), where)  # refused all the same
            return
        known = [state for state in (before, after) if state is not None]
        allowed = [None if state[0] is None else state[:2] for state in known]
        self.assertIn(found, allowed, where)

    def test_orders_one_after_the_other(self):
        script = [("open",)] + life_of(["a"]) + [("begin", "b", NOW), ("begin", "c", NOW)]
        script += [("finish", "c", "failed", "not_opened"), ("open",), ("finish", "b", "failed", "power")]
        script += [("told", "c"), ("told", "b"), ("open",)] + life_of(["x" * 64, "d"])
        script += [("spend", "s", NOW), ("local", "code", NOW), ("finish", "code", "done", None)]
        self.assertGreater(self.check_all(script), 150)

    def test_a_log_that_is_written_anew(self):
        script = [("open",), ("begin", "runs", LATER), ("begin", "untold", LATER)]
        script += [("finish", "untold", "failed", "contact")]
        script += life_of(["old-%d" % i for i in range(20)])
        script += life_of(["new-%d" % i for i in range(20)], LATER)
        script += [("tidy", NOW + 200), ("begin", "next", LATER), ("finish", "runs", "done", None)]
        script += [("open",), ("tidy", NOW + 300)] + life_of(["last"], LATER)
        self.assertGreater(self.check_all(script, turn=0), 2000)

    def test_a_short_log_that_is_written_anew(self):
        self.assertGreater(self.check_all(ANEW), 100)

    def test_a_reset(self):
        """Cut again, too, in the reset that an unreadable log needs after the cut."""
        life = play(Orders(), [("open",)] + life_of(["a", "b"]), BLOCKS)
        with Mounted(life.flash.image, PATH) as flash:
            with open(FOLDER + "/replay.log", "ab") as file:
                file.write(b"damage")
            damaged = bytes(flash.image)
        script = [("open",), ("reset", NOW), ("begin", "c", NOW)]
        life = play(Orders(), script, BLOCKS, damaged)
        self.assertGreater(self.cut_all(life, self.check_reset), 12)

    def check_reset(self, cut, where):
        """The old one, refusing all, or the new one, which doubts what was issued before it."""
        with Mounted(cut.image, PATH):
            log = ReplayLog(FOLDER)
            log.open(1)
            if not log.readable:
                self.assertNotIn("c", cut.step.before_state[0], where)
                log.reset(NOW)
            self.assertTrue(log.readable, where)
            self.assertFalse(log.used("a") or log.used("b"), where)
            self.assertTrue(log.doubtful(NOW + 100, NOW - 1), where)
            self.assertTrue(log.used("c") or "c" not in cut.step.before_state[0], where)

    def check_pairs(self, script, recovery):
        worlds = {}

        def recover(cut):
            worlds[0] = Orders(cut.step.before_state[0])
            return play(worlds[0], recovery, BLOCKS, cut.image)

        def check(cut, again, where):
            """What the first cut left open is still open."""
            (certain, _), (possible, over_s) = cut.step.before_state, cut.step.after_state
            before, after = dict(again.step.before_state[0]), dict(again.step.after_state[0])
            for jti in possible:
                if certain.get(jti) != possible[jti]:
                    after[jti] = possible[jti]
                if jti not in certain:
                    before.pop(jti, None)
            over_s = max(over_s, again.step.after_state[1])
            again.step = Step(0, 0, (before, 0), (after, over_s))
            self.check(again, where)

        return self.cut_twice(play(Orders(), script, BLOCKS), recover, check)

    def test_cut_again_while_it_recovers(self):
        self.assertGreater(self.check_pairs(SHORT, RECOVERY), 300)

    def test_cut_again_while_it_is_written_anew(self):
        recovery = [("open",), ("anew", NOW + 300)] + RECOVERY[1:]
        self.assertGreater(self.check_pairs(ANEW, recovery), 1000)


class TestReplayFlashErrors(unittest.TestCase):
    """Flash that gives I/O errors for a while: an order that was refused may not make the log unreadable."""

    def test_the_log_stays_readable_and_keeps_what_was_used(self):
        for fails in (1, 2, 9):
            for first in range(1, 60):
                self.check(first, fails)

    def check(self, first, fails):
        where = "%d flash errors from operation %d on" % (fails, first)
        life = Life(BLOCKS, PATH)
        begun = []
        try:
            life.play(Orders(), [("open",)])
            life.flash.count, life.flash.fail_at, life.flash.fails = 0, first, fails
            log = ReplayLog(FOLDER)
            log.open(1)
            for i in range(20):
                try:
                    log.begin(Order("order-%d" % i, "s", "unlock", "lock-1"), NOW)
                    begun.append("order-%d" % i)
                    log.finish("order-%d" % i, "done", None, 1)
                    log.told("order-%d" % i)
                except OSError as error:
                    self.assertEqual(error.errno, 5, where)
        finally:
            unmount(PATH)
        with Mounted(life.flash.image, PATH):
            log = ReplayLog(FOLDER)
            log.open(1)
            self.assertTrue(log.readable, where)
            self.assertEqual([jti for jti in begun if not log.used(jti)], [], where)
            self.assertGreater(len(begun), 20 - fails - 1, where)
