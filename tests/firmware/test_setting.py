# runs on: micropython
"""A changed part of the configuration: what is taken, at both edges of each limit, and what becomes of it."""

import json
import sys
import unittest

from sportbox.store import record, renewal
from sportbox.system import orders, setting
from sportbox.system.receiving import Receiver
from sportbox.system.renewal import resume

from tests.firmware import scratch
from tests.firmware.renewal_case import boot, get, put
from tests.firmware.setting_case import CHANGE, CONFIG, SECRETS, WIFI, App, files, order, sealed


def leaves(limits, path=()):
    """(path, limits) of each value."""
    if not isinstance(limits, dict):
        return [(path, limits)]
    return [leaf for name, inner in limits.items() for leaf in leaves(inner, path + (name,))]


def nested(path, value):
    for name in reversed(path):
        value = {name: value}
    return value


def edges(limits):
    """(value, whether it is taken)"""
    if isinstance(limits, list):
        return [("", True), ("p" * 7, False), ("p" * 8, True), ("p" * 63, True), ("f" * 64, True)] + [
            ("p" * 64, False),
            ("f" * 65, False),
            ("paß wörter", False),
        ]
    if isinstance(limits[0], str):
        return [(word, True) for word in limits] + [("loud", False), ("", False)]
    low, high = limits[:2]
    if len(limits) == 2:
        return [(low, True), (high, True), (low - 1, False), (high + 1, False)]
    char = limits[2][-1:] or "ä"
    found = [(char * low, True), (char * high, True), (char * (low - 1), False), (char * (high + 1), False)]
    return found + ([(char * (low - 1) + "\n", False), (char * (low - 1) + " ", False)] if limits[2] else [])


class TestLimits(unittest.TestCase):
    def reason(self, *args):
        return setting.refusal(App(), order(*args), "no-such-folder")

    def test_both_edges_of_each(self):
        count = 0
        for path, limits in leaves(setting.LIMITS):
            for value, fits in edges(limits):
                self.assertEqual(self.reason(nested(path, value)), "" if fits else "malformed", (path, value))
                count += 1
        self.assertGreater(count, 70)

    def test_both_edges_of_what_is_sealed(self):
        for path, limits in leaves(setting.SEALED):
            for value, fits in edges(limits):
                found = self.reason(None, nested(path, value))
                self.assertEqual(found, "" if fits else "malformed", (path, value))

    def test_values_of_another_type(self):
        for path, limits in leaves(setting.LIMITS):
            for value in (None, True, [], {}, 1.5, "30", ["info"], b"x"):
                if isinstance(limits[0], int) and len(limits) == 3 and isinstance(value, str):
                    continue
                self.assertEqual(self.reason(nested(path, value)), "malformed", (path, value))
        for value in (None, True, 1, [], {}):
            self.assertEqual(self.reason(None, {"wifi": {"ssid": value}}), "malformed", value)

    def test_what_nobody_may_set(self):
        for change in (
            {},
            {"broker": {}},
            {"broker": {"tls": {"name": "evil.example"}}},
            {"site": "other"},
            {"device": "box-2"},
            {"components": {}},
            {"keys": {}},
            {"version": 1},
            {"telemetry_s": 5, "no_such": 1},
            {"mqtt": {"keepalive_s": 30, "no_such": 1}},
            WIFI,
            [],
            "telemetry_s",
            5,
        ):
            self.assertEqual(self.reason(change), "malformed", change)
        for secrets in ({}, {"keys": {}}, {"wifi": {}}, {"wifi": {"bssid": "x"}}, CHANGE, [], 5):
            self.assertEqual(self.reason(None, secrets), "malformed", secrets)

    def test_what_is_not_sealed_for_this_board(self):
        for text in (sealed(WIFI, b"x" * 32), "", "!", "AAAA", 5, None, sealed(WIFI)[:-1], "A" * 4000):
            made = order(set_sealed=text)
            self.assertEqual(setting.refusal(App(), made, "no-such-folder"), "malformed", text)

    def test_for_the_whole_board_alone(self):
        self.assertEqual(orders.refusal(App(), order(CHANGE, component="")), "")
        self.assertEqual(orders.refusal(App(), order(CHANGE)), "")
        self.assertEqual(orders.refusal(App(), order(CHANGE, component="lock-1")), "malformed")


class SettingCase(unittest.TestCase):
    def setUp(self):
        self.base = scratch.folder(self)
        self.old = files()
        put(self.base, self.old)
        self.app = App()

    def take(self, *args):
        made = order(*args)
        self.assertEqual(setting.refusal(App(), made, self.base), "")
        setting.take(self.app, made, self.base)
        return made


