"""The stop-watch's own MQTT client: blocking, on one socket, without threads, so that it adds little.

paho would need a thread for its network loop, and its switches would be in every figure.
"""

import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from tests.faults import packets

ANSWER_S = 10.0
READ_BYTES = 65536
PID_MAX = 65535
KEEPALIVE_S = 3600  # longer than any measurement


@dataclass(frozen=True)
class Heard:
    """A PUBLISH, and when its last byte was read, in seconds of the monotonic clock."""

    at_s: float
    topic: str
    payload: bytes


class Wire:
    """Connected and subscribed once it is made. `qos` is that of its subscription."""

    def __init__(self, host: str, port: int, name: str, topic: str = "", qos: int = 0) -> None:
        self._socket = socket.create_connection((host, port), ANSWER_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._heard: deque[Heard] = deque()
        self._answered: set[int] = set()
        self._pid = 0
        client = name.encode()
        head = struct.pack("!H4sBBHH", 4, b"MQTT", 4, 2, KEEPALIVE_S, len(client))
        self._socket.sendall(packets.packet(packets.CONNECT, head + client))
        self._until(lambda: packets.CONNACK in self._answered, "CONNACK")
        if topic:
            self.subscribe(topic, qos)

    def subscribe(self, topic: str, qos: int) -> None:
        name = topic.encode()
        body = struct.pack("!HH", 1, len(name)) + name + bytes([qos])
        self._answered.discard(packets.SUBACK)
        self._socket.sendall(packets.packet(packets.SUBSCRIBE, body, 2))
        self._until(lambda: packets.SUBACK in self._answered, "SUBACK")

    def publish(self, topic: str, payload: bytes, qos: int = 0) -> float:
        """Gives the time just before it is sent. A PUBACK is read with what comes next."""
        self._pid = self._pid % PID_MAX + 1
        packet = packets.publish(topic, payload, qos, self._pid)
        now_s = time.monotonic()
        self._socket.sendall(packet)
        return now_s

    def next(self, until_s: float) -> Heard | None:
        """The next message, None if there is none until then."""
        while not self._heard:
            left_s = until_s - time.monotonic()
            if not select.select([self._socket], [], [], max(0.0, left_s))[0]:
                return None
            self._read()
        return self._heard.popleft()

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _until(self, there: Callable[[], bool], what: str) -> None:
        end_s = time.monotonic() + ANSWER_S
        while not there():
            if not select.select([self._socket], [], [], max(0.0, end_s - time.monotonic()))[0]:
                raise TimeoutError(f"no {what} within {ANSWER_S:g} s")
            self._read()

    def _read(self) -> None:
        data = self._socket.recv(READ_BYTES)
        now_s = time.monotonic()
        if not data:
            raise ConnectionError("closed by the broker")
        self._buffer += data
        while self._buffer and (size := packets.split(self._buffer)):
            raw, self._buffer = self._buffer[:size], self._buffer[size:]
            self._take(raw, now_s)

    def _take(self, raw: bytes, now_s: float) -> None:
        if raw[0] >> 4 != packets.PUBLISH:
            self._answered.add(raw[0] >> 4)
            return
        packet = packets.parse(raw)
        if packet.qos:
            self._socket.sendall(packets.puback(packet.packet_id))
        self._heard.append(Heard(now_s, packet.topic, packet.payload))
