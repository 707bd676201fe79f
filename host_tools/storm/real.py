"""The simulator itself, as a storm asks for it."""

from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

from host_tools.storm import oracle, play
from host_tools.storm.case import Case
from host_tools.storm.engine import Planned, Run
from host_tools.storm.oracle.broken import Broken
from host_tools.storm.weather import plan


class Real:
    def prepare(self) -> None:
        play.steady()

    def boards(self, count: int) -> list[str]:
        return play.boards_of(count)

    def faults(self, case: Case) -> list[Planned]:
        return [_planned(fault) for fault in _plan(case).faults]

    def acts(self, case: Case) -> list[Planned]:
        return [_planned(act) for act in _plan(case).acts]

    def run(self, case: Case, folder: Path) -> Run:
        chosen = _plan(case)
        played = play.play(case.seed, case.board, chosen, folder / "world")
        broken = oracle.judge(played.records, played.config, [asdict(fault) for fault in chosen.faults])
        violations = [Broken(one.invariant, one.us, one.text) for one in broken]
        return Run(played.records, played.config, played.digest, played.virtual_s, played.cpu_s, violations)


@cache
def _config(board: str) -> dict[str, Any]:
    return play.config_of(board)


def _plan(case: Case) -> plan.Plan:
    """What is left of the plan of its seed."""
    whole = plan.made(case.seed, case.hours, case.board, _config(case.board))
    gone = _gone(whole.faults, case.faults) | _gone(whole.acts, case.acts)
    left = whole.without(gone)
    if case.until is None:
        return left
    shorter = replace(left, hours=case.until)
    late = {one.number for one in (*left.faults, *left.acts) if one.until_us > shorter.calm_us}
    return shorter.without(late)


def _gone(planned: tuple[plan.Fault, ...], kept: tuple[int, ...] | None) -> set[int]:
    return set() if kept is None else {one.number for one in planned} - set(kept)


def _planned(fault: plan.Fault) -> Planned:
    return Planned(fault.number, fault.at_us, fault.lasts_us, fault.kind, fault.args)
