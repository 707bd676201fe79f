"""What is seen of a storm while it blows: a bar on a terminal, lines elsewhere."""

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from host_tools.output import emit, printable, say
from host_tools.storm.case import Case
from host_tools.storm.oracle.broken import at
from host_tools.storm.result import Result
from host_tools.storm.shown.page import figures_of, lines_of
from host_tools.storm.shown.report import least_facts, sums_of
from host_tools.storm.storm import Least, Totals, seed_facts

FAILURES_TOLD = 20
TOLD_A_RUN = 3
PARTS = 10
"""So many lines tell of the progress where there is no terminal."""


class Screen:
    """Failures are told as they come, the least of them when it is found; seeds with `--json`."""

    def __init__(self, runs: int, json_: bool) -> None:
        self._runs = runs
        self._json = json_
        self._done = 0
        self._failed = 0
        self._bar = _Bar(runs) if sys.stderr.isatty() else None

    def __enter__(self) -> "Screen":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def seed(self, seed: str, results: Sequence[Result]) -> None:
        if self._json:
            emit(seed_facts(seed, results))

    def run(self, result: Result) -> None:
        self._done += 1
        self._failed += not result.ok
        if not result.ok and self._failed <= FAILURES_TOLD:
            for line in failure_lines(result):
                say(line)
            if self._failed == FAILURES_TOLD:
                say("more failures are not told here, but counted")
        if self._bar:
            self._bar.advance(f"{self._failed} failed" if self._failed else "")
        elif self._done * PARTS // self._runs > (self._done - 1) * PARTS // self._runs:
            say(f"{self._done} of {self._runs} runs, {self._failed} failed")

    def shrinking(self, case: Case, invariant: str) -> None:
        say(f"{case.spec}: looking for the fewest faults that break `{invariant}`")

    def least(self, least: Least) -> None:
        if self._json:
            emit({"least": least_facts(least)})


def failure_lines(result: Result) -> list[str]:
    name = result.case.spec
    if result.error:
        return [f"{name}: {printable(result.error)}"]
    told = [f"{name}: {at(one.us)} {one.invariant}: {printable(one.text)}" for one in result.violations]
    rest = len(told) - TOLD_A_RUN
    return told[:TOLD_A_RUN] + ([f"{name}: and {rest} more"] if rest > 0 else [])


def tell(totals: Totals, json_: bool) -> None:
    """The figures, and what is left of failures: the last word of a storm."""
    for least in totals.least:
        say("")
        say(f"broken: {least.invariant}")
        for line in lines_of(least):
            say(f"  {printable(line)}")
    if json_:
        emit({"storm": sums_of(totals)})
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False)
    for name, value in figures_of(totals):
        table.add_row(Text(name), Text(value))
    for kind, count in totals.faults.most_common():
        table.add_row(Text(f"  {kind.replace('_', ' ')}"), Text(f"{count:,}"))
    Console().print(table)


class _Bar:
    def __init__(self, runs: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn("storm"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task: Any = self._progress.add_task("", total=runs)

    def start(self) -> None:
        self._progress.start()

    def stop(self) -> None:
        self._progress.stop()

    def advance(self, description: str) -> None:
        self._progress.update(self._task, advance=1, description=description)
