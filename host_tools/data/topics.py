"""The topics of the protocol: the one list that schemas, AsyncAPI and tests are made from."""

import re
from dataclasses import dataclass

from pydantic import BaseModel

from host_tools.data.events import EVENTS, event_model
from host_tools.data.fields import NAME
from host_tools.data.messages import (
    STATES,
    Ack,
    Availability,
    Info,
    LogLine,
    Piece,
    PieceWanted,
    SafeInfo,
    Telemetry,
    Token,
)

VERSION = "1.0.0"
BASE = "sportbox/v1/{site}/{device}"
JSON = "application/json"
TEXT = "text/plain"
OCTETS = "application/octet-stream"
NUMBER = "[1-9][0-9]?"


@dataclass(frozen=True)
class Message:
    """A payload that a topic can carry. `name` is unique among all."""

    name: str
    model: type[BaseModel]
    content_type: str = JSON

    @property
    def is_text(self) -> bool:
        """Not JSON: the bytes are the value."""
        return "json" not in self.content_type


@dataclass(frozen=True)
class Topic:
    """`rest`: below the base, `{n}` a component's number. `sent` by the board, else received by it."""

    name: str
    rest: str
    qos: int
    retained: bool
    messages: tuple[Message, ...]
    summary: str
    sent: bool = True

    @property
    def address(self) -> str:
        return f"{BASE}/{self.rest}"

    def matches(self, topic: str) -> bool:
        pattern = self.address.format(site=NAME, device=NAME, n=NUMBER)
        return re.fullmatch(pattern, topic) is not None


def _states() -> list[Topic]:
    return [
        Topic(
            f"state-{kind}",
            f"{kind}-{{n}}/state",
            1,
            True,
            (Message(f"state-{kind}", model),),
            f"the newest state of a component of kind {kind}",
        )
        for kind, model in STATES.items()
    ]


def _events() -> tuple[Message, ...]:
    return tuple(
        Message(f"event-{kind}", event_model(kind), "application/cloudevents+json") for kind in EVENTS
    )


TOPICS: tuple[Topic, ...] = (
    Topic(
        "availability",
        "availability",
        1,
        True,
        (Message("availability", Availability, TEXT),),
        "whether the board is there",
    ),
    Topic(
        "info", "info", 1, True, (Message("info", Info), Message("info-safe", SafeInfo)), "who the board is"
    ),
    *_states(),
    Topic(
        "event", "event", 1, False, _events(), "what happened: at least once, in order, one CloudEvent each"
    ),
    Topic("telemetry", "telemetry", 0, False, (Message("telemetry", Telemetry),), "figures"),
    Topic("cmd", "cmd", 1, False, (Message("token", Token, TEXT),), "orders; never retained", sent=False),
    Topic("ack", "ack", 1, False, (Message("ack", Ack),), "the answer to an order"),
    Topic("log", "log", 0, False, (Message("log", LogLine, TEXT),), "a line of text"),
    Topic(
        "update-get",
        "update/get",
        1,
        False,
        (Message("update-get", PieceWanted),),
        "a piece of an update is asked for",
    ),
    Topic(
        "update-data",
        "update/data",
        1,
        False,
        (Message("update-data", Piece, OCTETS),),
        "a piece of an update; never retained",
        sent=False,
    ),
)


def topic_of(topic: str) -> Topic | None:
    """What a topic is in this list; None if it is nothing of ours."""
    return next((known for known in TOPICS if known.matches(topic)), None)
