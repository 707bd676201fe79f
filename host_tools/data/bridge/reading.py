"""What the bridge takes of a site's messages, and what it leaves: nothing that tells of a person goes on.

`jti` and `sub` say which order, of whom, opened a box. They are for the site's own journal (`sportbox
audit`); what leaves for other systems is that it happened.
"""

import re
from dataclasses import dataclass
from typing import Any

from host_tools.data.bridge.times import seconds_of
from host_tools.data.fields import TIME_PATTERN
from host_tools.mqtt import parse_topic
from host_tools.site.models import Site
from host_tools.strangers import read_json

Body = dict[str, Any]

PAYLOAD_MAX = 16_384
NUMBER_MAX = 2**31
YEARS = ("2000", "2100")
"""Times of others no clock of a board has; nor could they be reckoned with."""
PERSONAL = ("jti", "sub")
PREFIX = "sportbox."
KINDS = ("availability", "info", "telemetry", "event")
PRESENCE = ("online", "offline", "sleeping")
KEPT = ("type", "time", "seq", "uptime", "bootid", "historical")
TEXTS = ("state", "direction", "level", "since", "mac", "firmware", "micropython", "board")
WHOLE = ("count", "mv", "battery", "rssi")
NUMBERS = ("confidence", "temperature")
IGNORED = ("cmd", "ack", "log", "update")
"""Orders, their answers (events tell of both) and lines of text are for nobody else."""


@dataclass(frozen=True)
class Entry:
    """A message that goes to outputs. `id` of an event is its own, for ever."""

    kind: str  # of KINDS, or `state`
    device: str
    component: str | None
    body: Body
    id: str = ""
    source: str = ""


def read(site: Site, topic: str, payload: bytes) -> Entry | None:
    """None for what is not taken; ValueError for what should be and cannot be read."""
    parsed = parse_topic(topic, site.site)
    if parsed is None or parsed.rest[0] in IGNORED:
        return None
    device = site.devices.get(parsed.device)
    if device is None:
        raise ValueError("no device of the site file")
    if len(payload) > PAYLOAD_MAX:
        raise ValueError("too large")
    if parsed.rest == ("availability",):
        text = payload.decode()
        if text not in PRESENCE:
            raise ValueError("no availability")
        return Entry("availability", parsed.device, None, {"state": text})
    body = read_json(payload)
    if not isinstance(body, dict):
        raise ValueError("no object")
    if parsed.rest == ("event",):
        return _event(site.site, parsed.device, body)
    if len(parsed.rest) == 2 and parsed.rest[1] == "state":
        if parsed.rest[0] not in device.components:
            raise ValueError("no component of the site file")
        _check(body, "state", str)
        _check_values(body)
        return Entry("state", parsed.device, parsed.rest[0], body)
    if len(parsed.rest) == 1 and parsed.rest[0] in KINDS:
        _check_values(body)
        return Entry(parsed.rest[0], parsed.device, None, body)
    return None


def _event(site: str, device: str, body: Body) -> Entry:
    for name, kind in (("id", str), ("source", str), ("type", str), ("data", dict), ("bootid", str)):
        _check(body, name, kind)
    for name in ("seq", "uptime"):
        _check(body, name, int)
    source = body["source"].split("/")
    if source[:3] != ["", site, device] or len(source) != 4 or not body["type"].startswith(PREFIX):
        raise ValueError("no event of this board")
    if "time" in body:
        _check(body, "time", str)
        _check_time(body["time"])
    _check_values(body["data"])
    data = {name: value for name, value in body["data"].items() if name not in PERSONAL}
    kept: Body = {name: body[name] for name in KEPT if name in body}
    return Entry("event", device, source[3], {**kept, "data": data}, body["id"], body["source"])


def _check(body: Body, name: str, kind: type) -> None:
    value = body.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"no {name}")
    if isinstance(value, int) and not 0 <= value <= NUMBER_MAX:
        raise ValueError(f"{name} is no number of ours")


def _check_values(values: Body) -> None:
    """A board that is broken, or not ours any more, may say anything. Outputs rely on this."""
    for name, value in values.items():
        simple = value is None or isinstance(value, str | int | float)
        if not simple and not (
            isinstance(value, list) and all(isinstance(one, str | int | float) for one in value)
        ):
            raise ValueError(f"{name} is nested")
        if value is None:
            continue
        if name in TEXTS and not isinstance(value, str):
            raise ValueError(f"{name} is no text")
        if name in WHOLE and (not isinstance(value, int) or isinstance(value, bool)):
            raise ValueError(f"{name} is no whole number")
        if name in NUMBERS and (not isinstance(value, int | float) or isinstance(value, bool)):
            raise ValueError(f"{name} is no number")
    if values.get("since") is not None:
        _check_time(values["since"])


def _check_time(text: str) -> None:
    if re.match(TIME_PATTERN, text) is None or not YEARS[0] <= text < YEARS[1]:
        raise ValueError("no time of ours")
    seconds_of(text)  # ValueError for a day that there is not
