# heap: 512k
# timeout: 120
"""Hostile input to the firmware: a few hundred inputs a target, the same ones each time, and all that was
ever found. `make fuzz` goes on from there, by coverage."""

import gc
import os
import sys
import unittest

from tests.fuzz import corpus
from tests.fuzz.targets import FIRMWARE

INPUTS = 100
SEED = 7
EVERY = 16
"""Inputs between two collections: what a target leaves behind must fit into a board's heap beside it."""


class TestFuzz(unittest.TestCase):
    def check(self, name: str) -> None:
        target = __import__("tests.fuzz.targets." + name, None, None, ("x",))
        for at, (told, data) in enumerate(corpus.inputs(name, target.SEEDS, SEED, INPUTS)):
            if at % EVERY == 0:
                gc.collect()
            try:
                target.one(data)
            except BaseException:
                sys.stderr.write("%s, %s, %d bytes: %s\n" % (name, told, len(data), data[:150].hex()))
                raise

    def test_every_target_is_here(self) -> None:
        folder = corpus.FOUND[: -len("found")] + "targets"
        files = [name[:-3] for name in os.listdir(folder) if name[0] != "_" and name[-3:] == ".py"]
        tests = [name[5:] for name in dir(self) if name.startswith("test_")]
        firmware = [name for name in files if not name.startswith("host_")]
        self.assertEqual(sorted(firmware), sorted(FIRMWARE))
        self.assertEqual([name for name in FIRMWARE if name not in tests], [])

    def test_session(self) -> None:
        self.check("session")

    def test_token(self) -> None:
        self.check("token")

    def test_desk(self) -> None:
        self.check("desk")

    def test_radar(self) -> None:
        self.check("radar")

    def test_keys(self) -> None:
        self.check("keys")

    def test_answers(self) -> None:
        self.check("answers")

    def test_bundle(self) -> None:
        self.check("bundle")

    def test_pull(self) -> None:
        self.check("pull")

    def test_setting(self) -> None:
        self.check("setting")

    def test_renewal(self) -> None:
        self.check("renewal")

    def test_records(self) -> None:
        self.check("records")

    def test_outbox(self) -> None:
        self.check("outbox")
