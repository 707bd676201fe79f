"""The storm's broker notes whatever a board must not send."""

import pytest

from host_tools.storm.network import wire
from tests.storm.one_board import BrokerBench, S, connect_packet, subscribe_packet


@pytest.fixture
def bench() -> BrokerBench:
    return BrokerBench()


HELLO = connect_packet()
FIRST = {
    "PUBLISH before CONNECT": b"\x30\x03\0\1a",
    "PINGREQ before CONNECT": b"\xc0\0",
    "flags of CONNECT": b"\x11" + HELLO[1:],
    "protocol name": HELLO.replace(b"MQTT", b"MQTS"),
    "protocol level 5": HELLO.replace(b"MQTT\4", b"MQTT\5"),
    "reserved flag of CONNECT": connect_packet(flags=1),
    "password without a user": connect_packet(flags=0x40),
    "flags of the will": connect_packet(flags=0x18),
    "wildcard in a topic": HELLO.replace(b"base/availability", b"base/availabilit+"),
    "CONNECT with more than it says": bytes((0x10, HELLO[1] + 1)) + HELLO[2:] + b"x",
    "a field is cut off": bytes((0x10, HELLO[1] - 1)) + HELLO[2:-1],
    "remaining length of more than four bytes": b"\x10\xff\xff\xff\xff\x01",
    "packet of 268435455 bytes": b"\x10\xff\xff\xff\x7f",
}
LATER = {
    "second CONNECT": HELLO,
    "packet 0xf0": b"\xf0\0",
    "packet 0x20": b"\x20\2\0\0",
    "packet id 0": b"\x32\x05\0\1a\0\0",
    "a number is cut off": b"\x32\x04\0\1a\1",
    "PUBLISH with QoS 2": b"\x34\x05\0\1a\0\1",
    "PUBLISH with QoS 3": b"\x36\x05\0\1a\0\1",
    "DUP at QoS 0": b"\x38\x03\0\1a",
    "empty topic": b"\x30\x02\0\0",
    "wildcard in a topic": b"\x30\x03\0\1#",
    "NUL in a string": b"\x30\x03\0\1\0",
    "a string that is not UTF-8": b"\x30\x03\0\1\xff",
    "topic longer than its PUBLISH": b"\x30\x03\0\2a",
    "PUBACK of an unknown id": b"\x40\2\0\1",
    "flags of PUBACK": b"\x42\2\0\1",
    "flags of SUBSCRIBE": b"\x80\x06\0\1\0\1a\1",
    "SUBSCRIBE to nothing": b"\x82\2\0\1",
    "SUBSCRIBE without a QoS": b"\x82\x05\0\1\0\1a",
    "QoS of SUBSCRIBE": b"\x82\x06\0\1\0\1a\3",
    "wildcard in the wrong place": b"\x82\x07\0\1\0\2a#\1",
    "empty filter": b"\x82\x05\0\1\0\0\1",
    "UNSUBSCRIBE from nothing": b"\xa2\2\0\1",
    "length of PINGREQ": b"\xc0\1x",
    "length of DISCONNECT": b"\xe0\1x",
    "flags of DISCONNECT": b"\xe1\0",
}


@pytest.mark.parametrize(("what", "packet"), FIRST.items(), ids=FIRST)
def test_a_malformed_first_packet_ends_the_connection(bench: BrokerBench, what: str, packet: bytes) -> None:
    sock = bench.connect()
    bench.run(S)
    bench.say(sock, packet)
    assert [record["what"] for record in bench.noted("protocol")] == [what]
    bench.run(S)
    assert bench.told(sock)[-1] == "end" and not bench.noted("connect")


@pytest.mark.parametrize(("what", "packet"), LATER.items(), ids=LATER)
def test_a_malformed_packet_ends_the_connection(bench: BrokerBench, what: str, packet: bytes) -> None:
    sock = bench.online()
    bench.say(sock, packet)
    assert [record["what"] for record in bench.noted("protocol")] == [what]
    assert bench.whys() == ["protocol"] and bench.people == [("base/availability", b"offline", False)]
    bench.run(S)
    assert bench.told(sock)[-1] == "end"


def test_an_id_that_is_not_acknowledged_must_not_be_used_again(bench: BrokerBench) -> None:
    sock = bench.online()
    bench.publish(sock, pid=7)
    bench.publish(sock, pid=7)
    assert not bench.noted("protocol")
    bench.broker.mode = "no_puback"
    bench.publish(sock, pid=8)
    bench.publish(sock, pid=8)
    assert [record["what"] for record in bench.noted("protocol")] == ["packet id in use"]


def test_an_id_is_in_use_until_the_board_has_the_puback(bench: BrokerBench) -> None:
    sock = bench.online()
    for _ in range(300):
        bench.publish(sock, pid=7)
        bench.publish(sock, pid=bench.rng.randrange(1, 65_536))
    assert not bench.noted("protocol")
    bench.net.send(sock, wire.publish("base/event", b"one", 1, False, 7))
    bench.net.send(sock, wire.publish("base/event", b"two", 1, False, 7))
    bench.run(S)
    assert [record["what"] for record in bench.noted("protocol")] == ["packet id in use"]


def test_noise_is_a_violation_and_never_an_error() -> None:
    whats = set()
    for seed in range(300):
        bench = BrokerBench(seed)
        rng = bench.rng
        sock = bench.online() if seed % 2 else bench.connect()
        bench.run(S)
        packets = bytearray(connect_packet() + subscribe_packet(2, "base/#"))
        packets += wire.publish("base/event", b"payload", 1, True, 3) + wire.puback(9) + b"\xc0\0\xa2\3\0\1a"
        for _ in range(rng.randrange(1, 4)):
            packets[rng.randrange(len(packets))] = rng.randrange(256)
        cut = rng.randrange(len(packets))
        bench.say(sock, bytes(packets[:cut]))
        bench.say(sock, bytes(packets[cut:] + rng.randbytes(20)))
        bench.run(100 * S)
        assert not bench.broker._open and len(bench.noted("protocol")) <= 1
        whats |= {record["what"] for record in bench.noted("protocol")}
    assert len(whats) > 15


def test_nothing_may_follow_a_disconnect(bench: BrokerBench) -> None:
    sock = bench.online()
    bench.say(sock, b"\xe0\0\xc0\0")
    sock = bench.online()
    bench.net.send(sock, b"\xe0\0")
    bench.net.send(sock, wire.publish("base/event", b"late", 1, False, 9))
    bench.net.close(sock)
    bench.run(S)
    bench.net.close(bench.online())
    bench.run(S)
    assert [(record["conn"], record["what"]) for record in bench.noted("protocol")] == [
        (1, "packet after DISCONNECT"),
        (2, "packet after DISCONNECT"),
    ]
    assert not bench.noted("publish") and bench.whys() == ["disconnect", "disconnect", "end"]


def test_who_never_connects_is_sent_away_and_not_noted(bench: BrokerBench) -> None:
    sock = bench.connect()
    bench.run(40 * S)
    assert bench.told(sock) == ["connected", "end"] and not bench.trace.records
