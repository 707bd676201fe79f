"""A small board that does everything right, through hours of all that network and broker can do: nothing
that it sends may be lost, reordered, or taken for a violation by them."""

import pytest

from host_tools.storm.network import wire
from host_tools.storm.network.outlet import MODES
from tests.storm.one_board import BrokerBench, S, connect_packet, subscribe_packet

WINDOW = 4
DEADLINE_S = 10
NEW_EACH_S = 20
KEEPALIVE_S = 30


class SmallBoard:
    """Looks around once a second."""

    def __init__(self, bench: BrokerBench) -> None:
        self.bench = bench
        self.outbox: list[bytes] = []
        self.made = 0
        self.orders: list[bytes] = []
        self.sock = 0
        self.lives = 0
        self._next_sock = 1000
        self._forget()

    def _forget(self) -> None:
        self.rest = b""
        self.phase = "off"
        self.inflight: dict[int, bytes] = {}
        self.deadline_us = 0
        self.unsent = b""
        self.pid = self.bench.rng.randrange(65_536)

    def die(self) -> None:
        self.bench.net.board_died()
        self.lives += 1
        self._forget()

    def second(self, makes: bool = True) -> None:
        if makes and self.bench.now_us // S % NEW_EACH_S == 0:
            self.made += 1
            self.outbox.append(b"%d" % self.made)
        for sock, what, data in self.bench.net.take():
            if sock != self.sock or self.phase == "off":
                assert sock <= self.sock
            elif what == "data":
                self._read(data)
            elif what == "connected":
                self._write(connect_packet(keepalive_s=KEEPALIVE_S))
                self.phase = "CONNACK"
            elif what in ("end", "error"):
                self._leave()
        if self.phase == "off":
            self._next_sock += 1
            self.sock = self._next_sock
            self._forget()
            self.bench.net.open(self.sock, True)
            self.bench.net.connect(self.sock, "10.0.0.1", 1883)
            self.phase = "connecting"
            self.deadline_us = self.bench.now_us + DEADLINE_S * S
        elif self.deadline_us and self.bench.now_us >= self.deadline_us:
            self._leave()
        elif self.phase == "up":
            self._publish()
        if self.unsent:
            self._write(b"")

    def _leave(self) -> None:
        self.bench.net.close(self.sock)
        self._forget()

    def _write(self, packet: bytes) -> None:
        self.unsent += packet
        self.unsent = self.unsent[self.bench.net.send(self.sock, self.unsent) :]

    def _publish(self) -> None:
        if self.bench.now_us // S % (KEEPALIVE_S // 2) == 0:
            self._write(b"\xc0\0")
        for payload in self.outbox[:WINDOW]:
            if payload not in self.inflight.values():
                self.pid = self.pid % 65_535 + 1
                self.inflight[self.pid] = payload
                self._write(wire.publish("base/event", payload, 1, False, self.pid))
                self.deadline_us = self.bench.now_us + DEADLINE_S * S

    def _read(self, data: bytes) -> None:
        self.rest += data
        while self.phase != "off" and len(self.rest) >= 2 and len(self.rest) >= 2 + self.rest[1]:
            packet, self.rest = self.rest[: 2 + self.rest[1]], self.rest[2 + self.rest[1] :]
            self._packet(packet)

    def _packet(self, packet: bytes) -> None:
        if self.phase == "CONNACK" and packet == b"\x20\2\0\0":
            self._write(subscribe_packet(1, "base/cmd"))
            self.phase = "SUBACK"
        elif self.phase == "SUBACK" and packet == b"\x90\3\0\1\1":
            self.phase = "up"
            self.deadline_us = 0
        elif self.phase == "up" and packet[:2] == b"\x40\2":
            payload = self.inflight.pop(int.from_bytes(packet[2:], "big"), None)
            if payload is not None:
                self.outbox.remove(payload)
            if not self.inflight:
                self.deadline_us = 0
        elif self.phase == "up" and packet[0] == 0x32:
            self.orders.append(packet[14:])
            self._write(wire.puback(int.from_bytes(packet[12:14], "big")))
        elif packet != b"\xd0\0":
            self._leave()


def fault(bench: BrokerBench, board: SmallBoard) -> None:
    rng, net, broker = bench.rng, bench.net, bench.broker
    kind = rng.randrange(14)
    if kind == 0:
        net.loss = rng.choice((0.0, 0.1, 0.5))
    elif kind == 1:
        net.latency_us = rng.choice(((5_000, 40_000), (100_000, 3_000_000), (0, 0)))
    elif kind == 2:
        net.partition = not net.partition
    elif kind == 3:
        net.wifi = not net.wifi
    elif kind == 4:
        net.refuse = not net.refuse
    elif kind == 5:
        net.slow_bytes_s = rng.choice((None, 20, 2000))
    elif kind == 6:
        net.half_open()
    elif kind == 7:
        net.reset_all()
    elif kind == 8:
        board.die()
    elif kind == 9:
        broker.stop(rng.random() < 0.5)
    elif kind == 10:
        broker.start()
    elif kind == 11:
        broker.thaw() if broker.is_frozen else broker.freeze()
    else:
        broker.mode = rng.choice(MODES)


def mend(bench: BrokerBench) -> None:
    net, broker = bench.net, bench.broker
    net.loss, net.latency_us, net.slow_bytes_s = 0.0, (5_000, 40_000), None
    net.partition = net.refuse = False
    net.wifi = True
    broker.mode = "ok"
    broker.start()
    broker.thaw()


def live(seed: int, hours: int) -> tuple[BrokerBench, SmallBoard]:
    bench = BrokerBench(seed)
    bench.net.split = 0.1
    board = SmallBoard(bench)
    sent = 0
    for second in range(hours * 3600):
        bench.agenda.run_until(bench.agenda.now_us + S)
        board.second()
        if bench.rng.random() < 0.02:
            fault(bench, board)
        if second % 300 == 0:
            mend(bench)
        if second % 10 == 0:
            sent += 1
            bench.broker.publish("base/cmd", b"%d" % sent)
    mend(bench)
    for _ in range(180):
        bench.agenda.run_until(bench.agenda.now_us + S)
        board.second(makes=False)
    return bench, board


@pytest.mark.parametrize("seed", range(6))
def test_a_board_that_does_it_right_loses_nothing_and_breaks_no_rule(seed: int) -> None:
    bench, board = live(seed, hours=3)
    assert not bench.noted("protocol")
    assert board.outbox == [] and board.made > 500 and board.lives > 5
    events = [int(payload) for topic, payload, _ in bench.people if topic == "base/event"]
    first = list(dict.fromkeys(events))
    assert first == list(range(1, board.made + 1))
    orders = [int(payload) for payload in board.orders]
    assert len(orders) > 100 and orders == sorted(set(orders))
    assert len(bench.broker._open) == 1 and len(bench.net._pipes) < 60
    whys = {record["why"] for record in bench.noted("gone")}
    assert whys >= {"keepalive", "end", "reset", "stopped", "taken over"}


def test_the_same_seed_gives_the_same_trace() -> None:
    digests = {live(seed, hours=1)[0].trace.digest() for seed in (7, 7, 8)}
    assert len(digests) == 2
