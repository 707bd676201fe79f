"""MQTT 3.1.1 packets as umqtt.simple makes and reads them, without its waiting.

umqtt.simple writes a packet in several pieces to a blocking socket and then waits for the answer for ever.
Here its socket is a buffer in memory: what it writes is collected into one packet, and the answer that it
insists on reading is put in front of it before it asks. The real answers are matched by the session.
"""

import struct

import umqtt.simple
from micropython import const

_LARGE = const(1152)  # bytes: nearly every message of a board fits

CONNACK = 0x20
PUBLISH = 0x30
PUBACK = 0x40
SUBACK = 0x90
PINGRESP = 0xD0


class Malformed(Exception):
    """Bytes that no MQTT 3.1.1 server may send; `args[0]` says which."""


class _Memory:
    """Stands in for a socket, and for the module that makes one."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self._large = bytearray(_LARGE)  # in one piece from the start: a heap in use has few large holes
        self._fill = -1  # of `_large`, -1: not in use
        self._answer: bytes | memoryview = b""
        self._at = 0

    def begin(self, in_large: bool = False) -> None:
        self.sent = bytearray()
        self._fill = 0 if in_large else -1

    def end(self) -> "bytearray | memoryview":
        return self.sent if self._fill < 0 else memoryview(self._large)[: self._fill]

    def expect(self, answer: "bytes | memoryview") -> None:
        self._answer = answer
        self._at = 0

    def socket(self) -> "_Memory":
        return self

    def getaddrinfo(self, host: str, port: int) -> "list[tuple[object, ...]]":
        return [(None,)]

    def connect(self, address: object) -> None:
        pass  # there is nobody to connect to

    def close(self) -> None:
        pass

    def setblocking(self, flag: bool) -> None:
        pass  # memory never blocks

    def write(self, data: "bytes | bytearray", size: int = -1) -> None:
        part = data if size < 0 else memoryview(data)[:size]
        fill = self._fill
        if fill >= 0:
            if fill + len(part) <= _LARGE:
                self._large[fill : fill + len(part)] = part
                self._fill += len(part)
                return
            self.sent += memoryview(self._large)[:fill]
            self._fill = -1
        self.sent += part

    def read(self, size: int) -> bytes:
        data = bytes(self._answer[self._at : self._at + size])
        self._at += size
        return data


class Packets:
    """Makes packets and takes received PUBLISH packets apart."""

    def __init__(self, client_id: str, keepalive_s: int, user: str | None, password: str | None) -> None:
        self._memory = _Memory()
        umqtt.simple.socket = self._memory  # type: ignore[attr-defined]  # its connect() makes its socket so
        self._client = umqtt.simple.MQTTClient(
            client_id.encode(),  # bytes throughout: it counts characters where it should count bytes
            "memory",
            user=None if user is None else user.encode(),
            password=(password or "").encode(),  # it sends one whenever there is a user
            keepalive=keepalive_s,
        )
        self._client.set_callback(self._received)
        self._topic = b""
        self._payload = b""

    def connect(self, will_topic: str, will: str) -> bytearray:
        """CONNECT with a clean session and a retained last will at QoS 1."""
        self._client.set_last_will(will_topic.encode(), will.encode(), retain=True, qos=1)
        self._begin(b"\x20\x02\x00\x00")
        self._client.connect(clean_session=True)
        return self._memory.sent

    def subscribe(self, topic: str, pid: int) -> bytearray:
        """SUBSCRIBE at QoS 1."""
        self._client.pid = pid - 1
        self._begin(struct.pack("!BBHB", SUBACK, 3, pid, 1))
        self._client.subscribe(topic.encode(), qos=1)
        return self._memory.sent

    def publish(self, topic: str, payload: bytes, retain: bool, pid: int) -> "bytearray | memoryview":
        """PUBLISH, at QoS 1 if `pid` is not 0. Valid until the next one."""
        if pid:
            self._client.pid = pid - 1
            self._begin(struct.pack("!BBH", PUBACK, 2, pid), True)
        else:
            self._begin(b"", True)
        self._client.publish(topic.encode(), payload, retain=retain, qos=1 if pid else 0)
        return self._memory.end()

    def ping(self) -> bytearray:
        self._begin(b"")
        self._client.ping()
        return self._memory.sent

    def disconnect(self) -> bytearray:
        """DISCONNECT: the broker forgets the last will."""
        self._begin(b"")
        self._client.disconnect()
        return self._memory.sent

    def puback(self, pid: int) -> bytes:
        """For a PUBLISH that was too long to be taken apart in memory."""
        return struct.pack("!BBH", PUBACK, 2, pid)

    def received(self, packet: "bytes | memoryview") -> "tuple[bytes, bytes, bytearray]":
        """Topic, payload and the answer to send (empty at QoS 0) of one whole PUBLISH. The session has
        checked its lengths."""
        self._begin(packet)
        self._client.wait_msg()
        return self._topic, self._payload, self._memory.sent

    def _begin(self, answer: "bytes | memoryview", in_large: bool = False) -> None:
        self._memory.begin(in_large)
        self._memory.expect(answer)
        self._client.sock = self._memory

    def _received(self, topic: bytes, payload: bytes) -> None:
        self._topic = topic
        self._payload = payload


def remaining_length(buffer: "bytearray | memoryview", size: int) -> "tuple[int, int]":
    """(remaining length, where the rest begins) of a packet whose first `size` bytes are there;
    (-1, 0) if it takes more bytes to tell. Raises Malformed (MQTT 3.1.1, 2.2.3: at most four bytes)."""
    length = 0
    for i in range(4):
        if 1 + i >= size:
            return -1, 0
        byte = buffer[1 + i]
        length |= (byte & 0x7F) << (7 * i)
        if not byte & 0x80:
            return length, 2 + i
    raise Malformed("remaining length")
