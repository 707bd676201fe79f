"""Lines of a board's log: `boot uptime level text`, and what time it was where the log tells.

Uptime counts from a start; a line `time 2026-11-29T12:00:00Z` dates all lines of its boot (docs/PROTOCOL.md).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from host_tools.output import emit, printable

_LINE = re.compile(r"([0-9]{1,10}) ([0-9]{1,10})\.([0-9]{3}) (debug|info|warning|error) (.*)")
_TIME = re.compile(r"time ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})Z")


@dataclass(frozen=True)
class Line:
    """`time` is None where the board did not know it in that boot."""

    boot: int
    uptime_ms: int
    level: str
    text: str
    time: datetime | None = None


def parse(text: str) -> Line | None:
    """None for what is no line of a log, such as one that bad flash has cut off."""
    found = _LINE.fullmatch(text)
    if found is None:
        return None
    boot, seconds, thousandths, level, what = found.groups()
    return Line(int(boot), int(seconds) * 1000 + int(thousandths), level, what)


def read(texts: Iterable[str]) -> tuple[list[Line], int]:
    """The lines with their times, and how many are damaged."""
    parsed = [parse(text) for text in texts if text.strip()]
    known = [line for line in parsed if line is not None]
    marks: dict[int, list[tuple[int, datetime]]] = {}
    for line in known:
        time = _told(line)
        if time is not None:
            marks.setdefault(line.boot, []).append((line.uptime_ms, time))
    lines = [
        Line(line.boot, line.uptime_ms, line.level, line.text, _dated(line, marks.get(line.boot, ())))
        for line in known
        if _told(line) is None
    ]
    return lines, len(parsed) - len(known)


def _told(line: Line) -> datetime | None:
    found = _TIME.fullmatch(line.text)
    try:
        return None if found is None else datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    except ValueError:
        return None


def _dated(line: Line, marks: Iterable[tuple[int, datetime]]) -> datetime | None:
    """By the nearest time that the log tells."""
    near = min(marks, key=lambda mark: abs(mark[0] - line.uptime_ms), default=None)
    if near is None:
        return None
    try:
        return near[1] + timedelta(milliseconds=line.uptime_ms - near[0])
    except OverflowError:
        return None


def show(json_: bool) -> Callable[[Line], None]:
    return _emit if json_ else _print


def _emit(line: Line) -> None:
    time = None if line.time is None else line.time.astimezone(UTC).isoformat(timespec="milliseconds")
    told: dict[str, Any] = {
        "boot": line.boot,
        "uptime": line.uptime_ms / 1000,
        "time": None if time is None else time.replace("+00:00", "Z"),
        "level": line.level,
        "text": line.text,
    }
    emit(told)


def _print(line: Line) -> None:
    """The time is that of this computer's zone."""
    time = "" if line.time is None else f"{line.time.astimezone():%Y-%m-%d %H:%M:%S}"
    since = f"boot {line.boot} +{line.uptime_ms / 1000:.3f}"
    print(f"{time:19}  {since:18}  {line.level:7}  {printable(line.text)}", flush=True)
