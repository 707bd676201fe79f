"""The page of a storm: one file without scripts and without network, light or dark, for a phone, too."""

from collections.abc import Iterable, Sequence
from html import escape

from host_tools.storm.agenda import BEGIN_US
from host_tools.storm.oracle.broken import at
from host_tools.storm.result import Result
from host_tools.storm.shown.svg import bins, histogram, queue, timeline
from host_tools.storm.storm import Least, Totals

TOLD_MAX = 30
"""Faults that are told one by one."""
STYLE = """
:root { color-scheme: light dark; --paper: #fcfcfb; --ink: #1b1b1a; --muted: #5f5e5a; --line: #d9d8d3;
  --row: #efeeea; --fault: #2a78d6; --off: #8a8880; --gap: #e3e2dc; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --paper: #1a1a19; --ink: #f0efec; --muted: #b3b1ab;
  --line: #3d3c39; --row: #262624; --fault: #5a9bea; --off: #85837c; --gap: #33322f; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { font: 16px/1.45 system-ui, sans-serif; background: var(--paper); color: var(--ink);
  max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; } p { margin: .4rem 0; }
.item { margin-left: 1.2rem; }
.verdict { font-weight: 600; border-left: .4rem solid var(--fault); padding: .3rem .8rem; }
.verdict.failed { border-color: var(--bad); color: var(--bad); }
small, .muted { color: var(--muted); font-size: .85rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0;
  border-bottom: 1px solid var(--line); }
td.number, .count { text-align: right; font-variant-numeric: tabular-nums; }
code { font-family: ui-monospace, monospace; font-size: .85rem; }
pre { background: var(--row); padding: .5rem; white-space: pre-wrap; margin: .4rem 0; }
svg { display: block; width: 100%; background: var(--row); }
svg .fault { fill: var(--fault); } svg .off { fill: var(--off); } svg .gap { fill: var(--gap); }
svg .line { fill: none; stroke: var(--fault); stroke-width: 2; vector-effect: non-scaling-stroke; }
svg .bad { stroke: var(--bad); stroke-width: 2; vector-effect: non-scaling-stroke; }
.rows { display: grid; grid-template-columns: 11rem 1fr; gap: .3rem .6rem; align-items: center; }
.bins { display: grid; grid-template-columns: 7rem 1fr 4rem; gap: .3rem .6rem; align-items: center; }
.name { font-size: .85rem; }
.axis { display: flex; justify-content: space-between; font-size: .75rem; color: var(--muted); }
.rows + .axis { margin-left: 11.6rem; } .top { font-size: .75rem; color: var(--muted); }
@media (max-width: 34rem) { .rows { grid-template-columns: 1fr; gap: .1rem; }
  .rows + .axis { margin-left: 0; } }
"""


