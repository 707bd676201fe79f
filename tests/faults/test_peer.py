"""The fault peer itself: it parses what paho sends, and misbehaves as told."""

import socket
import time
from collections.abc import Iterator

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.brokers import wait_until
from tests.faults import packets
from tests.faults.peer import Behaviour, Peer

CONNECT = bytes.fromhex("100d 0004 4d515454 04 02 003c 0001 61")


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as running:
        yield running


def connect(peer: Peer) -> socket.socket:
    stream = socket.create_connection((peer.host, peer.port), timeout=5)
    stream.sendall(CONNECT)
    return stream


def receive(stream: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = stream.recv(count - len(data))
        if not chunk:
            break
        data += chunk
    return data


def is_silent(stream: socket.socket) -> bool:
    stream.settimeout(0.2)
    try:
        stream.recv(1)
    except TimeoutError:
        return True
    return False


def test_understands_a_strangers_client(peer: Peer) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="box-1", reconnect_on_failure=False)
    client.will_set("s/box-1/availability", "offline", qos=1, retain=True)
    client.username_pw_set("ann", "secret")
    client.connect(peer.host, peer.port, keepalive=30)
    client.loop_start()
    wait_until(client.is_connected, "CONNACK")
    client.subscribe([("cmd", 1), ("other", 0)])
    client.publish("event", b"x" * 300, qos=1).wait_for_publish(5)
    client.publish("t", b"y", qos=0, retain=True)
    client.disconnect()
    client.loop_stop()
    came = peer.wait_for("DISCONNECT") and peer.packets()
    assert [p.kind for p in came] == ["CONNECT", "SUBSCRIBE", "PUBLISH", "PUBLISH", "DISCONNECT"]
    hello, wish, event, telemetry, _ = came
    assert (hello.client_id, hello.keep_alive_s, hello.clean) == ("box-1", 30, True)
    assert (hello.will_topic, hello.will_payload, hello.will_retain) == (
        "s/box-1/availability",
        b"offline",
        True,
    )
    assert hello.extra == {"user": "ann", "password": "secret"}
    assert wish.topics == (("cmd", 1), ("other", 0))
    assert (event.topic, event.payload, event.qos, event.dup) == ("event", b"x" * 300, 1, False)
    assert (telemetry.topic, telemetry.qos, telemetry.retain) == ("t", 0, True)
    assert hello.at_s <= event.at_s <= time.monotonic()
    assert peer.malformed == []


@pytest.mark.parametrize(
    ("how", "answer"),
    [("accept", "20020000"), ("refuse", "20020005"), ("truncated", "200200"), ("short", "2000")],
)
def test_connack(peer: Peer, how: str, answer: str) -> None:
    peer.behaviour.connack = how  # type: ignore[assignment]
    with connect(peer) as stream:
        assert receive(stream, len(answer) // 2) == bytes.fromhex(answer)
        assert is_silent(stream)


def test_never_answers() -> None:
    behaviour = Behaviour(connack="never", suback="never", puback="never", pingresp="never")
    with Peer(behaviour) as peer, connect(peer) as stream:
        stream.sendall(bytes.fromhex("8206 0001 0001 61 01") + packets.publish("a", b"x") + b"\xc0\x00")
        peer.wait_for("PINGREQ")
        assert is_silent(stream)
        assert [p.kind for p in peer.packets()] == ["CONNECT", "SUBSCRIBE", "PUBLISH", "PINGREQ"]


@pytest.mark.parametrize(
    ("how", "ids"),
    [("always", [1, 2, 3]), ("every second", [1, 3]), ("wrong id", [2, 3, 4]), ("twice", [1, 1, 2, 2, 3, 3])],
)
def test_puback(peer: Peer, how: str, ids: list[int]) -> None:
    peer.behaviour.puback = how  # type: ignore[assignment]
    with connect(peer) as stream:
        assert receive(stream, 4) == packets.connack()
        for packet_id in (1, 2, 3):
            stream.sendall(packets.publish("a", b"x", packet_id=packet_id))
        wanted = b"".join(packets.puback(packet_id) for packet_id in ids)
        assert receive(stream, len(wanted)) == wanted
        assert is_silent(stream)


def test_sends_what_it_is_told_after_suback(peer: Peer) -> None:
    command = packets.publish("cmd", b"token", retain=True)
    peer.behaviour.when_subscribed = [command, packets.half(command)]
    with connect(peer) as stream:
        stream.sendall(bytes.fromhex("8208 0007 0003 636d64 01"))
        wanted = packets.connack() + packets.suback(7, b"\x01") + command + packets.half(command)
        assert receive(stream, len(wanted)) == wanted
        peer.send(packets.HUGE_LENGTH)
        assert receive(stream, 5) == packets.HUGE_LENGTH


def test_closes_after_some_packets(peer: Peer) -> None:
    peer.behaviour.close_after = 2
    with connect(peer) as stream:
        stream.sendall(b"\xc0\x00")
        assert receive(stream, 99) == packets.connack() + packets.packet(packets.PINGRESP)
    wait_until(lambda: peer.open_connections == 0, "the end of the connection")


def test_aborts_all_connections(peer: Peer) -> None:
    with connect(peer) as stream:
        assert receive(stream, 4) == packets.connack()
        peer.close_connections(abort=True)
        with pytest.raises(ConnectionResetError):
            stream.recv(1)
    peer.wait_connections(1)


def test_notes_a_client_that_sends_rubbish(peer: Peer) -> None:
    for rubbish in (
        packets.RESERVED_TYPE,
        packets.ENDLESS_LENGTH,
        packets.QOS_3,
        packets.packet(packets.CONNACK),
    ):
        before = len(peer.malformed)
        with connect(peer) as stream:
            stream.sendall(rubbish)
            wait_until(lambda before=before: len(peer.malformed) > before, "a complaint")  # type: ignore[misc]


def test_packets_may_come_byte_by_byte(peer: Peer) -> None:
    with connect(peer) as stream:
        for byte in packets.publish("a/b", b"payload" * 40):
            stream.sendall(bytes([byte]))
        (event,) = peer.wait_for("PUBLISH")
        assert event.payload == b"payload" * 40


def test_waiting_in_vain_says_what_came(peer: Peer) -> None:
    with connect(peer), pytest.raises(AssertionError, match="CONNECT"):
        peer.wait_for("CONNECT")
        peer.wait_for("PUBLISH", timeout_s=0.1)
