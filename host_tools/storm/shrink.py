"""Of a run that breaks an invariant, the least that still does: fewest faults, then fewest acts of people,
then fewest hours.

Delta debugging (Zeller and Hildebrandt 2002): halves, then quarters and so on are left out, and what does not
bring the same invariant back was needed. Bounded in tries and in time; what has been reached then is told.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from host_tools.storm.agenda import BEGIN_US
from host_tools.storm.case import Case, Numbers
from host_tools.storm.engine import Planned
from host_tools.storm.oracle.broken import HOUR_US, Broken
from host_tools.storm.result import Result

TRIES_MAX = 400
TIME_MAX_S = 600.0
CALM_US = 900_000_000
"""Every run ends in that much calm, in which nothing may be planned."""

Try = Callable[[Case], Result]
Clock = Callable[[], float]


@dataclass(frozen=True)
class Shrunk:
    """`repeats` False: the same run went another way the second time, which is a fault of its own."""

    case: Case
    violation: Broken
    repeats: bool
    tries: int
    is_least: bool
    """Nothing more can be left out; otherwise tries or time were used up."""


class Spent(Exception):
    """Tries or time are used up."""


class Shrinker:
    def __init__(
        self,
        result: Result,
        invariant: str,
        attempt: Try,
        tries_max: int = TRIES_MAX,
        time_max_s: float = TIME_MAX_S,
        clock: Clock = time.monotonic,
    ) -> None:
        self._invariant = invariant
        self._attempt = attempt
        self._tries_max = tries_max
        self._end_s = clock() + time_max_s
        self._clock = clock
        self._digest = result.digest
        self.case = result.case
        self.violation = self._found(result)
        self._known: dict[Case, Result] = {}
        self.tries = 1  # the one that says whether it repeats

    def shrink(self, faults: Sequence[Planned], acts: Sequence[Planned]) -> Shrunk:
        """`faults` and `acts` are those of the result's case."""
        is_least = False
        again = self._attempt(self.case)
        repeats = again.digest == self._digest
        if self._found(again) is not None:
            try:
                self._leave_out(faults, acts)
                is_least = True
            except Spent:
                pass
        assert self.violation is not None
        return Shrunk(self.case, self.violation, repeats, self.tries, is_least)

    def _leave_out(self, faults: Sequence[Planned], acts: Sequence[Planned]) -> None:
        def with_faults(numbers: Numbers) -> Case:
            return replace(self.case, faults=numbers)

        def with_acts(numbers: Numbers) -> Case:
            return replace(self.case, acts=numbers)

        kept_faults = self._least(faults, with_faults)
        kept_acts = self._least(acts, with_acts)
        needed = [one for one in faults if one.number in kept_faults]
        needed += [one for one in acts if one.number in kept_acts]
        self._fewer_hours(needed)
        if self.case.until is not None:  # a fault may have been needed only to get through those hours
            self._least([one for one in faults if one.number in kept_faults], with_faults)

    def _least(self, planned: Sequence[Planned], narrowed: Callable[[Numbers], Case]) -> Numbers:
        """The numbers that are needed. What begins after the invariant broke cannot be, as a rule."""
        assert self.violation is not None
        numbers = tuple(one.number for one in planned)
        if not numbers:
            return numbers
        before = tuple(one.number for one in planned if one.at_us <= self.violation.us)
        if before != numbers and self._holds(narrowed(before)):
            numbers = before
        if numbers and self._holds(narrowed(())):
            return ()
        parts = 2
        while len(numbers) > 1:
            smaller = next(
                (rest for rest in _without_one_part(numbers, parts) if self._holds(narrowed(rest))), None
            )
            if smaller is not None:
                numbers, parts = smaller, max(parts - 1, 2)
            elif parts < len(numbers):
                parts = min(parts * 2, len(numbers))
            else:
                break
        return numbers

    def _fewer_hours(self, needed: Sequence[Planned]) -> None:
        last_us = max((one.at_us + one.lasts_us for one in needed), default=BEGIN_US)
        least = max(1, -(-(last_us - BEGIN_US + CALM_US) // HOUR_US))
        for hours in sorted({least, least + 1, 2 * least}):
            if hours < (self.case.until or self.case.hours) and self._holds(replace(self.case, until=hours)):
                return

    def _holds(self, case: Case) -> bool:
        """Whether the same invariant is broken in that run; then that run is what is left."""
        violation = self._found(self._run(case))
        if violation is None:
            return False
        self.case, self.violation = case, violation
        return True

    def _run(self, case: Case) -> Result:
        if case in self._known:
            return self._known[case]
        if self.tries >= self._tries_max or self._clock() >= self._end_s:
            raise Spent
        self.tries += 1
        self._known[case] = self._attempt(case)
        return self._known[case]

    def _found(self, result: Result) -> Broken | None:
        return next((one for one in result.violations if one.invariant == self._invariant), None)


def _without_one_part(numbers: Numbers, parts: int) -> Iterator[Numbers]:
    """All but one of `parts` parts, the last one first: what came late is least likely needed."""
    edges = [len(numbers) * part // parts for part in range(parts + 1)]
    for begin, end in reversed(list(pairwise(edges))):
        if begin < end:
            yield numbers[:begin] + numbers[end:]
