"""What the benchmarks compute from their rounds, and how they take turns."""

import math
from pathlib import Path

import pytest
from rich.console import Console

from host_tools.errors import ToolError
from tests.bench.bench import Bench
from tests.bench.figure import FAILED, Bar, Figure


def rates(*bars: Bar) -> Figure:
    rounds = {"ours": [50.0, 30.0, 90.0], "raw": [100.0, 50.0, 100.0]}
    return Figure("publish/x", "messages/s", "more", rounds, list(bars))


def test_ratios_are_paired_by_round() -> None:
    assert rates().ratio("ours", "raw") == [0.5, 0.6, 0.9]
    assert rates().ratio_spread("ours", "raw") == pytest.approx((0.6, 0.55, 0.75))


@pytest.mark.parametrize(
    ("bar", "value", "met"),
    [
        (Bar("ours", "raw", 0.6, None), 0.6, True),
        (Bar("ours", "raw", 0.61, None), 0.6, False),
        (Bar("ours", "raw", 0.6, None, "min"), 0.5, False),
        (Bar("ours", "raw", None, 0.9, "max"), 0.9, True),
        (Bar("ours", None, None, 170, "sum"), 170, True),
        (Bar("ours", None, None, 169, "sum"), 170, False),
    ],
)
def test_a_bar_is_met_or_not(bar: Bar, value: float, met: bool) -> None:
    (found,) = rates(bar).verdicts()
    assert found.bar is bar
    assert found.value == pytest.approx(value)
    assert found.met is met


def test_what_failed_meets_no_bar() -> None:
    bars = [Bar("ours", "raw", 0.1, None), Bar("ours", None, None, 1e9, "sum")]
    figure = Figure("f", "s", "less", {"ours": [1.0, FAILED], "raw": [1.0, 1.0]}, bars)
    assert [(math.isnan(value), met) for _, value, met in figure.verdicts()] == [(True, False)] * 2
    assert math.isnan(figure.spread("ours").median)
    again = Figure.from_plain(figure.plain())
    assert math.isnan(again.rounds["ours"][1])
    assert again.plain() == figure.plain()


def test_nothing_against_nothing_is_as_good() -> None:
    figure = Figure("heap", "bytes", "less", {"ours": [0.0, 8.0], "other": [0.0, 0.0]})
    assert figure.ratio("ours", "other") == [1.0, math.inf]


def test_a_bar_names_who_was_measured_and_can_be_missed() -> None:
    with pytest.raises(ValueError, match="names nobody"):
        rates(Bar("ours", "nobody", 1, None))
    with pytest.raises(ValueError, match="nothing could miss"):
        Bar("ours", "raw", None, None)
    with pytest.raises(ValueError, match="numbers of rounds"):
        Figure("f", "s", "less", {"ours": [1.0], "raw": [1.0, 1.0]})


def test_contestants_take_turns_and_a_failure_is_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "bench", Console(quiet=True), rounds=3)
    turns: list[str] = []

    def one(name: str) -> float:
        turns.append(name)
        if (name, turns.count(name)) == ("b", 2):
            raise ToolError("it broke")
        return 1

    rounds = bench.interleave({name: lambda name=name: one(name) for name in "abc"})  # type: ignore[misc]
    assert "".join(turns) == "abcbcacab"
    assert rounds["a"] == rounds["c"] == [1.0, 1.0, 1.0]
    assert [math.isnan(value) for value in rounds["b"]] == [False, True, False]
    assert bench.failures == ["b, round 2: ToolError: it broke"]
