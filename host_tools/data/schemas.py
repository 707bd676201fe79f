"""JSON Schemas (2020-12) of every payload, and the check of one message against them."""

import json
from functools import cache
from typing import Any

from host_tools.data.events import PREFIX
from host_tools.data.fields import DIALECT, schema_of
from host_tools.data.messages import Claims
from host_tools.data.topics import OCTETS, TOPICS, Message, topic_of

CLAIMS = Message("token-claims", Claims)


def identity(name: str) -> str:
    return f"urn:sportbox:v1:{name}"


@cache
def schema(message: Message) -> dict[str, Any]:
    return {"$schema": DIALECT, "$id": identity(message.name), **schema_of(message.model)}


def schemas() -> dict[str, dict[str, Any]]:
    """By name: of each payload, of a token's claims, and `event` for events of any type."""
    found = {message.name: schema(message) for topic in TOPICS for message in topic.messages}
    found[CLAIMS.name] = schema(CLAIMS)
    (events,) = (topic.messages for topic in TOPICS if topic.name == "event")
    found["event"] = {
        "$schema": DIALECT,
        "$id": identity("event"),
        "description": "An event of any type.",
        "oneOf": [{"$ref": identity(message.name)} for message in events],
    }
    return found


def find_message(topic: str, payload: bytes) -> tuple[Message, Any]:
    """Which payload of the definition a message is, and its value. Raises ValueError with what is wrong."""
    known = topic_of(topic)
    if known is None:
        raise ValueError(f"{topic}: no topic of the protocol")
    message = known.messages[0]
    if message.content_type == OCTETS:
        return message, payload.decode("latin-1")  # a character for each byte
    text = payload.decode()  # UnicodeDecodeError is a ValueError
    if message.is_text:
        return message, text
    value = json.loads(text)
    if known.name == "event":
        kind = value.get("type") if isinstance(value, dict) else None
        named = f"event-{str(kind).removeprefix(PREFIX)}"
        found = next((each for each in known.messages if each.name == named), None)
        if found is None:
            raise ValueError(f"{topic}: there is no event of type {kind}")
        message = found
    elif known.name == "info" and isinstance(value, dict) and value.get("firmware") == "safe":
        message = known.messages[1]
    return message, value
