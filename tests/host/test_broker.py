"""What boards and tools rely on, of either broker; see host_tools/broker_amqtt.py for what amqtt lacks."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from host_tools.broker import BrokerProcess, first_ephemeral_port, free_port
from host_tools.errors import ToolError
from tests.brokers import wait_until
from tests.lateness import Stopwatch

Message = tuple[str, bytes, int, bool]


class Client:
    """A stranger's client that notes what it gets."""

    def __init__(
        self, broker: BrokerProcess, name: str, keepalive: int = 60, will: str | None = None
    ) -> None:
        self.got: list[Message] = []
        self.ended = False
        self.subscribed = False
        self.mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, reconnect_on_failure=False)
        self.mqtt.on_message = lambda _c, _u, m: self.got.append((m.topic, bytes(m.payload), m.qos, m.retain))
        self.mqtt.on_disconnect = self._on_disconnect
        self.mqtt.on_subscribe = self._on_subscribe
        if will is not None:
            self.mqtt.will_set("will", will, qos=1, retain=True)
        self.mqtt.connect(broker.host, broker.port, keepalive)
        self.mqtt.loop_start()
        wait_until(self.mqtt.is_connected, "CONNACK")

    def _on_disconnect(self, *_: object) -> None:
        self.ended = True

    def _on_subscribe(self, *_: object) -> None:
        self.subscribed = True

    def subscribe(self, topic: str, qos: int = 1) -> None:
        self.subscribed = False
        self.mqtt.subscribe(topic, qos)
        wait_until(lambda: self.subscribed, "SUBACK")

    def publish(self, topic: str, data: str, qos: int = 1, retain: bool = False) -> None:
        self.mqtt.publish(topic, data, qos, retain).wait_for_publish(10)

    def vanish(self) -> None:
        """Close the connection without a word."""
        stream = self.mqtt.socket()
        assert isinstance(stream, socket.socket)
        stream.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


Connect = Callable[..., Client]


@pytest.fixture
def connect(broker: BrokerProcess) -> Iterator[Connect]:
    clients: list[Client] = []

    def make(name: str, keepalive: int = 60, will: str | None = None) -> Client:
        clients.append(Client(broker, name, keepalive, will))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def raw_connect(broker: BrokerProcess, name: bytes, will: bytes, keepalive: int = 60) -> socket.socket:
    """A connection whose client then does nothing at all; its retained last will goes to the topic `will`."""
    body = b"\x00\x04MQTT\x04\x2e" + keepalive.to_bytes(2, "big")
    for part in (name, b"will", will):
        body += len(part).to_bytes(2, "big") + part
    stream = socket.create_connection((broker.host, broker.port), timeout=5)
    stream.sendall(b"\x10" + bytes([len(body)]) + body)
    assert stream.recv(4) == b"\x20\x02\x00\x00"
    return stream


def test_qos_1_arrives_once_and_in_order(connect: Connect) -> None:
    watcher, board = connect("watcher"), connect("board")
    watcher.subscribe("a/#")
    watcher.subscribe("a/+")
    for number in range(300):
        board.mqtt.publish("a/b", str(number), qos=1)
    wait_until(lambda: len(set(watcher.got)) == 300, "300 messages")
    assert [int(data) for _, data, _, _ in watcher.got] == sorted(range(300))
    assert {(qos, retain) for _, _, qos, retain in watcher.got} == {(1, False)}


def test_lower_qos_of_the_two_counts(connect: Connect) -> None:
    watcher, other, board = connect("watcher"), connect("other"), connect("board")
    watcher.subscribe("a", 1)
    other.subscribe("a", 0)
    board.publish("a", "zero", qos=0)
    board.publish("a", "one", qos=1)
    wait_until(lambda: len(watcher.got) == len(other.got) == 2, "two messages each")
    assert [qos for _, _, qos, _ in watcher.got] == [0, 1]
    assert [qos for _, _, qos, _ in other.got] == [0, 0]


