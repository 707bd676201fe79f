"""How the benchmarks make figures of many times, and when their rounds begin."""

import math
from pathlib import Path

from rich.console import Console

from tests.bench.bench import Bench, Unmeasured
from tests.bench.outages import Plan
from tests.bench.outages_wave import AWAY, FROZEN, Outage
from tests.bench.times import in_ms, percentile, taken


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 99), percentile(values, 100)) == (50, 99, 100)
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0
    assert percentile([7.0], 50) == 7.0


def test_a_round_that_failed_has_no_percentile(tmp_path: Path) -> None:
    """And the others keep theirs, in their places."""
    given = iter(([0.001, 0.003], [], [0.002]))

    def measure() -> list[float]:
        found = next(given)
        if not found:
            raise Unmeasured("no answer")
        return found

    bench = Bench(tmp_path / "bench", Console(quiet=True), rounds=3)
    rounds = in_ms(taken(bench, {"ours": measure}), 99)["ours"]
    assert (rounds[0], rounds[2]) == (3.0, 2.0)
    assert math.isnan(rounds[1])
    assert len(bench.failures) == 1


def test_outages_begin_one_after_the_other() -> None:
    long, short = Outage(FROZEN, 120), Outage(AWAY, 10)
    assert Plan((long, short), 10).begins(2) == [(long, 0, 0), (long, 1, 10), (short, 0, 20), (short, 1, 30)]
