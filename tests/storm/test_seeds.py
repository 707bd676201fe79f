"""What CI plays of the storm: a short, fixed set of seeds with the shipped firmware, and one of them twice.
`make storm` is the long run."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from host_tools.storm.case import Case
from host_tools.storm.engine import ENGINE
from host_tools.storm.replay import replay
from host_tools.storm.result import Result
from host_tools.storm.shown.page import figures_of, lines_of
from host_tools.storm.shown.screen import failure_lines
from host_tools.storm.storm import Least, Order, Storm

FIRST, SEEDS, HOURS = 1, 2, 4
BOARDS = ["box-1", "court-1"]
JOBS = 2


class Quiet:
    def seed(self, seed: str, results: Sequence[Result]) -> None:
        return None

    def run(self, result: Result) -> None:
        return None

    def shrinking(self, case: Case, invariant: str) -> None:
        return None

    def least(self, least: Least) -> None:
        return None


def test_nothing_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    order = Order(FIRST, SEEDS, BOARDS, HOURS, JOBS, ENGINE)
    totals = Storm(order, Quiet()).play()
    with capsys.disabled():
        print("\n" + "\n".join(f"{name}: {value}" for name, value in figures_of(totals)))
    told = [line for result in totals.failures for line in [*failure_lines(result), result.details]]
    told += [line for least in totals.least for line in lines_of(least)]
    assert totals.ok, "\n".join(told)
    assert totals.runs == SEEDS * len(BOARDS)
    assert totals.faults and totals.counts


@pytest.mark.parametrize("board", ["box-1", "court-1"])
def test_the_same_seed_is_the_same_run(board: str, tmp_path: Path) -> None:
    found = replay(Case("7", board, 2), ENGINE, tmp_path)
    assert not found.error, found.first.details or found.second.details or found.error
    assert found.is_same, found.difference()
