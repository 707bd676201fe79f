# heap: 1m
# timeout: 120
"""Random lives of a lock, from fixed seeds, held against what must never happen."""

import unittest

from sportbox.core.lock import FAULT, LOCKED, LOCKING, UNLOCKED, UNLOCKING

from tests.core.chance import Chance
from tests.core.lock_bench import DUTY_MS, RELEASE_MS, WINDOW_MS, Bench

SEEDS = 60
STEPS = 120

FOLLOWS = {
    LOCKED: (UNLOCKING, FAULT, UNLOCKED),  # the last: an order to lock finds a door that was forced
    UNLOCKING: (UNLOCKED, LOCKING, FAULT),
    UNLOCKED: (UNLOCKING, LOCKING, FAULT),
    LOCKING: (LOCKED, UNLOCKED, UNLOCKING, FAULT),
    FAULT: (UNLOCKING, LOCKING, UNLOCKED, FAULT),
}


class Life:
    """One lock and everything that may happen to it."""

    def __init__(self, seed):
        self.chance = Chance(seed)
        self.eager = seed % 3 == 0  # one after the other asks, and nobody opens
        self.bench = Bench(door_open=self.chance.below(4) == 0)
        self.door_open = self.bench.lock._door_open
        self.first_state = self.bench.lock.state
        self.door_at = []  # whether the door was open when each action was done

    def step(self):
        bench, chance = self.bench, self.chance
        if self.eager and chance.below(10) < 9:
            bench.order("unlock")
            self.note(lambda: bench.wait(chance.one_of((300, 5000, 5300, 10_600))))
            return
        what = chance.below(100)
        if what < 25:
            bench.order("unlock")
        elif what < 32:
            bench.order("lock")
        elif what < 50:
            self.move_door(not self.door_open)
        elif what < 58:  # a contact that bounces
            for _ in range(1 + chance.below(4)):
                self.move_door(not self.door_open)
                self.note(lambda: bench.wait(chance.below(150)))
        elif what < 62:
            bench.coil_works = not bench.coil_works
        elif what < 70:  # a loop that was held up
            bench.now_ms += chance.below(20_000)
            bench.look()
        elif what < 75:  # looked at for nothing
            bench.look()
        else:
            bench.wait(chance.one_of((1, 40, 99, 100, 300, 301, 1000, 3000, 9999, 15_000, 70_000)))
        self.note(lambda: None)

    def move_door(self, is_open):
        self.door_open = is_open
        self.bench.door(is_open)
        self.note(lambda: None)

    def note(self, pass_time):
        pass_time()
        self.door_at += [self.door_open] * (len(self.bench.done) - len(self.door_at))


def pulses_of(done):
    """(begin, end) of every pulse as the coil saw it: the hardware ends what the firmware does not drop.
    Raises ValueError where a strike is released that is still held."""
    pulses = []
    held = None
    for i, (at_ms, action) in enumerate(done):
        if action[0] == "drive":
            failed = ("event", "lock.fault") in [later[:2] for _, later in done[i + 1 : i + 3]]
            if held is not None:
                raise ValueError("released twice at %d" % at_ms)
            if not failed:
                held = (at_ms, at_ms + action[2])
        elif action[0] == "stop":
            if held is None:
                raise ValueError("dropped what is not held at %d" % at_ms)
            pulses.append((held[0], min(at_ms, held[1])))
            held = None
    if held is not None:
        pulses.append(held)
    return pulses


def worst_duty_ms(pulses):
    """The most that the coil was energised in any window; the worst one ends with a pulse."""
    worst_ms = 0
    for _, end_ms in pulses:
        begin_ms = end_ms - WINDOW_MS
        used_ms = sum([end - max(begin, begin_ms) for begin, end in pulses if begin_ms < end <= end_ms])
        worst_ms = max(worst_ms, used_ms)
    return worst_ms


class TestRandomLives(unittest.TestCase):
    def live(self, seed):
        life = Life(seed)
        for _ in range(STEPS):
            life.step()
            self.assertLessEqual(len(life.bench.finals()), len(life.bench.orders), "seed %d" % seed)
        return life

    def settled(self):
        """(which one, bench) of lives that ended, with the door closed or with a contact stuck open."""
        for stuck_open in (False, True):
            for seed in range(SEEDS):
                bench = self.live(seed).bench
                bench.door(stuck_open)
                bench.wait(70_000)
                yield "seed %d, stuck open: %r" % (seed, stuck_open), bench

    def test_no_pulse_over_the_limit_or_the_budget_and_never_two_at_once(self):
        pulses_seen = 0
        for seed in range(SEEDS):
            which = "seed %d" % seed
            pulses = pulses_of(self.live(seed).bench.done)
            pulses_seen += len(pulses)
            for begin_ms, end_ms in pulses:
                self.assertLessEqual(end_ms - begin_ms, RELEASE_MS, which)
            self.assertLessEqual(worst_duty_ms(pulses), DUTY_MS, which)
        self.assertGreater(pulses_seen, SEEDS * 5)

    def test_exactly_one_final_answer_an_order(self):
        for which, bench in self.settled():
            answered = sorted([final[0] for final in bench.finals()])
            self.assertEqual(answered, sorted([order.jti for order in bench.orders]), which)

    def test_afterwards_the_box_still_opens(self):
        for which, bench in self.settled():
            self.assertFalse(bench.lock.busy(), which)
            bench.coil_works = True
            self.assertEqual(bench.order("unlock", "last"), "", which)
            bench.wait(1000)
            bench.door(True)
            self.assertIn(("last", "unlock", "done", None), bench.finals(), which)
            bench.wait(5000)
            bench.door(False)
            bench.wait(5000)
            self.assertEqual(bench.lock.state, LOCKED, which)

    def test_done_means_that_the_door_was_seen_open(self):
        seen = 0
        for seed in range(SEEDS):
            life = self.live(seed)
            for (_, action), door_open in zip(life.bench.done, life.door_at):
                if action[0] == "final" and action[1].act == "unlock" and action[2] == "done":
                    seen += 1
                    self.assertTrue(door_open, "seed %d" % seed)
        self.assertGreater(seen, SEEDS)

    def test_states_follow_one_another_as_they_may(self):
        for seed in range(SEEDS):
            life = self.live(seed)
            before = life.first_state
            for state in life.bench.states():
                self.assertIn(state, FOLLOWS[before], "after %s, seed %d" % (before, seed))
                before = state
            self.assertEqual(before, life.bench.lock.state, "seed %d" % seed)

    def test_locked_is_never_claimed_of_an_open_door(self):
        for seed in range(SEEDS):
            life = self.live(seed)
            for (_, action), door_open in zip(life.bench.done, life.door_at):
                if action == ("state", LOCKED):
                    self.assertFalse(door_open, "seed %d" % seed)
