"""What tests of the storm's network have: a board's sockets by hand, and a little MQTT to speak on them."""

import random
from typing import Any

from host_tools.storm.agenda import BEGIN_US, Agenda
from host_tools.storm.network import wire
from host_tools.storm.network.broker import PORT, Broker
from host_tools.storm.network.net import Net
from host_tools.storm.trace import Record, Trace

S = 1_000_000
MS = 1_000


class Bench:
    """A board that does nothing by itself; `events` is what its sockets have been told."""

    def __init__(self, seed: int = 1) -> None:
        self.agenda = Agenda()
        self.trace = Trace(self.agenda)
        self.rng = random.Random(seed)
        self.net = Net(self.agenda, self.trace, self.rng)
        self.net.split = 0.0
        self.events: list[tuple[int, str, bytes]] = []
        self._sock = 0

    @property
    def now_us(self) -> int:
        return self.agenda.now_us - BEGIN_US

    def run(self, us: int) -> None:
        self.agenda.run_until(self.agenda.now_us + us)
        self.net.take(self.events)

    def connect(self, port: int = PORT, host: str = "10.0.0.1") -> int:
        self._sock += 1
        self.net.open(self._sock, True)
        self.net.connect(self._sock, host, port)
        return self._sock

    def ask(self, port: int, data: bytes) -> int:
        self._sock += 1
        self.net.open(self._sock, False)
        self.net.connect(self._sock, "10.0.0.1", port)
        self.net.send(self._sock, data)
        return self._sock

    def told(self, sock: int) -> list[str]:
        """In short: "connected", "data", "error 104" ..."""
        return [
            f"{what} {data.decode()}" if what == "error" else what
            for s, what, data in self.events
            if s == sock
        ]

    def received(self, sock: int) -> bytes:
        return b"".join(data for s, what, data in self.events if s == sock and what == "data")

    def noted(self, kind: str) -> list[Record]:
        return [record for record in self.trace.records if record["kind"] == kind]

    def when_told(self, sock: int, what: str, within_us: int) -> int:
        """Microseconds from the beginning of the run, at a resolution of 10 ms."""
        for _ in range(within_us // (10 * MS)):
            self.run(10 * MS)
            if what in self.told(sock):
                return self.now_us
        raise AssertionError(f"not told {what} in time, but {self.told(sock)}")


def connect_packet(
    client: str = "ground/box", keepalive_s: int = 60, will: bool = True, flags: int = 0
) -> bytes:
    body = b"\0\4MQTT\4" + bytes(((0x2E if will else 0x02) | flags,)) + keepalive_s.to_bytes(2, "big")
    body += _field(client.encode())
    if will:
        body += _field(b"base/availability") + _field(b"offline")
    return bytes((0x10, len(body))) + body


def subscribe_packet(pid: int, *filters: str, qos: int = 1) -> bytes:
    body = pid.to_bytes(2, "big") + b"".join(_field(f.encode()) + bytes((qos,)) for f in filters)
    return bytes((0x82, len(body))) + body


def _field(raw: bytes) -> bytes:
    return len(raw).to_bytes(2, "big") + raw


class Told(list[tuple[str, bytes, bool]]):
    """What a person was told by the broker."""

    def __call__(self, topic: str, payload: bytes, retained: bool) -> None:
        self.append((topic, payload, retained))


class BrokerBench(Bench):
    def __init__(self, seed: int = 1, **options: Any) -> None:
        super().__init__(seed)
        self.broker = Broker(self.agenda, self.trace, self.net, self.rng, **options)
        self.people = Told()
        self.broker.subscribe(self.people)

    def online(self, *filters: str, client: str = "ground/box", keepalive_s: int = 60) -> int:
        """A connection that is up."""
        sock = self.connect()
        self.run(S)
        self.net.send(sock, connect_packet(client, keepalive_s))
        self.run(S)
        self.net.send(sock, subscribe_packet(1, *(filters or ("base/cmd",))))
        self.run(S)
        return sock

    def say(self, sock: int, packet: bytes) -> None:
        assert self.net.send(sock, packet) == len(packet)
        self.run(S)

    def publish(self, sock: int, payload: bytes = b"x", pid: int = 7, topic: str = "base/event") -> None:
        self.say(sock, wire.publish(topic, payload, 1 if pid else 0, False, pid))

    def packets(self, sock: int) -> list[bytes]:
        """What the board has got, packet by packet; all have less than 128 bytes."""
        data = self.received(sock)
        found = []
        while data:
            size = 2 + data[1]
            found.append(data[:size])
            data = data[size:]
        return found

    def whys(self) -> list[str]:
        return [record["why"] for record in self.noted("gone")]