def test_retained_goes_to_new_subscribers_and_can_be_cleared(connect: Connect) -> None:
    board = connect("board")
    board.publish("s/state", "old", retain=True)
    board.publish("s/state", "new", retain=True)
    board.publish("s/gone", "x", retain=True)
    board.publish("s/gone", "", retain=True)
    watcher = connect("watcher")
    watcher.subscribe("s/#")
    board.publish("s/end", "end")
    wait_until(lambda: ("s/end", b"end", 1, False) in watcher.got, "the last message")
    assert ("s/state", b"new", 1, True) in watcher.got
    assert len(watcher.got) == 2


def test_nobody_gets_what_others_subscribed_to(connect: Connect) -> None:
    board, watcher = connect("board"), connect("watcher")
    board.publish("s/state", "x", retain=True)
    watcher.subscribe("s/#")
    other = connect("other")
    other.subscribe("own")
    board.publish("own", "end")
    wait_until(lambda: bool(other.got), "its own message")
    assert other.got == [("own", b"end", 1, False)]


def test_last_will_of_a_vanished_client_comes_after_its_messages(
    connect: Connect, broker: BrokerProcess
) -> None:
    watcher, board = connect("watcher"), connect("board", will="offline")
    watcher.subscribe("#")
    for number in range(50):
        board.publish("a", str(number))
    board.vanish()
    wait_until(lambda: ("will", b"offline", 1, False) in watcher.got, "the last will")
    assert [data for topic, data, _, _ in watcher.got if topic == "a"] == [str(n).encode() for n in range(50)]
    assert watcher.got[-1][0] == "will"


