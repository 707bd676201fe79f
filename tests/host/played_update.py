"""A board that takes updates as the firmware does, played: in memory, or over a real broker (`Fleet`).

board = UpdatedBoard("box-1", keys)
for topic, payload, retain in board.comes(): ...             what it publishes when it connects
for topic, payload, retain in board.hears(topic, payload): ...
"""

import hashlib
import itertools
import json
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import jwt
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from host_tools.mqtt import Topics, parse_topic
from host_tools.site.keys import device_key
from host_tools.update.read import unpack

Json = dict[str, Any]
Said = list[tuple[str, bytes, bool]]
BLOCK = 1024
BOOTS = itertools.count(1)


@dataclass
class Script:
    """What is played. `fate`: what becomes of the bundle: `good`, `mute` (the board never comes back), `late`
    (it crashes right after it was done), or the reason of its failure."""

    fate: str = "good"
    refuse: list[str] = field(default_factory=list)  # reasons, order by order
    deaf: int = 0  # orders that it does not answer
    lose_acks: bool = False  # final answers get lost
    waits: str | None = None  # it has the bundle and does not begin, until `go_on`
    stop_at: int | None = None  # it asks for no more after so many bytes, until `go_on`


class UpdatedBoard:
    def __init__(
        self, site: str, name: str, master: bytes, script: Script | None = None, firmware: str = "0.1.0"
    ) -> None:
        self.topics = Topics(site, name)
        self.script = script or Script()
        self.firmware = firmware
        self.key = device_key(master, site, name, "ops", 1)
        self.orders: list[Json] = []  # claims of every order
        self.accepted = 0
        self.installed = 0
        self.update: Json | None = None
        self.availability = "online"
        self.content = b""
        self._over: set[str] = set()
        self._boots()

    # ---- what it does

    def comes(self) -> Said:
        self.availability = "online"
        pulls = self.update is not None and len(self.content) < self.update["size"]
        return [*self.info(), self._say("availability", b"online", True), *(self._ask() if pulls else [])]

    def goes(self, availability: str = "offline") -> Said:
        self.availability = availability
        return [self._say("availability", availability.encode(), True)]

    def info(self) -> Said:
        shown = None
        if self.update is not None:
            shown = {"state": self.update["state"], "version": self.update["version"]}
        told = {
            "device": self.topics.device,
            "firmware": self.firmware,
            "bootid": self.bootid,
            "nonce": self.nonce,
            "keys": ["booking-1", "ops-1"],
            "slot": "a",
            "update": shown,
        }
        return [self._say("info", told, True)]

    def hears(self, topic: str, payload: bytes) -> Said:
        if self.availability != "online":
            return []
        if topic == self.topics.cmd:
            return self._order(payload.decode())
        if topic == self.topics.of("update", "data"):
            return self._data(payload)
        return []

    def go_on(self) -> Said:
        """What it should have asked for when it stopped."""
        waited, self.script.waits, self.script.stop_at = self.script.waits, None, None
        if waited is not None and self.update is not None:
            return self._installs()
        return self._ask() if self.update is not None else []

    def restarts(self) -> Said:
        """In the middle of whatever it does: a pull goes on."""
        self._boots()
        return [*self.goes(), *self.comes()]

    def event(self, kind: str, **data: Any) -> tuple[str, bytes, bool]:
        told = {"type": f"sportbox.{kind}", "bootid": self.bootid, "data": data}
        return self._say("event", told)

    # ---- inside

    def _boots(self) -> None:
        number = next(BOOTS)
        self.bootid, self.nonce = f"b{number}", f"n{number}"

    def _say(self, rest: str, value: Json | bytes, retain: bool = False) -> tuple[str, bytes, bool]:
        payload = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.topics.of(*rest.split("/")), payload, retain

    def _ack(self, jti: str, result: str, reason: str | None = None) -> tuple[str, bytes, bool]:
        return self._say("ack", {"jti": jti, "result": result, "reason": reason, "time": None})

    def _order(self, token: str) -> Said:
        audience = f"{self.topics.site}/{self.topics.device}"
        no_iat = {"verify_iat": False}  # a test's clock may be ahead
        claims = jwt.decode(token, self.key, algorithms=["HS256"], audience=audience, options=no_iat)
        jti, args = claims["jti"], claims["args"]
        assert claims["act"] == "update"
        if claims["nonce"] != self.nonce:
            return [self._ack(jti, "rejected", "clock")]
        if self.script.deaf:
            self.script.deaf -= 1
            return []
        if args == {"abort": True}:
            return self._abort(jti)
        self.orders.append(claims)
        if self.update is not None and jti == self.update["jti"]:
            return [self._ack(jti, "accepted")]
        if jti in self._over:
            return [self._ack(jti, "rejected", "replayed")]
        if self.script.refuse:
            return [self._ack(jti, "rejected", self.script.refuse.pop(0))]
        if self.update is not None:
            return [self._ack(jti, "rejected", "busy")]
        self.accepted += 1
        self.content = b""
        self.update = {"jti": jti, "state": "pull", **args}
        return [self._ack(jti, "accepted"), *self.info(), *self._ask()]

    def _abort(self, jti: str) -> Said:
        if self.update is None or self.update["state"] != "pull":
            return [self._ack(jti, "rejected", "busy")]
        return [self._ack(jti, "accepted"), *self._ends("failed", "aborted"), self._ack(jti, "done")]

    def _ask(self) -> Said:
        assert self.update is not None
        if self.script.stop_at is not None and len(self.content) >= self.script.stop_at:
            return []
        asked = {"sha256": self.update["sha256"][:16], "at": len(self.content), "bytes": BLOCK}
        return [self._say("update/get", asked)]

    def _data(self, payload: bytes) -> Said:
        if self.update is None or self.update["state"] != "pull":
            return []
        name, at = struct.unpack_from("<8sI", payload)
        if name.hex() != self.update["sha256"][:16] or at != len(self.content):
            return []
        self.content += payload[12:]
        if len(self.content) < self.update["size"]:
            return self._ask()
        assert hashlib.sha256(self.content).hexdigest() == self.update["sha256"]
        if self.script.waits is not None:
            return [self._told("waiting", self.script.waits)]
        return self._installs()

    def _installs(self) -> Said:
        assert self.update is not None
        self.update["state"] = "ready"
        return [self._told("installing"), *self._tries()]

    def _tries(self) -> Said:
        assert self.update is not None
        self.installed += 1
        fate, old = self.script.fate, self.firmware
        gone = self.goes()
        if fate == "mute":
            return gone
        self._boots()
        if fate in ("good", "late"):
            self.firmware, self.update["state"] = unpack(self.content).manifest.version, "trial"
            assert self.firmware == self.update["version"]
            back = [*gone, *self.comes(), self.event("device.booted", reset="soft")]
            done = self._ends("done", None)
            crash = [self.event("device.crashed", task="gate-1", error="OSError")] if fate == "late" else []
            return [*back, *done, *crash]
        assert self.firmware == old
        return [*gone, *self.comes(), *self._ends("failed", fate)]

    def _ends(self, result: str, reason: str | None) -> Said:
        assert self.update is not None
        jti, told = self.update["jti"], self._told(result, reason)
        self._over.add(jti)
        self.update = None
        answer = [] if self.script.lose_acks else [self._ack(jti, result, reason), told]
        return [*answer, *self.info()]

    def _told(self, state: str, reason: str | None = None) -> tuple[str, bytes, bool]:
        assert self.update is not None
        return self.event("device.update", state=state, version=self.update["version"], reason=reason)


