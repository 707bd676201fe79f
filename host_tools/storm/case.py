"""One run of one board, named so that it can be typed: `17/box-1:faults=3,8:acts=none:until=5`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from host_tools.errors import BadInput
from host_tools.output import printable

HOURS_MAX = 24 * 31
SEED_MAX_DIGITS = 18
NUMBERS_MAX = 5_000
NONE = "none"

_SEED = re.compile(f"[0-9]{{1,{SEED_MAX_DIGITS}}}")
FORM = "SEED, SEED/BOARD or SEED/BOARD:faults=3,8:acts=none:until=5"

Numbers = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """The plan of a seed, whole or what is left of it: only these faults, only these acts of people, and
    the run ends after `until` hours. None: all of them."""

    seed: str
    board: str
    hours: int
    faults: Numbers | None = None
    acts: Numbers | None = None
    until: int | None = None

    @property
    def name(self) -> str:
        return f"{self.seed}-{self.board}"

    @property
    def is_whole(self) -> bool:
        return self.faults is None and self.acts is None and self.until is None

    @property
    def spec(self) -> str:
        text = f"{self.seed}/{self.board}"
        if self.faults is not None:
            text += f":faults={_listed(self.faults)}"
        if self.acts is not None:
            text += f":acts={_listed(self.acts)}"
        if self.until is not None:
            text += f":until={self.until}"
        return text

    @property
    def command(self) -> str:
        """What to type for this very run."""
        return f"sportbox sim storm --hours {self.hours} --replay {self.spec}"

    @property
    def whole(self) -> "Case":
        return replace(self, faults=None, acts=None, until=None)

    def json(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"seed": self.seed, "board": self.board, "hours": self.hours}
        if self.faults is not None:
            facts["only_faults"] = list(self.faults)
        if self.acts is not None:
            facts["only_acts"] = list(self.acts)
        if self.until is not None:
            facts["until"] = self.until
        return facts

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "Case":
        def numbers(name: str) -> Numbers | None:
            return tuple(facts[name]) if name in facts else None

        return cls(
            facts["seed"],
            facts["board"],
            facts["hours"],
            numbers("only_faults"),
            numbers("only_acts"),
            facts.get("until"),
        )


def _listed(numbers: Iterable[int]) -> str:
    return ",".join(map(str, sorted(numbers))) or NONE


def seed_of(text: str, option: str) -> str:
    """A seed as it is typed; leading zeros are nobody's other seed."""
    if not _SEED.fullmatch(text):
        raise BadInput(
            f"{option}: `{printable(text)}` is no seed", f"{option} 17: a number, as a storm prints it"
        )
    return str(int(text))


def cases_of(text: str, hours: int, boards: list[str], known: list[str]) -> list[Case]:
    """What `--replay` names: one of the `known` boards' run, or those of all `boards`."""
    head, *parts = text.split(":")
    seed, slash, board = head.partition("/")
    seed = seed_of(seed, "--replay")
    if not slash:
        if parts:
            raise BadInput(f"--replay: `{printable(text)}` names no board", f"--replay {FORM}")
        return [Case(seed, name, hours) for name in boards]
    if board not in known:
        raise BadInput(
            f"--replay: there is no board `{printable(board)}`", f"boards: {', '.join(boards)}, and so on"
        )
    case = Case(seed, board, hours)
    for part in parts:
        case = _narrowed(case, part)
    return [case]


def _narrowed(case: Case, part: str) -> Case:
    name, _, value = part.partition("=")
    if name == "faults" and case.faults is None:
        return replace(case, faults=_numbers(part, value))
    if name == "acts" and case.acts is None:
        return replace(case, acts=_numbers(part, value))
    if name == "until" and case.until is None and re.fullmatch("[0-9]{1,4}", value):
        if not 1 <= int(value) <= case.hours:
            raise BadInput(
                f"--replay: until={value} is not in 1 to {case.hours}", "--hours as it was in the storm"
            )
        return replace(case, until=int(value))
    raise BadInput(f"--replay: `{printable(part)}` is not understood", f"--replay {FORM}")


def _numbers(part: str, value: str) -> Numbers:
    if value == NONE:
        return ()
    found = value.split(",")
    if len(found) > NUMBERS_MAX or not all(re.fullmatch("[0-9]{1,9}", number) for number in found):
        raise BadInput(f"--replay: `{printable(part)}` is no list of numbers", f"--replay {FORM}")
    return tuple(sorted({int(number) for number in found}))
