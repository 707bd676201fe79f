"""Where people are: on courts, in rooms, between the beams of gates; and covers that they open."""

import random
from functools import partial

from host_tools.sim.rules.part import opposite
from host_tools.storm.agenda import Act
from host_tools.storm.stage import Stage

STEP_US = 60_000
"""A person at 1.5 m/s between two beams some 10 cm apart."""
APART_US = (900_000, 4_000_000)
"""From one person to the next."""
PEOPLE_MAX = 99


def nothing() -> None:
    pass


class Places:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._there: dict[str, int] = {}
        self._covers: dict[str, int] = {}
        self._gate_free_us: dict[str, int] = {}

    # --- courts ---

    def play(self, court: str, people: int, stay_us: int, rng: random.Random) -> None:
        """A group comes, plays, and goes: through the court's gate, if there is one, one by one."""
        gate = self.stage.world.components[court].get("gate")
        if gate not in self.stage.world.components:
            gate = None
        at_us = 0
        for _ in range(people):
            self.stage.agenda.after(at_us, lambda: self._come(court, gate, 1))
            self.stage.agenda.after(at_us + stay_us, lambda: self._come(court, gate, -1))
            at_us += rng.randint(*APART_US)

    def _come(self, court: str, gate: str | None, by: int) -> None:
        if gate is None:
            self._count_court(court, by)
        else:
            self.walk(gate, "in" if by > 0 else "out", lambda: self._count_court(court, by))

    def _count_court(self, court: str, by: int) -> None:
        if by > 0 and self._is_over():
            return
        if self._counted(court, by):
            people = self._there[court]
            self.stage.world.set(court, str(min(people, PEOPLE_MAX)))
            self.stage.trace.note("true", component=court, value=_occupied(people), people=people)

    # --- rooms ---

    def enter_room(self, inside: str) -> None:
        if not self._is_over():
            self._room(inside, 1)

    def leave_room(self, inside: str) -> None:
        self._room(inside, -1)

    def _room(self, inside: str, by: int) -> None:
        before = self._there.get(inside, 0)
        if self._counted(inside, by) and (before > 0) != (self._there[inside] > 0):
            self.stage.world.set(inside, _occupied(self._there[inside]))
            self.stage.trace.note("inside", component=inside, occupied=self._there[inside] > 0)

    # --- gates ---

    def walk(self, gate: str, direction: str, then: Act = nothing) -> None:
        """Somebody goes through, after whoever is between the beams."""
        first, second = self._beams(gate, direction)
        steps = [(first, True), (second, True), (first, False), (second, False)]

        def through() -> None:
            self.stage.trace.note("true", component=gate, value=direction)
            self._counted(gate, 1 if direction == "in" else -1)
            then()

        self._step(gate, steps, through)

    def people_behind(self, gate: str) -> int:
        """How many have gone in and not out."""
        return self._there.get(gate, 0)

    def court_behind(self, gate: str) -> str | None:
        """Whose sensor it is."""
        courts = self.stage.world.names("occupancy")
        return next((name for name in courts if self.stage.world.components[name].get("gate") == gate), None)

    def turn_back(self, gate: str) -> None:
        """Somebody breaks both beams and goes back."""
        first, second = self._beams(gate, "in")
        self._step(gate, [(first, True), (second, True), (second, False), (first, False)], nothing)

    def _beams(self, gate: str, direction: str) -> tuple[int, int]:
        first, second = self.stage.world.components[gate]["pins"]
        return (first, second) if direction == "in" else (second, first)

    def _step(self, gate: str, steps: list[tuple[int, bool]], then: Act) -> None:
        if self._is_over():
            return
        agenda = self.stage.agenda
        blocked = int(self.stage.world.components[gate]["blocked_level"])
        begin_us = max(agenda.now_us, self._gate_free_us.get(gate, 0))
        for number, (pin, is_blocked) in enumerate(steps):
            level = blocked if is_blocked else opposite(blocked)
            agenda.at(begin_us + number * STEP_US, partial(self._move, pin, level))
        end_us = begin_us + len(steps) * STEP_US
        agenda.at(end_us - STEP_US, then)
        self._gate_free_us[gate] = end_us + STEP_US

    def _move(self, pin: int, level: int) -> None:
        self.stage.world.world.drive(pin, level)
        self.stage.world.world.ring()

    # --- covers, and the end ---

    def open_cover(self, tamper: str) -> None:
        if not self._is_over():
            self._cover(tamper, 1)

    def close_cover(self, tamper: str) -> None:
        self._cover(tamper, -1)

    def _cover(self, tamper: str, by: int) -> None:
        before = self._there.get(tamper, 0)
        if self._counted(tamper, by) and (before > 0) != (self._there[tamper] > 0):
            value = "open" if self._there[tamper] else "closed"
            self.stage.world.set(tamper, value)
            self.stage.trace.note("true", component=tamper, value=value)

    def leave(self) -> None:
        """Rooms are empty and covers shut; who plays goes on playing until his time is over."""
        world = self.stage.world
        for inside in world.names("inside"):
            self._room(inside, -self._there.get(inside, 0))
        for tamper in world.names("tamper"):
            self._cover(tamper, -self._there.get(tamper, 0))

    def _counted(self, place: str, by: int) -> bool:
        before = self._there.get(place, 0)
        self._there[place] = max(0, before + by)
        return self._there[place] != before

    def _is_over(self) -> bool:
        return self.stage.agenda.now_us >= self.stage.plan.calm_us


def _occupied(people: int) -> str:
    return "occupied" if people else "free"
