"""What a board says and is asked, piece by piece."""

import json
from dataclasses import dataclass
from typing import Any

from host_tools.storm.oracle.broken import Record

Json = dict[str, Any]


@dataclass(frozen=True)
class Event:
    """One delivery of a CloudEvent."""

    us: int
    seq: int
    id: str
    type: str
    component: str
    data: Json
    body: Json
    record: Record

    @property
    def jti(self) -> str | None:
        jti = self.data.get("jti")
        return jti if isinstance(jti, str) else None


@dataclass(frozen=True)
class Ack:
    us: int
    jti: str | None
    result: str
    reason: str | None
    time: Any
    record: Record

    @property
    def is_final(self) -> bool:
        return self.result in ("done", "failed")


@dataclass(frozen=True)
class Order:
    us: int
    jti: str | None
    act: str | None
    component: str | None
    good: bool | None
    """None: its sender cannot know, and `why` is why it might be refused."""
    why: str
    record: Record

    @property
    def spends_nonce(self) -> bool:
        """It is about the board itself, and its time does not matter: carried out once with each nonce."""
        return self.act == "configure" and self.component in (None, "", "device")


@dataclass(frozen=True)
class Pulse:
    lock: str
    start_us: int
    until_us: int
    record: Record


def json_object(payload: str) -> Json:
    found = json.loads(payload)
    if not isinstance(found, dict):
        raise TypeError("no JSON object")
    return found


def event_of(us: int, body: Json, record: Record) -> Event:
    kind = str(body["type"])
    if not kind.startswith("sportbox."):
        raise ValueError(f"type {kind}")
    component = str(body["source"]).rpartition("/")[2]
    data = body["data"]
    if not isinstance(data, dict) or type(body["seq"]) is not int or type(body["uptime"]) is not int:
        raise TypeError("data, seq or uptime of the wrong kind")
    return Event(us, body["seq"], str(body["id"]), kind[len("sportbox.") :], component, data, body, record)
