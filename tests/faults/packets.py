"""MQTT 3.1.1 packets, read and written by hand: tests must not trust the code that they test."""

import random
import struct
from dataclasses import dataclass, field

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 8, 9, 10, 11
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14
NAMES = {
    CONNECT: "CONNECT",
    PUBLISH: "PUBLISH",
    PUBACK: "PUBACK",
    SUBSCRIBE: "SUBSCRIBE",
    UNSUBSCRIBE: "UNSUBSCRIBE",
    PINGREQ: "PINGREQ",
    DISCONNECT: "DISCONNECT",
}
LENGTH_BYTES_MAX = 4


class Malformed(Exception):
    """The other side sent what no MQTT client may send."""


@dataclass(frozen=True)
class Packet:
    """One packet from a client. Fields that its kind does not have keep their defaults."""

    kind: str
    raw: bytes
    connection: int = 0
    at_s: float = 0.0
    """time.monotonic() when its last byte came."""
    packet_id: int = 0
    topic: str = ""
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    dup: bool = False
    topics: tuple[tuple[str, int], ...] = ()
    client_id: str = ""
    clean: bool = False
    keep_alive_s: int = 0
    will_topic: str = ""
    will_payload: bytes = b""
    will_retain: bool = False
    extra: dict[str, str] = field(default_factory=dict)
    """`user` and `password` of a CONNECT."""


