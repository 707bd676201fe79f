"""Contestants that give more than one figure in a round."""

import copy
from collections.abc import Callable

from tests.bench.bench import Bench
from tests.bench.figure import FAILED

Values = dict[str, float]


def fewer(bench: Bench, rounds: int) -> Bench:
    """The same with so many rounds at most: for what takes long, or hardly differs from round to round."""
    less = copy.copy(bench)
    less.rounds = min(bench.rounds, rounds)
    return less


def several(bench: Bench, contestants: dict[str, Callable[[], Values]]) -> dict[str, dict[str, list[float]]]:
    """By quantity: the rounds of each contestant, as `bench.interleave` has them for one quantity. What a
    contestant does not tell of counts as failed."""
    told: dict[str, list[Values]] = {name: [] for name in contestants}

    def telling(name: str) -> Callable[[], float]:
        def measure() -> float:
            told[name].append({})
            told[name][-1] = contestants[name]()
            return 0.0

        return measure

    bench.interleave({name: telling(name) for name in contestants})
    quantities = dict.fromkeys(key for values in told.values() for one in values for key in one)
    return {
        quantity: {name: [one.get(quantity, FAILED) for one in values] for name, values in told.items()}
        for quantity in quantities
    }
