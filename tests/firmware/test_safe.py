# runs on: micropython
"""Safe mode's rules without a broker: orders, the pull, time. Scenes: tests/faults/test_safe_mode.py."""

import json
import unittest

from tests.firmware import bundle_case
from tests.firmware.safe_case import COMMAND, DATA, SafeCase
from tests.firmware.safe_doubles import CONFIG, SECRETS, Reset, Wdt, Wlan

import pull as pull_module  # isort: skip  # after the doubles
import safe as module  # isort: skip
from sportbox.core.token import Refused  # isort: skip
from sportbox.drivers import rtcmem  # isort: skip
from sportbox.store import record, slots  # isort: skip

MINUTE_MS = 60000


class TestOrders(SafeCase, unittest.TestCase):
    def test_what_is_refused_before_it_is_read(self):
        self.assertEqual(self.send(None), [("rejected", "too_large")])
        self.assertEqual(self.send(self.token(), 1), [("rejected", "retained")])
        self.assertEqual(self.send(b"x.y.z"), [("rejected", "malformed")])
        self.assertEqual(self.mode.acks[0]["jti"], None)
        self.assertEqual(self.kept(), None)

    def test_what_is_not_for_it(self):
        for act in ("unlock", "lock", "identify", "configure", "selftest"):
            for component in (None, "device", "lock-1"):
                self.assertEqual(self.order(act, cmp=component), [("rejected", "busy")])
        for nonce in (None, "an older one"):
            self.assertEqual(self.order("reboot", nonce=nonce), [("rejected", "clock")])
        self.assertEqual((self.mode.used, self.mode.leave), ([], False))

    def test_reboot_gives_the_slots_another_try(self):
        rtcmem.save({"starts": 12, "safe": 3, "crash": "kept"})
        self.assertEqual(self.order("reboot"), [("accepted", None), ("done", None)])
        self.assertEqual(self.order("reboot"), [("rejected", "busy")])
        with self.assertRaises(Reset):
            module.another_try()
        self.assertEqual(rtcmem.load(), {"crash": "kept"})

    def test_a_token_counts_once(self):
        token = self.token()
        self.assertEqual(self.send(token), [("accepted", None)])
        self.assertEqual(self.send(token), [("accepted", None)])
        self.assertEqual(
            self.order(args={"abort": True}), [("accepted", None), ("failed", "aborted"), ("done", None)]
        )
        self.assertFalse(self.mode.leave)
        self.assertEqual(self.send(token), [("rejected", "replayed")])

    def test_arguments_of_an_abort(self):
        """Nothing but `{"abort": true}`, and of an update alone."""
        for wrong in ({"abort": False}, {"abort": True, "size": 5}):
            self.assertEqual(self.order(args=wrong), [("rejected", "malformed")])
        self.order()
        for wrong in ({"abort": False}, {"abort": True, "size": 5}):
            self.assertEqual(self.order(args=wrong), [("rejected", "busy")])
        self.assertTrue(self.mode.pull)

    def test_a_reboot_aborts_nothing(self):
        self.assertEqual(self.order("reboot", args={"abort": True}), [("accepted", None), ("done", None)])
        self.assertTrue(self.mode.leave)
        self.assertEqual(self.kept(), None)

    def test_tokens_and_answers_are_bounded(self):
        for _ in range(32):
            self.mode.used.append("used")
        self.assertEqual(self.order(), [("rejected", "busy")])
        for _ in range(40):
            self.mode.take(COMMAND, memoryview(b"x"), 0)
        self.assertEqual(len(self.mode.acks), 16)

    def test_flash_that_takes_nothing(self):
        def fail(*args):
            raise OSError(5)

        self.addCleanup(setattr, slots, "write", slots.write)
        slots.write = fail
        self.assertEqual(self.order(), [("rejected", "busy")])
        self.assertEqual((self.mode.pull, self.mode.used), (None, []))

    def test_arguments(self):
        good = {"sha256": "ab" * 32, "size": 5, "version": "0.2.0"}
        found = pull_module.update_of("jti", dict(good, allow_downgrade=True))
        self.assertEqual(
            (found["down"], found["state"], found["boots"], found["reason"]), (True, "pull", 0, None)
        )
        for wrong in (
            {"sha256": "AB" * 32},
            {"sha256": "ab" * 31},
            {"sha256": "xy" * 32},
            {"sha256": 5},
            {"size": 0},
            {"size": True},
            {"size": "5"},
            {"version": "0.2"},
            {"version": "0.2.x"},
            {"version": 2},
            {"allow_downgrade": None},
        ):
            with self.assertRaises(Refused):
                pull_module.update_of("jti", dict(good, **wrong))
        with self.assertRaises(Refused):
            pull_module.update_of("jti", {})


