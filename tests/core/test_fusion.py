"""Several sensors of a court together."""

import unittest

from sportbox.core.fusion import Fusion, Sighting
from sportbox.core.occupancy import FREE, OCCUPIED, UNKNOWN

from tests.core.chance import Chance

HOLD_MS = 5000
SILENT_MS = 3000
STUCK_MS = 60_000


class Witness:
    def __init__(self, state=UNKNOWN, lost=False):
        self.state, self.lost = state, lost


class Gate(Witness):
    def __init__(self, inside):
        super().__init__(UNKNOWN if inside is None else OCCUPIED if inside else FREE)
        self.inside = inside

    def count(self):
        return self.inside


def court(**witnesses):
    fusion = Fusion(STUCK_MS)
    for name in ("pir", "radar", "tof", "gate"):
        if name in witnesses:
            fusion.add(name, witnesses[name], witnesses[name] if name == "gate" else None)
    return fusion


class TestSighting(unittest.TestCase):
    def setUp(self):
        self.sensor = Sighting(HOLD_MS, SILENT_MS)

    def play(self, samples, start_ms, step_ms=100):
        """`#` somebody, `.` nobody, blank: no sample that can be believed."""
        for i, sample in enumerate(samples):
            now_ms = start_ms + i * step_ms
            if sample != " ":
                self.sensor.note(sample == "#", now_ms)
            self.sensor.step(now_ms)
        return self.sensor.state

    def test_nobody_is_known_only_after_the_hold(self):
        self.assertEqual(self.play("." * 50, 0), UNKNOWN)
        self.assertEqual(self.play(".", 5000), FREE)

    def test_two_in_a_row_are_somebody(self):
        self.assertEqual(self.play("#", 0), UNKNOWN)
        self.assertEqual(self.play("#", 100), OCCUPIED)

    def test_single_sightings_are_none(self):
        self.play("." * 51, 0)
        self.assertEqual(self.play(".#.#..#." * 20, 5100), FREE)

    def test_it_holds_and_every_sighting_holds_anew(self):
        self.play("##", 0)
        self.assertEqual(self.play("." * 49, 200), OCCUPIED)
        self.assertEqual(self.play("#", 5100), OCCUPIED)
        self.assertEqual(self.play("." * 49, 5200), OCCUPIED)
        self.assertEqual(self.play("..", 10_100), FREE)

    def test_silence_is_unknown_and_lost(self):
        for samples in ("." * 51, "##"):
            self.setUp()
            self.play(samples, 0)
            end_ms = 100 * (len(samples) - 1)
            self.play(" ", end_ms + SILENT_MS - 1)
            self.assertFalse(self.sensor.lost)
            self.assertEqual(self.play(" ", end_ms + SILENT_MS), UNKNOWN)
            self.assertTrue(self.sensor.lost)

    def test_until_it_is_lost_silence_is_not_nobody(self):
        self.sensor = Sighting(500, 10 * SILENT_MS)
        self.play("##", 0)
        self.assertEqual(self.play(" " * 200, 200), OCCUPIED)
        self.assertEqual(self.play("." * 5, 20_200), OCCUPIED)
        self.assertEqual(self.play(".", 20_700), FREE)

    def test_a_sensor_that_never_spoke_is_lost_too(self):
        self.play(" " * 30, 0)
        self.assertFalse(self.sensor.lost)
        self.play(" ", SILENT_MS)
        self.assertTrue(self.sensor.lost)

    def test_after_silence_nobody_is_believed_only_after_the_hold(self):
        self.play("." * 51 + " " * 40, 0)
        self.assertEqual(self.play("." * 49, 10_000), UNKNOWN)
        self.assertFalse(self.sensor.lost)
        self.assertEqual(self.play("...", 14_900), FREE)

    def test_a_thing_is_not_somebody(self):
        self.sensor = Sighting(HOLD_MS, SILENT_MS, STUCK_MS)
        self.assertEqual(self.play("#" * 600, 0), OCCUPIED)
        self.assertEqual(self.play("#", STUCK_MS), UNKNOWN)
        self.assertTrue(self.sensor.lost)
        self.assertEqual(self.play("." * 50, STUCK_MS + 100), UNKNOWN)
        self.assertFalse(self.sensor.lost)
        self.assertEqual(self.play("." * 2, STUCK_MS + 5100), FREE)

    def test_switched_off_is_no_fault(self):
        self.play("##", 0)
        self.sensor.stop()
        self.assertEqual((self.sensor.state, self.sensor.lost), (UNKNOWN, False))
        self.assertEqual(self.play(" ", 10 * SILENT_MS), UNKNOWN)
        self.assertFalse(self.sensor.lost)


