# runs on: micropython
"""A court of a board that sleeps, while the board is awake."""

import unittest

from tests.firmware import bare_machine  # noqa: F401  before the drivers

# isort: split

from sportbox.core.doze import Doze
from sportbox.sleep.dozing import DozingCourt

from tests.firmware.field_case import Input, Kit, Reports

HOLD_MS = 8000


class TestSettling(unittest.TestCase):
    def setUp(self):
        self.now_ms = 0
        self.sensor = Input()
        kit = Kit(Reports())
        kit.uptime_base_ms = 0
        kit.now_ms = lambda: self.now_ms
        self.kit = kit
        self.court = DozingCourt("court-1", Doze(HOLD_MS, 1_800_000), (4, 1), self.sensor, kit)

    def scan(self, at_ms):
        self.now_ms = at_ms
        self.court.scan(at_ms)

    def test_it_keeps_the_board_awake_until_it_knows_how_it_is(self):
        self.scan(100)
        self.assertTrue(self.court.settles())
        self.scan(HOLD_MS)
        self.assertTrue(self.court.settles())
        self.scan(100 + HOLD_MS)
        self.assertEqual(self.court.doze.state, "free")
        self.assertFalse(self.court.settles())

    def test_motion_tells_at_once(self):
        self.sensor.on = True
        self.scan(100)
        self.assertEqual(self.court.doze.state, "occupied")
        self.assertFalse(self.court.settles())

    def test_not_for_ever_and_not_after_a_sleep(self):
        self.scan(100)
        self.now_ms = 60_000
        self.assertFalse(self.court.settles())
        self.setUp()
        self.kit.uptime_base_ms = 3_600_000
        self.scan(100)
        self.assertFalse(self.court.settles())

    def test_not_while_the_battery_is_too_low_to_look(self):
        self.scan(100)
        self.court.shed(2)
        self.assertFalse(self.court.settles())