class Fleet:
    """Boards of a site at a broker, on one connection."""

    def __init__(self, port: int, boards: Iterable[UpdatedBoard]) -> None:
        self.boards = {board.topics.device: board for board in boards}
        self.site = next(iter(self.boards.values())).topics.site
        self.lock = threading.Lock()
        self._ready = threading.Semaphore(0)
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: self._connected(client)
        self._client.on_subscribe = lambda *_: self._ready.release()
        self._client.on_message = lambda _client, _userdata, message: self._hear(message)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.acquire(timeout=10)

    def do(self, name: str, act: Callable[[UpdatedBoard], Said]) -> list[paho.MQTTMessageInfo]:
        """Let a board do something, and publish what it says."""
        with self.lock:
            said = act(self.boards[name])
            return [self._client.publish(topic, payload, 1, retain) for topic, payload, retain in said]

    def do_and_wait(self, name: str, act: Callable[[UpdatedBoard], Said]) -> None:
        """The broker has it when this returns. Not from the fleet's own thread."""
        for message in self.do(name, act):
            message.wait_for_publish(10)
            assert message.is_published()

    def _connected(self, client: paho.Client) -> None:
        client.subscribe([(f"sportbox/v1/{self.site}/+/{rest}", 1) for rest in ("cmd", "update/data")])
        for name, board in self.boards.items():
            if board.availability == "online":
                self.do(name, UpdatedBoard.comes)

    def _hear(self, message: paho.MQTTMessage) -> None:
        parsed = parse_topic(message.topic, self.site)
        assert parsed is not None
        self.do(parsed.device, lambda board: board.hears(message.topic, message.payload))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