class TestFusion(unittest.TestCase):
    def test_one_sensor_is_what_it_says(self):
        for name in ("pir", "radar", "tof"):
            for state in (FREE, OCCUPIED, UNKNOWN):
                fusion = court(**{name: Witness(state)})
                fusion.step(0)
                self.assertEqual(fusion.state, state)
                self.assertEqual(fusion.confidence() > 0, state != UNKNOWN)

    def test_any_that_sees_somebody_is_enough(self):
        for name in ("pir", "radar", "tof"):
            witnesses = {"pir": Witness(FREE), "radar": Witness(FREE), "tof": Witness(FREE)}
            witnesses[name].state = OCCUPIED
            fusion = court(**witnesses)
            fusion.step(0)
            self.assertEqual(fusion.state, OCCUPIED)

    def test_agreement_makes_surer_dissent_and_loss_less(self):
        def confidence(**witnesses):
            fusion = court(**witnesses)
            fusion.step(0)
            return fusion.confidence()

        for state in (FREE, OCCUPIED):
            alone = confidence(pir=Witness(state))
            both = confidence(pir=Witness(state), radar=Witness(state))
            lost = confidence(pir=Witness(state), radar=Witness(UNKNOWN, True))
            self.assertGreater(both, alone)
            self.assertLess(lost, alone)
            self.assertLessEqual(both, 1)
        self.assertLess(
            confidence(pir=Witness(OCCUPIED), radar=Witness(FREE)), confidence(pir=Witness(OCCUPIED))
        )

    def test_who_sees_one_point_cannot_say_that_a_court_is_free(self):
        fusion = court(pir=Witness(UNKNOWN, True), tof=Witness(FREE))
        fusion.step(0)
        self.assertEqual(fusion.state, UNKNOWN)

    def test_nor_contradict_the_others(self):
        fusion = court(pir=Witness(OCCUPIED), tof=Witness(FREE))
        for now_ms in (0, STUCK_MS, 10 * STUCK_MS):
            fusion.step(now_ms)
            self.assertEqual(fusion.state, OCCUPIED)

    def test_a_lasting_contradiction_is_unknown(self):
        for name in ("pir", "radar"):
            witnesses = {"pir": Witness(FREE), "radar": Witness(FREE)}
            fusion = court(**witnesses)
            fusion.step(0)
            witnesses[name].state = OCCUPIED
            fusion.step(1000)
            self.assertEqual((fusion.state, fusion.deadline), (OCCUPIED, 1000 + STUCK_MS))
            fusion.step(999 + STUCK_MS)
            self.assertEqual(fusion.state, OCCUPIED)
            self.assertTrue(fusion.step(1000 + STUCK_MS))
            self.assertEqual((fusion.state, fusion.confidence()), (UNKNOWN, 0.0))

    def test_a_moment_of_agreement_ends_it(self):
        pir, radar = Witness(FREE), Witness(OCCUPIED)
        fusion = court(pir=pir, radar=radar)
        fusion.step(0)
        pir.state = OCCUPIED
        fusion.step(STUCK_MS - 1000)
        pir.state = FREE
        fusion.step(STUCK_MS - 500)
        fusion.step(STUCK_MS + 10_000)
        self.assertEqual(fusion.state, OCCUPIED)

    def test_a_sensor_lost_while_nobody_was_there_is_missed_by_nobody(self):
        pir, radar = Witness(FREE), Witness(FREE)
        fusion = court(pir=pir, radar=radar)
        fusion.step(0)
        radar.state, radar.lost = UNKNOWN, True
        self.assertTrue(fusion.step(1000))
        self.assertEqual((fusion.state, fusion.lost()), (FREE, ["radar"]))

    def test_a_sensor_lost_while_it_saw_somebody_is_no_free_court(self):
        """Somebody sits still, only the radar sees them, and it fails."""
        pir, radar = Witness(FREE), Witness(OCCUPIED)
        fusion = court(pir=pir, radar=radar)
        fusion.step(0)
        radar.state, radar.lost = UNKNOWN, True
        fusion.step(1000)
        self.assertEqual((fusion.state, fusion.deadline), (UNKNOWN, STUCK_MS))
        fusion.step(STUCK_MS - 1)
        self.assertEqual(fusion.state, UNKNOWN)
        fusion.step(STUCK_MS)
        self.assertEqual(fusion.state, FREE)

    def test_who_is_seen_meanwhile_makes_that_time_begin_anew(self):
        pir, radar = Witness(FREE), Witness(OCCUPIED)
        fusion = court(pir=pir, radar=radar)
        fusion.step(0)
        radar.state, radar.lost = UNKNOWN, True
        pir.state = OCCUPIED
        fusion.step(STUCK_MS - 1000)
        pir.state = FREE
        fusion.step(STUCK_MS)
        self.assertEqual(fusion.state, UNKNOWN)
        fusion.step(2 * STUCK_MS - 1000)
        self.assertEqual(fusion.state, FREE)

    def test_all_lost_is_unknown(self):
        fusion = court(pir=Witness(UNKNOWN, True), radar=Witness(UNKNOWN, True), gate=Gate(None))
        fusion.step(0)
        self.assertEqual((fusion.state, fusion.count(), fusion.lost()), (UNKNOWN, None, ["pir", "radar"]))


