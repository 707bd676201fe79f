"""What the bridge takes of a site's messages, and what it leaves: nothing that tells of a person goes on.

`jti` and `sub` say which order, of whom, opened a box. They are for the site's own journal (`sportbox
audit`); what leaves for other systems is that it happened.
"""

import json
from dataclasses import dataclass
from typing import Any

from host_tools.mqtt import parse_topic
from host_tools.site.models import Site

Body = dict[str, Any]

PAYLOAD_MAX = 16_384
NUMBER_MAX = 2**40
PERSONAL = ("jti", "sub")
PREFIX = "sportbox."
KINDS = ("availability", "info", "telemetry", "event")
PRESENCE = ("online", "offline", "sleeping")
KEPT = ("type", "time", "seq", "uptime", "bootid", "historical")
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
    body = json.loads(payload)
    if not isinstance(body, dict):
        raise ValueError("no object")
    if parsed.rest == ("event",):
        return _event(site.site, parsed.device, body)
    if len(parsed.rest) == 2 and parsed.rest[1] == "state":
        if parsed.rest[0] not in device.components:
            raise ValueError("no component of the site file")
        _check(body, "state", str)
        return Entry("state", parsed.device, parsed.rest[0], body)
    if len(parsed.rest) == 1 and parsed.rest[0] in KINDS:
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
    data = {name: value for name, value in body["data"].items() if name not in PERSONAL}
    kept: Body = {name: body[name] for name in KEPT if name in body}
    return Entry("event", device, source[3], {**kept, "data": data}, body["id"], body["source"])


def _check(body: Body, name: str, kind: type) -> None:
    value = body.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"no {name}")
    if isinstance(value, int) and not 0 <= value <= NUMBER_MAX:
        raise ValueError(f"{name} is no number of ours")
