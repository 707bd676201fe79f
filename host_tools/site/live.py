"""What a site's messages say about it: boards, components and the newest events, each bounded in size."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from host_tools.mqtt import Parsed, parse_topic
from host_tools.output import json_line, printable
from host_tools.site.models import Site
from host_tools.strangers import read_json

EVENTS_SHOWN = 15
STRANGERS_MAX = 10_000
TEXT_MAX = 200
OVERDUE_S = 120
"""After a board's `wake_by`: its oscillator is not exact, and the network takes its time."""
TYPE_PREFIX = "sportbox."


@dataclass
class Component:
    state: str = "?"
    since_s: int | None = None
    count: int | None = None
    confidence: float | None = None


@dataclass
class Board:
    availability: str = "?"
    firmware: str = ""
    clock: str = ""
    queue: int | None = None
    loop_stall_ms: int | None = None
    wake_by_s: int | None = None  # a board that sleeps reports again by then
    components: dict[str, Component] = field(default_factory=dict)

    def presence(self, now_s: float) -> str:
        """Its availability; `overdue` for a board that should have woken up long ago."""
        late = self.wake_by_s is not None and now_s > self.wake_by_s + OVERDUE_S
        return "overdue" if late and self.availability == "sleeping" else self.availability


@dataclass(frozen=True)
class EventRow:
    time: str
    source: str
    type: str
    data: str
    historical: bool


@dataclass(frozen=True)
class Message:
    """A message with its payload as far as it can be read: JSON, else text."""

    topic: str
    retained: bool
    payload: Any


def read_message(topic: str, payload: bytes, retained: bool) -> Message:
    text = payload.decode("utf-8", "backslashreplace")
    try:
        value = read_json(text)
    except ValueError:
        value = text
    return Message(topic, retained, value)


class LiveSite:
    """Fed with messages, it knows the newest of everything; boards not in the site file are counted."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.boards = {
            name: Board(components={part: Component() for part in device.components})
            for name, device in site.devices.items()
        }
        self.events: deque[EventRow] = deque(maxlen=EVENTS_SHOWN)
        self.strangers: set[str] = set()
        self.unreadable = 0

    def feed(self, message: Message) -> None:
        parsed = parse_topic(message.topic, self.site.site)
        if parsed is None:
            return
        board = self.boards.get(parsed.device)
        if board is None:
            if len(self.strangers) < STRANGERS_MAX:
                self.strangers.add(parsed.device)
            if parsed.rest == ("event",):
                self._event(parsed, message)
            return
        if parsed.rest == ("availability",):
            board.availability = short(message.payload)
        elif parsed.rest == ("info",):
            self._info(board, message)
        elif parsed.rest == ("telemetry",):
            self._telemetry(board, message)
        elif parsed.rest == ("event",):
            self._event(parsed, message)
        elif len(parsed.rest) == 2 and parsed.rest[1] == "state" and parsed.rest[0] in board.components:
            self._state(board.components[parsed.rest[0]], message)

    def _object(self, message: Message) -> dict[str, Any] | None:
        if isinstance(message.payload, dict):
            return message.payload
        self.unreadable += 1
        return None

    def _info(self, board: Board, message: Message) -> None:
        info = self._object(message)
        if info is not None:
            board.firmware = short(info.get("firmware", ""))
            board.clock = short(info.get("clock", ""))
            board.wake_by_s = _moment_s(info.get("wake_by"))

    def _telemetry(self, board: Board, message: Message) -> None:
        telemetry = self._object(message)
        if telemetry is not None:
            board.queue = _whole(telemetry.get("queue"))
            board.loop_stall_ms = _whole(telemetry.get("loop_stall_ms"))

    def _state(self, component: Component, message: Message) -> None:
        state = self._object(message)
        if state is not None:
            component.state = short(state.get("state", "?"))
            component.since_s = _moment_s(state.get("since"))
            component.count = _whole(state.get("count"))
            component.confidence = _number(state.get("confidence"))

    def _event(self, parsed: Parsed, message: Message) -> None:
        event = self._object(message)
        if event is not None:
            self.events.append(event_row(parsed, event))


def event_row(parsed: Parsed, event: dict[str, Any]) -> EventRow:
    """An event for the eye. Its topic says which board sent it, its `source` which component."""
    source = short(event.get("source", ""))
    component = source.rsplit("/", 1)[-1]
    data = event.get("data")
    return EventRow(
        time=short(event.get("time", "")),
        source=parsed.device if component in ("", parsed.device) else f"{parsed.device}/{component}",
        type=short(event.get("type", "?")).removeprefix(TYPE_PREFIX),
        data=pairs(data) if isinstance(data, dict) else "",
        historical=event.get("historical") is True,
    )


def pairs(data: dict[str, Any]) -> str:
    return short(" ".join(f"{name}={_word(value)}" for name, value in data.items()))


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json_line(value)


def short(value: Any) -> str:
    """Any value as one line of bounded length, safe for a terminal."""
    text = printable(value[: TEXT_MAX * 2] if isinstance(value, str) else json_line(value))
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 3] + "..."


def _moment_s(value: Any) -> int | None:
    """RFC 3339, as boards write it, or seconds since 1970."""
    if not isinstance(value, str):
        return _whole(value)
    try:
        return int(datetime.fromisoformat(value).timestamp())
    except (ValueError, OverflowError):
        return None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53 else None


def _number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, (int, float)) else None
    except OverflowError:  # a whole one of hundreds of digits
        return None


def line_of(site: str, message: Message) -> str | None:
    """A message as a plain line for a log; None for topics of no interest."""
    parsed = parse_topic(message.topic, site)
    if parsed is None or parsed.rest[0] == "update":  # hundreds of pieces of a bundle; events tell of it
        return None
    body = message.payload
    if parsed.rest == ("event",) and isinstance(body, dict):
        row = event_row(parsed, body)
        late = f" (historical, {row.time or 'time unknown'})" if row.historical else ""
        return f"{row.source} {row.type} {row.data}".rstrip() + late
    where = short("/".join((parsed.device, *parsed.rest[:-1])))
    if parsed.rest[-1] == "state" and isinstance(body, dict):
        more = pairs({name: value for name, value in body.items() if name != "state"})
        return f"{where} is {short(body.get('state', '?'))} {more}".rstrip()
    text = pairs(body) if isinstance(body, dict) else short(body)
    return f"{where} {short(parsed.rest[-1])} {text}".rstrip()
