# runs on: micropython
"""The look of a board that sleeps: what it sees is on flash, or is seen again."""

import sys
import unittest


class Machine:
    """What the drivers import, and a motion sensor."""

    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
    level = 0

    class Pin:
        IN = 1

        def __init__(self, number, mode=0):
            pass

        def value(self):
            return Machine.level

    class RTC:
        pass


for name in ("machine", "esp32"):
    sys.modules.pop(name, None)
    sys.modules[name] = Machine()

from sportbox.core.doze import Doze  # noqa: E402
from sportbox.sleep import nap  # noqa: E402
from sportbox.sleep.rest import Rest  # noqa: E402

CONFIG = {
    "site": "site",
    "device": "field-1",
    "power": {"sleep": {"hold_s": 30}},
    "components": {
        "court-1": {
            "kind": "occupancy",
            "hold_ms": 5000,
            "stuck_ms": 1800000,
            "pir": {"pin": 4, "active": 1},
        }
    },
}


class Outbox:
    durable_seq = 5

    def __init__(self):
        self.broken = False
        self.accepted, self.written = [], []

    def accept(self, payload, urgent, at_once=True):
        self.accepted.append(payload)
        return 6

    def flush(self):
        if self.broken:
            return not self.accepted
        self.written, self.accepted = self.written + self.accepted, []
        return True


class Uptime:
    def ms(self):
        return 100


class TestLook(unittest.TestCase):
    def setUp(self):
        self.rest = Rest("hash", 7, "bootid", "nonce")
        self.rest.courts["court-1"] = Doze(30000, 1800000).memory()
        Machine.level = 1

    def look(self, broken):
        outbox = Outbox()
        outbox.broken = broken
        nap.look(CONFIG, self.rest, outbox, Uptime())
        return len(outbox.written)

    def test_a_change_is_written_once(self):
        self.assertEqual([self.look(False), self.look(False)], [1, 0])

    def test_a_change_that_cannot_be_written_is_seen_again(self):
        self.assertEqual([self.look(True), self.look(False), self.look(False)], [0, 1, 0])


if __name__ == "__main__":
    unittest.main()