class TestPull(SafeCase, unittest.TestCase):
    def test_the_whole(self):
        self.order()
        asks = 0
        while self.mode.pull and asks < 20:
            for topic, ask in self.asked():
                asks += 1
                self.assertEqual((topic, ask["at"]), ("update/get", self.mode.pull.incoming.wanted()[0]))
                self.assertEqual(self.asked(), [])  # one at a time
                self.block()
        self.assertEqual(asks, -(-len(self.bundle[bundle_case.start_of(self.bundle) :]) // 1024) + 1)
        self.assertEqual(self.kept()["state"], "ready")
        self.assertTrue(self.mode.leave)

    def test_nobody_sends(self):
        """Asked again after longer and longer pauses, then it is over; what has come is kept."""
        self.order()
        self.asked()
        self.block()
        begin_ms, times = self.time.ms, []
        while self.mode.pull:
            if self.asked():
                times.append((self.time.ms - begin_ms) // 1000)
            self.time.ms += 1000
            self.mode.look_at_time()
        self.assertEqual(times[:7], [0, 5, 15, 35, 75, 135, 195])
        self.assertEqual((len(times), self.answers()[-1]), (32, ("failed", "no_data")))
        self.assertEqual(self.kept()["reason"], "no_data")
        self.assertTrue(record.exists(slots.BUNDLE))
        self.order()
        self.assertTrue(self.mode.pull.incoming.wanted()[0] > 0)

    def test_blocks_that_are_wrong(self):
        self.order()
        self.block()
        for _ in range(4):
            self.block(data=b"x")
        self.block()  # the right one: all is forgiven
        for _ in range(4):
            self.block(data=b"x")
        self.asked()
        self.assertEqual(self.kept()["state"], "pull")
        self.block(data=b"x")
        self.asked()
        self.assertEqual(self.answers()[-1], ("failed", "block"))
        self.assertFalse(record.exists(slots.BUNDLE))

    def test_blocks_of_others_and_old_ones_change_nothing(self):
        self.order()
        self.block()
        self.asked()
        before = self.mode.pull.incoming.wanted()
        self.block(at=0, data=b"old")
        self.mode.take(DATA, memoryview(bytes(8) + before[0].to_bytes(4, "little") + b"foreign"), 0)
        for payload in (b"", b"short", bytes(100)):
            self.mode.take(DATA, memoryview(payload), 0)
        self.mode.take(DATA, None, 0)
        self.assertEqual(
            (self.mode.pull.incoming.wanted(), self.mode.pull.faults, self.asked()), (before, 0, [])
        )

    def test_flash_that_ends(self):
        def failing(number):
            def fail(at, data):
                raise OSError(number)

            return fail

        for number, reason in ((28, "space"), (5, "flash")):
            self.order()
            self.mode.pull.incoming.take = failing(number)
            self.block()
            self.asked()
            self.assertEqual((self.answers()[-1], self.kept()["reason"]), (("failed", reason), reason))

    def test_flash_that_cannot_be_read(self):
        def fail():
            raise OSError(5)

        self.order()
        while self.mode.pull.incoming.wanted():
            self.block()
        self.mode.pull.incoming.hash_step = fail
        self.asked()
        self.assertEqual((self.answers()[-1], self.mode.leave), (("failed", "flash"), False))

    def test_no_memory_for_a_block(self):
        def fail(at, data):
            raise MemoryError

        self.order()
        self.mode.pull.incoming.take = fail
        self.block()
        del self.mode.pull.incoming.take
        self.assertEqual([ask["at"] for _, ask in self.asked()], [0])

    def test_no_memory_to_judge_it(self):
        """Then it is judged later, not left out."""
        self.bundle = bundle_case.bundle(bundle_case.manifest(boards=["other"]))
        self.order()
        self.block()
        real = self.mode.pull.incoming.refusal

        def short(*args):
            self.mode.pull.incoming.refusal = real
            raise MemoryError()

        self.mode.pull.incoming.refusal = short
        self.assertRaises(MemoryError, self.mode.pull.step)
        self.assertEqual(self.mode.pull.step(), "board")

    def test_a_restart_goes_on(self):
        self.order()
        self.block()
        self.block()
        at, _ = self.mode.pull.incoming.wanted()
        again = module.Safe(CONFIG, SECRETS, "starts")
        self.assertEqual(again.pull.incoming.wanted()[0], at)
        self.assertNotEqual(again.info["nonce"], self.nonce)

    def test_another_update_begins_anew(self):
        self.order()
        self.block()
        self.mode.fail("no_data")
        self.bundle = bundle_case.bundle(content=bundle_case.packed(5000, 9))
        self.order()
        self.assertEqual(self.mode.pull.incoming.wanted()[0], 0)

    def test_a_failure_is_told_again_at_the_next_start(self):
        self.order()
        self.mode.fail("board")
        again = module.Safe(CONFIG, SECRETS, "starts")
        self.assertEqual([(ack["jti"], ack["reason"]) for ack in again.acks], [("order-1", "board")])


class TestTime(SafeCase, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(setattr, module, "load", module.load)

    def test_the_slots_get_another_try(self):
        """After half an hour without an order, and after thirty starts that were shorter."""
        self.time.ms += 29 * MINUTE_MS
        self.mode.look_at_time()
        self.order()
        self.time.ms += 29 * MINUTE_MS
        self.block()
        self.time.ms += 29 * MINUTE_MS
        self.mode.look_at_time()
        self.time.ms += MINUTE_MS
        with self.assertRaises(Reset):
            self.mode.look_at_time()
        rtcmem.save({"starts": 12})
        for _ in range(30):
            module.count()
        self.assertEqual(rtcmem.load(), {"starts": 12, "safe": 30})
        with self.assertRaises(Reset):
            module.count()
        self.assertEqual(rtcmem.load(), {})

    def test_the_slots_get_another_try_though_rtc_memory_is_full(self):
        notes = {"starts": 12, "rest": ""}
        notes["rest"] = "x" * (2048 - 5 - len(json.dumps(notes)))
        rtcmem.save(notes)
        module.count()
        with self.assertRaises(Reset):
            module.another_try()
        self.assertEqual(list(rtcmem.load()), ["rest"])

    def test_full_rtc_memory_is_no_reason_to_fall(self):
        def fail(notes):
            raise ValueError("buffer too long")

        self.addCleanup(setattr, rtcmem, "save", rtcmem.save)
        rtcmem.save = fail
        module.count()

    def test_no_wifi(self):
        """Each attempt ends, and the radio is switched off and on."""
        Wlan.joined = False
        begin_ms = self.time.ms
        with self.assertRaises(OSError):
            self.mode.join()
        self.assertEqual(self.time.ms - begin_ms, 15000)
        self.assertEqual(self.mode.wlan.calls[-4:], [True, "disconnect", ("ground", "secret"), False])

    def test_a_radio_that_does_not_switch_on(self):
        """It says so, and the next join asks again: at the very start no less than later."""
        refusals = ("refuses", OSError("Wifi Internal Error")), ("no_memory", RuntimeError("0x0101"))
        for how, error in refusals:
            self.addCleanup(setattr, Wlan, how, None)
            setattr(Wlan, how, error)
            Wlan.joined = True
            module.print = lambda *words: self.said.append(words[-1])
            self.said.clear()
            mode = module.Safe(CONFIG, SECRETS, "starts")
            self.assertEqual(self.said, [error])
            with self.assertRaises(type(error)):
                mode.join()
            setattr(Wlan, how, None)
            mode.join()
            self.assertEqual(mode.wlan.calls[-1:], [True])

    def test_it_runs_under_a_watchdog(self):
        armed, fed = Wdt.armed, Wdt.fed
        mode = module.Safe(CONFIG, SECRETS, "starts")
        self.assertEqual(Wdt.armed, armed + 1)
        mode.dog.feed()
        self.assertEqual(Wdt.fed, fed + 1)

    def test_files_that_are_not_as_they_should_be(self):
        """They are told, and no watchdog runs that would end it."""
        armed = Wdt.armed
        for config, secrets in (
            ([], SECRETS),
            ({}, SECRETS),
            (dict(CONFIG, mqtt={}), SECRETS),
            (dict(CONFIG, broker=None), SECRETS),
            (CONFIG, {}),
            (CONFIG, dict(SECRETS, keys=[])),
            (CONFIG, dict(SECRETS, keys={"ops-1": {"role": "ops", "k": "xy"}})),
            (CONFIG, dict(SECRETS, wifi={})),
        ):
            files = {"/config.json": config, "/secrets.json": secrets}
            module.load = files.get
            self.said.clear()
            module.print = lambda *words: self.said.append(words[0]) if not self.said else None
            with self.assertRaises(Reset):
                module.run("starts")
            self.assertEqual(self.said, ["sportbox: not provisioned: safe mode:"])
        self.assertEqual(Wdt.armed, armed)

    def test_what_is_not_provisioned_says_so_for_half_an_hour(self):
        fed = Wdt.fed
        with self.assertRaises(Reset):
            module.run("starts")
        self.assertEqual((Wdt.fed, len(self.said)), (fed, 360))
        self.assertEqual(self.said[0], "sportbox: not provisioned: safe mode: /config.json: [Errno 2] ENOENT")
        self.assertEqual(self.time.ms - ((1 << 30) - 5000), 30 * MINUTE_MS)


if __name__ == "__main__":
    unittest.main()
