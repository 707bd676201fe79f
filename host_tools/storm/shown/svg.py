"""Pictures of a run as inline SVG. They stretch to the page's width, so words and numbers beside them are
HTML, which stays readable on a phone."""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise

from host_tools.storm.shown.picture import Picture

WIDTH = 1_000
ROW_HEIGHT = 12
PLOT_HEIGHT = 120
LEAST_WIDTH = 1.5
"""Of a fault that lasts an instant."""
TICKS = 6
EDGES_S = (1, 2, 4, 8, 15, 30, 60, 120, 300)
"""Of the histogram of recovery times."""


def number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def hour(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes // 60}:{minutes % 60:02d}"


def svg(content: str, height: int, label: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(label)}" style="height:{height}px">{content}</svg>'
    )


def bar(x: float, y: float, width: float, height: float, kind: str, title: str = "") -> str:
    told = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<rect class="{kind}" x="{number(x)}" y="{number(y)}" width="{number(width)}"'
        f' height="{number(height)}">{told}</rect>'
    )


class Scale:
    """Seconds of a run across the width."""

    def __init__(self, length_s: float) -> None:
        self.length_s = max(length_s, 1.0)

    def x(self, at_s: float) -> float:
        return min(max(at_s, 0.0), self.length_s) / self.length_s * WIDTH

    def span(self, begin_s: float, end_s: float, height: float, kind: str, title: str) -> str:
        left = min(self.x(begin_s), WIDTH - LEAST_WIDTH)
        width = max(self.x(end_s) - left, LEAST_WIDTH)
        return bar(left, 0, width, height, kind, title)

    def mark(self, at_s: float, height: float) -> str:
        x = number(self.x(at_s))
        return f'<line class="bad" x1="{x}" x2="{x}" y1="0" y2="{height}"/>'

    def axis(self) -> str:
        """Hours and minutes below a picture."""
        words = (f"<span>{hour(self.length_s * tick / TICKS)}</span>" for tick in range(TICKS + 1))
        return f'<div class="axis" aria-hidden="true">{"".join(words)}</div>'


def timeline(picture: Picture, broken_s: Sequence[float]) -> str:
    """A row a kind of fault, and one for when the board was not connected."""
    scale = Scale(picture.length_s)
    marks = "".join(scale.mark(at_s, ROW_HEIGHT) for at_s in broken_s)
    rows = []
    for name in sorted(picture.by_fault):
        spans = [(begin, end) for other, begin, end in picture.faults if other == name]
        rows.append(_row(name, spans, "fault", scale, marks))
    rows.append(_row("not connected", picture.offline, "off", scale, marks))
    return f'<div class="rows">{"".join(rows)}</div>{scale.axis()}'


def _row(name: str, spans: Sequence[tuple[float, float]], kind: str, scale: Scale, marks: str) -> str:
    words = name.replace("_", " ")
    bars = "".join(
        scale.span(begin, end, ROW_HEIGHT, kind, f"{words}, {hour(begin)}, {number(end - begin)} s")
        for begin, end in spans
    )
    picture = svg(bars + marks, ROW_HEIGHT, f"{words} over time, {len(spans)}")
    return f'<div class="name">{escape(words)} <small>{len(spans)}</small></div><div>{picture}</div>'


def queue(picture: Picture, broken_s: Sequence[float]) -> str:
    """From one telemetry to the next; grey while the board was not connected."""
    scale = Scale(picture.length_s)
    if not picture.queue:
        return "<p>No telemetry arrived.</p>"
    deepest = max(depth for _, depth in picture.queue)
    top = max(deepest, 1)

    def y(depth: int) -> float:
        return PLOT_HEIGHT - 2 - depth / top * (PLOT_HEIGHT - 8)

    content = "".join(
        scale.span(begin, end, PLOT_HEIGHT, "gap", "not connected") for begin, end in picture.offline
    )
    points = " ".join(f"{number(scale.x(at))},{number(y(depth))}" for at, depth in picture.queue)
    content += f'<polyline class="line" points="{points}"/>'
    content += "".join(scale.mark(at_s, PLOT_HEIGHT) for at_s in broken_s)
    drawn = svg(content, PLOT_HEIGHT, f"events that wait over time, {deepest} at most")
    return f'<div class="top">{deepest}</div>{drawn}{scale.axis()}'


def bins(seconds: Iterable[float]) -> list[tuple[str, int]]:
    """How many recoveries took how long."""
    counts = [0] * (len(EDGES_S) + 1)
    for value in seconds:
        counts[sum(value >= edge for edge in EDGES_S)] += 1
    names = [f"< {_short(EDGES_S[0])}"]
    names += [f"{_short(low)} to {_short(high)}" for low, high in pairwise(EDGES_S)]
    return list(zip([*names, f"≥ {_short(EDGES_S[-1])}"], counts, strict=True))


def _short(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min"


def histogram(counted: Sequence[tuple[str, int]]) -> str:
    """A row a bin: its name, its bar, its count. Long names have room, whatever the page's width."""
    most = max([count for _, count in counted] + [1])
    rows = []
    for name, count in counted:
        drawn = svg(bar(0, 0, count / most * WIDTH, ROW_HEIGHT, "fault"), ROW_HEIGHT, f"{name}: {count}")
        rows.append(
            f'<div class="name">{escape(name)}</div><div>{drawn}</div><div class="count">{count:,}</div>'
        )
    return f'<div class="bins">{"".join(rows)}</div>'
