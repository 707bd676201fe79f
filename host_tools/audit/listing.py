"""Rows of a journal for people, programs and spreadsheets, and which of them are asked for."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from host_tools.audit.openings import Row
from host_tools.audit.seal import Entry
from host_tools.audit.store import Store, end_of, entries_after
from host_tools.errors import BadInput
from host_tools.output import printable
from host_tools.site.inventory import when

CHUNK = 5_000
FIELDS = (
    "what", "device", "component", "sub", "how", "at", "closed", "open_s", "still_open", "ordered",
    "act", "result", "notes", "jti", "about", "historical", "noted", "entries",
)  # fmt: skip
_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def entries_of(store: Store) -> list[Entry]:
    """All of them, in short looks, so that collecting never waits for long."""
    found: list[Entry] = []
    last = -1
    while True:
        with store.reading() as db:
            last = max(last, end_of(db, "start").n)
            part = entries_after(db, last, CHUNK)
        if not part:
            return found
        found += [one.entry for one in part]
        last = part[-1].entry.n


@dataclass(frozen=True)
class Wanted:
    since_s: int | None = None
    until_s: int | None = None
    device: str | None = None
    number: str | None = None  # of door and lock
    component: str | None = None
    sub: str | None = None

    def fits(self, row: Row) -> bool:
        begin_s, end_s = _span(row)
        if self.since_s is not None and end_s is not None and end_s < self.since_s:
            return False
        if self.until_s is not None and begin_s > self.until_s:
            return False
        if self.device is not None and row.device != self.device:
            return False
        if self.sub is not None and row.sub != self.sub:
            return False
        return self.component is None or self._is_there(row.component)

    def _is_there(self, component: str) -> bool:
        kind, _, number = component.rpartition("-")
        if self.number is not None:
            return kind in ("door", "lock") and number == self.number
        return component == self.component


def _span(row: Row) -> tuple[int, int | None]:
    """From when to when, None: it goes on. What has no time was over when it was noted."""
    begin_s = row.first.noted_s if row.begin_s is None else row.begin_s
    if row.is_open:
        return begin_s, None
    ends = [at_s for at_s in (row.until_s, row.at_s, row.ordered_s) if at_s is not None]
    return begin_s, max(ends, default=begin_s)


def wanted_component(text: str | None) -> Wanted:
    """`box-1/lock-2`, `lock-2` of any board, or `box-1/` for all of one."""
    if text is None:
        return Wanted()
    device, slash, component = text.rpartition("/")
    match = re.fullmatch(r"(?:door|lock)-([1-9][0-9]?)", component)
    if not re.fullmatch(r"[a-z0-9-]{0,32}", device) or not re.fullmatch(r"[a-z0-9-]{0,32}", component):
        raise BadInput(
            f"--component: `{printable(text)}` is none", "--component box-1/lock-2, or lock-2, or box-1/"
        )
    return Wanted(
        device=device if slash else None,
        component=component or None,
        number=match[1] if match else None,
    )


def moment_s(text: str, option: str, zone: ZoneInfo, end: bool = False) -> int:
    """`2026-11-28`, `2026-11-28T18:00` in the site's time zone unless it names one, or `7d` ago. A day's
    end with `end`."""
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return int(time.time()) - int(ago[1]) * _UNITS_S[ago[2]]
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            found = found.replace(tzinfo=zone)
        if end and re.fullmatch(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}", text):
            found = found.replace(hour=23, minute=59, second=59)
        return int(found.timestamp())
    except (ValueError, OverflowError):
        raise BadInput(
            f"{option}: `{printable(text)}` is no time",
            f"{option} 2026-11-28, {option} 2026-11-28T18:00 or {option} 7d",
        ) from None


def as_data(row: Row) -> dict[str, Any]:
    """Times are UTC. `at`: when the door was opened, or when it happened; `about`: one of them is worked out
    from the board's uptime; `noted`: when the journal got it, which is all that is known of some."""
    return {
        "what": row.what,
        "device": row.device,
        "component": row.component,
        "sub": row.sub,
        "how": row.how,
        "at": when(row.ordered_s if row.at_s is None else row.at_s),
        "closed": when(row.until_s),
        "open_s": row.open_s,
        "still_open": row.is_open,
        "ordered": when(row.ordered_s),
        "act": row.act,
        "result": row.result,
        "notes": row.notes,
        "jti": row.jti,
        "about": row.is_about,
        "historical": row.is_historical,
        "noted": when(row.first.noted_s),
        "entries": row.entries,
    }


def as_cells(row: Row) -> dict[str, Any]:
    """The same for a spreadsheet."""
    return as_data(row) | {"notes": "; ".join(row.notes), "entries": " ".join(map(str, row.entries))}


def as_lines(rows: Sequence[Row], zone: ZoneInfo) -> list[str]:
    table = [_cells(row, zone) for row in rows]
    if not table:
        return []
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]


def _cells(row: Row, zone: ZoneInfo) -> list[str]:
    begin = row.begin_s
    if begin is None:
        at = f"< {_local(row.first.noted_s, zone)}"
    else:
        at = f"{'~' if row.is_about else ' '} {_local(begin, zone)}"
    place = f"{row.device}/{row.component}" if row.component and row.device else row.device or "journal"
    return [at, printable(place), _who(row), _told(row)]


def _local(at_s: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at_s, zone):%Y-%m-%d %H:%M:%S}"


def _who(row: Row) -> str:
    if row.sub:
        return printable(row.sub)
    if row.how == "inside":
        return "(inside)"
    if row.what == "forced":
        return "(nobody)"
    return "(unnamed)" if row.sub == "" or row.jti else "-"


def _told(row: Row) -> str:
    if row.what in ("opening", "forced"):
        text = "opened" if row.what == "opening" else "FORCED"
        text += f", {_length(row)}"
        if row.result not in (None, "done", "forced", "running"):
            text += f", order {row.result}"
    elif row.what == "order":
        text = f"{row.act or 'order'}: {row.result}"
    elif row.what == "refused":
        text = f"refused: {row.result}"
    elif row.what == "alarm":
        text = f"ALARM {row.result}" + (", still open" if row.is_open else "")
    else:
        text = f"{row.what}: {row.result}"
    return printable("; ".join([text, *row.notes]))


def _length(row: Row) -> str:
    if row.is_open:
        return "still open"
    if row.open_s is None:
        return "for a time not known"
    minutes, seconds = divmod(row.open_s, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
