"""A board that takes renewals as the firmware does, played in this process: parts in order, then anew."""

import hashlib
import json
import threading
from dataclasses import dataclass, field
from typing import Any

import jwt
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from host_tools.mqtt import Topics
from host_tools.site.ca import serial_of
from host_tools.site.renew.blob import PART_BYTES, unpack, unseal
from tests.host.played_board import b64

Json = dict[str, Any]


@dataclass
class Script:
    """What goes wrong, and how often: answers that come instead of the right ones."""

    instead: list[tuple[str, str | None] | None] = field(default_factory=list)  # None: no answer at all
    forget_at: int | None = None  # once, before this part: a power cut that took the blob
    damage: int = 0
    final: tuple[str, str | None] = ("done", None)


class RenewedBoard:
    """Online as `device`; `files` is what it uses."""

    def __init__(
        self,
        port: int,
        topics: Topics,
        keys: dict[str, bytes],
        script: Script | None = None,
        files: dict[str, bytes] | None = None,
        mac: str = "02:00:00:00:00:01",
    ) -> None:
        self.topics = topics
        self.keys = keys
        self.script = script or Script()
        self.files = dict(files or {})
        self.mac = mac
        if files:
            self.keys = self._keys_in_files()
        self.parts: list[int] = []
        self.nonce = "n1"
        self._id = ""
        self._blob = b""
        self._renewal: str | None = None
        self.firmware = "0.1.0"
        self._ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe(topics.cmd, 1)
        self.tell()
        assert self._ready.wait(10)

    def tell(self, availability: str = "online") -> None:
        info = {
            "mac": self.mac,
            "nonce": self.nonce,
            "keys": list(self.keys),
            "renewal": self._renewal,
            "cert": None,
            "firmware": self.firmware,
            **self._told_by_files(),
        }
        told = (self.topics.info, json.dumps(info)), (self.topics.availability, availability)
        self._told = [self._client.publish(topic, text, 1, True) for topic, text in told]

    def say(self, availability: str = "online", within_s: float = 10.0) -> None:
        """As `tell`, and the broker has it. Not from the board's own thread."""
        self.tell(availability)
        for message in self._told:
            message.wait_for_publish(within_s)
            assert message.is_published()

    def _told_by_files(self) -> Json:
        """Configuration and certificate, where they are real ones."""
        if not self.files.get("/certs/device.der", b"").startswith(b"\x30"):
            return {}
        config = json.loads(self.files["/config.json"])
        return {"config": config["hash"], "cert": serial_of(self.files["/certs/device.der"])}

    def _keys_in_files(self) -> dict[str, bytes]:
        kept = json.loads(self.files["/secrets.json"])["keys"]
        return {kid: bytes.fromhex(key["k"]) for kid, key in kept.items()}

    def _ack(self, jti: str, result: str, reason: str | None = None) -> None:
        answer = {"jti": jti, "result": result, "reason": reason, "time": None}
        self._client.publish(self.topics.ack, json.dumps(answer), 1)

    def _on_message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        token = message.payload.decode()
        assert len(token) <= 1536
        kid = jwt.get_unverified_header(token)["kid"]
        claims = jwt.decode(
            token, self.keys[kid], algorithms=["HS256"], audience=f"{self.topics.site}/{self.topics.device}"
        )
        jti, renew = claims["jti"], claims["args"]["renew"]
        if claims["nonce"] != self.nonce:
            self._ack(jti, "rejected", "clock")
            return
        if self.script.instead:
            answer = self.script.instead.pop(0)
            if answer is not None:
                self._ack(jti, *answer)
            return
        self.parts.append(renew["part"])
        if renew["part"] == self.script.forget_at:
            self.script.forget_at, self._blob, self.nonce = None, b"", "n2"
            self.tell()
        self._take(jti, renew, unseal(self.keys[kid], b64(renew["sealed"])))

    def _take(self, jti: str, renew: Json, part: bytes) -> None:
        if renew["part"] == 0:
            self._id, self._blob = renew["id"], b""
        if renew["id"] != self._id or len(self._blob) != renew["part"] * PART_BYTES:
            self._ack(jti, "accepted")
            self._ack(jti, "failed", "order")
            return
        self._blob += part
        self._ack(jti, "accepted")
        if renew["part"] < renew["of"] - 1:
            self._ack(jti, "done")
            return
        if self.script.damage:
            self.script.damage -= 1
            self._blob = b"x" + self._blob
        if hashlib.sha256(self._blob).hexdigest() != self._id:
            self._blob = b""
            self._ack(jti, "failed", "damaged")
            return
        self.tell("offline")
        if self.script.final[0] == "done":
            self.files, self._renewal = unpack(self._blob), self._id[:12]
            if self.files["/secrets.json"].startswith(b"{"):
                self.keys = self._keys_in_files()
        self.tell()
        self._ack(jti, *self.script.final)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
