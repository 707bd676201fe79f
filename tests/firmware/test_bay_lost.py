"""Bays whose contacts cannot be read, for their port expander is lost, or whose driver fails."""

import unittest

from sportbox.core.lock import Booking, Order

from tests.firmware.bay_case import TRAVEL_MS, BayCase


class LostCase(BayCase):
    def lose(self, place, *contacts):
        for contact in contacts or (place.contact, place.handle, place.pir):
            contact.on = None
        self.wait(100)

    def scans_in(self, duration_ms):
        """How often the bays want to be looked at while nothing happens."""
        scans = []
        scan, self.scan = self.scan, lambda: (scans.append(1), scan())
        self.wait(duration_ms)
        self.scan = scan
        return len(scans) - 2


class TestMotor(LostCase, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.door = self.place("motor", people=True)
        self.wait(3000)

    def ways(self):
        return [move[0] for move in self.door.driver.moves if move[0] != "stop"]

    def lend(self):
        self.order(self.door)
        self.wait(2000)
        self.door.contact.on = False
        self.wait(1000)
        self.door.contact.on = True
        self.wait(200)

    def test_does_not_lock_a_door_that_it_cannot_see(self):
        self.lend()
        self.lose(self.door, self.door.contact)
        self.wait(60_000)
        self.assertEqual(self.ways(), ["unlock"])
        self.assertIn(("lock-1", "lock.blocked", {"why": "door"}), self.reports.events)
        self.door.contact.on = True
        self.wait(5000)
        self.assertEqual(self.ways(), ["unlock", "lock"])

    def test_nor_a_door_that_was_never_seen(self):
        self.door = self.place("motor")
        self.lose(self.door, self.door.contact)
        self.assertEqual(self.order(self.door), "")
        self.wait(60_000)
        self.assertEqual(self.ways(), ["unlock"])
        self.assertEqual(self.reports.finals, [("a", "failed", "contact")])

    def test_at_boot_its_own_switches_tell_all_the_same(self):
        self.reports.events.clear()
        door = self.place("motor")
        door.driver.at_ms = TRAVEL_MS
        door.driver.pass_time(0)
        self.lose(door, door.contact)
        self.assertEqual(self.states(door), {"door-2": "unknown", "lock-2": "unlocked"})
        unlocked = ("lock-2", "lock.unlocked", {"at_boot": True})
        self.assertEqual(self.reports.events.count(unlocked), 1)
        self.wait(10_000)
        door.contact.on = True
        self.wait(60_000)
        self.assertEqual(door.driver.moves, [])
        self.assertEqual(self.reports.events.count(unlocked), 1)
        door.contact.on = False
        self.wait(1000)
        door.contact.on = True
        self.wait(5000)
        self.assertEqual(self.states(door), {"door-2": "closed", "lock-2": "locked"})

    def test_a_door_that_goes_out_of_sight_while_it_locks(self):
        self.lend()
        self.wait(1000)
        self.assertEqual(self.door.driver.way, "lock")
        self.lose(self.door, self.door.contact)
        self.wait(10_000)
        self.assertEqual(self.ways(), ["unlock", "lock", "unlock"])
        self.assertEqual(self.door.driver.at_ms, TRAVEL_MS)

    def test_does_not_lock_in_whom_it_cannot_see(self):
        for contact in (self.door.pir, self.door.handle):
            with self.subTest(pir=contact is self.door.pir):
                self.lend()
                before = len(self.ways())
                self.lose(self.door, contact)
                self.wait(60_000)
                self.assertEqual(len(self.ways()), before)
                self.assertEqual(self.order(self.door, "lock", "b"), "busy")
                contact.on = False
                self.wait(10_000)
                self.assertEqual(self.ways()[before:], ["lock"])

    def test_an_ops_order_locks_what_it_cannot_see(self):
        self.lend()
        self.lose(self.door, self.door.contact)
        self.assertEqual(self.order(self.door, "lock", "b"), "")
        self.assertEqual(self.reports.finals[-1], ("b", "failed", "contact"))
        self.assertEqual(self.order(self.door, "lock", "c", override="contact"), "")
        self.wait(3000)
        self.assertEqual(self.reports.finals[-1], ("c", "done", None))

    def test_a_pulse_that_cannot_be_ended_early(self):
        """The classic ESP32: after stop() the driver is not ready before the pulse has run out."""
        driver = self.door.driver
        stop, drive = driver.stop, driver.drive
        ready = [0]

        def slow_stop():
            ready[0] = driver.until_ms
            stop()

        def strict_drive(way, pulse_ms):
            if self.now_ms < ready[0]:
                raise OSError(16)
            drive(way, pulse_ms)

        driver.stop, driver.drive = slow_stop, strict_drive
        driver.rest_ms = lambda: max(0, ready[0] - self.now_ms)
        self.lend()
        self.wait(1000)
        self.assertEqual(driver.way, "lock")
        self.door.contact.on = False  # pulled open while it locks: the bolt must go back
        self.wait(10_000)
        self.assertEqual(self.ways(), ["unlock", "lock", "unlock"])
        self.assertNotIn("lock.fault", self.reports.kinds())
        self.assertEqual(driver.at_ms, TRAVEL_MS)


class TestRest(LostCase, unittest.TestCase):
    """What cannot be read does not keep the board busy."""

    def test_lost_at_any_moment(self):
        for change_ms in (10, 30, 60, 1000, 3000):
            with self.subTest(change_ms=change_ms):
                self.setUp()
                place = self.place("motor", people=True)
                self.wait(3000)
                for contact in (place.contact, place.handle, place.pir):
                    contact.on = not contact.on
                self.scan()
                self.wait(change_ms)
                self.lose(place)
                self.wait(2000)
                self.assertLess(self.scans_in(60_000), 60)

    def test_an_order_before_the_door_was_ever_seen(self):
        place = self.place("strike")
        self.lose(place)
        self.assertEqual(self.order(place), "")
        self.wait(20_000)
        self.assertEqual(self.reports.finals, [("a", "failed", "contact")])
        self.assertEqual(self.states(place)["lock-1"], "locked")
        self.assertLess(self.scans_in(60_000), 60)

    def test_lost_at_boot_is_told_and_the_door_is_unknown_until_it_is_seen(self):
        place = self.place("strike")
        self.lose(place)
        self.assertEqual(self.reports.events, [("door-1", "door.fault", {"what": "expander"})])
        place.contact.on = False
        shown = []
        self.reports.state = lambda name: shown.append(self.states(place)["door-1"])
        self.wait(100)
        self.assertEqual([state for state in shown if state == "closed"], [])
        self.assertEqual(self.states(place)["door-1"], "forced")


class TestBack(LostCase, unittest.TestCase):
    """What can be read again is what it is now, not what it was."""

    def test_an_expander_that_answers_now_and_then(self):
        """It is set up, read once, and lost again: a door opened meanwhile is not closed for that."""
        place = self.place("strike")
        self.wait(500)
        for _ in range(10):
            self.lose(place, place.contact)
            place.contact.on = False
            self.wait(20)
            self.assertEqual(self.states(place)["door-1"], "unknown")
        self.wait(100)
        self.assertEqual(self.states(place)["door-1"], "forced")
        self.assertEqual(self.reports.kinds(), ["door.fault", "door.forced"])

    def test_an_order_while_the_door_is_out_of_sight_for_a_moment(self):
        place = self.place("strike")
        self.wait(500)
        self.lose(place, place.contact)
        self.assertEqual(self.order(place), "")
        self.wait(1000)
        place.contact.on = True
        self.wait(30)
        self.assertEqual(self.states(place), {"door-1": "unknown", "lock-1": "unlocked"})
        self.wait(100)
        self.assertEqual(self.states(place), {"door-1": "closed", "lock-1": "unlocked"})
        place.contact.on = False
        self.wait(100)
        self.assertEqual(self.reports.finals, [("a", "done", None)])
        self.assertEqual(self.states(place)["door-1"], "open")

    def test_a_door_that_is_opened_by_order_out_of_sight(self):
        place = self.place("strike")
        self.wait(500)
        self.order(place)
        self.lose(place, place.contact)
        place.contact.on = False
        self.wait(100)
        self.assertEqual(self.reports.finals, [("a", "done", None)])
        self.assertNotIn("door.forced", self.reports.kinds())

    def test_nobody_is_locked_in_while_a_release_settles(self):
        place = self.place("motor", people=True)
        self.wait(3000)
        self.lose(place, place.handle)
        place.handle.on = True
        self.scan()
        self.assertTrue(place.bay.people.somebody())
        self.wait(20)
        self.assertTrue(place.bay.people.exit_pressed())
        self.assertFalse(place.bay.people.release.lost)

    def test_a_release_that_nobody_can_read_is_unknown(self):
        place = self.place("motor", people=True)
        self.wait(3000)
        for on, state in ((None, "unknown"), (False, "clear"), (None, "unknown"), (True, "pressed")):
            self.reports.states.clear()
            place.handle.on = on
            self.wait(100)
            self.assertEqual(self.states(place)["release-1"], state)
            self.assertIn("release-1", self.reports.states)
        self.assertEqual(self.reports.kinds()[-1], "release.pressed")
        self.assertNotIn("release.cleared", self.reports.kinds())

    def test_a_latch_that_is_back_says_nothing_of_a_door_that_nobody_sees(self):
        place = self.place("latch")
        self.wait(5000)
        place.latch.on = False
        self.wait(500)
        self.assertEqual(self.states(place)["door-1"], "forced")
        self.lose(place, place.contact)
        place.latch.on = True
        self.wait(500)
        self.assertEqual(self.states(place)["door-1"], "unknown")
        place.contact.on = True
        self.wait(500)
        self.assertEqual(self.states(place)["door-1"], "closed")
        self.assertEqual(self.reports.kinds()[-1], "door.closed")

    def test_a_latch_that_is_pried_behind_a_door_that_nobody_sees(self):
        place = self.place("latch")
        self.wait(5000)
        self.lose(place, place.contact)
        place.latch.on = False
        self.wait(500)
        self.assertEqual(self.reports.kinds(), ["door.fault", "door.forced"])
        self.assertEqual(self.states(place)["door-1"], "unknown")
        place.contact.on = True
        self.wait(500)
        self.assertEqual(self.states(place)["door-1"], "forced")


class TestDriver(LostCase, unittest.TestCase):
    def test_without_memory_for_a_pulse_the_order_fails_and_the_others_get_the_supply(self):
        first, second = self.place("strike"), self.place("strike")
        self.wait(500)

        def drive(way, pulse_ms):
            raise MemoryError

        first.driver.drive = drive
        self.assertEqual(self.order(first), "")
        self.assertEqual(self.order(second, jti="b"), "")
        self.wait(1000)
        self.assertEqual(self.reports.finals, [("a", "failed", "power")])
        self.assertEqual(self.states(first)["lock-1"], "fault")
        self.assertEqual(second.driver.moves, [("unlock", 10_000)])

    def test_what_cannot_be_stopped_keeps_no_supply_and_no_answer(self):
        first, second = self.place("strike"), self.place("strike")
        self.wait(500)
        self.order(first)
        self.wait(9_000)

        def stop():
            raise OSError(5)

        first.driver.stop = stop
        for _ in range(200):
            self.now_ms += 10
            try:
                first.bay.scan(self.now_ms)
            except OSError:
                continue
        self.assertEqual(self.reports.finals, [("a", "failed", "not_opened")])
        self.assertEqual(self.order(second, jti="b"), "")
        self.wait(200)
        self.assertEqual(second.driver.moves, [("unlock", 10_000)])


class TestMemory(LostCase, unittest.TestCase):
    """An event finds none: the state that goes with it is told, and the lock goes on."""

    def falls(self, contact, on):
        self.wait(500)
        self.reports.states.clear()
        contact.on = on
        return self.fall()

    def fall(self):
        self.reports.full = True
        fallen = 0
        for _ in range(10):
            self.now_ms += 10
            try:
                self.scan()
            except MemoryError:
                fallen += 1
        self.assertEqual(fallen, 1)
        self.reports.full = False
        return self.reports.states

    def test_of_a_door(self):
        place = self.place("strike")
        self.assertEqual(self.falls(place.contact, False), ["door-1"])
        self.assertEqual(self.states(place)["door-1"], "forced")
        self.assertTrue(place.bay.bolt.lock._door_open)

    def test_of_a_door_that_is_lost(self):
        place = self.place("strike")
        self.assertEqual(self.falls(place.contact, None), ["door-1"])

    def test_of_a_latch(self):
        place = self.place("latch")
        self.wait(3000)
        self.assertEqual(self.falls(place.latch, False), ["door-1", "lock-1"])

    def test_of_people(self):
        place = self.place("motor", people=True)
        self.wait(3000)
        self.assertEqual(self.falls(place.handle, True), ["release-1"])
        self.wait(1500)
        self.reports.events.clear()
        place.handle.on = False
        self.wait(100)
        self.assertEqual(self.reports.events, [("release-1", "release.cleared", {"pressed_s": 1})])
        self.assertEqual(self.falls(place.pir, True), ["inside-1"])

    def test_at_the_first_reading(self):
        """The lock takes note of what is all the same."""
        place = self.place("strike")
        place.contact.on = False
        self.assertEqual(self.fall(), ["door-1", "lock-1"])
        self.assertEqual(self.states(place), {"door-1": "forced", "lock-1": "unlocked"})


class Hours:
    def __init__(self):
        self.is_known, self.is_open = True, False

    def known(self):
        return self.is_known

    def contain(self, now_ms):
        return self.is_open


class TestMayIt(BayCase, unittest.TestCase):
    def test_opening_hours_bind_bookings_alone(self):
        place = self.place("strike")
        self.wait(1000)
        place.bay.opening = hours = Hours()
        booking = Booking("b", "citizen", "unlock", place.lock_name)
        ops = Order("o", "ops", "unlock", place.lock_name)
        self.assertEqual(place.bay.refusal(booking, self.now_ms), "closed")
        self.assertEqual(place.bay.refusal(ops, self.now_ms), "")
        hours.is_open = True
        self.assertEqual(place.bay.refusal(booking, self.now_ms), "")
        hours.is_open = hours.is_known = False  # who has a nonce instead of the time
        self.assertEqual(place.bay.refusal(booking, self.now_ms), "")

    def test_a_supply_that_was_taken_away_is_not_used(self):
        place = self.place("strike")
        self.wait(1000)
        place.bay.bolt.perform([("drive", "unlock", 3000)], self.now_ms)
        self.assertEqual(place.driver.moves, [])
        self.assertIn("lock.fault", self.reports.kinds())


if __name__ == "__main__":
    unittest.main()
