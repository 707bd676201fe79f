"""Which reports of a radar are believed."""

import unittest

from sportbox.core.ld2410 import REPORT, Parser
from sportbox.core.radar import DOUBTFUL, NOBODY, SOMEBODY, Judge

from tests.core.radar_frames import basic, engineering

LATCHED_MS = 10_000
STUCK_MS = 60_000


class JudgeCase:
    def setUp(self):
        self.parser = Parser()
        self.judge = Judge(LATCHED_MS, STUCK_MS)

    def tell(self, frame, now_ms):
        found = [self.parser.push(byte) for byte in frame]
        self.assertEqual(found[-1], REPORT)
        return self.judge.step(self.parser, now_ms)


class TestJudge(JudgeCase, unittest.TestCase):
    def test_plain_reports(self):
        self.assertEqual(self.tell(basic(), 0), NOBODY)
        self.assertEqual(self.tell(basic(state=1, moving=(150, 60), distance_cm=150), 100), SOMEBODY)
        self.assertEqual(self.tell(basic(state=2, still=(150, 60), distance_cm=150), 200), SOMEBODY)
        self.assertEqual(self.tell(engineering(), 300), NOBODY)
        near = engineering(state=3, moving=(80, 60), moving_gates=(20, 60), distance_cm=80)
        self.assertEqual(self.tell(near, 400), SOMEBODY)

    def test_an_empty_court_stays_credible_in_basic_reports(self):
        for now_ms in range(0, 10 * STUCK_MS, 1000):
            self.assertEqual(self.tell(basic(), now_ms), NOBODY)

    def test_noise_shows_that_engineering_reports_are_alive(self):
        for now_ms in range(0, 10 * LATCHED_MS, 100):
            frame = engineering(moving_gates=(3 + now_ms // 100 % 2, 2), still_gates=(0, 0, 5))
            self.assertEqual(self.tell(frame, now_ms), NOBODY)

    def test_a_report_that_never_changes_is_latched(self):
        for frame in (
            engineering(moving_gates=(3, 2)),
            engineering(state=1, moving=(150, 60), moving_gates=(3, 60), distance_cm=150),
            engineering(state=2, still=(150, 60), still_gates=(0, 0, 60), distance_cm=150),
        ):
            self.setUp()
            self.assertNotEqual(self.tell(frame, 0), DOUBTFUL)
            self.assertNotEqual(self.tell(frame, LATCHED_MS - 1), DOUBTFUL)
            self.assertEqual(self.tell(frame, LATCHED_MS), DOUBTFUL)
            self.assertEqual(self.judge.latched, 1)

    def test_moving_energies_that_never_change_are_latched_though_the_others_live(self):
        """What was seen in esphome#17622: the moving half stands still at old values."""
        for now_ms in range(0, 2 * LATCHED_MS, 100):
            frame = engineering(moving_gates=(44, 27, 9), still_gates=(0, 0, 10 + now_ms // 100 % 7))
            expected = NOBODY if now_ms < LATCHED_MS else DOUBTFUL
            self.assertEqual(self.tell(frame, now_ms), expected)

    def test_nothing_that_moves_can_be_latched(self):
        for now_ms in range(0, 3 * LATCHED_MS, 100):
            gates = (0, 50 + now_ms // 100 % 3)
            frame = engineering(state=2, still=(90, 50), still_gates=gates, distance_cm=90)
            self.assertEqual(self.tell(frame, now_ms), SOMEBODY)

    def test_a_basic_target_that_never_changes_is_latched_after_a_long_time(self):
        frame = basic(state=1, moving=(150, 100), distance_cm=150)
        self.assertEqual(self.tell(frame, 0), SOMEBODY)
        self.assertEqual(self.tell(frame, STUCK_MS - 1), SOMEBODY)
        self.assertEqual(self.tell(frame, STUCK_MS), DOUBTFUL)

    def test_it_is_believed_again_once_it_changes(self):
        frame = engineering(moving_gates=(3, 2))
        self.tell(frame, 0)
        self.assertEqual(self.tell(frame, LATCHED_MS), DOUBTFUL)
        self.assertEqual(self.tell(engineering(moving_gates=(4, 2)), LATCHED_MS + 100), NOBODY)

    def test_phantoms(self):
        """The figures of esphome#17622, comment of 2026-07-21."""
        for energy in range(91, 101):
            for state in (1, 3):
                gates = {"moving_gates": (44, 27, 9), "still_gates": (0, 0, 13)}
                ghost = engineering(state=state, moving=(0, energy), still=(0, 13), **gates)
                self.assertEqual(self.tell(ghost, energy), DOUBTFUL)
                self.assertEqual(self.tell(basic(state=state, moving=(0, energy)), energy), DOUBTFUL)
        self.assertEqual(self.judge.phantoms, 40)

    def test_a_claim_that_no_gate_supports_is_a_phantom_at_any_distance(self):
        ghost = engineering(state=1, moving=(200, 80), moving_gates=(20, 39, 9), distance_cm=200)
        self.assertEqual(self.tell(ghost, 0), DOUBTFUL)
        person = engineering(state=1, moving=(200, 80), moving_gates=(20, 40, 9), distance_cm=200)
        self.assertEqual(self.tell(person, 100), SOMEBODY)

    def test_somebody_close_is_no_phantom(self):
        """The documents' own examples have a detection distance of 0 with a target."""
        gates = {"moving_gates": (60, 34, 5), "still_gates": (0, 0, 57)}
        near = engineering(state=3, moving=(30, 60), still=(0, 57), **gates)
        self.assertEqual(self.tell(near, 0), SOMEBODY)
        self.assertEqual(self.tell(basic(state=2, moving=(81, 0), still=(0, 59)), 100), SOMEBODY)

    def test_a_still_target_does_not_depend_on_what_is_said_of_moving_ones(self):
        gates = {"moving_gates": (44,), "still_gates": (0, 0, 60)}
        frame = engineering(state=2, moving=(0, 99), still=(150, 60), **gates)
        self.assertEqual(self.tell(frame, 0), SOMEBODY)


if __name__ == "__main__":
    unittest.main()
