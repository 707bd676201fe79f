"""A storm: every seed on every board, over some processes, and what is left of what fails."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from host_tools.storm.case import Case
from host_tools.storm.crew import Crew, Fallen, Json, scratch
from host_tools.storm.result import Result
from host_tools.storm.shown.picture import Picture
from host_tools.storm.shrink import TIME_MAX_S

PICTURES_MAX = 6
"""Runs that the report draws: those that fail, else the first ones."""
FAILURES_MAX = 50
"""Failed runs of which more than a count is kept."""
SHRINKS_MAX = 5
"""Failures that are shrunk: the first of each invariant, the most that are."""
LIMIT_S = 120.0
LIMIT_HOUR_S = 60.0
RECOVERIES_MAX = 200_000


@dataclass(frozen=True)
class Order:
    first: int
    count: int
    """Of the seeds that follow one another."""
    boards: Sequence[str]
    hours: int
    jobs: int
    engine: str

    @property
    def runs(self) -> int:
        return self.count * len(self.boards)

    def cases(self) -> Iterator[Case]:
        for seed in range(self.first, self.first + self.count):
            for board in self.boards:
                yield Case(str(seed), board, self.hours)


@dataclass
class Speed:
    """Of one kind of board."""

    runs: int = 0
    device_hours: float = 0.0
    cpu_s: float = 0.0

    @property
    def hours_a_second(self) -> float | None:
        """Virtual device-hours a second of one core."""
        return self.device_hours / self.cpu_s if self.cpu_s else None


@dataclass(frozen=True)
class Least:
    """What shrinking has left of a failing run. `case` None: it did not fail a second time."""

    invariant: str
    of: Case
    case: Case | None
    text: str = ""
    faults: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    repeats: bool = True
    is_least: bool = True
    tries: int = 0
    error: str = ""

    @classmethod
    def from_json(cls, invariant: str, of: Case, facts: Json) -> "Least":
        if "violation" not in facts:
            return cls(invariant, of, None, repeats=False, tries=facts["tries"])
        return cls(
            invariant,
            of,
            Case.from_json(facts["case"]),
            facts["violation"]["text"],
            tuple(facts["faults"]),
            tuple(facts["acts"]),
            facts["repeats"],
            facts["is_least"],
            facts["tries"],
        )


@dataclass
class Totals:
    """What a storm adds up to. Bounded, however long it is."""

    order: Order
    runs: int = 0
    failed: int = 0
    errors: int = 0
    speeds: dict[str, Speed] = field(default_factory=lambda: defaultdict(Speed))
    faults: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    """Runs by the invariant that was broken in them."""
    counts: Counter[str] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)
    queue_max: int = 0
    first: list[Result] = field(default_factory=list)
    failures: list[Result] = field(default_factory=list)
    least: list[Least] = field(default_factory=list)
    interrupted: bool = False
    real_s: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.failed

    @property
    def device_hours(self) -> float:
        return sum(speed.device_hours for speed in self.speeds.values())

    @property
    def pictures(self) -> list[Result]:
        drawn = [result for result in self.failures if not result.error] or self.first
        return drawn[:PICTURES_MAX]

    def add(self, result: Result) -> None:
        self.runs += 1
        if not result.ok:
            self.failed += 1
            self.errors += bool(result.error)
            if len(self.failures) < FAILURES_MAX:
                is_drawn = len(self.failures) < PICTURES_MAX
                self.failures.append(result if is_drawn else replace(result, picture=Picture()))
        if result.error:
            return
        speed = self.speeds[result.kind]
        speed.runs += 1
        speed.device_hours += result.virtual_s / 3_600
        speed.cpu_s += result.cpu_s
        picture = result.picture
        self.faults.update(picture.by_fault)
        self.counts.update(picture.counts)
        self.broken.update(result.invariants)
        self.queue_max = max([self.queue_max, *(depth for _, depth in picture.queue)])
        self.recoveries += picture.recoveries[: RECOVERIES_MAX - len(self.recoveries)]
        if len(self.first) < PICTURES_MAX:
            self.first.append(result)


class Screen(Protocol):
    def seed(self, seed: str, results: Sequence[Result]) -> None:
        """All boards of a seed have been played."""
        ...

    def run(self, result: Result) -> None: ...

    def shrinking(self, case: Case, invariant: str) -> None: ...

    def least(self, least: Least) -> None: ...


class Storm:
    """`play` fills `totals`; a Ctrl-C leaves there what was played until then."""

    def __init__(self, order: Order, screen: Screen) -> None:
        self.totals = Totals(order)
        self._order = order
        self._screen = screen
        self._boards: dict[str, dict[str, Result]] = defaultdict(dict)
        self._shrunk: set[str] = set()

    def play(self) -> Totals:
        begun_s = time.monotonic()
        try:
            self._play()
        finally:
            self.totals.real_s = time.monotonic() - begun_s
        return self.totals

    def _play(self) -> None:
        order = self._order
        with (
            scratch() as folder,
            Crew(order.engine, order.jobs, Path(folder), limit_s) as crew,
        ):
            crew.feed({"case": case.json()} for case in order.cases())
            for job, answer in crew.answers():
                case = Case.from_json(job["case"])
                if "shrink" in job:
                    self._least(case, job["shrink"], answer)
                else:
                    for invariant in self._played(case, answer):
                        self._screen.shrinking(case, invariant)
                        crew.add({"case": case.json(), "shrink": invariant})

    def _played(self, case: Case, answer: Json | Fallen) -> list[str]:
        """Takes a result in; the invariants for which it is to be shrunk."""
        if isinstance(answer, Fallen):
            result = Result(case, error=answer.message)
        else:
            result = Result.from_json(answer)
        self.totals.add(result)
        self._screen.run(result)
        boards = self._boards[case.seed]
        boards[case.board] = result
        if len(boards) == len(self._order.boards):
            self._screen.seed(case.seed, [boards[name] for name in self._order.boards])
            del self._boards[case.seed]
        fresh = [name for name in result.invariants if name not in self._shrunk]
        chosen = fresh[: SHRINKS_MAX - len(self._shrunk)]
        self._shrunk.update(chosen)
        return chosen

    def _least(self, case: Case, invariant: str, answer: Json | Fallen) -> None:
        if isinstance(answer, Fallen):
            least = Least(invariant, case, None, error=answer.message)
        else:
            least = Least.from_json(invariant, case, answer)
        self.totals.least.append(least)
        self._screen.least(least)


def limit_s(job: Json) -> float:
    """Many times what a run takes: only one that hangs is given up."""
    run_s = LIMIT_S + LIMIT_HOUR_S * int(job["case"]["hours"])
    return TIME_MAX_S + 2 * run_s if "shrink" in job else run_s


def seed_facts(seed: str, results: Sequence[Result]) -> dict[str, Any]:
    """One line of `--json`."""
    return {
        "seed": seed,
        "ok": all(result.ok for result in results),
        "runs": [run_facts(result) for result in results],
    }


def run_facts(result: Result) -> dict[str, Any]:
    facts: dict[str, Any] = {"board": result.case.board, "hours": result.case.hours}
    if result.error:
        return {**facts, "error": result.error}
    return {
        **facts,
        "kind": result.kind,
        "digest": result.digest,
        "faults": sum(result.picture.by_fault.values()),
        "cpu_s": result.cpu_s,
        "broken": [{"invariant": one.invariant, "us": one.us, "text": one.text} for one in result.violations],
    }
