import unittest

from sportbox.core.occupancy import FREE, OCCUPIED, UNKNOWN, Gate, Presence

from tests.core.chance import Chance

HOLD_MS = 5000
STUCK_MS = 1_800_000
EMPTY_MS = 4 * 3_600_000


class TestPresence(unittest.TestCase):
    def setUp(self):
        self.court = Presence(HOLD_MS, STUCK_MS)

    def test_after_boot_nothing_is_known_until_it_was_still_for_a_while(self):
        self.assertEqual(self.court.state, UNKNOWN)
        self.assertFalse(self.court.step(False, 1000))
        self.assertEqual(self.court.state, UNKNOWN)  # somebody may stand there
        self.assertEqual(self.court.deadline, 6000)
        self.assertFalse(self.court.step(False, 5999))
        self.assertTrue(self.court.step(False, 6000))
        self.assertEqual(self.court.state, FREE)
        self.assertIsNone(self.court.deadline)

    def test_motion_at_boot_is_somebody_at_once(self):
        self.assertTrue(self.court.step(True, 1000))
        self.assertEqual(self.court.state, OCCUPIED)

    def test_a_sensor_that_shows_motion_for_too_long_is_not_believed(self):
        self.court.step(True, 0)
        self.assertEqual(self.court.deadline, STUCK_MS)
        self.assertFalse(self.court.step(True, STUCK_MS - 1))
        self.assertTrue(self.court.step(True, STUCK_MS))
        self.assertEqual(self.court.state, UNKNOWN)
        self.assertIsNone(self.court.deadline)
        self.assertFalse(self.court.step(True, 10 * STUCK_MS))

    def test_a_stuck_sensor_that_falls_silent_is_not_free_at_once(self):
        self.court.step(True, 0)
        self.court.step(True, STUCK_MS)
        self.assertFalse(self.court.step(False, STUCK_MS + 1))
        self.assertEqual(self.court.state, UNKNOWN)
        self.assertTrue(self.court.step(False, STUCK_MS + 1 + HOLD_MS))
        self.assertEqual(self.court.state, FREE)

    def test_a_sensor_that_cannot_be_read_is_not_free(self):
        self.court.step(False, 0)
        self.court.step(False, HOLD_MS)
        self.assertTrue(self.court.step(None, HOLD_MS + 1))
        self.assertEqual((self.court.state, self.court.lost), (UNKNOWN, True))
        self.assertIsNone(self.court.deadline)
        self.assertFalse(self.court.step(None, 10 * STUCK_MS))
        self.assertFalse(self.court.step(False, 10 * STUCK_MS))
        self.assertFalse(self.court.lost)
        self.assertTrue(self.court.step(False, 10 * STUCK_MS + HOLD_MS))
        self.assertEqual(self.court.state, FREE)

    def test_a_pause_shows_that_the_sensor_is_not_stuck(self):
        self.court.step(True, 0)
        self.court.step(False, STUCK_MS - 10)
        self.court.step(True, STUCK_MS - 5)
        self.assertFalse(self.court.step(True, STUCK_MS + 100))
        self.assertEqual(self.court.state, OCCUPIED)

    def test_the_court_stays_occupied_for_a_while_without_motion(self):
        self.court.step(True, 0)
        self.assertFalse(self.court.step(False, 1000))
        self.assertEqual(self.court.state, OCCUPIED)
        self.assertEqual(self.court.deadline, 6000)
        self.assertFalse(self.court.step(False, 5999))
        self.assertTrue(self.court.step(False, 6000))
        self.assertEqual(self.court.state, FREE)

    def test_motion_within_the_hold_starts_it_again(self):
        self.court.step(True, 0)
        self.court.step(False, 1000)
        self.court.step(True, 5000)
        self.court.step(False, 5500)
        self.assertFalse(self.court.step(False, 10_499))
        self.assertTrue(self.court.step(False, 10_500))

    def test_it_is_lost_only_while_it_shows_motion_for_too_long(self):
        self.assertFalse(self.court.lost)
        self.court.step(True, 0)
        self.assertFalse(self.court.lost)
        self.court.step(True, STUCK_MS)
        self.assertTrue(self.court.lost)
        self.court.step(False, STUCK_MS + 1)
        self.assertEqual((self.court.lost, self.court.state), (False, UNKNOWN))


