"""One connection at the broker, which reads strictly."""

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from host_tools.storm.agenda import Ticket
from host_tools.storm.network import wire
from host_tools.storm.network.outlet import Outlet
from host_tools.storm.network.pipe import Pipe
from host_tools.storm.network.wire import Violation

if TYPE_CHECKING:
    from host_tools.storm.network.broker import Broker

CONNECT_US = 30_000_000
"""Who has not sent a CONNECT by then is sent away."""
INFLIGHT_MAX = 20
QUEUE_MAX = 100
LEAPT_MAX = 60
"""Pings in a row that are leapt over (machine/leaping.py)."""
_ACKS_MAX = 256


class Order(NamedTuple):
    """A message for the board."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Client:
    def __init__(self, broker: "Broker", pipe: Pipe, number: int) -> None:
        self.broker = broker
        self.pipe = pipe
        self.number = number
        self.hello: wire.Hello | None = None
        self.will: tuple[str, bytes, int, bool] | None = None
        self.is_up = False
        self.is_over = False
        self._has_left = False
        self.inflight: dict[int, str | None] = {}  # packet ids of orders, with their jti
        self.queue: deque[Order] = deque()  # for when fewer are in flight
        self.dropped = 0
        rng = broker.rng
        self._next_pid = 1 if rng.random() < 0.5 else rng.randrange(65_500, 65_536)
        self._filters: dict[str, int] = {}
        self._wild: dict[str, int] = {}
        self._unacked: set[int] = set()
        self._acks: dict[int, int] = {}  # which byte ends the PUBACK of that id
        self._outlet = Outlet(broker, pipe)
        self.answer = self._outlet.send
        self._rest = b""
        self._pings_left = 0  # to leap over
        self._heard_us = broker.agenda.now_us
        self._look: Ticket | None = broker.agenda.after(CONNECT_US, self._look_at)
        pipe.client = self
        pipe.on_data = self._on_data
        pipe.on_close = self._on_close

    # --- what the board sends ---

    def _on_close(self) -> None:
        self.broker.drop(self, self.pipe.why)

    def _on_data(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        at, size = 0, len(data)
        try:
            while at + 2 <= size:
                length, head = data[at + 1], at + 2
                if length & 0x80:
                    length, head = wire.remaining_length(data, at)
                    if length < 0:
                        break
                    if length > wire.PACKET_MAX:
                        raise Violation(f"packet of {length} bytes")
                end = head + length
                if end > size:
                    break
                self._heard_us = self.broker.agenda.now_us
                first = data[at]
                if first & 0xF0 == 0x30 and self.hello is not None:
                    self._publish(first, data, head, end)
                else:
                    self._other(first, data, head, end)
                at = end
                if self.is_over:
                    if self._has_left and at < size:
                        self._late()
                    return
        except Violation as violation:
            self.broker.violated(self, str(violation))
            return
        self._rest = data[at:]

    def _late(self) -> None:
        """Nothing may follow a DISCONNECT (3.14.4)."""
        self.broker.trace.note("protocol", conn=self.number, what="packet after DISCONNECT")

    def _publish(self, first: int, data: bytes, head: int, end: int) -> None:
        qos = first >> 1 & 3
        payload_at = head + 2 + wire.number(data, head, end)
        if payload_at > end:
            raise Violation("topic longer than its PUBLISH")
        topic = self.broker.topic(data[head + 2 : payload_at])
        acked = False
        if qos == 1:
            pid = wire.packet_id(data, payload_at, end)
            payload_at += 2
            if pid in self._unacked or self._acks.get(pid, 0) > self.pipe.arrived:
                raise Violation("packet id in use")
            self._outlet.last_pid = pid
            acked = self.answer(wire.puback(pid))
            if not acked:
                self._unacked.add(pid)
            elif len(self._acks) < _ACKS_MAX or pid in self._acks:
                self._acks[pid] = self.pipe.sent
            else:
                self._acks = {pid: self.pipe.sent}
        elif qos:
            raise Violation(f"PUBLISH with QoS {qos}")
        elif first & 8:
            raise Violation("DUP at QoS 0")
        self.broker.published(self, topic, data[payload_at:end], qos, bool(first & 1), bool(first & 8), acked)

    def _other(self, first: int, data: bytes, head: int, end: int) -> None:
        kind = first & 0xF0
        name = wire.NAMES.get(kind)
        if name is None:
            raise Violation(f"packet 0x{first:02x}")
        if self.hello is None and kind != 0x10:
            raise Violation(name + " before CONNECT")
        if first & 0x0F != wire.FLAGS[kind]:
            raise Violation("flags of " + name)
        if kind == 0x10:
            self._connect(wire.hello(data, head, end))
        elif kind == 0x40:
            self._puback(wire.packet_id(data, head, end))
            if end - head != 2:
                raise Violation("length of PUBACK")
        elif kind in (0x80, 0xA0):
            self._subscribe(kind, wire.packet_id(data, head, end), data, head + 2, end)
        elif end != head:
            raise Violation("length of " + name)
        elif kind == 0xC0:
            self._pings_left = LEAPT_MAX
            self.answer(b"\xd0\x00")
        else:
            self._has_left = True
            self.pipe.on_late = self._late
            self.broker.drop(self, "disconnect")

    def _connect(self, hello: wire.Hello) -> None:
        if self.hello is not None:
            raise Violation("second CONNECT")
        if not self.broker.connecting(self, hello):
            self.pipe.send(b"\x20\x02\x00\x03")
            self.broker.drop(self, "refused")
            return
        self.hello = hello
        self.will = hello.will
        self.look_again()
        self.broker.connected(self, hello)
        self.answer(b"\x20\x02\x00\x00")

    def _puback(self, pid: int) -> None:
        if pid not in self.inflight:
            raise Violation("PUBACK of an unknown id")
        self.broker.acked(self, pid, self.inflight.pop(pid))
        while self.queue and len(self.inflight) < INFLIGHT_MAX:
            self.broker.hand_over(self, self.queue.popleft())

    def _subscribe(self, kind: int, pid: int, data: bytes, at: int, end: int) -> None:
        head = bytes((pid >> 8, pid & 0xFF))
        if kind == 0xA0:
            for wanted in wire.filters(data, at, end):
                self._filters.pop(wanted, None)
                self._wild.pop(wanted, None)
            self.answer(b"\xb0\x02" + head)
            return
        subscriptions = wire.subscriptions(data, at, end)
        codes = bytes(min(qos, 1) for _, qos in subscriptions)
        for wanted, qos in subscriptions:
            granted = self._wild if "+" in wanted or "#" in wanted else self._filters
            granted[wanted] = min(qos, 1)
        if self.answer(bytes((0x90, 2 + len(codes))) + head + codes):
            self.broker.subscribed(self, [wanted for wanted, _ in subscriptions])

    def wants(self, topic: str) -> int:
        """The QoS that it has subscribed with, -1: not at all."""
        qos = self._filters.get(topic, -1)
        for wanted, its_qos in self._wild.items():
            if its_qos > qos and wire.matches(wanted, topic):
                qos = its_qos
        return qos

    # --- what the board gets ---

    def send(self, order: Order, jti: str | None) -> int | None:
        """The packet id, 0 at QoS 0; None if it did not go out as it is."""
        pid = 0
        if order.qos:
            pid = self._next_pid
            while pid in self.inflight:
                pid = pid % 65_535 + 1
            self._next_pid = pid % 65_535 + 1
        if not self.answer(wire.publish(order.topic, order.payload, order.qos, order.retain, pid)):
            return None
        if pid:
            self.inflight[pid] = jti
        return pid

    # --- its time ---

    def look_again(self) -> None:
        """From now on its keepalive counts anew."""
        agenda = self.broker.agenda
        agenda.cancel(self._look)
        self._look = None
        self._heard_us = agenda.now_us
        self._look_later()

    def _look_later(self) -> None:
        limit_us = self.limit_us
        if limit_us:
            self._look = self.broker.agenda.at(self._heard_us + limit_us, self._look_at)

    def pings_to_leap(self) -> int:
        """So many need not be sent: they would be answered at once."""
        broker = self.broker
        if self.is_over or not self.is_up or broker.is_frozen or broker.mode != "ok":
            return 0
        return self._pings_left

    def stop_looking(self) -> None:
        """Until `leap`."""
        self.broker.agenda.cancel(self._look)
        self._look = None

    def leap(self, count: int, last_us: int) -> None:
        """As if it had heard so many pings, the last one then."""
        if count:
            self._pings_left -= count
            self._heard_us = last_us
        self._look_later()

    @property
    def limit_us(self) -> int:
        """How long it may be silent, 0: for ever (3.1.2.10)."""
        return CONNECT_US if self.hello is None else self.hello.keepalive_s * 1_500_000

    def _look_at(self) -> None:
        self._look = None
        if self.is_over or self.broker.is_frozen:
            return
        due_us = self._heard_us + self.limit_us
        if due_us > self.broker.agenda.now_us:
            self._look = self.broker.agenda.at(due_us, self._look_at)
        else:
            self.broker.drop(self, "keepalive" if self.hello else "no CONNECT")

    def end(self) -> None:
        """Nothing of it is on the agenda any more."""
        self.is_over = True
        self.broker.agenda.cancel(self._look)
        self._outlet.end()
