"""What a benchmark finds: a value a round for each contestant, and the bars that must hold.

The speed of a computer changes from minute to minute and from one to the next. What is stable is how much
faster one contestant is than another in the same round: so bars are on ratios, paired by round.
"""

import math
import statistics
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Self

Better = Literal["more", "less"]
Of = Literal["median", "max", "min", "sum"]

FAILED = math.nan
"""The value of a round in which a contestant failed."""


class Spread(NamedTuple):
    """Median and quartiles of some rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Self:
        """A round that failed fails the whole: nothing is computed from those that are left."""
        if not values or any(math.isnan(value) for value in values):
            return cls(FAILED, FAILED, FAILED)
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)


@dataclass
class Bar:
    """What a contestant must reach, against another one or (`against` is None) as a value of its own."""

    contestant: str
    against: str | None
    at_least: float | None
    at_most: float | None
    of: Of = "median"
    text: str = ""

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise ValueError(f"a bar for {self.contestant} that nothing could miss")

    def value(self, values: list[float]) -> float:
        if not values or any(math.isnan(value) for value in values):
            return FAILED
        if self.of == "median":
            return statistics.median(values)
        if self.of == "sum":
            return sum(values)
        return max(values) if self.of == "max" else min(values)

    def met_by(self, value: float) -> bool:
        """What failed meets nothing."""
        if math.isnan(value):
            return False
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )

    def wanted(self) -> str:
        """Such as `>= 0.6 x raw socket`."""
        parts = [
            f"{sign} {limit:g}"
            for sign, limit in ((">=", self.at_least), ("<=", self.at_most))
            if limit is not None
        ]
        return " and ".join(parts) + (f" x {self.against}" if self.against else "")


class Verdict(NamedTuple):
    bar: Bar
    value: float
    met: bool


@dataclass
class Figure:
    """One quantity, such as "publish/qos1 window 8": the rounds of each contestant, as many for each."""

    name: str
    unit: str
    better: Better
    rounds: dict[str, list[float]]
    bars: list[Bar] = field(default_factory=list)
    note: str = ""

    def __post_init__(self) -> None:
        if len({len(values) for values in self.rounds.values()}) > 1:
            raise ValueError(f"{self.name}: contestants with different numbers of rounds")
        for bar in self.bars:
            for name in (bar.contestant, bar.against):
                if name is not None and name not in self.rounds:
                    raise ValueError(f"{self.name}: a bar names {name}, which was not measured")

    def spread(self, contestant: str) -> Spread:
        return Spread.of(self.rounds[contestant])

    def ratio(self, contestant: str, against: str) -> list[float]:
        """Round by round."""
        pairs = zip(self.rounds[contestant], self.rounds[against], strict=True)
        return [_ratio(value, other) for value, other in pairs]

    def ratio_spread(self, contestant: str, against: str) -> Spread:
        return Spread.of(self.ratio(contestant, against))

    def verdicts(self) -> list[Verdict]:
        found = []
        for bar in self.bars:
            own = self.rounds[bar.contestant]
            value = bar.value(own if bar.against is None else self.ratio(bar.contestant, bar.against))
            found.append(Verdict(bar, value, bar.met_by(value)))
        return found

    def plain(self) -> dict[str, Any]:
        """For a file; what failed is null, for JSON has no other word for it."""
        return {
            "name": self.name,
            "unit": self.unit,
            "better": self.better,
            "rounds": {name: [_plain(v) for v in values] for name, values in self.rounds.items()},
            "bars": [
                {**vars(bar), "value": _plain(value), "met": met} for bar, value, met in self.verdicts()
            ],
            "note": self.note,
        }

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Self:
        """The reverse of `plain`; verdicts are found anew."""
        rounds = {
            name: [FAILED if v is None else float(v) for v in values]
            for name, values in data["rounds"].items()
        }
        bars = [
            Bar(b["contestant"], b["against"], b["at_least"], b["at_most"], b["of"], b["text"])
            for b in data["bars"]
        ]
        return cls(data["name"], data["unit"], data["better"], rounds, bars, data["note"])


def _ratio(value: float, other: float) -> float:
    if other == 0:
        return 1.0 if value == 0 else math.nan if math.isnan(value) else math.inf
    return value / other


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
