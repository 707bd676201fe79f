"""The broker of one board and of the people, who subscribe and publish by method: MQTT 3.1.1, strict."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from host_tools.storm.agenda import Agenda
from host_tools.storm.network import wire
from host_tools.storm.network.client import INFLIGHT_MAX, QUEUE_MAX, Client, Order
from host_tools.storm.network.net import Net
from host_tools.storm.network.outlet import MODES
from host_tools.storm.network.pipe import Pipe
from host_tools.storm.trace import Trace

PORT = 1883
_TOPICS_MAX = 1000
_POSTPONED_MAX = 1000
_BACKLOG_MAX = 128

OnMessage = Callable[[str, bytes, bool], None]


class Broker:
    """Runs from the beginning. `mode` is one of MODES and may change at any time; `retained` is what it
    keeps."""

    def __init__(
        self, agenda: Agenda, trace: Trace, net: Net, rng: Random, host: str | None = None, port: int = PORT
    ) -> None:
        self.agenda = agenda
        self.trace = trace
        self.net = net
        self.rng = rng
        self.retained: dict[str, bytes] = {}
        self.is_running = False
        self.is_frozen = False
        self.connections = 0
        self._mode = "ok"
        self._host = host
        self._port = port
        self._open: dict[int, Client] = {}  # by the number of the connection
        self._clients: dict[str, Client] = {}  # by client id
        self._topics: dict[bytes, str] = {}
        self._people: list[OnMessage] = []
        self._backlog: list[Pipe] = []  # connections that came while it was frozen
        self._postponed: list[Callable[[], None]] = []
        self.start()

    @property
    def mode(self) -> str:
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        if mode not in MODES:
            raise ValueError(f"no mode of a broker: {mode}")
        self._mode = mode
        if mode == "refuse_code" and not self.is_frozen:  # else nobody would have to ask
            for client in list(self._open.values()):
                self.drop(client, "refused")

    # --- people ---

    def subscribe(self, callback: OnMessage) -> None:
        """`callback(topic, payload, retained)` gets all that boards publish, and now what is kept."""
        self._people.append(callback)
        if self.is_running:
            for topic, payload in list(self.retained.items()):
                callback(topic, payload, True)

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> None:
        """To the board, if it has subscribed. A broker that is stopped loses it, one that is frozen takes
        it when it goes on."""
        if not self.is_running:
            return
        if self.is_frozen:
            if len(self._postponed) < _POSTPONED_MAX:
                self._postponed.append(partial(self.publish, topic, payload, qos, retain))
            return
        if retain:
            self._keep(topic, payload)
        self._route(topic, payload, qos)

    # --- faults ---

    def start(self) -> None:
        if self.is_running:
            return
        self.is_running = True
        self.net.listen(self._host, self._port, self._accept)
        for callback in self._people:
            for topic, payload in list(self.retained.items()):
                callback(topic, payload, True)

    def stop(self, keep_sessions: bool) -> None:
        """With its sessions: in an orderly way, wills are published and what is kept is kept. Without:
        both are lost, and some connections are told so only when they send."""
        if not self.is_running:
            return
        self.is_running = self.is_frozen = False
        self.net.listen(self._host, self._port, None)
        self._postponed.clear()
        for pipe in self._backlog:
            pipe.reset()
        self._backlog.clear()
        tells = self.rng.random() < 0.5
        for client in list(self._open.values()):
            if not keep_sessions:
                client.will = None
                if tells:
                    client.pipe.reset()
                else:
                    client.pipe.vanish()
            self.drop(client, "stopped")
        if not keep_sessions:
            self.retained.clear()

    def freeze(self) -> None:
        """Its process stands still; the kernel goes on accepting and acknowledging."""
        if self.is_running and not self.is_frozen:
            self.is_frozen = True
            for client in self._open.values():
                client.pipe.pause()

    def thaw(self) -> None:
        """It reads all that has come, in the order of the connections, and then looks at the clock."""
        if not self.is_frozen:
            return
        self.is_frozen = False
        for client in list(self._open.values()):
            if not client.is_over:
                client.look_again()
                client.pipe.resume()
        backlog, self._backlog = self._backlog, []
        for pipe in backlog:
            self._welcome(pipe)
            pipe.resume()
        postponed, self._postponed = self._postponed, []
        for act in postponed:
            act()

    # --- connections, called by the network and by Client ---

    def _accept(self, pipe: Pipe) -> None:
        if not self.is_frozen:
            self._welcome(pipe)
        elif len(self._backlog) < _BACKLOG_MAX:
            pipe.pause()
            self._backlog.append(pipe)
        else:
            pipe.reset()

    def _welcome(self, pipe: Pipe) -> None:
        self.connections += 1
        self._open[self.connections] = Client(self, pipe, self.connections)

    def connecting(self, client: Client, hello: wire.Hello) -> bool:
        """False: it gets a CONNACK with code 3."""
        self.trace.note("connect", conn=client.number, client=hello.client)
        return self._mode != "refuse_code"

    def connected(self, client: Client, hello: wire.Hello) -> None:
        former = self._clients.get(hello.client)
        if former is not None:
            self.drop(former, "taken over")
        self._clients[hello.client] = client

    def subscribed(self, client: Client, filters: list[str]) -> None:
        """Its SUBACK is sent; what is kept follows."""
        if not client.is_up:
            client.is_up = True
            self.trace.note("up", conn=client.number)
        for topic, payload in list(self.retained.items()):
            if any(wire.matches(wanted, topic) for wanted in filters):
                self.hand_over(client, Order(topic, payload, client.wants(topic), True))

    def topic(self, raw: bytes) -> str:
        """Checked once for each that there is."""
        topic = self._topics.get(raw)
        if topic is None:
            if len(self._topics) >= _TOPICS_MAX:
                self._topics.clear()
            topic = self._topics[raw] = wire.topic_name(raw)
        return topic

    def published(
        self, client: Client, topic: str, payload: bytes, qos: int, retain: bool, dup: bool, acked: bool
    ) -> None:
        self.trace.note(
            "publish",
            conn=client.number,
            topic=topic,
            payload=payload.decode(errors="backslashreplace"),
            qos=qos,
            retain=retain,
            dup=dup,
            acked=acked,
        )
        if retain:
            self._keep(topic, payload)
        self._tell(topic, payload, qos)

    def acked(self, client: Client, pid: int, jti: str | None) -> None:
        self._note_order("delivered", client, pid, jti)

    def hand_over(self, client: Client, order: Order) -> None:
        if order.qos and len(client.inflight) >= INFLIGHT_MAX:
            if len(client.queue) < QUEUE_MAX:
                client.queue.append(order)
            else:
                client.dropped += 1
            return
        jti = wire.jti_of(order.payload)
        pid = client.send(order, jti)
        if pid is not None:
            self._note_order("deliver", client, pid, jti, topic=order.topic)

    def violated(self, client: Client, what: str) -> None:
        self.trace.note("protocol", conn=client.number, what=what)
        self.drop(client, "protocol")

    def drop(self, client: Client, why: str) -> None:
        """Ends a connection, if it stands; its will is published unless it said goodbye."""
        if client.is_over:
            return
        client.end()
        self._open.pop(client.number, None)
        client.pipe.close()
        if client.hello is None:
            if why == "refused":
                self.trace.note("gone", conn=client.number, why=why)
            return
        if self._clients.get(client.hello.client) is client:
            del self._clients[client.hello.client]
        self.trace.note("gone", conn=client.number, why=why)
        will, client.will = client.will, None
        if will is not None and why != "disconnect":
            topic, payload, qos, retain = will
            text = payload.decode(errors="backslashreplace")
            self.trace.note("will", conn=client.number, topic=topic, payload=text, retain=retain)
            if retain:
                self._keep(topic, payload)
            self._tell(topic, payload, qos)

    # --- messages ---

    def _note_order(self, kind: str, client: Client, pid: int, jti: str | None, **facts: Any) -> None:
        if jti is not None:
            facts["jti"] = jti
        self.trace.note(kind, conn=client.number, pid=pid, **facts)

    def _keep(self, topic: str, payload: bytes) -> None:
        if payload:
            self.retained[topic] = payload
        else:
            self.retained.pop(topic, None)

    def _tell(self, topic: str, payload: bytes, qos: int) -> None:
        for callback in self._people:
            callback(topic, payload, False)
        self._route(topic, payload, qos)

    def _route(self, topic: str, payload: bytes, qos: int) -> None:
        for client in list(self._clients.values()):
            wanted = client.wants(topic)
            if wanted >= 0:
                self.hand_over(client, Order(topic, payload, min(qos, wanted), False))
