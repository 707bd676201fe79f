"""Safe mode on doubles, its files in the test's folder: what tests of its orders and of its pull have in
common."""

import os

from tests.core import tokens
from tests.firmware import bundle_case
from tests.firmware.safe_doubles import CONFIG, SECRETS, Rtc, Time, Wlan

import pull as pull_module  # isort: skip  # after the doubles
import safe as module  # isort: skip
from sportbox.store import record, slots  # isort: skip

COMMAND = b"sportbox/v1/hafensport-rostock/box-1/cmd"
DATA = b"sportbox/v1/hafensport-rostock/box-1/update/data"


class SafeCase:
    """Safe mode on an empty flash below a folder; `self.time` moves as the test wants."""

    def setUp(self):
        Rtc.kept = b""
        Wlan.joined = True
        self.time = Time()
        self.said = []
        for each in (module, pull_module):
            each.print = lambda *words: self.said.append(" ".join([str(word) for word in words]))
            self.addCleanup(delattr, each, "print")
        for owner, name, value in (
            (module, "time", self.time),
            (pull_module, "time", self.time),
            (slots, "PATH", "slots-record"),
            (slots, "FOLDER", "update-folder"),
            (slots, "BUNDLE", "update-folder/bundle"),
        ):
            self.addCleanup(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)
        self.addCleanup(self.clean)
        self.clean()
        self.mode = module.Safe(CONFIG, SECRETS, "starts")
        self.nonce = self.mode.info["nonce"]
        self.bundle = bundle_case.bundle(
            bundle_case.manifest(micropython={"first": "1.0.0", "below": "2.0.0"})
        )
        self.number = 0

    def clean(self):
        slots.clear()
        if record.exists(slots.PATH):
            os.remove(slots.PATH)

    def token(self, act="update", **changes):
        self.number += 1
        claims = {"act": act, "cmp": None, "nonce": self.nonce, "jti": "order-%d" % self.number}
        if act == "update":
            claims["args"] = {
                "sha256": bundle_case.sha256(self.bundle),
                "size": len(self.bundle),
                "version": "0.2.0",
            }
        claims.update(changes)
        return tokens.token(tokens.claims(**claims), tokens.header(kid="ops-1"))

    def order(self, *args, **changes):
        """The answers to an order."""
        return self.send(self.token(*args, **changes))

    def send(self, raw, retained=0):
        self.mode.acks.clear()
        self.mode.take(COMMAND, memoryview(raw) if raw is not None else None, retained)
        return self.answers()

    def answers(self):
        return [(ack["result"], ack["reason"]) for ack in self.mode.acks]

    def kept(self):
        """The update in the record on flash."""
        return slots.read()["update"]

    def block(self, at=None, data=None):
        """Sends the piece that is wanted, or another."""
        wanted_at, size = self.mode.pull.incoming.wanted() or (0, 0)
        at = wanted_at if at is None else at
        data = self.bundle[at : at + size] if data is None else data
        head = bytes.fromhex(bundle_case.sha256(self.bundle)[:16]) + at.to_bytes(4, "little")
        self.mode.take(DATA, memoryview(head + data), 0)

    def asked(self):
        """What the next step asks for."""
        found = []
        self.mode.publish = lambda topic, content, retain=True: found.append((topic, content))
        if self.mode.pull:
            self.mode.work(self.mode.pull)
        return found
