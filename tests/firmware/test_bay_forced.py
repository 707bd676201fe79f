"""A latch or a bolt that lets go without an order is told, each time, and nothing else is."""

import unittest

from tests.firmware.bay_case import TRAVEL_MS, BayCase

LATCH = ("door-1", "door.forced", {"latch": True})
BY_FORCE = ("door-1", "door.forced", {})


class ForcedCase(BayCase):
    kind = ""

    def setUp(self):
        super().setUp()
        self.at = self.place(self.kind, people=True)
        self.wait(3000)  # the sensor inside says free

    def forced(self):
        return [event for event in self.reports.events if event[1] == "door.forced"]

    def locked_and_closed(self):
        states = self.states(self.at)
        self.assertEqual((states["door-1"], states["lock-1"]), ("closed", "locked"))

    def wait_long(self, s):
        for _ in range(s):
            self.wait(1000)


class TestBolt(ForcedCase, unittest.TestCase):
    kind = "motor"

    def lever(self):
        self.at.driver.at_ms = TRAVEL_MS
        self.wait(500)

    def test_what_is_locked_again_by_an_order_that_nobody_used_can_be_forced_again(self):
        self.lever()
        self.assertEqual(self.forced(), [LATCH])
        self.assertEqual(self.order(self.at), "")
        self.wait_long(30)
        self.locked_and_closed()
        self.lever()
        self.assertEqual(self.forced(), [LATCH, LATCH])

    def breaks_in_after(self, reason):
        """Somebody's order failed, and hours later the bolt is levered back."""
        self.assertEqual(self.order(self.at, jti="citizen"), "")
        self.wait_long(30)
        self.assertEqual(self.reports.finals, [("citizen", "failed", reason)])
        self.assertEqual(self.forced(), [])
        self.wait_long(600)
        self.lever()
        self.at.contact.on = False
        self.wait(1000)
        self.assertEqual(self.forced(), [LATCH, BY_FORCE])
        self.assertNotIn("door.opened", self.reports.kinds())
        self.assertEqual(self.states(self.at)["lock-1"], "unlocked")

    def test_who_had_a_jammed_lock_is_not_who_breaks_in_later(self):
        self.at.driver.jammed = True
        self.breaks_in_after("jammed")

    def test_nor_is_who_had_a_lock_without_a_coil(self):
        def broken(way, ms):
            raise OSError(5)

        self.at.driver.drive = broken
        self.breaks_in_after("power")

    def test_who_is_inside_gets_out_of_a_jammed_lock_and_has_forced_nothing(self):
        self.at.driver.jammed = True
        self.order(self.at)
        self.wait_long(30)
        self.at.handle.on = True
        self.wait(300)
        self.lever()
        self.at.contact.on = False
        self.wait(500)
        self.at.handle.on = False
        self.wait(500)
        self.assertEqual(self.forced(), [])
        self.assertIn(("door-1", "door.opened", {"release": True}), self.reports.events)


class TestLatch(ForcedCase, unittest.TestCase):
    kind = "latch"

    def let_go(self):
        self.at.latch.on = False
        self.wait(500)

    def test_what_is_locked_again_by_order_can_be_forced_again(self):
        self.let_go()
        self.assertEqual(self.forced(), [LATCH])
        self.assertEqual(self.order(self.at, "lock"), "")
        self.at.latch.on = True
        self.wait_long(5)
        self.locked_and_closed()
        self.let_go()
        self.assertEqual(self.forced(), [LATCH, LATCH])

    def test_and_so_can_what_was_unlocked_and_not_opened(self):
        self.let_go()
        self.assertEqual(self.order(self.at), "")
        self.wait_long(9)
        self.at.latch.on = True
        self.wait_long(20)
        self.locked_and_closed()
        self.let_go()
        self.assertEqual(self.forced(), [LATCH, LATCH])

    def test_who_presses_the_release_and_stays_has_forced_nothing(self):
        self.step_ms = 1
        for falls_ms in (0, 10, 20, 50, 1900):
            self.at.handle.on, self.at.latch.on = True, False
            self.wait(500)
            self.at.handle.on = False
            self.wait(falls_ms)
            self.at.latch.on = True
            self.wait_long(3)
            self.locked_and_closed()
        self.assertEqual(self.forced(), [])

    def test_nor_has_who_goes_out_by_it(self):
        self.at.handle.on, self.at.latch.on = True, False
        self.wait(300)
        self.at.contact.on = False
        self.wait(300)
        self.at.handle.on = False
        self.wait_long(5)
        self.at.contact.on = True
        self.wait(200)
        self.at.latch.on = True
        self.wait_long(3)
        self.locked_and_closed()
        self.assertEqual(self.forced(), [])

    def test_a_latch_that_does_not_fall_afterwards_is_told(self):
        self.at.handle.on, self.at.latch.on = True, False
        self.wait(300)
        self.at.handle.on = False
        self.wait_long(1)
        self.assertEqual(self.forced(), [])
        self.wait_long(2)
        self.assertEqual(self.forced(), [LATCH])
