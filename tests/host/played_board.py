"""A board that plays what the test tells it to."""

import base64
import json
import threading
from collections.abc import Callable, Iterator

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from host_tools.broker import BrokerProcess
from host_tools.mqtt import Topics
from host_tools.token import unverified_jti

SITE = "hafensport-rostock"
TOPICS = Topics(SITE, "box-1")
Play = Callable[["PlayedBoard", str | None], None]
MakeBoard = Callable[[Play], "PlayedBoard"]


class PlayedBoard:
    """A client that is online as box-1 and answers each command as told."""

    def __init__(self, port: int, play: Play) -> None:
        self.commands: list[paho.MQTTMessage] = []
        self._play = play
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe(TOPICS.cmd, 1)
        self.publish(TOPICS.availability, b"online", retain=True)
        assert self._subscribed.wait(10)

    def _on_message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        self.commands.append(message)
        self._play(self, unverified_jti(message.payload.decode("utf-8", "replace")))

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        self._client.publish(topic, payload, 1, retain)

    def ack(self, jti: str | None, result: str, reason: str | None = None) -> None:
        answer = {"jti": jti, "result": result, "reason": reason, "time": None}
        self.publish(TOPICS.ack, json.dumps(answer).encode())

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def board(broker: BrokerProcess) -> Iterator[MakeBoard]:
    made: list[PlayedBoard] = []

    def make(play: Play) -> PlayedBoard:
        made.append(PlayedBoard(broker.port, play))
        return made[-1]

    yield make
    for one in made:
        one.close()


def b64(text: str) -> bytes:
    """base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
