"""A small MQTT 3.1.1 client that does one thing after the other, to ask a broker what it lets pass.

The packets are those of the standard (docs.oasis-open.org/mqtt/mqtt/v3.1.1). Every wait is bounded.
"""

import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType

from host_tools.mqtt import Login

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = (
    1,
    2,
    3,
    4,
    8,
    9,
    12,
    13,
    14,
)
WAIT_S = 5.0
PACKET_MAX = 1_048_576
KEEPALIVE_S = 60
REASONS = {1: "protocol", 2: "client id", 3: "unavailable", 4: "user or password", 5: "not authorised"}


class Refused(Exception):
    """The broker does not let this one in."""


class Silent(Exception):
    """No answer in time, or the connection ended in the middle."""


@dataclass(frozen=True)
class Message:
    topic: str
    payload: bytes
    retained: bool = False


@dataclass(frozen=True)
class Who:
    """Who connects; without `context` in plain TCP. A will of QoS 0 waits for nobody who is away."""

    client_id: str
    context: ssl.SSLContext | None = None
    user: str | None = None
    password: str | None = None
    will: Message | None = None
    will_qos: int = 1
    lasting: bool = False
    """Whether the broker keeps the session while nobody is connected."""

    def __repr__(self) -> str:
        return f"Who({self.client_id!r})"


def service(login: Login, client_id: str, will: Message | None = None) -> Who:
    return Who(client_id, login.context(), login.user, login.password, will)


class Line:
    """One connection. Raises Refused when it is not let in, Silent and OSError when there is nobody."""

    def __init__(self, host: str, port: int, who: Who, wait_s: float = WAIT_S) -> None:
        self.got: list[Message] = []
        self._wait_s = wait_s
        self._answered: set[tuple[int, int]] = set()
        self._codes = b""
        self._pongs = 0
        self._rest = b""
        self._packet_id = 0
        raw = socket.create_connection((host, port), wait_s)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket: socket.socket = raw
        try:
            self._enter(host, who)
        except BaseException:
            self._socket.close()
            raise

    def _enter(self, host: str, who: Who) -> None:
        try:
            if who.context is not None:
                self._socket = who.context.wrap_socket(self._socket, server_hostname=host)
            self._socket.sendall(_connect(who))
            kind, _, body = self._packet(time.monotonic() + self._wait_s)
        except ssl.SSLCertVerificationError:
            raise  # it is we who refuse
        except (ssl.SSLError, ConnectionError, Silent) as error:
            raise Refused(_short(error)) from error
        if kind != CONNACK or len(body) != 2:
            raise Refused("that is no MQTT")
        if body[1]:
            raise Refused(REASONS.get(body[1], str(body[1])))

    def subscribe(self, *filters: str, qos: int = 1) -> list[int]:
        """The codes of the SUBACK. A broker may grant what it never delivers."""
        number = self._next_id()
        body = number.to_bytes(2, "big") + b"".join(_text(one) + bytes([qos]) for one in filters)
        self._send(SUBSCRIBE, 2, body)
        self.until(lambda: (SUBACK, number) in self._answered)
        return list(self._codes)

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """At QoS 1, and wait for the PUBACK, which also comes for what is forbidden."""
        self.publish_all([Message(topic, payload, retain)])

    def publish_all(self, messages: list[Message]) -> None:
        """One after the other, and wait for all PUBACKs."""
        numbers = []
        for one in messages:
            number = self._next_id()
            body = _text(one.topic) + number.to_bytes(2, "big") + one.payload
            self._send(PUBLISH, 2 | int(one.retained), body)
            numbers.append(number)
        self.until(lambda: all((PUBACK, number) in self._answered for number in numbers))

    def cast(self, messages: Iterable[Message]) -> None:
        """At QoS 0: no answer comes, and it is kept for nobody who is away."""
        self._socket.sendall(b"".join(_publish(one) for one in messages))

    def ping(self) -> None:
        """A round trip: a broker that does one thing after the other has done all that was sent before."""
        seen = self._pongs
        self._send(PINGREQ, 0, b"")
        self.until(lambda: self._pongs > seen)

    def until(self, condition: Callable[[], bool]) -> None:
        """Read until the condition holds. Raises Silent."""
        until_s = time.monotonic() + self._wait_s
        while not condition():
            self._take(*self._packet(until_s))

    def get(self, payload: bytes) -> None:
        """Read until this payload has come."""
        self.until(lambda: any(one.payload == payload for one in self.got))

    def ended(self) -> bool:
        """Whether the broker has closed this connection, within the usual wait."""
        try:
            self.until(lambda: False)
        except Silent as error:
            return not isinstance(error.__cause__, TimeoutError)
        except OSError:
            return True
        return False

    def close(self) -> None:
        """With a goodbye, so that no last will is sent."""
        try:
            self._send(DISCONNECT, 0, b"")
        except OSError:
            pass  # it is gone already
        finally:
            self._socket.close()

    def vanish(self) -> None:
        """Without a goodbye."""
        self._socket.close()

    def __enter__(self) -> "Line":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _next_id(self) -> int:
        self._packet_id = self._packet_id % 65_535 + 1
        return self._packet_id

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        self._socket.sendall(_packet(kind, flags, body))

    def _take(self, kind: int, flags: int, body: bytes) -> None:
        if kind == PUBLISH:
            size = int.from_bytes(body[:2], "big")
            topic, rest = body[2 : 2 + size].decode("utf-8", "replace"), body[2 + size :]
            if flags & 6:
                self._send(PUBACK, 0, rest[:2])
                rest = rest[2:]
            self.got.append(Message(topic, rest, bool(flags & 1)))
        elif kind == PINGRESP:
            self._pongs += 1
        elif kind in (PUBACK, SUBACK):
            self._answered.add((kind, int.from_bytes(body[:2], "big")))
            if kind == SUBACK:
                self._codes = body[2:]

    def _packet(self, until_s: float) -> tuple[int, int, bytes]:
        """The next packet: kind, flags, body."""
        while True:
            found = _split(self._rest)
            if found is not None:
                kind, flags, body, self._rest = found
                return kind, flags, body
            self._rest += self._read(until_s)

    def _read(self, until_s: float) -> bytes:
        pending = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0
        left_s = until_s - time.monotonic()
        if not pending and (left_s <= 0 or not select.select([self._socket], [], [], left_s)[0]):
            raise Silent("no answer in time") from TimeoutError()
        self._socket.settimeout(max(0.01, left_s))
        try:
            data = self._socket.recv(65_536)
        except TimeoutError as error:
            raise Silent("no answer in time") from error
        if not data:
            raise Silent("the connection was closed")
        return data