def walk(gate, passage, start_ms=0, step_ms=200):
    """Leads somebody through: `passage` names the broken beams of each moment, as in "a ab b -"."""
    found = []
    at_ms = start_ms
    for beams in passage.split():
        direction = gate.step("a" in beams, "b" in beams, at_ms)
        if direction:
            found.append(direction)
        at_ms += step_ms
    return found


def known(stuck_ms=10_000, inside=0):
    """A gate that knows how many are inside."""
    gate = Gate(stuck_ms, EMPTY_MS)
    gate.set(inside)
    return gate


class TestGate(unittest.TestCase):
    def setUp(self):
        self.gate = known()

    def test_in_and_out(self):
        self.assertEqual(walk(self.gate, "- a ab b -"), ["in"])
        self.assertEqual((self.gate.inside, self.gate.state), (1, OCCUPIED))
        self.assertEqual(walk(self.gate, "- b ab a -", 5000), ["out"])
        self.assertEqual((self.gate.inside, self.gate.state), (0, FREE))

    def test_half_a_passage_does_not_count(self):
        for passage in ("a -", "b -", "a b -", "b a -", "a ab -", "b ab -"):
            with self.subTest(passage=passage):
                gate = known()
                self.assertEqual(walk(gate, passage), [])
                self.assertEqual((gate.inside, gate.state), (0, FREE))

    def test_who_turns_back_does_not_count(self):
        for passage in ("a ab a -", "b ab b -", "a ab b ab a -", "b ab a ab b -"):
            with self.subTest(passage=passage):
                self.assertEqual(walk(known(), passage), [])

    def test_hesitating_in_the_middle_counts_once(self):
        self.assertEqual(walk(self.gate, "a ab a ab b ab b -"), ["in"])
        self.assertEqual(self.gate.inside, 1)

    def test_both_beams_broken_and_clear_at_once_has_no_direction(self):
        """Both beams at once is a ball or an edge that was missed, whoever went through before."""
        for before in ("-", "a ab b -", "b ab a -"):
            with self.subTest(before=before):
                gate = known()
                walk(gate, before)
                inside = gate.inside
                self.assertEqual(walk(gate, "ab -", 5000), [])
                self.assertEqual(gate.inside, inside)

    def test_two_who_meet_are_no_ghosts(self):
        walk(self.gate, "a ab b -")
        self.assertEqual(walk(self.gate, "ab ab ab -", 5000), [])
        self.assertEqual(self.gate.inside, 1)

    def test_a_first_moment_that_was_missed_is_told_by_the_last_one(self):
        self.assertEqual(walk(self.gate, "ab b - ab a -"), ["in", "out"])

    def test_one_after_the_other_in_both_directions(self):
        found = walk(self.gate, "a ab b - a ab b - b ab a - a ab b -")
        self.assertEqual(found, ["in", "in", "out", "in"])
        self.assertEqual(self.gate.inside, 2)

    def test_nobody_can_leave_who_was_not_counted_in(self):
        self.assertEqual(walk(self.gate, "b ab a -"), ["out"])
        self.assertEqual(self.gate.inside, 0)

    def test_too_slow_is_no_passage(self):
        self.assertEqual(walk(self.gate, "a ab b -", step_ms=1000), ["in"])
        self.assertEqual(walk(self.gate, "a ab b -", 10_000, step_ms=1001), [])

    def test_a_beam_that_stays_broken_makes_the_count_unknown(self):
        walk(self.gate, "a ab b -")
        self.gate.step(True, False, 5000)
        self.assertEqual(self.gate.deadline, 15_000)
        self.gate.step(True, False, 14_999)
        self.assertEqual(self.gate.state, OCCUPIED)
        self.gate.step(True, False, 15_000)
        self.assertEqual(self.gate.state, UNKNOWN)
        self.assertIsNone(self.gate.count())
        self.assertEqual(self.gate.confidence(), 0.0)
        self.assertIsNone(self.gate.deadline)

    def test_a_stuck_beam_that_others_walk_past_stays_unknown(self):
        self.gate.step(True, False, 0)
        self.gate.step(True, False, 10_000)
        self.assertEqual(walk(self.gate, "ab a ab a", 20_000), [])
        self.assertEqual(self.gate.state, UNKNOWN)

    def test_it_counts_again_once_the_beam_is_clear(self):
        walk(self.gate, "a ab b -")
        self.gate.step(False, True, 5000)
        self.gate.step(False, True, 15_000)
        self.assertEqual(self.gate.step(False, False, 20_000), "")
        self.assertEqual((self.gate.count(), self.gate.state), (1, OCCUPIED))
        self.assertEqual(walk(self.gate, "b ab a -", 30_000), ["out"])

    def test_looking_again_at_a_clear_gate_counts_nobody(self):
        self.assertEqual(walk(self.gate, "a ab b - - - -"), ["in"])
        self.assertEqual(self.gate.inside, 1)