def page(totals: Totals) -> str:
    body = [
        "<h1>Storm</h1>",
        _verdict(totals),
        _figures(totals),
        *map(_least, totals.least),
        _failures(totals.failures, totals.failed),
        _recoveries(totals.recoveries),
        *map(_run, totals.pictures),
        _counted("Faults by kind", totals.faults.most_common()),
        _counted("What happened", totals.counts.most_common()),
    ]
    content = "\n".join(part for part in body if part)
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Storm</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>{STYLE}</style></head>
<body>
{content}
</body>
</html>
"""


def verdict_of(totals: Totals) -> str:
    played = f"{totals.runs:,} {'run' if totals.runs == 1 else 'runs'}"
    early = ", ended before all were played" if totals.interrupted else ""
    if totals.ok:
        return f"No invariant was broken in {played}{early}"
    broken = totals.failed - totals.errors
    parts = [f"an invariant was broken in {broken:,}"] if broken else []
    parts += [f"the simulator itself failed in {totals.errors:,}"] if totals.errors else []
    return f"Of {played}{early}: {', '.join(parts)}"


def figures_of(totals: Totals) -> list[tuple[str, str]]:
    """Name and value, for the page and for the terminal."""
    order = totals.order
    seeds = f"{order.count:,}"
    if order.count > 1:
        seeds += f" ({order.first} to {order.first + order.count - 1})"
    figures = [
        ("seeds", seeds),
        ("boards", ", ".join(order.boards)),
        ("runs", f"{totals.runs:,} of {order.runs:,}"),
        ("virtual device-hours", f"{totals.device_hours:,.0f}"),
    ]
    for kind, speed in sorted(totals.speeds.items()):
        if speed.hours_a_second is not None:
            rate = f"{speed.hours_a_second:,.1f}"
            figures.append((f"device-hours a second a core, {kind}", rate))
    figures += [
        (
            "real time",
            f"{totals.real_s:,.0f} s, {order.jobs} {'process' if order.jobs == 1 else 'processes'}",
        ),
        ("faults", f"{sum(totals.faults.values()):,} of {len(totals.faults)} kinds"),
        ("recoveries", _recovered(totals.recoveries)),
        ("longest outbox told", f"{totals.queue_max:,} events"),
    ]
    broken = ", ".join(f"{name} in {count:,}" for name, count in totals.broken.most_common())
    figures.append(("broken invariants", broken or "none"))
    return figures


def _recovered(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    ordered = sorted(seconds)
    median, late = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    within = f"half within {median:.1f} s, 99 % within {late:.1f} s, all within {ordered[-1]:.1f} s"
    return f"{len(ordered):,}; {within}"


def _verdict(totals: Totals) -> str:
    failed = "" if totals.ok else " failed"
    return f'<p class="verdict{failed}">{escape(verdict_of(totals))}.</p>'


def _figures(totals: Totals) -> str:
    rows = (f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in figures_of(totals))
    return f"<h2>Figures</h2><table>{''.join(rows)}</table>"


def _least(least: Least) -> str:
    return f"<h2>Broken: {escape(least.invariant)}</h2>{''.join(map(_line, lines_of(least)))}"


def _line(line: str) -> str:
    if line.startswith("sportbox "):
        return f"<pre><code>{escape(line)}</code></pre>"
    return f'<p class="item">{escape(line)}</p>' if line.startswith("  ") else f"<p>{escape(line)}</p>"


def lines_of(least: Least) -> list[str]:
    """What is left of a failing run, for a person, and the command that plays it."""
    if least.case is None:
        why = least.error or "it did not break again: the run is not the same twice"
        return [f"Seed {least.of.seed}, {least.of.board}: not shrunk, {why}.", least.of.command]
    lines = [f"Seed {least.case.seed}, {least.case.board}: {least.text}"]
    if not least.repeats:
        lines.append(
            "The same run went another way the second time: the simulator is not deterministic here."
        )
    count = len(least.faults)
    lines.append(
        f"The fewest faults that break it, after {least.tries} tries: {count}" + (":" if count else ".")
    )
    lines += _listed(least.faults)
    if least.acts:
        lines += [f"And what people do: {len(least.acts)}:", *_listed(least.acts)]
    if not least.is_least:
        lines.append("The time for shrinking was used up: fewer may do.")
    return [*lines, least.case.command]


def _listed(told: Sequence[str]) -> list[str]:
    rest = [f"  and {len(told) - TOLD_MAX} more"] if len(told) > TOLD_MAX else []
    return [f"  {line}" for line in told[:TOLD_MAX]] + rest


def _failures(failures: Sequence[Result], count: int) -> str:
    if not failures:
        return ""
    rows = "".join(_failure(result) for result in failures)
    more = f"<p>And {count - len(failures):,} more.</p>" if count > len(failures) else ""
    return f"<h2>Failed runs</h2><table><tr><th>run</th><th>what</th></tr>{rows}</table>{more}"


def _failure(result: Result) -> str:
    what = [result.error] if result.error else []
    what += [f"{at(one.us)} {one.invariant}: {one.text}" for one in result.violations]
    told = "<br>".join(map(escape, what))
    return f"<tr><td>{escape(result.case.spec)}</td><td>{told}</td></tr>"


def _recoveries(seconds: Sequence[float]) -> str:
    if not seconds:
        return ""
    return (
        "<h2>Back online after a fault</h2>"
        '<p class="muted">From the end of the last fault of an outage, or the start after it.</p>'
        + histogram(bins(seconds))
    )


def _run(result: Result) -> str:
    broken_s = [(one.us - BEGIN_US) / 1e6 for one in result.violations]
    broken = f"; red: {', '.join(result.invariants)}" if broken_s else ""
    return (
        f"<h2>Seed {escape(result.case.seed)}, {escape(result.case.board)}</h2>"
        f'<h3>Faults</h3><p class="muted">Hours:minutes{escape(broken)}.</p>'
        f"{timeline(result.picture, broken_s)}"
        '<h3>Events that wait in the outbox</h3><p class="muted">As telemetry told; '
        f"grey: not connected.</p>{queue(result.picture, broken_s)}"
    )


def _counted(title: str, counted: Iterable[tuple[str, int]]) -> str:
    rows = "".join(
        f'<tr><td>{escape(name.replace("_", " "))}</td><td class="number">{count:,}</td></tr>'
        for name, count in counted
    )
    return f"<h2>{title}</h2><table>{rows}</table>" if rows else ""
