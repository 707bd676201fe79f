"""Whether what boards publish is what the definition says, message by message."""

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from host_tools.data.schemas import find_message, schema
from host_tools.data.topics import Message, topic_of
from host_tools.mqtt import ROOT


@cache
def validator(message: Message) -> Draft202012Validator:
    return Draft202012Validator(schema(message))


def faults_of(topic: str, payload: bytes) -> list[str]:
    """What is wrong with a message, a line each."""
    try:
        message, value = find_message(topic, payload)
    except ValueError as error:
        return [f"{topic}: {error} {payload[:200]!r}"]
    return [
        f"{topic}: {message.name}: {'/'.join(map(str, error.path))}: {error.message}"
        for error in validator(message).iter_errors(value)
    ]


class Document:
    """An AsyncAPI document, as somebody reads it who has nothing else: topic and payload by its channels."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._channels = [
            (
                re.compile(re.sub(r"\{[a-z]+\}", "[a-z0-9-]+", channel["address"])),
                [self._resolve(document, message["$ref"]) for message in channel["messages"].values()],
            )
            for channel in document["channels"].values()
        ]
        self._components = document["components"]
        self._validators: dict[str, Draft202012Validator] = {}

    def faults(self, topic: str, payload: bytes) -> list[str]:
        """What is wrong with a message by the document: a line for each message that the channel can have."""
        fitting = [messages for address, messages in self._channels if address.fullmatch(topic)]
        if len(fitting) != 1:
            return [f"{topic}: {len(fitting)} channels"]
        told = []
        for message in fitting[0]:
            is_text = message["contentType"] == "text/plain"
            value = payload.decode() if is_text else json.loads(payload)
            error = next(self._validator(message).iter_errors(value), None)
            if error is None:
                return []
            told.append(f"{topic}: {message['name']}: {error.message}")
        return told

    def _validator(self, message: dict[str, Any]) -> Draft202012Validator:
        name = message["name"]
        if name not in self._validators:
            schema = {"components": self._components, **message["payload"]}
            self._validators[name] = Draft202012Validator(schema)
        return self._validators[name]

    @staticmethod
    def _resolve(document: dict[str, Any], reference: str) -> dict[str, Any]:
        value: Any = document
        for part in reference.removeprefix("#/").split("/"):
            value = value[part]
        return dict(value)


def check_all(messages: Iterable[tuple[str, bytes]]) -> int:
    """All messages of boards; how many there were. Orders and pieces of updates are not
    theirs, and tests send broken ones."""
    checked = 0
    for topic, payload in messages:
        if topic.endswith(("/cmd", "/update/data")) or not topic.startswith(f"{ROOT}/"):
            continue
        assert faults_of(topic, payload) == []
        checked += 1
    return checked


def check_delivery(topic: str, qos: int, retained: bool) -> None:
    """How a board published it; `qos` of the PUBLISH itself, not of the subscription."""
    known = topic_of(topic)
    assert known is not None, topic
    assert (qos, retained) == (known.qos, known.retained), topic


def as_bytes(value: Any) -> bytes:
    """The payload of a message that `sportbox demo --json` has printed."""
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()