class TestTaking(SettingCase):
    def test_it_waits_for_the_restart(self):
        made = self.take(CHANGE, WIFI)
        self.assertEqual((self.app.restart_at_ms, self.app.desk.finals), (4000, []))
        self.assertEqual((made.args, made.secret), ({}, b""))
        self.assertEqual(get(self.base), self.old)
        self.assertEqual(setting.refusal(self.app, order(CHANGE), self.base), "busy")

    def test_while_a_door_is_open(self):
        self.app.is_busy = True
        self.assertEqual(setting.refusal(self.app, order(CHANGE), self.base), "busy")

    def test_while_an_update_is_under_way(self):
        self.app.update = object()
        self.assertEqual(setting.refusal(self.app, order(CHANGE), self.base), "busy")
        self.app.update = None
        self.assertEqual(setting.refusal(self.app, order(CHANGE), self.base), "")

    def test_while_parts_of_a_renewal_come(self):
        record.make_dir(self.base + renewal.NEXT)
        scratch.write(self.base + renewal.BLOB, b"part")
        self.app.receiver = Receiver(self.base)
        self.assertEqual(setting.refusal(self.app, order(CHANGE), self.base), "busy")
        self.assertEqual(scratch.read(self.base + renewal.BLOB), b"part")
        self.assertEqual(setting.refusal(self.app, order(CHANGE), self.base), "")  # nothing came since

    def test_parts_of_a_renewal_that_never_became_a_whole_go(self):
        record.make_dir(self.base + renewal.NEXT)
        scratch.write(self.base + renewal.BLOB, b"part")
        self.take(CHANGE)
        self.assertFalse(record.exists(self.base + renewal.BLOB))

    def test_flash_that_takes_nothing(self):
        made = order(CHANGE)
        self.assertEqual(setting.refusal(App(), made, self.base), "")
        flash = scratch.Flash(self, sys.modules["sportbox.store.record"])
        flash.broken = True
        setting.take(self.app, made, self.base)
        flash.broken = False
        self.assertEqual(
            (self.app.restart_at_ms, self.app.desk.finals), (None, [("jti-1", "failed", "flash")])
        )
        self.assertEqual(boot(self.base, True)[0], self.old)


class TestTrying(SettingCase):
    def in_use(self, used):
        return json.loads(used["/config.json"]), json.loads(used["/secrets.json"])

    def test_the_changed_part_alone_is_another(self):
        self.take(CHANGE)
        used, app = boot(self.base, True)
        config, secrets = self.in_use(used)
        broker = {"host": "new.example", "port": 8883, "tls": {"name": "broker.example"}}
        wanted = dict(CONFIG)
        wanted.update({"telemetry_s": 5, "broker": broker, "hash": "0123456789ab+"})
        self.assertEqual((config, secrets), (wanted, SECRETS))
        self.assertEqual(app.desk.answers, [("jti-1", "done", None)])
        ((_, kind, data),) = app.events
        self.assertEqual((kind, data["result"], len(data["id"])), ("device.renewal", "done", 12))
        self.assertEqual(get(self.base), used)
        self.assertFalse(record.exists(self.base + renewal.NEXT))
        for path in self.old:
            if path.startswith("/certs"):
                self.assertEqual(used[path], self.old[path])

    def test_the_hash_that_the_host_told(self):
        change = dict(CHANGE)
        change["hash"] = "ba9876543210"
        self.take(change)
        self.assertEqual(self.in_use(boot(self.base, True)[0])[0]["hash"], "ba9876543210")

    def test_the_mark_stands_once(self):
        for seconds in (5, 6):
            self.take({"telemetry_s": seconds})
            config = self.in_use(boot(self.base, True)[0])[0]
            self.assertEqual((config["telemetry_s"], config["hash"]), (seconds, "0123456789ab+"))

    def test_wifi(self):
        self.take(None, WIFI)
        config, secrets = self.in_use(boot(self.base, True)[0])
        self.assertEqual(secrets, {"wifi": WIFI["wifi"], "keys": SECRETS["keys"]})
        self.assertEqual(config["hash"], "0123456789ab+")

    def test_a_part_of_wifi(self):
        self.take(None, {"wifi": {"password": "another one"}})
        secrets = self.in_use(boot(self.base, True)[0])[1]
        self.assertEqual(secrets["wifi"], {"ssid": "old", "password": "another one"})

    def test_back_to_the_old_ones(self):
        self.take(CHANGE, WIFI)
        for _ in range(3):
            used, app = boot(self.base, False)
            self.assertEqual(self.in_use(used)[0]["telemetry_s"], 5)
            self.assertEqual(app.desk.answers, [])
        used, app = boot(self.base, True)
        self.assertEqual(used, self.old)
        self.assertEqual(app.desk.answers, [("jti-1", "failed", "unreachable")])
        self.assertFalse(record.exists(self.base + renewal.NEXT))

    def test_what_was_secret_does_not_stay_in_the_record(self):
        self.take(None, WIFI)
        self.assertIn(b"new password", scratch.read(self.base + renewal.READY))
        boot(self.base, False)
        self.assertFalse(b"new password" in scratch.read(self.base + renewal.READY))

    def test_no_memory_at_the_restart(self):
        """A board that fell there would fall at each start."""
        self.take(CHANGE)
        self.check_given_up(MemoryError(), "busy")

    def test_flash_that_is_full_at_the_restart(self):
        self.take(CHANGE)
        self.check_given_up(OSError(28), "flash")

    def check_given_up(self, error, reason):
        from sportbox.store import newfiles  # others may have forgotten the one of before

        kept = newfiles.copy_over

        def full(base, path):
            raise error

        newfiles.copy_over = full
        try:
            trial = resume(self.base)
        finally:
            newfiles.copy_over = kept
        self.assertTrue(trial.decided())
        self.assertEqual(trial.root, "")
        used, app = boot(self.base, True)
        self.assertEqual(used, self.old)
        self.assertEqual(app.desk.answers, [("jti-1", "failed", reason)])


if __name__ == "__main__":
    unittest.main()
