"""Safe mode's connection to the broker: umqtt.simple's client, which blocks, with what it lacks.

It tells messages that are retained, drains those that are too large instead of running out of memory, and
speaks TLS where the configuration has it: the broker's certificate must come from the site's authority, and
the board shows its own. mbedTLS judges dates by the chip's wall clock, which is in 2000 after power-on. It is
set to the newest time that is certainly past: what flash remembers, the begin of the board's own certificate,
and then network time, which never sets it back. Where that does not come, the begin of the broker's
certificate counts, too, if nothing else is wrong with it.
"""

import socket
import sys
import time

import machine
import tls
from micropython import const
from sportbox.store import record
from umqtt.simple import MQTTClient

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Facts = dict[str, Any]

_PAYLOAD_MAX = const(1536)  # bytes, as the firmware
_KEEPALIVE_S = const(30)  # at least: safe mode sends a ping every 20 s
_CERTS = "/certs/"
_FLOOR = "/data/floor"
_PINGRESP = const(0xD0)
_ENOENT = const(2)
_ECONNRESET = const(104)
_TOO_EARLY = "The certificate validity starts in the future"  # mbedtls/x509.h
_2000_S = const(946684800)

BEHIND_S = _2000_S if time.gmtime(0)[0] == 2000 else 0
"""The chip's seconds begin so much later than Unix seconds."""


class Wire(MQTTClient):
    """`feed()` is called for each whole packet of the broker's, `take(topic, payload, retained)` for each
    message: a view that counts until it returns, None for one that was too large. It must not publish."""

    def __init__(
        self,
        config: "Facts",
        secrets: "Facts",
        feed: "Callable[[], None]",
        take: "Callable[[bytes, memoryview | None, int], None]",
    ) -> None:
        broker, user = config["broker"], secrets.get("broker") or {}
        super().__init__(
            "%s-%s" % (config["site"], config["device"]),
            broker["host"],
            broker["port"],
            user.get("user"),
            user.get("password"),
            max(_KEEPALIVE_S, config["mqtt"]["keepalive_s"]),
        )
        self.cb = take
        self.feed = feed
        self.view = memoryview(bytearray(_PAYLOAD_MAX))
        self.server_time = config["ntp"]["host"]
        try:
            lift(int.from_bytes(record.read(_FLOOR) or b"", "little") - BEHIND_S)
        except record.Corrupt as error:
            print("sportbox:", error)
        if broker.get("tls"):
            self.ssl = True
            self.name = broker["tls"]["name"]
            sys.modules["ussl"] = self  # type: ignore[assignment]  # umqtt asks a module that is no more

    def wrap_socket(self, raw: "socket.socket") -> "socket.socket":
        """Raises OSError, ValueError."""
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_REQUIRED  # type: ignore[attr-defined]
        context.verify_callback = self.look  # type: ignore[attr-defined]
        context.load_verify_locations(read("ca.der"))
        following = read("ca-next.der")
        if following:
            context.load_verify_locations(following)
        own = read("device.der")
        if own:
            lift(begin_of(own))
            context.load_cert_chain(own, read("device.key"))
        if self.server_time:
            self.ask_time()
        try:
            return context.wrap_socket(raw, server_hostname=self.name)
        except ValueError as error:
            if str(error).strip() == _TOO_EARLY:  # and nothing else: the site's authority has seen this time
                lift(begin_of(self.theirs))
            raise

    def look(self, der: memoryview, depth: int) -> int:
        """mbedTLS shows each certificate of the chain, the broker's own last. 0: nothing against it."""
        self.theirs = bytes(der)
        return 0

    def ask_time(self) -> None:
        import ntptime

        past_s = time.time()
        ntptime.host = self.server_time
        try:
            ntptime.settime()
            self.server_time = None  # once is enough
        except Exception as error:  # an answer may be cut short, too; next time
            print("sportbox: no network time:", error)
        lift(int(past_s))

    def wait_msg(self) -> "int | None":
        first = self.sock.read(1)
        self.sock.setblocking(True)
        if first is None:
            return None
        op = (first or self.lost())[0]
        if op & 0xF0 == 0x30:
            self.message(op)
        elif op == _PINGRESP:
            self.sock.read(1)
        self.feed()
        return op

    def message(self, op: int) -> None:
        size = self._recv_len() - 2
        topic = self.sock.read(int.from_bytes(self.sock.read(2), "big"))
        size -= len(topic)
        pid = b""
        if op & 6:
            pid = self.sock.read(2)
            size -= 2
        left = size
        while left:
            left -= self.sock.readinto(self.view[: min(left, _PAYLOAD_MAX)]) or self.lost()
        self.cb(topic, self.view[:size] if size <= _PAYLOAD_MAX else None, op & 1)
        if pid:
            self.sock.write(b"\x40\x02" + pid)

    def lost(self) -> "Any":
        raise OSError(_ECONNRESET)


def read(name: str) -> bytes:
    """A certificate, empty if it is not there."""
    try:
        with open(_CERTS + name, "rb") as file:
            return file.read()
    except OSError as error:
        if error.errno != _ENOENT:
            raise
        return b""


def begin_of(der: bytes) -> int:
    """notBefore of a certificate of ours, in the chip's seconds: the first thing in it that looks like a
    UTCTime. A serial number that does so by chance has no twelve digits."""
    at = 0
    while True:
        at = der.find(b"\x17\x0d", at) + 2
        if at < 2:
            return 0
        text = der[at : at + 12]
        if text.isdigit():
            n = [int(text[i : i + 2]) for i in range(0, 12, 2)]
            return int(time.mktime((2000 + n[0], n[1], n[2], n[3], n[4], n[5], 0, 0)))


def lift(past_s: int) -> None:
    """Sets the wall clock to a time that is certainly past, in the chip's seconds, if it is not there yet."""
    if time.time() < past_s:
        d = time.gmtime(past_s)
        machine.RTC().datetime((d[0], d[1], d[2], d[6], d[3], d[4], d[5], 0))
