"""Events as boards publish them, read with care: what a journal keeps of a message."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from host_tools.collect import Message
from host_tools.mqtt import parse_topic
from host_tools.strangers import read_json

PREFIX = "sportbox."
BODY_MAX = 4_096
KEPT_GROUPS = ("access", "door", "lock", "release", "keypad")
KEPT = ("device.tamper", "device.booted", "device.dropped", "device.clock")
_FIELDS = ("time", "uptime", "historical")
_COMPONENT = re.compile(r"[a-z]{1,32}(-[1-9][0-9]?)?")
_TIME = re.compile(r"20[2-9][0-9]-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_SEQ_MAX = 2**53
_UPTIME_MAX_S = 2**32


@dataclass(frozen=True)
class Event:
    device: str
    component: str
    source: str
    id: str
    bootid: str
    seq: int
    body: dict[str, Any]

    @property
    def kind(self) -> str:
        """As `door.opened`."""
        return str(self.body["type"])

    @property
    def is_kept(self) -> bool:
        """Whether it tells who opened what, or of something that bears on it. No occupancy of courts: that
        is nobody's way in."""
        if self.kind == "occupancy.changed":
            return self.body["data"].get("alarm") is True
        return self.kind.split(".")[0] in KEPT_GROUPS or self.kind in KEPT


class Unreadable(ValueError):
    """A message that is no event; says why."""


def read_event(site: str, message: Message) -> Event | None:
    """None for another topic, or a retained message, which no event is. Raises Unreadable."""
    topic = parse_topic(message.topic, site)
    if topic is None or topic.rest != ("event",) or message.retained:
        return None
    try:
        data = read_json(message.payload)
    except ValueError:
        raise Unreadable("no JSON") from None
    if not isinstance(data, dict):
        raise Unreadable("no JSON object")
    source, component = _source(site, topic.device, data.get("source"))
    return Event(
        topic.device,
        component,
        source,
        _text(data, "id", 100),
        _text(data, "bootid", 32),
        _number(data, "seq"),
        _body(data),
    )


def _source(site: str, device: str, value: object) -> tuple[str, str]:
    """A board speaks for itself alone."""
    parts = value.split("/") if isinstance(value, str) else []
    if len(parts) != 4 or parts[:3] != ["", site, device] or not _COMPONENT.fullmatch(parts[3]):
        raise Unreadable("`source` is not of this board")
    return str(value), parts[3]


def _body(data: dict[str, Any]) -> dict[str, Any]:
    kind = _text(data, "type", 64)
    details = data.get("data")
    if not kind.startswith(PREFIX) or not isinstance(details, dict):
        raise Unreadable("`type` or `data` is wrong")
    if data.get("time") is not None:
        _check_time(data["time"])
    if _number(data, "uptime") >= _UPTIME_MAX_S:
        raise Unreadable("`uptime` is wrong")
    body = {name: data[name] for name in _FIELDS if data.get(name) is not None}
    body |= {
        "type": kind.removeprefix(PREFIX),
        "seq": data["seq"],
        "bootid": data["bootid"],
        "data": details,
    }
    try:
        too_long = len(json.dumps(body, allow_nan=False)) > BODY_MAX
    except ValueError:
        raise Unreadable("a number is none") from None
    if too_long:
        raise Unreadable(f"longer than {BODY_MAX} characters")
    return body


def _check_time(value: object) -> None:
    try:
        if not isinstance(value, str) or not _TIME.fullmatch(value):
            raise ValueError
        datetime.fromisoformat(value)
    except ValueError:
        raise Unreadable("`time` is wrong") from None


def _text(data: dict[str, Any], name: str, longest: int) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
        raise Unreadable(f"`{name}` is wrong")
    return value


def _number(data: dict[str, Any], name: str) -> int:
    value = data.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _SEQ_MAX:
        raise Unreadable(f"`{name}` is wrong")
    return value
