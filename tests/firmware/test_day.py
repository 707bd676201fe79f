# runs on: micropython
# timeout: 120
"""A day of lends, passages and matches in seconds, on the heap of a board: it does not grow."""

import gc
import unittest

from sportbox.core.occupancy import Gate, Presence
from sportbox.parts.entrance import Entrance
from sportbox.parts.field import Court

from tests.firmware.bay_case import BayCase, Contact

DAY_MS = 86_400_000
EVERY_MS = 600_000
LEND_MS = 12_000
STEP_MS = 50
SWAY_BYTES = 512


class TestDay(BayCase, unittest.TestCase):
    step_ms = STEP_MS

    def setUp(self):
        super().setUp()
        self.container, self.compartment = self.place("motor", people=True), self.place("strike")
        self.beams = Contact(False), Contact(False)
        self.gate = Entrance("gate-1", Gate(10_000, 14_400_000), *self.beams, self.reports)
        self.motion = Contact(False)
        self.court = Court("court-1", 1_800_000, 1000, self.reports)
        self.court.add_motion(self.motion, Presence(5000, 1_800_000))
        self.told = 0

    def scan(self):
        super().scan()
        self.gate.scan(self.now_ms)
        self.court.scan(self.now_ms)

    def lend(self, place):
        self.assertEqual(self.order(place), "")
        self.wait(2000)
        place.contact.on = False
        self.motion.on = not self.motion.on
        for a, b in ((True, False), (True, True), (False, True), (False, False)):
            self.beams[0].on, self.beams[1].on = a, b
            self.wait(100)
        self.wait(1000)
        place.contact.on = True
        self.wait(LEND_MS - 3400)
        self.assertEqual(self.states(place)[place.lock_name], "locked")

    def forget(self):
        """What was told leaves the board."""
        self.told += len(self.reports.events)
        for told in (self.reports.events, self.reports.states, self.reports.finals, self.reports.signals):
            told.clear()
        for place in self.places:
            place.driver.moves.clear()

    def test_the_heap_does_not_grow(self):
        self.wait(5000)
        used = [0] * (DAY_MS // EVERY_MS)
        for i in range(len(used)):
            for place in self.places:
                self.lend(place)
            self.forget()
            self.now_ms += EVERY_MS - 2 * LEND_MS
            self.scan()
            self.forget()
            gc.collect()
            used[i] = gc.mem_alloc()
        self.assertGreater(self.told, 144 * 12)
        self.assertLess(max(used[-12:]) - min(used[6:18]), SWAY_BYTES, "%d to %d" % (used[6], used[-1]))