def _connect(who: Who) -> bytes:
    flags, payload = (0 if who.lasting else 2), _text(who.client_id)
    if who.will is not None:
        flags |= 4 | who.will_qos << 3 | int(who.will.retained) << 5
        payload += _text(who.will.topic) + len(who.will.payload).to_bytes(2, "big") + who.will.payload
    if who.user is not None:
        flags |= 0x80
        payload += _text(who.user)
    if who.password is not None:
        flags |= 0x40
        payload += _text(who.password)
    return _packet(CONNECT, 0, _text("MQTT") + bytes([4, flags]) + KEEPALIVE_S.to_bytes(2, "big") + payload)


def _publish(message: Message) -> bytes:
    return _packet(PUBLISH, int(message.retained), _text(message.topic) + message.payload)


def _packet(kind: int, flags: int, body: bytes) -> bytes:
    size, length = len(body), b""
    while True:
        size, digit = divmod(size, 128)
        length += bytes([digit | (0x80 if size else 0)])
        if not size:
            return bytes([kind << 4 | flags]) + length + body


def _split(data: bytes) -> tuple[int, int, bytes, bytes] | None:
    """The first packet of the data, and the rest; None while it is not whole."""
    size = shift = 0
    for at in range(1, min(len(data), 5)):
        size |= (data[at] & 0x7F) << shift
        shift += 7
        if not data[at] & 0x80:
            end = at + 1 + size
            if size > PACKET_MAX:
                raise Silent("a packet that is too large")
            return (data[0] >> 4, data[0] & 15, data[at + 1 : end], data[end:]) if len(data) >= end else None
    if len(data) >= 5:
        raise Silent("that is no MQTT")
    return None


def _text(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(2, "big") + raw


def _short(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error) or type(error).__name__
