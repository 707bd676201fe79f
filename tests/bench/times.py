"""Figures from many times measured: each contestant has a series of them in each round."""

import functools
import math
from collections.abc import Callable

from tests.bench.bench import Bench
from tests.bench.figure import FAILED

Series = dict[str, list[list[float]]]
"""By contestant, round by round, in seconds; a round that failed is empty."""


def percentile(values: list[float], percent: float) -> float:
    """The nearest rank: a value that was measured, the largest one where there are few."""
    if not values:
        return FAILED
    return sorted(values)[max(0, math.ceil(percent / 100 * len(values)) - 1)]


def taken(bench: Bench, contestants: dict[str, Callable[[], list[float]]]) -> Series:
    """All rounds, in turns."""
    series: Series = {name: [] for name in contestants}

    def one(name: str, measure: Callable[[], list[float]]) -> float:
        series[name].append([])
        series[name][-1] = measure()
        return 0.0  # what counts is in `series`

    bench.interleave({name: functools.partial(one, name, each) for name, each in contestants.items()})
    return series


def in_ms(series: Series, percent: float) -> dict[str, list[float]]:
    """A percentile of each round."""
    return {
        name: [1000 * percentile(values, percent) for values in rounds] for name, rounds in series.items()
    }
