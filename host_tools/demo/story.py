"""The narration: one line a happening, on a terminal, in a pipe, or as JSON."""

import dataclasses
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from host_tools.commands.watch_table import local_time
from host_tools.demo.account import OPENED, Event, Fault, Summary
from host_tools.demo.words import Words
from host_tools.output import emit
from host_tools.site.live import Message, pairs, short


@dataclass(frozen=True)
class Line:
    """`who` says or does what the catalogue has under `key`; `mood` decides how it looks."""

    who: str
    key: str
    values: dict[str, Any]
    mood: str = "act"  # act, good, quiet, refused, alarm
    late: str | None = None  # since then it had waited for the broker


@dataclass(frozen=True)
class Status:
    """What stands below the narration: parts of the site with their states."""

    boards: dict[str, str]  # `online`, `offline`, or `?` while nobody knows
    parts: dict[str, str]  # `lock-1`, `court-1`, ...: state
    inside: int | None
    events: int
    broker: bool


@dataclass(frozen=True)
class Outcome:
    summary: Summary
    faults: list[Fault]
    historical: int
    stall_ms: int
    seconds: float


class Story(Protocol):
    """Where the evening is told."""

    words: Words

    def __enter__(self) -> "Story": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def title(self, site: str, boards: int, broker: str, seed: int) -> None: ...

    def scene(self, name: str) -> None: ...

    def line(self, line: Line) -> None: ...

    def heard(self, message: Message, event: Event | None) -> None:
        """A message came; `event` is what it says, unless it was said before."""

    def status(self, status: Status) -> None: ...

    def outcome(self, outcome: Outcome) -> None: ...


SILENT = ("lock.unlocked", "lock.not_opened", "device.clock")
EVENT_LINES = {
    "device.booted": ("event.booted", "quiet"),
    "access.accepted": ("event.accepted", "good"),
    "access.done": ("event.done", "good"),
    "access.failed": ("event.failed", "refused"),
    "access.rejected": ("event.rejected", "refused"),
    "door.closed": ("event.closed", "quiet"),
    "door.forced": ("event.forced", "alarm"),
    "lock.locked": ("event.locked", "good"),
    "gate.reset": ("event.reset", "good"),
}


def line_of(event: Event, zone: ZoneInfo) -> Line | None:
    """An event in words; None for what another event says as well."""
    late = local_time(event.time, zone) if event.historical and event.time else None
    if event.type in SILENT or (event.type == OPENED and "jti" in event.data):
        return None
    if event.component.startswith("gate-") and event.type.startswith("access."):
        return None
    if event.type == OPENED:
        key, mood = ("event.opened_off" if event.data.get("while_off") else "event.opened"), "refused"
    elif event.type == "occupancy.changed":
        state = event.data.get("state")
        key, mood = f"event.{state if state in ('free', 'occupied') else 'unknown'}", "good"
    elif event.type == "gate.passed":
        key, mood = f"event.{'in' if event.data.get('direction') == 'in' else 'out'}", "good"
    else:
        key, mood = EVENT_LINES.get(event.type, ("event.other", "alarm"))
    fields = {"boot": "?", "reason": "?", "count": "?", **event.data}
    values = {name: short(value) for name, value in fields.items()}
    values |= {"part": event.component, "type": event.type, "data": pairs(event.data)}
    return Line(event.device, key, values, mood, late)


def text_of(words: Words, line: Line) -> str:
    text = words(line.key, **line.values)
    return words("late", text=text, time=line.late) if line.late else text


def clock(zone: ZoneInfo) -> str:
    return f"{datetime.now(zone):%H:%M:%S}"


class JsonStory:
    """stdout is JSON lines and nothing else: `t` is seconds since the beginning."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self._begin_s = time.monotonic()

    def __enter__(self) -> "JsonStory":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stdout.flush()

    def title(self, site: str, boards: int, broker: str, seed: int) -> None:
        self._emit({"title": site, "boards": boards, "broker": broker, "seed": seed})

    def scene(self, name: str) -> None:
        self._emit({"scene": name, "text": self.words(f"scene.{name}")})

    def line(self, line: Line) -> None:
        text = text_of(self.words, line)
        self._emit({"step": line.key, "who": line.who, **line.values, "text": text})

    def heard(self, message: Message, event: Event | None) -> None:
        self._emit({"topic": message.topic, "retained": message.retained, "payload": message.payload})

    def status(self, status: Status) -> None:
        """The messages say it."""

    def outcome(self, outcome: Outcome) -> None:
        seconds = round(outcome.seconds, 1)
        self._emit({"historical": outcome.historical, "loop_stall_ms": outcome.stall_ms, "seconds": seconds})
        for fault in outcome.faults:
            text = self.words(f"fault.{fault.key}", **fault.values)
            self._emit({"fault": fault.key, **fault.values, "text": text})
        emit({"summary": dataclasses.asdict(outcome.summary)})

    def _emit(self, value: dict[str, Any]) -> None:
        emit({"t": round(time.monotonic() - self._begin_s, 3), **value})
