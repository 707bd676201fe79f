"""MQTT 3.1.1 packets as a strict broker reads and makes them; the numbers are those of the standard."""

import base64
import json
from typing import NamedTuple

CONNECT, CONNACK, PUBLISH, PUBACK = 0x10, 0x20, 0x30, 0x40
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 0x82, 0x90, 0xA2, 0xB0
PINGREQ, PINGRESP, DISCONNECT = 0xC0, 0xD0, 0xE0

NAMES = {
    0x10: "CONNECT",
    0x30: "PUBLISH",
    0x40: "PUBACK",
    0x80: "SUBSCRIBE",
    0xA0: "UNSUBSCRIBE",
    0xC0: "PINGREQ",
    0xE0: "DISCONNECT",
}
FLAGS = {0x10: 0, 0x40: 0, 0x80: 2, 0xA0: 2, 0xC0: 0, 0xE0: 0}
"""The only ones allowed for a kind of packet (2.2.2)."""

PACKET_MAX = 64 * 1024


class Violation(Exception):
    """What no MQTT 3.1.1 client may send; its text says what."""


class Hello(NamedTuple):
    """A CONNECT; `will` is topic, payload, QoS, retain."""

    client: str
    keepalive_s: int
    clean: bool
    will: tuple[str, bytes, int, bool] | None
    has_login: bool


def remaining_length(data: bytes, at: int) -> tuple[int, int]:
    """Of the packet at `at`, and where its rest begins; (-1, 0) if there are too few bytes (2.2.3)."""
    length = 0
    for i in range(1, 5):
        if at + i >= len(data):
            return -1, 0
        byte = data[at + i]
        length |= (byte & 0x7F) << (7 * (i - 1))
        if not byte & 0x80:
            return length, at + i + 1
    raise Violation("remaining length of more than four bytes")


def number(data: bytes, at: int, end: int) -> int:
    """Two bytes."""
    if at + 2 > end:
        raise Violation("a number is cut off")
    return data[at] << 8 | data[at + 1]


def packet_id(data: bytes, at: int, end: int) -> int:
    pid = number(data, at, end)
    if not pid:
        raise Violation("packet id 0")
    return pid


def field(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """What has its length before it, and where the next begins."""
    begin = at + 2
    after = begin + number(data, at, end)
    if after > end:
        raise Violation("a field is cut off")
    return data[begin:after], after


def text(raw: bytes) -> str:
    """UTF-8 without NUL (1.5.3)."""
    if 0 in raw:
        raise Violation("NUL in a string")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Violation("a string that is not UTF-8") from None


def topic_name(raw: bytes) -> str:
    """What can be published to (4.7.1)."""
    topic = text(raw)
    if not topic:
        raise Violation("empty topic")
    if "+" in topic or "#" in topic:
        raise Violation("wildcard in a topic")
    return topic


def topic_filter(raw: bytes) -> str:
    """What can be subscribed to."""
    wanted = text(raw)
    if not wanted:
        raise Violation("empty filter")
    levels = wanted.split("/")
    for i, level in enumerate(levels):
        if ("+" in level and level != "+") or ("#" in level and (level != "#" or i != len(levels) - 1)):
            raise Violation("wildcard in the wrong place")
    return wanted


def matches(wanted: str, topic: str) -> bool:
    if wanted == topic:
        return True
    if "+" not in wanted and "#" not in wanted:
        return False
    if topic[0] == "$" and wanted[0] != "$":
        return False
    levels = topic.split("/")
    for i, level in enumerate(wanted.split("/")):
        if level == "#":
            return True
        if i >= len(levels) or level not in ("+", levels[i]):
            return False
    return len(levels) == wanted.count("/") + 1


def hello(data: bytes, at: int, end: int) -> Hello:
    """The rest of a CONNECT (3.1)."""
    protocol, at = field(data, at, end)
    if protocol != b"MQTT":
        raise Violation("protocol name")
    if at + 4 > end:
        raise Violation("CONNECT is cut off")
    level, flags = data[at], data[at + 1]
    if level != 4:
        raise Violation(f"protocol level {level}")
    keepalive_s = number(data, at + 2, end)
    client, at = field(data, at + 4, end)
    clean, has_will = bool(flags & 0x02), bool(flags & 0x04)
    will_qos, will_retain = flags >> 3 & 3, bool(flags & 0x20)
    if flags & 1:
        raise Violation("reserved flag of CONNECT")
    if will_qos == 3 or (not has_will and (will_qos or will_retain)):
        raise Violation("flags of the will")
    if not flags & 0x80 and flags & 0x40:
        raise Violation("password without a user")
    if not client and not clean:
        raise Violation("no client id")
    will = None
    if has_will:
        will_topic, at = field(data, at, end)
        will_payload, at = field(data, at, end)
        will = (topic_name(will_topic), will_payload, will_qos, will_retain)
    if flags & 0x80:
        user, at = field(data, at, end)
        text(user)
    if flags & 0x40:
        _, at = field(data, at, end)
    if at != end:
        raise Violation("CONNECT with more than it says")
    return Hello(text(client), keepalive_s, clean, will, bool(flags & 0x80))


def subscriptions(data: bytes, at: int, end: int) -> list[tuple[str, int]]:
    """Filters and QoS of a SUBSCRIBE, behind its packet id (3.8.3)."""
    wanted = []
    while at < end:
        raw, at = field(data, at, end)
        if at >= end:
            raise Violation("SUBSCRIBE without a QoS")
        if data[at] > 2:
            raise Violation("QoS of SUBSCRIBE")
        wanted.append((topic_filter(raw), data[at]))
        at += 1
    if not wanted:
        raise Violation("SUBSCRIBE to nothing")
    return wanted


def filters(data: bytes, at: int, end: int) -> list[str]:
    """Of an UNSUBSCRIBE, behind its packet id (3.10.3)."""
    unwanted = []
    while at < end:
        raw, at = field(data, at, end)
        unwanted.append(topic_filter(raw))
    if not unwanted:
        raise Violation("UNSUBSCRIBE from nothing")
    return unwanted


def puback(pid: int) -> bytes:
    return bytes((PUBACK, 2, pid >> 8, pid & 0xFF))


def publish(topic: str, payload: bytes, qos: int, retain: bool, pid: int) -> bytes:
    name = topic.encode()
    length = 2 + len(name) + (2 if qos else 0) + len(payload)
    head = bytearray((PUBLISH | qos << 1 | retain,))
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    head += len(name).to_bytes(2, "big") + name
    if qos:
        head += pid.to_bytes(2, "big")
    return bytes(head) + payload


def jti_of(payload: bytes) -> str | None:
    """The id of an order, unverified; None where there is none to be read."""
    parts = payload.split(b".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + b"=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    jti = claims.get("jti") if isinstance(claims, dict) else None
    return jti[:64].encode(errors="backslashreplace").decode() if isinstance(jti, str) else None
