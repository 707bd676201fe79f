# runs on: micropython
"""Opening hours at a lock, and alarm times: who is refused when, and what becomes an alarm."""

import unittest

from sportbox.app import App, Reports
from sportbox.core.clock import Clock
from sportbox.core.hours import Hours
from sportbox.core.lock import Booking, Order
from sportbox.parts.alarm import Alarm
from sportbox.store.outbox import Outbox
from sportbox.uplink import Uplink

from tests.firmware import scratch
from tests.firmware.bay_case import BayCase

HOUR = 3600
NOON = 1795348800  # 2026-11-22T12:00:00Z, a Sunday
DAYTIME = [8 * HOUR, 22 * HOUR, 1 << 6]
NIGHT = [22 * HOUR, 8 * HOUR, 3 << 5]


class Told:
    """A clock that a test sets; 0: nobody told it the time."""

    def __init__(self, unix_s):
        self.unix_s = unix_s

    def trusted(self):
        return self.unix_s != 0

    def now(self, now_ms):
        return self.unix_s


class TestOpening(BayCase, unittest.TestCase):
    def try_to(self, clock, kind=Booking, act="unlock"):
        place = self.place("strike")
        self.scan()
        place.bay.opening = Hours(DAYTIME, [], clock)
        order = kind("a", "sub", act, place.lock_name)
        return place.bay.refusal(order, self.now_ms)

    def test_a_booking_opens_in_its_hours_alone(self):
        self.assertEqual(self.try_to(Told(NOON)), "")
        self.assertEqual(self.try_to(Told(NOON + 9 * HOUR + 3599)), "")
        self.assertEqual(self.try_to(Told(NOON + 10 * HOUR)), "closed")
        self.assertEqual(self.try_to(Told(NOON - 5 * HOUR)), "closed")
        self.assertEqual(self.try_to(Told(NOON + 24 * HOUR)), "closed")

    def test_ops_and_codes_open_always(self):
        self.assertEqual(self.try_to(Told(NOON + 10 * HOUR), Order), "")

    def test_without_the_time_the_service_vouches(self):
        self.assertEqual(self.try_to(Told(0)), "")

    def test_without_hours_always(self):
        place = self.place("strike")
        self.scan()
        order = Booking("a", "sub", "unlock", place.lock_name)
        self.assertEqual(place.bay.refusal(order, self.now_ms), "")


class Signals:
    def __init__(self):
        self.played = []

    def play(self, name):
        self.played.append(name)


class TestAlarm(unittest.TestCase):
    def setUp(self):
        folder = scratch.folder(self)
        outbox = Outbox(folder + "/outbox", 8192, 4096)
        outbox.open()
        self.told = []
        uplink = Uplink("site", "box-1", "boot", outbox)
        self.app = App(folder, Clock(), outbox, uplink, 1000, lambda: 0, lambda: None)
        self.app.signals = Signals()
        uplink.event = self.note
        self.reports = Reports(self.app)

    def note(self, component, kind, data, time_s, uptime_s, urgent, at_once):
        self.told.append((kind, data.get("alarm"), urgent))

    def at(self, unix_s):
        self.app.alarm = Alarm(NIGHT, [], Told(unix_s))

    def all(self):
        self.reports.event("door-1", "door.forced", {}, True)
        self.reports.event("inside-1", "occupancy.changed", {"state": "occupied"}, False)
        self.reports.event("device", "device.tamper", {"open": True}, True)

    def test_at_night_each_is_one(self):
        self.at(NOON + 11 * HOUR)
        self.all()
        self.assertEqual([alarm for _, alarm, _ in self.told], [True, True, True])
        self.assertEqual([urgent for _, _, urgent in self.told], [True, True, True])
        self.assertEqual(self.app.signals.played, ["alarm", "alarm", "alarm"])

    def test_what_is_none(self):
        self.at(NOON + 11 * HOUR)
        self.reports.event("court-1", "occupancy.changed", {"state": "occupied"}, False)
        self.reports.event("inside-1", "occupancy.changed", {"state": "free"}, False)
        self.reports.event("device", "device.tamper", {"open": False}, True)
        self.reports.event("door-1", "door.opened", {"jti": "a"}, True)
        self.assertEqual([alarm for _, alarm, _ in self.told], [None] * 4)
        self.assertEqual(self.app.signals.played, [])

    def test_by_day_and_without_the_time_as_always(self):
        for unix_s in (NOON, 0):
            self.at(unix_s)
            self.all()
        self.app.alarm = None
        self.all()
        self.assertEqual([alarm for _, alarm, _ in self.told], [None] * 9)
        self.assertEqual(self.app.signals.played, [])

    def test_a_board_without_a_buzzer_reports_it_too(self):
        self.app.signals = None
        self.at(NOON + 11 * HOUR)
        self.all()
        self.assertEqual([alarm for _, alarm, _ in self.told], [True, True, True])


if __name__ == "__main__":
    unittest.main()
