"""`make bench-compare`: what has changed between two runs.

    python -m tests.bench.compare OLD.json NEW.json

Ratios are compared, not values: those of a busy or another computer say little. A ratio has changed clearly
when the two runs' quartiles do not overlap and the medians are more than a tenth apart. Exit status 1:
something is clearly worse, failed, or a bar that was met is not met any more.
"""

import argparse
import math
import sys
from pathlib import Path
from typing import Literal, NamedTuple

from rich.console import Console
from rich.table import Table

from host_tools.errors import ToolError
from tests.bench.figure import Bar, Figure, Spread
from tests.bench.record import read
from tests.bench.table import short, spread

CLEAR = 0.1
"""Of the median: less than that is not worth a word, however quiet the computer was."""

Judgement = Literal[
    "clearly better", "clearly worse", "within the spread", "failed now", "failed before", "not comparable"
]


class Change(NamedTuple):
    figure: str
    what: str
    old: Spread
    new: Spread
    judgement: Judgement
    bar_lost: bool

    @property
    def is_bad(self) -> bool:
        return self.bar_lost or self.judgement in ("clearly worse", "failed now")


def judge(old: Spread, new: Spread, better: str) -> Judgement:
    if math.isnan(new.median):
        return "failed now"
    if math.isnan(old.median):
        return "failed before"
    apart = abs(new.median - old.median) > CLEAR * abs(old.median)
    if not apart or (new.low <= old.high and old.low <= new.high):
        return "within the spread"
    return "clearly better" if (new.median > old.median) == (better == "more") else "clearly worse"


def of_bar(figure: Figure, bar: Bar) -> Spread:
    return (
        figure.spread(bar.contestant)
        if bar.against is None
        else figure.ratio_spread(bar.contestant, bar.against)
    )


def changes(old: dict[str, Figure], new: dict[str, Figure]) -> list[Change]:
    """A line for each bar that both runs have; values without a partner depend on the computer and are not
    judged, only whether their bar is still met."""
    found = []
    for name in [name for name in new if name in old]:
        before = {(v.bar.contestant, v.bar.against, v.bar.of): v for v in old[name].verdicts()}
        for verdict in new[name].verdicts():
            bar = verdict.bar
            other = before.get((bar.contestant, bar.against, bar.of))
            if other is None:
                continue
            was, now = of_bar(old[name], other.bar), of_bar(new[name], bar)
            judged = judge(was, now, new[name].better)
            if bar.against is None and judged not in ("failed now", "failed before"):
                judged = "not comparable"
            what = bar.contestant + (f" / {bar.against}" if bar.against else "")
            found.append(Change(name, what, was, now, judged, other.met and not verdict.met))
    return found


def show(found: list[Change], console: Console) -> None:
    table = Table("figure", "ratio", "before", "now", "judgement")
    for change in found:
        words = change.judgement + (", bar no longer met" if change.bar_lost else "")
        style = "red" if change.is_bad else "green" if change.judgement == "clearly better" else ""
        before, now = (f"{short(s.median)} ({spread(s)})" for s in (change.old, change.new))
        table.add_row(change.figure, change.what, before, now, words, style=style)
    console.print(table, markup=False)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench-compare", description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    asked = parser.parse_args(words)
    try:
        old, new = read(asked.old).figures(), read(asked.new).figures()
    except ToolError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return error.status
    found = changes(old, new)
    console = Console()
    show(found, console)
    for text, names in (("only before", old.keys() - new.keys()), ("only now", new.keys() - old.keys())):
        if names:
            console.print(f"{text}: {', '.join(sorted(names))}", highlight=False)
    bad = sum(change.is_bad for change in found)
    console.print(f"{len(found)} compared, {bad} clearly worse", highlight=False)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