class TestCount(unittest.TestCase):
    """How many are inside, and when that is known."""

    def setUp(self):
        self.gate = Gate(10_000, EMPTY_MS)

    def test_at_first_nobody_knows(self):
        self.assertEqual((self.gate.state, self.gate.count(), self.gate.confidence()), (UNKNOWN, None, 0.0))
        self.assertEqual(walk(self.gate, "- a ab b - b ab a -"), ["in", "out"])
        self.assertEqual((self.gate.state, self.gate.count()), (UNKNOWN, None))
        self.assertFalse(self.gate.lost)

    def test_somebody_says_how_many(self):
        self.gate.step(False, False, 0)
        self.gate.set(7)
        self.assertEqual((self.gate.state, self.gate.count(), self.gate.confidence()), (OCCUPIED, 7, 0.8))
        self.gate.set(0)
        self.assertEqual((self.gate.state, self.gate.count()), (FREE, 0))

    def test_after_an_empty_night_nobody_is_inside(self):
        for inside in (None, 3):
            with self.subTest(inside=inside):
                gate = Gate(10_000, EMPTY_MS)
                gate.set(inside)
                walk(gate, "a ab b -", 1000)
                clear_ms = 1600
                self.assertEqual(gate.deadline, clear_ms + EMPTY_MS)
                self.assertEqual(gate.step(False, False, clear_ms + EMPTY_MS - 1), "")
                self.assertNotEqual(gate.state, FREE)
                self.assertEqual(gate.step(False, False, clear_ms + EMPTY_MS), "empty")
                self.assertEqual((gate.state, gate.count()), (FREE, 0))
                self.assertIsNone(gate.deadline)
                self.assertEqual(gate.step(False, False, clear_ms + 9 * EMPTY_MS), "")

    def test_a_beam_that_is_broken_for_a_moment_makes_the_night_begin_anew(self):
        self.gate.step(False, False, 0)
        self.gate.step(True, False, EMPTY_MS - 1000)
        self.gate.step(False, False, EMPTY_MS - 900)
        self.assertEqual(self.gate.step(False, False, EMPTY_MS + 1000), "")
        self.assertEqual(self.gate.step(False, False, 2 * EMPTY_MS - 900), "empty")

    def test_a_beam_that_stays_broken_is_no_empty_night(self):
        self.gate.set(2)
        for at_ms in range(0, 3 * EMPTY_MS, EMPTY_MS // 4):
            self.assertEqual(self.gate.step(True, False, at_ms), "")
        self.assertEqual((self.gate.state, self.gate.count(), self.gate.inside), (UNKNOWN, None, 2))
        self.assertTrue(self.gate.lost)

    def test_what_shows_a_drift_makes_it_less_sure(self):
        self.gate.set(0)
        self.assertEqual(walk(self.gate, "b ab a - b ab a -"), ["out", "out"])
        self.assertEqual((self.gate.count(), self.gate.drift, self.gate.confidence()), (0, 2, 0.6))
        walk(self.gate, "a ab b -", 10_000)
        self.gate.step(True, False, 20_000)
        self.gate.step(True, False, 30_000)
        self.gate.step(False, False, 31_000)
        self.assertEqual((self.gate.count(), self.gate.drift), (1, 3))
        walk(self.gate, "a ab b -", 40_000)
        self.gate.step(False, False, 40_600 + EMPTY_MS)
        self.assertEqual((self.gate.drift, self.gate.confidence()), (0, 0.8))

    def test_a_nought_is_not_known_if_somebody_may_have_come_in(self):
        """A beam that was covered, or could not be read; somebody who took long."""
        for story in (
            ((True, False, 1000), (True, False, 11_000), (False, False, 12_000)),
            ((None, None, 1000), (False, False, 2000)),
            ((True, False, 1000), (True, True, 2000), (False, True, 5000), (False, False, 6000)),
        ):
            gate = known(inside=0)
            gate.step(False, False, 0)
            for a, b, at_ms in story:
                gate.step(a, b, at_ms)
            self.assertEqual((gate.state, gate.count(), gate.inside), (UNKNOWN, None, None), story)
            gate.step(False, False, 12_000 + EMPTY_MS)
            self.assertEqual((gate.state, gate.count()), (FREE, 0), story)

    def test_whoever_was_counted_is_there_still(self):
        gate = known(inside=2)
        for at_ms in range(0, 5000, 1000):
            gate.step(None, True, at_ms)
        gate.step(False, False, 5000)
        self.assertEqual((gate.state, gate.count(), gate.drift), (OCCUPIED, 2, 1))

    def test_it_is_never_wholly_unsure_nor_negative(self):
        self.gate.set(0)
        for i in range(50):
            walk(self.gate, "b ab a -", 10_000 * i)
        self.assertEqual((self.gate.inside, self.gate.drift, self.gate.confidence()), (0, 50, 0.3))

    def test_whoever_sets_it_ends_the_drift(self):
        self.gate.set(0)
        walk(self.gate, "b ab a -")
        self.gate.set(4)
        self.assertEqual((self.gate.count(), self.gate.drift), (4, 0))

    def test_at_random_it_is_what_was_counted(self):
        """Against a plain count of whole passages, over nights and lost moments."""
        for seed in range(20):
            chance = Chance(seed)
            gate = known(inside=3)
            inside, now_ms = 3, 0
            for _ in range(200):
                way = chance.one_of(("a ab b -", "b ab a -", "a -", "b ab b -", "-"))
                now_ms += chance.below(3 * EMPTY_MS // 2) if chance.below(20) == 0 else 1000
                if gate.step(False, False, now_ms) == "empty":
                    inside = 0
                for direction in walk(gate, way, now_ms, 50 + chance.below(500)):
                    inside = max(0, inside + (1 if direction == "in" else -1))
                now_ms += 5000
                self.assertEqual(gate.inside, inside)
                self.assertEqual(gate.state, OCCUPIED if inside else FREE)


class TestGateThatCannotBeRead(unittest.TestCase):
    """Its beams hang on a port expander that is lost."""

    def test_it_is_unknown_and_no_night_is_empty_that_nobody_saw(self):
        gate = Gate(10_000, 3_600_000)
        gate.set(5)
        for at_ms in range(0, 8_000_000, 10_000):
            self.assertEqual(gate.step(None, None, at_ms), "")
        self.assertEqual((gate.state, gate.lost, gate.count(), gate.inside), (UNKNOWN, True, None, 5))
        gate.step(False, False, 8_000_000)
        self.assertEqual((gate.state, gate.lost, gate.count()), (OCCUPIED, False, 5))
        self.assertEqual(gate.step(False, False, 11_599_999), "")
        self.assertEqual(gate.step(False, False, 11_600_000), "empty")