class Cursor:
    """Reads fields from a packet's body and insists that they are there."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.at = 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.body):
            raise Malformed(f"{count} bytes wanted, {len(self.body) - self.at} left")
        self.at += count
        return self.body[self.at - count : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def word(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def blob(self) -> bytes:
        return self.take(self.word())

    def text(self) -> str:
        try:
            return self.blob().decode()
        except UnicodeDecodeError as error:
            raise Malformed(f"not UTF-8: {error}") from error

    def rest(self) -> bytes:
        return self.take(len(self.body) - self.at)

    @property
    def is_done(self) -> bool:
        return self.at == len(self.body)


def split(buffer: bytes) -> int:
    """The length of the first packet in a buffer, 0 while it is not whole."""
    length = 0
    for position in range(1, LENGTH_BYTES_MAX + 1):
        if position >= len(buffer):
            return 0
        length |= (buffer[position] & 127) << (7 * (position - 1))
        if buffer[position] < 128:
            whole = position + 1 + length
            return whole if len(buffer) >= whole else 0
    raise Malformed("the remaining length has more than four bytes")


def parse(raw: bytes, connection: int = 0, at_s: float = 0.0) -> Packet:
    """One whole packet of a client."""
    kind = NAMES.get(raw[0] >> 4)
    if kind is None:
        raise Malformed(f"a client may not send packet type {raw[0] >> 4}")
    head = 1
    while raw[head] & 128:
        head += 1
    cursor = Cursor(raw[head + 1 :])
    flags = raw[0] & 15
    if flags != (2 if kind in ("SUBSCRIBE", "UNSUBSCRIBE") else 0) and kind != "PUBLISH":
        raise Malformed(f"{kind} with flags {flags}")
    fields: dict[str, object] = {}
    if kind == "CONNECT":
        fields = _connect(cursor)
    elif kind == "PUBLISH":
        fields = _publish(cursor, flags)
    elif kind in ("SUBSCRIBE", "UNSUBSCRIBE"):
        fields = {"packet_id": cursor.word(), "topics": _topics(cursor, kind)}
    elif kind == "PUBACK":
        fields = {"packet_id": cursor.word()}
    if not cursor.is_done:
        raise Malformed(f"{kind} with bytes after its end")
    return Packet(kind, raw, connection, at_s, **fields)  # type: ignore[arg-type]


def _connect(cursor: Cursor) -> dict[str, object]:
    if cursor.text() != "MQTT" or cursor.byte() != 4:
        raise Malformed("not MQTT 3.1.1")
    flags = cursor.byte()
    if flags & 1:
        raise Malformed("the reserved flag of CONNECT is set")
    fields: dict[str, object] = {"keep_alive_s": cursor.word(), "clean": bool(flags & 2)}
    fields["client_id"] = cursor.text()
    if flags & 4:
        fields["will_topic"], fields["will_payload"] = cursor.text(), cursor.blob()
        fields["will_retain"] = bool(flags & 32)
    extra = {}
    if flags & 128:
        extra["user"] = cursor.text()
    if flags & 64:
        extra["password"] = cursor.text()
    return {**fields, "extra": extra}


def _publish(cursor: Cursor, flags: int) -> dict[str, object]:
    qos = flags >> 1 & 3
    if qos == 3:
        raise Malformed("PUBLISH with QoS 3")
    topic = cursor.text()
    packet_id = cursor.word() if qos else 0
    if not topic or "#" in topic or "+" in topic or (qos and not packet_id):
        raise Malformed(f"PUBLISH to {topic!r} with packet id {packet_id}")
    return {
        "topic": topic,
        "packet_id": packet_id,
        "qos": qos,
        "retain": bool(flags & 1),
        "dup": bool(flags & 8),
        "payload": cursor.rest(),
    }


def _topics(cursor: Cursor, kind: str) -> tuple[tuple[str, int], ...]:
    topics = []
    while not cursor.is_done:
        topic = cursor.text()
        topics.append((topic, cursor.byte() if kind == "SUBSCRIBE" else 0))
    if not topics:
        raise Malformed(f"{kind} without topics")
    return tuple(topics)


# --- what a broker sends ---


def packet(kind: int, body: bytes = b"", flags: int = 0) -> bytes:
    length, head = len(body), bytearray([kind << 4 | flags])
    while True:
        length, low = length >> 7, length & 127
        head.append(low | (128 if length else 0))
        if not length:
            return bytes(head) + body


def connack(code: int = 0) -> bytes:
    return packet(CONNACK, bytes([0, code]))


def puback(packet_id: int) -> bytes:
    return packet(PUBACK, packet_id.to_bytes(2, "big"))


def suback(packet_id: int, codes: bytes) -> bytes:
    return packet(SUBACK, packet_id.to_bytes(2, "big") + codes)


def publish(
    topic: str, payload: bytes, qos: int = 1, packet_id: int = 1, retain: bool = False, dup: bool = False
) -> bytes:
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + (packet_id.to_bytes(2, "big") if qos else b"") + payload
    return packet(PUBLISH, body, (8 if dup else 0) | qos << 1 | int(retain))


# --- what a broken one sends ---

TRUNCATED_CONNACK = b"\x20\x02\x00"
SHORT_CONNACK = b"\x20\x00"
HUGE_LENGTH = b"\x30\xff\xff\xff\x7f"
"""A PUBLISH that announces 256 MB."""
ENDLESS_LENGTH = b"\x30" + b"\xff" * 8
HUGE_TOPIC = b"\x30\x04\xff\xff\x61\x62"
"""A topic that is said to be longer than its packet."""
RESERVED_TYPE = b"\xf0\x00"
QOS_3 = b"\x36\x05\x00\x01\x61\x00\x01"


def half(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def garbage(seed: int, count: int = 64) -> bytes:
    return random.Random(seed).randbytes(count)


def every_byte_flipped(whole: bytes, seed: int) -> list[bytes]:
    """A valid packet with one byte wrong, for each of its bytes."""
    chance = random.Random(seed)
    return [
        whole[:at] + bytes([whole[at] ^ chance.randrange(1, 256)]) + whole[at + 1 :]
        for at in range(len(whole))
    ]


def oversized(topic: str, size: int, packet_id: int = 1) -> bytes:
    """Well-formed, and larger than any board takes."""
    return publish(topic, struct.pack(">I", size) + b"x" * (size - 4), packet_id=packet_id)
