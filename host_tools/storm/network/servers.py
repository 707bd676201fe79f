"""The servers that a board asks over UDP: time (RFC 4330) and names (RFC 1035)."""

import struct
from random import Random

from host_tools.storm.agenda import Agenda
from host_tools.storm.network.net import Net
from host_tools.storm.trace import Trace
from host_tools.storm.wall import wall_us

NTP_PORT = 123
DNS_PORT = 53
_NTP_TO_UNIX_S = 2_208_988_800  # 1900-01-01 to 1970-01-01
_TTL_S = 60


class TimeServer:
    """Tells the time of the run, `lie_s` off. `kod`: it asks to be left alone, in a kiss of death.
    `garbage`: what no client may believe, never an answer that is whole."""

    def __init__(self, agenda: Agenda, trace: Trace, net: Net, rng: Random) -> None:
        self._agenda = agenda
        self._trace = trace
        self._rng = rng
        self.up = True
        self.lie_s = 0
        self.kod = False
        self.garbage = False
        self.asked = 0
        net.datagrams(NTP_PORT, self._answer)

    def _answer(self, data: bytes) -> bytes | None:
        self.asked += 1
        if len(data) < 48 or data[0] & 7 != 3 or not 1 <= data[0] >> 3 & 7 <= 4:
            self._trace.note("protocol", conn=0, what="NTP question")
            return None
        if not self.up:
            return None
        if self.garbage:
            return self._garbage(data)
        if self.kod:
            return self._packet(data, leap=3, stratum=0, name=b"RATE")
        return self._packet(data)

    def _packet(
        self,
        question: bytes,
        leap: int = 0,
        stratum: int = 2,
        mode: int = 4,
        name: bytes = b"\xc0\x00\x02\x01",
    ) -> bytes:
        seconds, part_us = divmod(wall_us(self._agenda.now_us) + self.lie_s * 1_000_000, 1_000_000)
        seconds = (seconds + _NTP_TO_UNIX_S) & 0xFFFFFFFF  # eras: it wraps in 2036
        now = struct.pack("!II", seconds, (part_us << 32) // 1_000_000)
        then = struct.pack("!II", (seconds - 64) & 0xFFFFFFFF, 0)
        head = struct.pack("!BBbb", leap << 6 | question[0] & 0x38 | mode, stratum, 6, -20)
        return head + b"\0\0\0\x40\0\0\0\x80" + name + then + question[40:48] + now + now

    def _garbage(self, question: bytes) -> bytes:
        rng = self._rng
        kind = rng.randrange(7)
        if kind == 0:
            return rng.randbytes(48)
        if kind == 1:
            return self._packet(question)[: rng.randrange(48)]
        if kind == 2:
            return self._packet(question, leap=3)
        if kind == 3:
            return self._packet(question, stratum=rng.choice((0, 16, 255)))
        if kind == 4:
            return self._packet(question, mode=rng.choice((0, 1, 2, 3, 5, 6, 7)))
        if kind == 5:
            return self._packet(question)[:40] + bytes(8)
        answer = bytearray(self._packet(question))
        answer[24 + rng.randrange(8)] ^= 1 << rng.randrange(8)  # of another question
        return bytes(answer)


class Dns:
    """`names`: addresses by name; any other is answered with NXDOMAIN. `garbage`: what has no address in
    it, and may be cut off. `fails`: it answers that it cannot."""

    def __init__(self, trace: Trace, net: Net, rng: Random, names: dict[str, str]) -> None:
        self._trace = trace
        self._rng = rng
        self.names = names
        self.up = True
        self.garbage = False
        self.fails = False
        self.asked = 0
        net.datagrams(DNS_PORT, self._answer)

    def _answer(self, data: bytes) -> bytes | None:
        self.asked += 1
        name = _asked_name(data)
        if name is None:
            self._trace.note("protocol", conn=0, what="DNS question")
            return None
        if not self.up:
            return None
        question = data[12:]
        if self.garbage:
            return self._garbage(data[:2], question)
        address = self.names.get(name.lower())
        if self.fails or address is None:
            return data[:2] + (b"\x81\x82" if self.fails else b"\x81\x83") + b"\0\1\0\0\0\0\0\0" + question
        record = _record(b"\xc0\x0c", 1, bytes(int(part) for part in address.split(".")))
        if self._rng.random() < 0.7:
            return data[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question + record
        alias = b"\x05alias" + b"\xc0\x0c"
        record = _record(b"\xc0\x0c", 5, alias) + _record(alias, 1, record[-4:])
        return data[:2] + b"\x81\x80\0\1\0\2\0\0\0\0" + question + record

    def _garbage(self, number: bytes, question: bytes) -> bytes:
        rng = self._rng
        head = number + b"\x81\x80\0\1\0\1\0\0\0\0" + question
        kind = rng.randrange(6)
        if kind == 0:
            return bytes((number[0] ^ 0x55, number[1])) + rng.randbytes(rng.randrange(60))
        if kind == 1:
            return head[: rng.randrange(len(head))]
        if kind == 2:
            return head + _record(b"\xc0\x0c", 1, b"\x0a\x00\x00\x01")[: rng.randrange(16)]
        if kind == 3:
            return head + _record(b"\xc0\x0c", 28, rng.randbytes(16))
        if kind == 4:
            return head + b"\x3f" * rng.randrange(1, 60)
        return number + b"\x81\x80\0\1\xff\xff\0\0\0\0" + question


def _record(name: bytes, kind: int, data: bytes) -> bytes:
    return name + struct.pack("!HHIH", kind, 1, _TTL_S, len(data)) + data


def _asked_name(data: bytes) -> str | None:
    """Of a question for one address; None if it is none."""
    if len(data) < 17 or data[2] & 0xF8 or data[4:12] != b"\0\1\0\0\0\0\0\0":
        return None
    labels = []
    at = 12
    while at < len(data) and 0 < data[at] < 64:
        labels.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    if not labels or data[at:] != b"\0\0\1\0\1":
        return None
    try:
        return b".".join(labels).decode("ascii")
    except UnicodeDecodeError:
        return None