class TestCount(unittest.TestCase):
    def found(self, inside, pir, now_ms=0):
        fusion = court(pir=Witness(pir), gate=Gate(inside))
        fusion.step(0)
        fusion.step(now_ms)
        return fusion.state, fusion.count()

    def test_what_counts_counts(self):
        self.assertEqual(self.found(3, OCCUPIED), (OCCUPIED, 3))
        self.assertEqual(self.found(0, FREE), (FREE, 0))
        self.assertEqual(self.found(3, UNKNOWN), (OCCUPIED, 3))

    def test_nothing_that_counts_is_null(self):
        self.assertEqual(self.found(None, OCCUPIED), (OCCUPIED, None))
        self.assertEqual(self.found(None, FREE), (FREE, 0))
        self.assertEqual(self.found(None, UNKNOWN), (UNKNOWN, None))

    def test_somebody_where_nobody_was_counted_is_a_count_that_drifted(self):
        self.assertEqual(self.found(0, OCCUPIED), (OCCUPIED, None))
        self.assertEqual(self.found(0, OCCUPIED, STUCK_MS), (UNKNOWN, None))

    def test_somebody_counted_whom_nobody_sees_is_believed_for_a_while(self):
        self.assertEqual(self.found(2, FREE), (OCCUPIED, 2))
        self.assertEqual(self.found(2, FREE, STUCK_MS), (UNKNOWN, None))

    def test_a_count_that_changes_is_news(self):
        gate = Gate(1)
        fusion = court(gate=gate)
        self.assertTrue(fusion.step(0))
        self.assertFalse(fusion.step(100))
        gate.inside = 2
        self.assertTrue(fusion.step(200))


class TestChance(unittest.TestCase):
    def test_never_a_false_free(self):
        """Whatever the sensors do: free needs one that sees the whole court and says so, nobody who says
        otherwise, and nobody lost with somebody before its eyes within `stuck_ms`."""
        for seed in range(40):
            chance = Chance(seed)
            witnesses = {"pir": Witness(), "radar": Witness(), "tof": Witness()}
            fusion = court(**witnesses)
            now_ms, seen_ms, words = 0, -STUCK_MS, {}
            for _ in range(400):
                now_ms += chance.below(STUCK_MS // 4)
                name = chance.one_of(("pir", "radar", "tof"))
                witnesses[name].state = chance.one_of((FREE, OCCUPIED, UNKNOWN))
                fusion.step(now_ms)
                states = [witness.state for witness in witnesses.values()]
                if fusion.state == FREE:
                    self.assertNotIn(OCCUPIED, states)
                    self.assertIn(FREE, (witnesses["pir"].state, witnesses["radar"].state))
                    if now_ms - seen_ms < STUCK_MS:
                        for key, witness in witnesses.items():
                            self.assertFalse(witness.state == UNKNOWN and words.get(key) == OCCUPIED)
                elif fusion.state == OCCUPIED:
                    self.assertIn(OCCUPIED, states)
                if OCCUPIED in states:
                    seen_ms = now_ms
                for key, witness in witnesses.items():
                    if witness.state != UNKNOWN:
                        words[key] = witness.state
                    elif now_ms - seen_ms >= STUCK_MS:
                        words.pop(key, None)  # it has been gone for so long that it is forgotten


if __name__ == "__main__":
    unittest.main()
