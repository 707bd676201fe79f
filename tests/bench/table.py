"""What was found, on the terminal."""

import math

from rich.console import Console
from rich.table import Table

from tests.bench.figure import Figure, Spread, Verdict
from tests.bench.record import Record, Suite

DASH = "failed"


def short(value: float) -> str:
    """Three digits that count."""
    if math.isnan(value):
        return DASH
    if math.isinf(value):
        return "inf"
    if value != 0 and abs(value) < 0.01:
        return f"{value:.2g}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(found: Spread) -> str:
    return f"{short(found.low)} to {short(found.high)}"


def ratio_of(figure: Figure, contestant: str) -> str:
    """Against the partner of the first bar that names it; the partner itself has none."""
    for bar in figure.bars:
        if bar.contestant == contestant and bar.against is not None:
            found = figure.ratio_spread(contestant, bar.against)
            return f"{short(found.median)} x {bar.against} ({spread(found)})"
    return ""


def said(verdict: Verdict) -> str:
    how = "" if verdict.bar.of == "median" else f"{verdict.bar.of} "
    return f"{how}{short(verdict.value)}, wanted {verdict.bar.wanted()}"


def table_of(suite: Suite) -> Table:
    table = Table(title=f"{suite.name}: {suite.tells}", title_justify="left", expand=False)
    for name in ("figure", "contestant", "median", "quartiles", "ratio"):
        table.add_column(
            name, justify="right" if name in ("median", "quartiles") else "left", overflow="fold"
        )
    for figure in suite.figures:
        label = f"{figure.name}\n{figure.unit}, {figure.better} is better"
        for contestant in figure.rounds:
            found = figure.spread(contestant)
            table.add_row(label, contestant, short(found.median), spread(found), ratio_of(figure, contestant))
            label = ""
        table.add_section()
    return table


def show(record: Record, console: Console) -> None:
    for suite in record.suites:
        console.print(table_of(suite), markup=False)
        for failure in suite.failures:
            console.print(f"failed: {failure}", style="red", markup=False, highlight=False)
    console.print()
    for figure in record.figures().values():
        for verdict in figure.verdicts():
            word, style = ("met    ", "green") if verdict.met else ("NOT MET", "bold red")
            console.print(word, style=style, end=" ")
            text = f"{figure.name}, {verdict.bar.contestant}: {said(verdict)}"
            console.print(text, markup=False, highlight=False)
    verdicts = [verdict for figure in record.figures().values() for verdict in figure.verdicts()]
    console.print(f"{sum(v.met for v in verdicts)} of {len(verdicts)} bars are met", highlight=False)
