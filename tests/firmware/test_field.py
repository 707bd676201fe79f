"""Courts: what they report of their sensors."""

import unittest

from sportbox.core.fusion import Sighting
from sportbox.core.occupancy import Gate, Presence
from sportbox.parts import field
from sportbox.parts.entrance import Entrance
from sportbox.parts.field import Court

from tests.core.chance import Chance
from tests.firmware.field_case import Input, Kit, Reports

HOLD_MS, STUCK_MS, GAP_MS = 5000, 100_000, 1000


class Sampled:
    """A radar or time-of-flight sensor of which `sees` is true, false, or nothing."""

    def __init__(self):
        self.witness = Sighting(HOLD_MS, 3000)
        self.sees = None
        self.on = True

    def sample(self, now_ms):
        if self.on:
            if self.sees is not None:
                self.witness.note(self.sees, now_ms)
            self.witness.step(now_ms)

    def switch(self, on):
        self.on = on
        if not on:
            self.witness.stop()


class CourtCase:
    def setUp(self):
        self.motion, self.reports = Input(), Reports()
        self.court = Court("court-1", STUCK_MS, GAP_MS, self.reports)

    def add_motion(self):
        self.court.add_motion(self.motion, Presence(HOLD_MS, STUCK_MS))

    def add_radar(self):
        self.radar = Sampled()
        self.court.add_radar(self.radar, lambda: 0)

    def shown(self):
        return self.court.states()[0][2]

    def told(self):
        return [(data["state"], data["count"]) for _, _, data, _ in self.reports.events]

    def play(self, start_ms, duration_ms):
        """Ten samples a second, a scan each second."""
        for now_ms in range(start_ms, start_ms + duration_ms, 100):
            self.court.sample(now_ms)
            if now_ms % 1000 == 0:
                self.court.scan(now_ms)
        return self.shown()["state"]


