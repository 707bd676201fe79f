"""A stranger's MQTT client that notes everything which boards publish, also to a file in the run's folder."""

import functools
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.data.traffic import check_all
from tests.faults.helpers import Board, jti_of
from tests.faults.packets import Packet
from tests.lateness import Patience

Json = dict[str, Any]

KEEPALIVE_S = 120  # longer than any outage that is played
RETRY_S = 0.05


@dataclass(frozen=True)
class Message:
    """One PUBLISH, as a subscriber or a broker sees it."""

    at_s: float
    topic: str
    payload: bytes
    qos: int
    retain: bool

    @functools.cached_property
    def content(self) -> Any:
        return json.loads(self.payload)


def messages_of(packets: list[Packet]) -> list[Message]:
    """What a board sent to the scripted peer."""
    return [
        Message(p.at_s, p.topic, p.payload, p.qos, p.retain) for p in list(packets) if p.kind == "PUBLISH"
    ]


class Listener:
    """Has the broker's SUBACK when `start` returns; comes back by itself when the broker does. At the end of
    a `with`, all that boards have published must be as host_tools/data defines it."""

    def __init__(
        self, host: str, port: int, folder: Path, topic: str = "sportbox/v1/#", qos: int = 1
    ) -> None:
        self._topic, self._qos = topic, qos
        self._messages: list[Message] = []
        self._live: dict[str, list[Message]] = {}  # by topic, without what was retained before
        self._changed = threading.Condition(threading.RLock())
        self._subscriptions = 0
        self._file = (folder / f"heard-{port}-{id(self):x}.jsonl").open("w")
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.reconnect_delay_set(RETRY_S, RETRY_S)  # type: ignore[arg-type]
        self.client.on_connect = self._connected
        self.client.on_subscribe = self._subscribed
        self.client.on_message = self._take
        self.client.connect_async(host, port, keepalive=KEEPALIVE_S)

    def start(self) -> "Listener":
        self.client.loop_start()
        self.wait_subscribed(1)
        return self

    def wait_subscribed(self, times: int, timeout_s: float = 10.0) -> None:
        """Until it was subscribed so many times in all."""
        self._wait(lambda: self._subscriptions >= times, f"SUBACK number {times}", timeout_s)

    @property
    def subscriptions(self) -> int:
        return self._subscriptions

    @property
    def messages(self) -> list[Message]:
        with self._changed:
            return list(self._messages)

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        self._file.close()

    def __enter__(self) -> "Listener":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if kind is None:
            check_all((message.topic, message.payload) for message in self.messages)

    def send(self, board: Board, token: str | bytes, *, retain: bool = False) -> None:
        """Publish an order; the broker has it when this returns."""
        info = self.client.publish(f"{board.base}/cmd", token, qos=1, retain=retain)
        info.wait_for_publish(10)
        assert info.is_published(), "the broker did not acknowledge the order"

    # --- questions ---

    def of(self, board: Board, rest: str) -> list[Message]:
        """The messages of one topic of a board; retained ones of before the subscription are left out."""
        with self._changed:
            return list(self._live.get(f"{board.base}/{rest}", []))

    def events(self, board: Board, kind: str = "") -> list[Json]:
        """Events as they came, repetitions included; of one type or all."""
        found = [m.content for m in self.of(board, "event")]
        return [e for e in found if not kind or e["type"] == f"sportbox.{kind}"]

    def acks(self, board: Board, jti: str | None) -> list[tuple[str, str | None]]:
        """(result, reason) of the answers to one token."""
        found = [m.content for m in self.of(board, "ack")]
        return [(a["result"], a["reason"]) for a in found if a["jti"] == jti]

    def latest(self, board: Board, rest: str) -> Any:
        """The newest payload of a topic, None if there is none."""
        found = self.of(board, rest)
        return found[-1].content if found else None

    # --- waiting ---

    def wait(self, condition: Callable[["Listener"], object], what: str, timeout_s: float = 10.0) -> None:
        """Until a condition on this listener holds, looked at after each message."""
        self._wait(lambda: condition(self), what, timeout_s)

    def wait_ready(self, board: Board, boots: int = 1, timeout_s: float = 15.0) -> None:
        """Until the board is online with the time from its server and all its states, in its n-th boot."""

        def ready(heard: "Listener") -> bool:
            info = heard.latest(board, "info")
            return (
                info is not None
                and info["boot"] >= boots
                and info["clock"] == "ntp"
                and any(e["data"].get("boot") == boots for e in heard.events(board, "device.booted"))
            )

        self.wait(ready, f"{board.name} ready in its boot {boots}", timeout_s)

    def wait_ack(
        self, board: Board, token: str, *results: str, timeout_s: float = 10.0
    ) -> list[tuple[str, str | None]]:
        """Until each of the results was answered to a token; returns all its answers so far."""
        jti = jti_of(token)
        self.wait(
            lambda heard: set(results) <= {result for result, _ in heard.acks(board, jti)},
            f"{' and '.join(results)} for {jti}",
            timeout_s,
        )
        return self.acks(board, jti)

    def _wait(self, condition: Callable[[], object], what: str, timeout_s: float) -> None:
        patience = Patience(timeout_s)
        with self._changed:
            while not condition():
                left_s = patience.left_s()
                if left_s <= 0:
                    tail = [f"{m.topic.split('/', 3)[-1]} {m.payload[:120]!r}" for m in self._messages[-8:]]
                    raise AssertionError(
                        "\n".join([f"waited {timeout_s:g} s for {what}; last heard:", *tail])
                    )
                self._changed.wait(left_s)

    def _connected(self, *_: object) -> None:
        self.client.subscribe(self._topic, qos=self._qos)

    def _subscribed(self, *_: object) -> None:
        with self._changed:
            self._subscriptions += 1
            self._changed.notify_all()

    def _take(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        taken = Message(time.monotonic(), message.topic, bytes(message.payload), message.qos, message.retain)
        line = {**vars(taken), "payload": taken.payload.decode("utf-8", "backslashreplace")}
        with self._changed:
            if not self._file.closed:
                self._file.write(json.dumps(line) + "\n")
                self._file.flush()
            self._messages.append(taken)
            if not taken.retain:
                self._live.setdefault(taken.topic, []).append(taken)
            self._changed.notify_all()
