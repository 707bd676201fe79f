"""The table of `sportbox watch`, as Rich draws it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.console import ConsoleDimensions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from host_tools.site.live import EVENTS_SHOWN, Board, Component, LiveSite

STYLES = {
    "online": "green",
    "offline": "red",
    "sleeping": "blue",
    "overdue": "bold red",
    "locked": "green",
    "closed": "green",
    "free": "green",
    "unlocking": "yellow",
    "unlocked": "yellow",
    "locking": "yellow",
    "open": "yellow",
    "occupied": "yellow",
    "ajar": "bold yellow",
    "forced": "bold red",
    "jammed": "bold red",
    "fault": "bold red",
    "unknown": "magenta",
    "?": "dim",
}
ALARMS = (
    "door.forced",
    "door.fault",
    "lock.jammed",
    "lock.fault",
    "device.tamper",
    "device.crashed",
    "device.battery",
    "access.failed",
)
COLUMNS = ("board", "is", "firmware", "clock", "queue", "part", "state", "since", "count")
NARROW = {"firmware": 98, "queue": 86, "clock": 78}
"""Columns that a narrower terminal does without, so that the others can be read."""
ROWS_MIN = 4
EVENTS_MIN = 4
FRAME_ROWS = 11  # titles, headers, rules, the caption and two status lines


@dataclass
class Status:
    text: str = "connecting ..."

    def talk(self, text: str) -> None:
        self.text = text


def render(live: LiveSite, status: Status, size: ConsoleDimensions) -> RenderableType:
    """The whole screen; of a large site as many boards as there is room for."""
    space = size.height - FRAME_ROWS
    wanted = sum(len(board.components) for board in live.boards.values())
    events = min(EVENTS_SHOWN, max(EVENTS_MIN, space - wanted))
    room = max(ROWS_MIN, space - events)
    head = Text.assemble((live.site.title or live.site.site, "bold"), f"  {status.text}")
    if live.strangers:
        head.append(f"  not in the site file: {_count(len(live.strangers), 'board')}", "yellow")
    if live.unreadable:
        head.append(f"  unreadable: {_count(live.unreadable, 'message')}", "yellow")
    return Group(head, _boards(live, room, size.width), _events(live, events))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _boards(live: LiveSite, room: int, width: int) -> Table:
    columns = [title for title in COLUMNS if width >= NARROW.get(title, 0)]
    table = Table(expand=True)
    for title in columns:
        table.add_column(title, justify="right" if title in ("queue", "count") else "left", no_wrap=True)
    now_s, rows, shown = time.time(), 0, 0
    for name, board in live.boards.items():
        if rows and rows + len(board.components) > room:
            break
        parts = list(board.components.items())
        fit = len(parts) if len(parts) <= room else room - 1
        for index, (part, component) in enumerate(parts[:fit]):
            of_board = _board_cells(name, board, now_s) if index == 0 else [Text()] * 5
            cells = [*of_board, Text(part), *_component_cells(component, now_s)]
            table.add_row(*(cell for title, cell in zip(COLUMNS, cells, strict=True) if title in columns))
        if fit < len(parts):
            more = {"part": f"{len(parts) - fit} more"}
            table.add_row(*(Text(more.get(title, ""), style="dim") for title in columns))
        rows += len(parts)
        shown += 1
    if shown < len(live.boards):
        online = sum(board.availability == "online" for board in live.boards.values())
        table.caption = (
            f"and {len(live.boards) - shown} more boards; {online} of {len(live.boards)} are online"
        )
    return table


def _board_cells(name: str, board: Board, now_s: float) -> list[Text]:
    queue = "" if board.queue is None else str(board.queue)
    clock = Text(board.clock, style="" if board.clock in ("ntp", "rtc") else "yellow")
    return [
        Text(name, style="bold"),
        _styled(board.presence(now_s)),
        Text(board.firmware),
        clock,
        Text(queue),
    ]


def _component_cells(component: Component, now_s: float) -> list[Text]:
    since = "" if component.since_s is None else age(now_s - component.since_s)
    count = "" if component.count is None else str(component.count)
    return [_styled(component.state), Text(since), Text(count)]


def _styled(word: str) -> Text:
    return Text(word, style=STYLES.get(word, ""))


def age(seconds: float) -> str:
    """How long ago, in the two largest units: `12 s`, `3 min 5 s`, `2 h 10 min`, `4 d 1 h`."""
    whole = max(0, int(seconds))
    for unit_s, unit, next_s, next_unit in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= unit_s:
            return f"{whole // unit_s} {unit} {whole % unit_s // next_s} {next_unit}"
    return f"{whole} s"


def _events(live: LiveSite, rows: int) -> Table:
    table = Table(expand=True, title="events", title_justify="left")
    for title in ("time", "from", "what"):
        table.add_column(title, no_wrap=True)
    table.add_column("data", no_wrap=True, ratio=1, overflow="ellipsis")
    zone = zone_of(live.site.time_zone)
    for row in list(live.events)[-rows:]:
        style = "bold red" if row.type in ALARMS else "dim" if row.historical else ""
        table.add_row(
            Text(local_time(row.time, zone)), Text(row.source), Text(row.type, style=style), Text(row.data)
        )
    return table


def zone_of(name: str) -> tzinfo:
    """The site's time zone; UTC on a machine without a time zone database."""
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return UTC


def local_time(text: str, zone: tzinfo) -> str:
    """The clock on the site's wall; what is no time is shown as it came."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(zone):%H:%M:%S}"
    except (ValueError, OverflowError):
        return text
