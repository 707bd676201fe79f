"""Contestants with several figures in a round: a round that failed is failed for all of them."""

import io
import math
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from host_tools.errors import ToolError
from tests.bench.bench import Bench
from tests.bench.several import Values, fewer, several


def counting(failing: int = 0) -> Callable[[], Values]:
    calls = [0]

    def measure() -> Values:
        calls[0] += 1
        if calls[0] == failing:
            raise ToolError("no room")
        return {"bytes": 10.0 * calls[0], "erases": 1.0}

    return measure


def test_rounds_by_quantity_and_a_failed_one(run_dir: Path) -> None:
    bench = fewer(Bench(run_dir / "bench", Console(file=io.StringIO()), rounds=7), 3)
    found = several(bench, {"a": counting(), "b": counting(failing=2)})
    assert found["bytes"]["a"] == [10.0, 20.0, 30.0] and found["erases"]["a"] == [1.0] * 3
    assert [math.isnan(value) for value in found["bytes"]["b"]] == [False, True, False]
    assert [math.isnan(value) for value in found["erases"]["b"]] == [False, True, False]
    assert bench.failures == ["b, round 2: ToolError: no room"]
