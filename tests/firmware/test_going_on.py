# runs on: micropython
"""An update that cannot be gone on with, for there is no memory for it."""

import sys
import unittest

from tests.firmware import bare_machine  # noqa: F401  before the drivers

# isort: split

import sportbox.system
from sportbox.box import Box

NAME = "sportbox.system.resuming"


class Short:
    @staticmethod
    def resume(box):
        raise MemoryError()


class Played:
    """A box, its app, its uplink and its uptime, as far as this goes."""

    def __init__(self, step):
        self.app = self.uplink = self.uptime = self
        self.slots = {"slot": "a", "fell": "", "update": {"state": step} if step else None}
        self.restart_at_ms = None
        self.short = 0
        self.now_ms = 0

    def ms(self):
        return self.now_ms


class TestGoingOn(unittest.TestCase):
    def setUp(self):
        sys.modules[NAME] = Short
        sportbox.system.resuming = Short
        self.addCleanup(self.forget)

    def forget(self):
        del sys.modules[NAME], sportbox.system.resuming

    def restarts_at_ms(self, step):
        played = Played(step)
        for seconds in range(700):
            played.now_ms = 1000 * seconds
            Box.go_on(played)
            if played.restart_at_ms is not None:
                return played.restart_at_ms
        self.assertEqual(played.short, 700)
        return None

    def test_a_trial_comes_to_an_end(self):
        """Nothing can prove it, so its starts are used up: ten minutes each, and the old slot is back."""
        self.assertEqual(self.restarts_at_ms("trial"), 600000)

    def test_anything_else_waits_for_memory(self):
        for step in ("pull", "done", "failed", None):
            self.assertIsNone(self.restarts_at_ms(step))


if __name__ == "__main__":
    unittest.main()
