"""The page of a run: one file without scripts and without network. A row a contestant: a dot a round, the
quartiles as a bar, and where its bar for the verdict lies."""

import math
from html import escape

from host_tools.storm.shown.page import STYLE
from host_tools.storm.shown.svg import WIDTH, bar, number, svg
from tests.bench.figure import Bar, Figure
from tests.bench.record import Record, Suite
from tests.bench.table import ratio_of, said, short, spread

ROW_HEIGHT = 22
LOG_FROM = 30
"""From this ratio of the largest to the smallest on, a linear scale would show the largest alone."""
MORE_STYLE = """
.rows { grid-template-columns: 13rem 1fr; } .rows + .axis { margin-left: 13.6rem; }
svg .dot { fill: var(--ink); } svg .fault { opacity: .45; }
.met { color: var(--fault); font-weight: 600; } .missed { color: var(--bad); font-weight: 600; }
ul { margin: .4rem 0; padding-left: 1.2rem; }
@media (max-width: 34rem) { .rows { grid-template-columns: 1fr; } .rows + .axis { margin-left: 0; }
  table { font-size: .8rem; } }
"""


class Scale:
    """Values across the width, from nought, or logarithmic where they lie far apart."""

    def __init__(self, values: list[float]) -> None:
        known = [value for value in values if math.isfinite(value)]
        self.top = max(known, default=1.0) or 1.0
        least = min((value for value in known if value > 0), default=self.top)
        self.is_log = self.top / least > LOG_FROM
        self.bottom = 10 ** math.floor(math.log10(least)) if self.is_log else 0.0

    def x(self, value: float) -> float:
        if self.is_log:
            part = math.log(max(value, self.bottom) / self.bottom) / math.log(self.top / self.bottom)
        else:
            part = value / self.top
        return min(max(part, 0.0), 1.0) * (WIDTH - 20) + 10

    def axis(self) -> str:
        ticks = [self.bottom, (self.bottom * self.top) ** 0.5 if self.is_log else self.top / 2, self.top]
        words = "".join(f"<span>{short(tick)}</span>" for tick in ticks)
        return f'<div class="axis" aria-hidden="true">{words}</div>'


def limit_of(figure: Figure, bar_: Bar) -> float:
    """Where the bar lies on the scale of the values."""
    limit = bar_.at_least if bar_.at_least is not None else bar_.at_most
    assert limit is not None
    return limit * (figure.spread(bar_.against).median if bar_.against else 1.0)


def plot(figure: Figure) -> str:
    limits = {bar_.contestant: limit_of(figure, bar_) for bar_ in figure.bars}
    scale = Scale([value for values in figure.rounds.values() for value in values] + list(limits.values()))
    rows = []
    for name, values in figure.rounds.items():
        found = figure.spread(name)
        content = ""
        if math.isfinite(found.median):
            left, right = scale.x(found.low), scale.x(found.high)
            content += bar(
                left, 4, max(right - left, 2), ROW_HEIGHT - 8, "fault", f"quartiles {spread(found)}"
            )
        for value in values:
            if math.isfinite(value):
                content += bar(scale.x(value) - 2, ROW_HEIGHT / 2 - 2, 4, 4, "dot", short(value))
        if name in limits and math.isfinite(limits[name]):
            x = number(scale.x(limits[name]))
            content += f'<line class="bad" x1="{x}" x2="{x}" y1="0" y2="{ROW_HEIGHT}"/>'
        drawn = svg(content, ROW_HEIGHT, f"{name}: median {short(found.median)} {figure.unit}")
        rows.append(f'<div class="name">{escape(name)}</div><div>{drawn}</div>')
    return f'<div class="rows">{"".join(rows)}</div>{scale.axis()}'


def values_of(figure: Figure) -> str:
    rows = []
    for name in figure.rounds:
        found = figure.spread(name)
        rows.append(
            f'<tr><td>{escape(name)}</td><td class="number">{short(found.median)}</td>'
            f'<td class="number">{escape(spread(found))}</td><td>{escape(ratio_of(figure, name))}</td></tr>'
        )
    head = "<tr><th>contestant</th><th>median</th><th>quartiles</th><th>ratio, with quartiles</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def verdicts_of(figure: Figure) -> str:
    items = []
    for verdict in figure.verdicts():
        word, kind = ("met", "met") if verdict.met else ("not met", "missed")
        items.append(
            f'<li><span class="{kind}">{word}</span>: {escape(verdict.bar.text)}'
            f" <small>{escape(verdict.bar.contestant)}: {escape(said(verdict))}</small></li>"
        )
    return f"<ul>{''.join(items)}</ul>" if items else ""


def figure_of(figure: Figure) -> str:
    note = f'<p class="muted">{escape(figure.note)}</p>' if figure.note else ""
    title = f"{escape(figure.name)} <small>{escape(figure.unit)}, {figure.better} is better</small>"
    return f"<h3>{title}</h3>{verdicts_of(figure)}{plot(figure)}{values_of(figure)}{note}"


def suite_of(suite: Suite) -> str:
    failures = "".join(f'<p class="missed">failed: {escape(text)}</p>' for text in suite.failures)
    figures = "\n".join(map(figure_of, suite.figures))
    return f"<h2>{escape(suite.name)}</h2><p>{escape(suite.tells)}</p>{failures}{figures}"


def page(record: Record) -> str:
    verdicts = [verdict for figure in record.figures().values() for verdict in figure.verdicts()]
    missed = sum(not verdict.met for verdict in verdicts)
    met = f"{len(verdicts) - missed} of {len(verdicts)} bars are met"
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in record.machine.items()
    )
    body = "\n".join(map(suite_of, record.suites))
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Benchmarks</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>{STYLE}{MORE_STYLE}</style></head>
<body>
<h1>Benchmarks</h1>
<p class="verdict{" failed" if missed else ""}">{met}</p>
<p>A dot a round, the quartiles as a bar; the red line is where a contestant's bar lies, at the median of the
partner that it is held against. Rounds are interleaved, ratios are taken round by round.</p>
{body}
<h2>Measured with</h2>
<table>{rows}</table>
</body>
</html>
"""