def test_nothing_acknowledged_is_lost_when_the_sender_dies(connect: Connect, broker: BrokerProcess) -> None:
    watcher = connect("watcher")
    watcher.subscribe("burst")
    acknowledged = 0
    for round_number in range(5):
        stream = raw_connect(broker, b"burst", b"offline")
        for number in range(100):
            body = b"\x00\x05burst" + (number + 1).to_bytes(2, "big") + f"{round_number}-{number}".encode()
            stream.sendall(b"\x32" + bytes([len(body)]) + body)
        received = b""
        while len(received) < 4 * 100:
            received += stream.recv(4096)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        stream.close()
        acknowledged = max(acknowledged, len(received) // 4)
        wanted = {f"{round_number}-{n}".encode() for n in range(len(received) // 4)}
        wait_until(lambda wanted=wanted: wanted <= {m[1] for m in watcher.got}, "all that was acknowledged")  # type: ignore[misc]
    assert acknowledged == 100


def test_nothing_acknowledged_is_lost_when_the_broker_dies(connect: Connect, broker: BrokerProcess) -> None:
    watcher = connect("watcher")
    watcher.subscribe("burst", 0)  # a PUBACK to a dead broker would end the connection before all is read
    with raw_connect(broker, b"burst", b"offline") as stream:
        for number in range(2000):
            body = b"\x00\x05burst" + (number + 1).to_bytes(2, "big") + str(number).encode()
            stream.sendall(b"\x32" + bytes([len(body)]) + body)
        received = stream.recv(4 * 100, socket.MSG_WAITALL)
        broker.kill()
        try:
            while more := stream.recv(4096):
                received += more
        except ConnectionResetError:
            assert received  # unread bytes at the dead broker's end; what it had sent before has been read
    wait_until(lambda: watcher.ended, "the watcher's end of connection")
    acknowledged = [
        int.from_bytes(received[at + 2 : at + 4], "big") - 1 for at in range(0, len(received) - 3, 4)
    ]
    assert set(acknowledged) <= {int(data) for _, data, _, _ in watcher.got}


def test_silent_client_is_given_up_after_its_keep_alive(connect: Connect, broker: BrokerProcess) -> None:
    watcher = connect("watcher")
    watcher.subscribe("will")
    with raw_connect(broker, b"silent", b"offline", keepalive=1):
        wait_until(lambda: bool(watcher.got), "the last will of a silent client", timeout_s=15)
    assert watcher.got == [("will", b"offline", 1, False)]


def test_clean_goodbye_sends_no_last_will(connect: Connect) -> None:
    watcher, board = connect("watcher"), connect("board", will="offline")
    watcher.subscribe("#")
    board.close()
    connect("later").publish("end", "end")
    wait_until(lambda: bool(watcher.got), "the message after it")
    assert [topic for topic, _, _, _ in watcher.got] == ["end"]


def test_second_connection_of_a_client_ends_the_first(connect: Connect, broker: BrokerProcess) -> None:
    watcher = connect("watcher")
    watcher.subscribe("will")
    first = raw_connect(broker, b"box-1", b"offline")
    second = connect("box-1", will="offline")
    second.publish("will", "online", retain=True)
    first.settimeout(10)
    assert first.recv(1) == b""
    first.close()
    second.subscribe("cmd")
    watcher.publish("cmd", "hello")
    wait_until(lambda: bool(second.got), "a command to the second connection")
    assert watcher.got[-1][1] == b"online"
    assert connect("later").mqtt.is_connected()
    late = connect("late")
    late.subscribe("will")
    wait_until(lambda: bool(late.got), "the retained state")
    assert late.got[0][1] == b"online"


def test_many_connect_at_once_and_come_back_after_a_kill(broker: BrokerProcess) -> None:
    for _ in range(2):
        streams = []
        for _ in range(300):
            stream = socket.create_connection((broker.host, broker.port), timeout=30)
            streams.append(stream)
        for number, stream in enumerate(streams):
            name = f"board-{number}".encode()
            body = b"\x00\x04MQTT\x04\x02\x00\x3c" + len(name).to_bytes(2, "big") + name
            stream.sendall(b"\x10" + bytes([len(body)]) + body)
        for stream in streams:
            assert stream.recv(4) == b"\x20\x02\x00\x00"
            stream.close()
        port = broker.port
        broker.kill()
        broker.restart()
        assert broker.port == port


def test_frozen_broker_keeps_connections_and_catches_up(connect: Connect, broker: BrokerProcess) -> None:
    watcher, board = connect("watcher", keepalive=1), connect("board", keepalive=1)
    watcher.subscribe("a")
    broker.freeze()
    board.mqtt.publish("a", "while frozen", qos=1)
    time.sleep(0.5)
    assert watcher.got == []
    broker.thaw()
    wait_until(lambda: bool(watcher.got), "the message from before")
    assert not watcher.ended


def test_stop_ends_a_frozen_broker(broker: BrokerProcess) -> None:
    pid = broker.pid
    broker.freeze()
    watch = Stopwatch()
    broker.stop()
    assert watch.took_s() < 5
    assert not broker.is_running
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ToolError):
        broker.freeze()


def test_broker_dies_with_its_parent(broker: BrokerProcess, run_dir: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from host_tools.broker import BrokerProcess\n"
        f"broker = BrokerProcess.start({broker.kind!r}, state_dir=Path({str(run_dir / 'child')!r}))\n"
        "print(broker.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: is_gone(pid), "the end of the broker")


def is_gone(pid: int) -> bool:
    """Ended, though perhaps not yet reaped by whoever adopted it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_taken_port_is_an_error_that_says_so(broker: BrokerProcess, run_dir: Path) -> None:
    other = free_port()
    with socket.create_server(("127.0.0.1", other)), pytest.raises(ToolError) as caught:
        BrokerProcess.start(broker.kind, port=other, state_dir=run_dir / "second")
    assert "use" in caught.value.message or "answer" in caught.value.message


def test_free_port_is_not_one_the_system_hands_out() -> None:
    assert 1024 < free_port() < first_ephemeral_port()
