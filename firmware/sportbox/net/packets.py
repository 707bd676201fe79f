"""MQTT 3.1.1 packets as umqtt.simple makes them, without its waiting. PUBLISH alone, which a board sends all
day, is put straight into the buffer that is written.

umqtt.simple writes a packet in several pieces to a blocking socket and then waits for the answer for ever.
Here its socket is a buffer in memory: what it writes is collected into one packet, and the answer that it
insists on reading is put in front of it before it asks. The real answers are matched by the session.
"""

import struct

import umqtt.simple
from micropython import const

CONNACK = 0x20
_PUBLISH = const(0x30)
PUBLISH = _PUBLISH
PUBLISH_MORE = 7  # bytes beyond topic and payload at most
PUBACK = 0x40
SUBACK = 0x90
PINGRESP = 0xD0


class Malformed(Exception):
    """Bytes that no MQTT 3.1.1 server may send; `args[0]` says which."""


class _Memory:
    """Stands in for a socket, and for the module that makes one."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self._answer: bytes | memoryview = b""
        self._at = 0

    def begin(self, answer: "bytes | memoryview") -> None:
        self.sent = bytearray()
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
        self.sent += data if size < 0 else memoryview(data)[:size]

    def read(self, size: int) -> bytes:
        data = bytes(self._answer[self._at : self._at + size])
        self._at += size
        return data


class Packets:
    """Makes packets."""

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
        self._client.set_callback(self._client)  # subscribing asks for one; nothing is received there

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
        return struct.pack("!BBH", PUBACK, 2, pid)

    def _begin(self, answer: "bytes | memoryview") -> None:
        self._memory.begin(answer)
        self._client.sock = self._memory


def field(text: str) -> bytes:
    """A string with its length, as MQTT has it (3.1.1, 1.5.3)."""
    data = text.encode()
    return struct.pack("!H", len(data)) + data


def put_publish(out: bytearray, at: int, topic: bytes, payload: bytes, retain: bool, pid: int) -> int:
    """PUBLISH, at QoS 1 if `pid` is not 0, into a buffer that has room for it; where it ends. `topic` is a
    field. It asks for no memory: half of what a message costs otherwise is the search for some."""
    size_of = len
    length, size = size_of(topic), size_of(payload)
    rest = length + size
    if pid:
        rest += 2
        out[at] = _PUBLISH | 3 if retain else _PUBLISH | 2
    else:
        out[at] = _PUBLISH | 1 if retain else _PUBLISH
    at += 1
    while rest > 0x7F:
        out[at] = rest & 0x7F | 0x80
        rest >>= 7
        at += 1
    out[at] = rest
    at += 1
    out[at : at + length] = topic
    at += length
    if pid:
        out[at] = pid >> 8
        out[at + 1] = pid & 0xFF
        at += 2
    size += at
    out[at:size] = payload
    return size


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