class TestMotion(CourtCase, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.add_motion()

    def test_a_change_is_an_event_and_a_state(self):
        self.court.scan(0)
        self.assertEqual((self.reports.events, self.reports.states), ([], []))
        self.assertEqual(self.shown(), {"state": "unknown", "count": None, "confidence": 0.0})
        self.motion.on = True
        self.court.scan(1000)
        self.court.scan(2000)
        self.assertEqual(len(self.reports.events), 1)
        name, kind, data, urgent = self.reports.events[0]
        self.assertEqual((name, kind, urgent), ("court-1", "occupancy.changed", False))
        self.assertEqual(data, {"state": "occupied", "count": None, "confidence": 0.9})
        self.assertEqual(self.reports.states, ["court-1"])
        self.assertEqual(self.court.states()[0][1], 1000)

    def test_a_state_is_told_though_its_event_finds_no_memory(self):
        """Which may be in the task that samples: nobody tells the state again when that has fallen."""
        self.court.scan(0)
        self.reports.states.clear()
        self.reports.full = self.motion.on = True
        with self.assertRaises(MemoryError):
            self.court.scan(1000)
        self.assertEqual((self.reports.states, self.shown()["state"]), (["court-1"], "occupied"))

    def test_it_asks_to_be_looked_at_when_the_hold_is_over(self):
        self.motion.on = True
        self.court.scan(0)
        self.motion.on = False
        self.court.scan(1000)
        self.assertEqual(self.court.deadline(), 6000)
        self.court.scan(6000)
        self.assertEqual(self.reports.events[-1][2], {"state": "free", "count": 0, "confidence": 0.7})
        self.assertIsNone(self.court.deadline())

    def test_nothing_is_remembered(self):
        self.court.restore({"state": "occupied"}, False)
        self.assertIsNone(self.court.memory())
        self.assertEqual(self.shown()["state"], "unknown")

    def test_a_stuck_sensor_is_unknown_and_named(self):
        self.motion.on = True
        self.court.scan(0)
        self.assertEqual(self.court.deadline(), STUCK_MS)
        self.court.scan(STUCK_MS)
        unknown = {"state": "unknown", "count": None, "confidence": 0.0}
        self.assertEqual(self.shown(), dict(unknown, lost=["pir"]))
        self.assertEqual(self.told()[-1], ("unknown", None))

    def test_it_needs_no_sampling(self):
        self.assertIsNone(self.court.sampler())


class TestSeveral(CourtCase, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.add_motion()
        self.add_radar()
        self.radar.sees = False

    def test_who_sits_still_is_seen_by_the_radar(self):
        self.assertEqual(self.play(0, 6000), "free")
        self.radar.sees = True
        self.assertEqual(self.play(6000, 60_000), "occupied")
        self.assertEqual(self.told(), [("free", 0), ("occupied", None)])

    def test_a_radar_that_contradicts_the_motion_sensor_for_too_long(self):
        self.play(0, 6000)
        self.radar.sees = True
        self.assertEqual(self.play(6000, STUCK_MS + 1000), "unknown")
        self.assertEqual(self.told()[-1], ("unknown", None))
        self.motion.on = True
        self.assertEqual(self.play(STUCK_MS + 7000, 1000), "occupied")

    def test_a_radar_that_is_lost_is_named_and_the_rest_goes_on(self):
        self.play(0, 6000)
        surer = self.shown()["confidence"]
        states = len(self.reports.states)
        self.radar.sees = None
        self.assertEqual(self.play(6000, 5000), "free")
        self.assertEqual(self.shown()["lost"], ["radar"])
        self.assertLess(self.shown()["confidence"], surer)
        self.assertEqual(self.told(), [("free", 0)])
        self.assertEqual(len(self.reports.states), states + 1)  # told as a state, without an event

    def test_a_confidence_that_changes_is_told_now_and_then_as_a_state_alone(self):
        self.play(0, 6000)
        self.radar.sees = True
        self.play(6000, 1000)
        before = len(self.reports.states)
        for now_ms in range(7000, 67_000, 100):
            self.motion.on = now_ms % 12_000 < 200  # seen by both for a while, then by the radar alone
            self.play(now_ms, 100)
        self.assertEqual(self.told(), [("free", 0), ("occupied", None)])
        self.assertGreater(len(self.reports.states), before + 5)
        self.assertLessEqual(len(self.reports.states), before + 12)

    def test_short_of_power_the_radar_is_off_and_the_rest_decides(self):
        self.play(0, 6000)
        self.court.shed(1)
        self.assertFalse(self.radar.on)
        self.assertEqual(self.play(6000, 20_000), "free")
        self.assertNotIn("lost", self.shown())
        self.court.shed(0)
        self.assertTrue(self.radar.on)

    def test_switched_off_while_only_the_radar_saw_somebody(self):
        self.play(0, 6000)
        self.radar.sees = True
        self.play(6000, 5000)
        self.court.shed(2)
        self.assertEqual(self.play(11_000, 20_000), "unknown")

    def test_it_is_sampled(self):
        self.assertIsNotNone(self.court.sampler())


class TestShed(CourtCase, unittest.TestCase):
    def test_the_radar_goes_first_then_the_time_of_flight_sensor(self):
        self.add_motion()
        self.add_radar()
        tof = Sampled()
        self.court.add_tof(tof, lambda: 0)
        for level, on in ((0, (True, True)), (1, (False, True)), (2, (False, False)), (0, (True, True))):
            self.court.shed(level)
            self.assertEqual((self.radar.on, tof.on), on)


class TestRadarAlone(CourtCase, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.add_radar()

    def test_switched_off_it_is_unknown(self):
        self.radar.sees = False
        self.assertEqual(self.play(0, 6000), "free")
        self.court.shed(1)
        self.assertEqual(self.play(6000, 1000), "unknown")
        self.court.shed(0)
        self.assertEqual(self.play(7000, 6000), "free")

    def test_who_samples_it_may_fall(self):
        """The supervisor lets a task that falls again and again rest for ten minutes."""
        self.radar.sees = False
        self.assertEqual(self.play(0, 10_000), "free")
        for now_ms in range(10_000, 14_000, 1000):
            self.court.scan(now_ms)
        self.assertEqual((self.shown()["state"], self.shown()["lost"]), ("unknown", ["radar"]))
        self.assertEqual(self.play(14_000, 10_000), "free")

    def test_noise_does_not_flood(self):
        """Whatever the radar sees for an hour: changes are bounded by the hold time."""
        chance = Chance(7)
        for now_ms in range(0, 3_600_000, 100):
            if now_ms % 5000 == 0:
                rate = chance.below(11)
            self.radar.sees = chance.below(10) < rate
            self.court.sample(now_ms)
        self.assertGreater(len(self.reports.events), 10)
        self.assertLessEqual(len(self.reports.events), 2 * 3_600_000 // HOLD_MS)

    def test_what_comes_and_goes_within_the_gap_is_told_once(self):
        """However fast a count or state changes, there is one report in a gap, and the last one is true."""
        gate = Gate(10_000, 100_000)
        entrance = Entrance("gate-1", gate, Input(), Input(), Reports())
        self.court.add_gate(lambda: entrance)
        for now_ms in range(0, 10_000, 50):
            gate.set(now_ms // 50)
            self.court.scan(now_ms)
        self.assertLessEqual(len(self.reports.events), 11)
        self.assertIsNotNone(self.court.deadline())
        self.court.scan(self.court.deadline())
        self.assertEqual(self.told()[-1], ("occupied", 199))


class TestGate(CourtCase, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.kit = Kit(self.reports)
        self.kit.parts = []

    def build(self, **facts):
        facts = dict({"kind": "occupancy", "hold_ms": HOLD_MS, "stuck_ms": STUCK_MS}, **facts)
        return field.build("court-1", facts, self.kit)

    def test_a_court_that_counts(self):
        a, b = Input(), Input()
        entrance = Entrance("gate-1", Gate(10_000, 100_000), a, b, self.reports)
        self.court = self.build(pir={"pin": 4, "active": 1}, gate="gate-1")
        self.court.scan(0)  # before the board has its parts
        self.kit.parts = [self.court, entrance]
        entrance.restore([1, 0], False)
        self.kit.inputs[4].on = True
        self.court.scan(100)
        self.assertEqual(self.shown()["count"], 1)
        for i, beams in enumerate(("a", "ab", "b", "")):
            a.on, b.on = "a" in beams, "b" in beams
            self.court.scan(2000 + 100 * i)
        self.assertEqual(self.shown()["count"], 2)
        kinds = [kind for _, kind, _, _ in self.reports.events]
        self.assertEqual(kinds.count("gate.passed"), 1)

    def test_build_with_what_the_board_has_not(self):
        court = self.build(pir={"pin": 4, "active": 1}, radar=None, tof=None, gate=None)
        self.assertEqual(sorted(self.kit.inputs), [4])
        self.assertIsNone(court.sampler())


if __name__ == "__main__":
    unittest.main()
