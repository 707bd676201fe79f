"""The meter between the loop and its poll object."""

import gc
import time
import unittest

from sportbox.system import health
from sportbox.system.health import StallMeter


class Poller:
    """Notes when it is asked and when garbage is collected."""

    def __init__(self):
        self.seen = []
        self.register = self.modify = self.unregister = None

    def ipoll(self, timeout_ms):
        self.seen.append(timeout_ms)
        return iter(())

    def collect(self):
        self.seen.append("collected")


class Ticks:
    def ticks_us(self):
        return 0

    def ticks_diff(self, after, before):
        return after - before


class TestTidying(unittest.TestCase):
    def setUp(self):
        self.poller = health.gc = Poller()
        health.time = Ticks()
        self.meter = StallMeter(self.poller)

    def tearDown(self):
        health.gc, health.time = gc, time

    def test_what_an_order_left_is_collected_when_nobody_waits(self):
        self.meter.ipoll(500)
        self.meter.tidy_soon = True
        for timeout_ms in (0, 0, 500, 500):
            self.meter.ipoll(timeout_ms)
        self.assertEqual(self.poller.seen, [500, 0, 0, "collected", 500, 500])

    def test_a_loop_that_has_nothing_else_to_do_collects_too(self):
        self.meter.tidy_soon = True
        self.meter.ipoll(-1)
        self.assertEqual(self.poller.seen, ["collected", -1])
