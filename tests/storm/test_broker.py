"""The storm's broker: connections, orders, restarts, and what it reads of an order."""

import base64
import json

import pytest

from host_tools.storm.network import wire
from tests.storm.one_board import MS, BrokerBench, S, connect_packet, subscribe_packet

CMD = "base/cmd"


@pytest.fixture
def bench() -> BrokerBench:
    return BrokerBench()


def token(jti: str) -> bytes:
    claims = base64.urlsafe_b64encode(json.dumps({"jti": jti, "act": "unlock"}).encode()).rstrip(b"=")
    return b"eyJhbGciOiJIUzI1NiJ9." + claims + b".c2lnbmF0dXJl"


# --- a life ---


def test_a_connection_comes_up_publishes_and_leaves(bench: BrokerBench) -> None:
    sock = bench.online()
    bench.publish(sock, b"one", pid=65_535)
    bench.publish(sock, b"two", pid=0)
    bench.say(sock, b"\xc0\0")
    bench.say(sock, b"\xe0\0")
    assert bench.packets(sock) == [b"\x20\2\0\0", b"\x90\3\0\1\1", wire.puback(65_535), b"\xd0\0"]
    kinds = [(record["kind"], record["conn"]) for record in bench.trace.records]
    assert kinds == [("connect", 1), ("up", 1), ("publish", 1), ("publish", 1), ("gone", 1)]
    record = bench.noted("publish")[0]
    del record["us"]
    assert record == {
        "kind": "publish",
        "conn": 1,
        "topic": "base/event",
        "payload": "one",
        "qos": 1,
        "retain": False,
        "dup": False,
        "acked": True,
    }
    assert not bench.noted("publish")[1]["acked"]
    assert bench.whys() == ["disconnect"]
    assert bench.people == [("base/event", b"one", False), ("base/event", b"two", False)]
    bench.run(S)
    assert bench.told(sock)[-1] == "end"


def test_packets_may_come_in_any_pieces(bench: BrokerBench) -> None:
    sock = bench.connect()
    bench.run(S)
    packets = (
        connect_packet() + subscribe_packet(1, CMD) + wire.publish("base/event", b"y" * 300, 1, False, 2)
    )
    for i in range(0, len(packets), 7):
        bench.net.send(sock, packets[i : i + 7])
        bench.run(50 * MS)
    assert [record["payload"] for record in bench.noted("publish")] == ["y" * 300]
    assert bench.packets(sock)[-1] == wire.puback(2)
    bench.say(sock, b"\xc0\0" * 3)
    assert bench.packets(sock)[-3:] == [b"\xd0\0"] * 3


def test_a_silent_board_is_given_up_after_one_and_a_half_keepalives(bench: BrokerBench) -> None:
    sock = bench.online(keepalive_s=20)
    bench.say(sock, b"\xc0\0")
    bench.net.half_open()
    bench.run(28 * S)
    assert not bench.noted("gone")
    bench.run(2 * S)
    assert bench.whys() == ["keepalive"]
    assert bench.broker.retained == {"base/availability": b"offline"}
    assert bench.noted("will")[0]["payload"] == "offline"


def test_pings_keep_a_connection(bench: BrokerBench) -> None:
    sock = bench.online(keepalive_s=20)
    for _ in range(100):
        bench.run(15 * S)
        bench.say(sock, b"\xc0\0")
    assert not bench.noted("gone")


def test_a_power_cut_is_noticed_by_the_keepalive_and_a_reset_at_once(bench: BrokerBench) -> None:
    bench.online(keepalive_s=20)
    bench.net.board_died()
    bench.run(40 * S)
    assert bench.whys() == ["keepalive"]
    bench.online(keepalive_s=20)
    bench.net.reset_all()
    assert bench.whys() == ["keepalive", "reset"]
    sock = bench.online()
    bench.net.close(sock)
    bench.run(S)
    assert bench.whys() == ["keepalive", "reset", "end"]
    assert len(bench.noted("will")) == 3


def test_the_same_client_takes_its_connection_over(bench: BrokerBench) -> None:
    first = bench.online()
    second = bench.online()
    assert [(record["kind"], record["conn"]) for record in bench.trace.records[2:]] == [
        ("connect", 2),
        ("gone", 1),
        ("will", 1),
        ("up", 2),
    ]
    assert bench.whys() == ["taken over"]
    bench.run(S)
    assert bench.told(first)[-1] == "end"
    bench.broker.publish(CMD, b"order")
    bench.run(S)
    assert bench.packets(second)[-1].endswith(b"order") and len(bench.packets(first)) == 2


# --- orders ---


def test_an_order_is_delivered_and_its_acknowledgement_known(bench: BrokerBench) -> None:
    sock = bench.online()
    bench.broker.publish(CMD, token("a-1"), 1, False)
    bench.broker.publish("base/other", b"for nobody", 1, False)
    bench.run(S)
    deliver = bench.noted("deliver")
    assert [(record["conn"], record["topic"], record["jti"]) for record in deliver] == [(1, CMD, "a-1")]
    packet = bench.packets(sock)[-1]
    pid = deliver[0]["pid"]
    assert packet == wire.publish(CMD, token("a-1"), 1, False, pid) and packet[0] == 0x32
    assert not bench.noted("delivered")
    bench.say(sock, wire.puback(pid))
    assert [record["jti"] for record in bench.noted("delivered")] == ["a-1"]


def test_an_order_without_a_board_is_lost(bench: BrokerBench) -> None:
    bench.broker.publish(CMD, token("a-1"))
    sock = bench.online()
    assert not bench.noted("deliver") and len(bench.packets(sock)) == 2


def test_an_order_is_not_sent_again_on_the_next_connection(bench: BrokerBench) -> None:
    bench.online()
    bench.net.partition = True
    bench.broker.publish(CMD, token("a-1"))
    bench.run(S)
    bench.net.board_died()
    bench.net.partition = False
    sock = bench.online()
    bench.run(600 * S)
    assert len(bench.noted("deliver")) == 1 and len(bench.packets(sock)) == 2


def test_packet_ids_wrap_and_pass_over_those_in_use(bench: BrokerBench) -> None:
    sock = bench.online()
    client = next(iter(bench.broker._clients.values()))
    client._next_pid = 65_534
    pids = []
    for _ in range(4):
        bench.broker.publish(CMD, b"x")
        pids.append(bench.noted("deliver")[-1]["pid"])
    assert pids == [65_534, 65_535, 1, 2]
    bench.run(S)
    for pid in (65_534, 65_535, 2):
        bench.say(sock, wire.puback(pid))
    client._next_pid = 65_535
    bench.broker.publish(CMD, b"x")
    bench.broker.publish(CMD, b"x")
    assert [record["pid"] for record in bench.noted("deliver")[-2:]] == [65_535, 2]


def test_orders_wait_for_a_window_and_beyond_a_bound_are_dropped(bench: BrokerBench) -> None:
    sock = bench.online()
    for i in range(150):
        bench.broker.publish(CMD, b"%d" % i)
    bench.run(S)
    assert len(bench.noted("deliver")) == 20
    client = next(iter(bench.broker._clients.values()))
    assert client.dropped == 30
    acknowledged = 0
    while acknowledged < len(bench.noted("deliver")):
        bench.say(sock, wire.puback(bench.noted("deliver")[acknowledged]["pid"]))
        acknowledged += 1
    payloads = [packet[2 + 2 + len(CMD) + 2 :] for packet in bench.packets(sock)[2:]]
    assert payloads == [b"%d" % i for i in range(120)]


def test_the_lower_qos_counts(bench: BrokerBench) -> None:
    sock = bench.online()
    bench.broker.publish(CMD, b"at 0", 0, False)
    bench.say(sock, subscribe_packet(2, "base/+/data", qos=0))
    bench.broker.publish("base/update/data", b"block", 1, False)
    bench.run(S)
    assert [packet[0] for packet in bench.packets(sock)[-1:]] == [0x30]
    assert [record["pid"] for record in bench.noted("deliver")] == [0, 0]
    bench.say(sock, b"\xa2\x0f\0\3\0\x0bbase/+/data")
    assert not bench.noted("protocol")
    bench.broker.publish("base/update/data", b"block", 1, False)
    assert len(bench.noted("deliver")) == 2


def test_what_is_kept_comes_with_its_flag_and_can_be_wiped(bench: BrokerBench) -> None:
    bench.broker.publish(CMD, token("old"), 1, True)
    sock = bench.online()
    assert bench.packets(sock)[-1][0] == 0x33 and bench.noted("deliver")[0]["jti"] == "old"
    bench.broker.publish(CMD, token("new"), 1, True)
    bench.run(S)
    assert bench.packets(sock)[-1][0] == 0x32
    bench.broker.publish(CMD, b"", 1, True)
    assert bench.broker.retained == {}
    bench.say(sock, wire.publish("base/info", b"{}", 1, True, 9))
    assert bench.broker.retained == {"base/info": b"{}"}
    late: list[tuple[str, bytes, bool]] = []
    bench.broker.subscribe(lambda *message: late.append(message))
    assert late == [("base/info", b"{}", True)]


# --- restarts ---


def test_a_stopped_broker_refuses_and_starts_again(bench: BrokerBench) -> None:
    sock = bench.online()
    bench.say(sock, wire.publish("base/info", b"{}", 1, True, 9))
    bench.broker.stop(keep_sessions=True)
    bench.run(S)
    assert bench.told(sock)[-1] == "end" and bench.whys() == ["stopped"]
    refused = bench.connect()
    bench.run(S)
    assert bench.told(refused) == ["error 111"]
    bench.broker.publish(CMD, b"lost", 1, True)
    bench.people.clear()
    bench.broker.start()
    assert bench.people == [("base/info", b"{}", True), ("base/availability", b"offline", True)]
    again = bench.online()
    bench.publish(again)
    assert bench.packets(again)[-1] == wire.puback(7)


def test_a_crash_loses_what_was_kept_and_the_will(bench: BrokerBench) -> None:
    sock = bench.online()
    bench.say(sock, wire.publish("base/info", b"{}", 1, True, 9))
    bench.people.clear()
    bench.broker.stop(keep_sessions=False)
    bench.broker.start()
    assert bench.broker.retained == {} and bench.people == [] and not bench.noted("will")
    bench.run(S)
    bench.net.send(sock, b"\xc0\0")
    bench.run(S)
    assert bench.told(sock)[-1] == "error 104"


def test_some_crashes_are_told_only_to_who_sends() -> None:
    told = set()
    for seed in range(12):
        bench = BrokerBench(seed)
        sock = bench.online()
        bench.broker.stop(keep_sessions=False)
        bench.broker.start()
        bench.run(100 * S)
        told.add(bench.told(sock)[-1])
        bench.net.send(sock, b"\xc0\0")
        bench.run(S)
        assert bench.told(sock)[-1] == "error 104"
    assert told == {"data", "error 104"}


def test_a_frozen_broker_does_everything_later(bench: BrokerBench) -> None:
    sock = bench.online(keepalive_s=20)
    bench.broker.freeze()
    bench.net.send(sock, wire.publish("base/event", b"one", 1, False, 2))
    bench.run(5 * S)
    bench.net.close(sock)
    other = bench.connect()
    bench.run(S)
    bench.net.send(other, connect_packet(keepalive_s=20))
    bench.broker.publish(CMD, b"order")
    bench.run(100 * S)
    assert bench.told(other) == ["connected"] and not bench.noted("publish") and not bench.noted("gone")
    bench.broker.thaw()
    bench.run(S)
    assert [record["kind"] for record in bench.trace.records[2:]] == ["publish", "gone", "will", "connect"]
    assert bench.packets(other) == [b"\x20\2\0\0"]


def test_a_frozen_broker_gives_its_boards_time_when_it_goes_on(bench: BrokerBench) -> None:
    bench.online(keepalive_s=20)
    bench.broker.freeze()
    bench.run(100 * S)
    bench.broker.thaw()
    bench.run(29 * S)
    assert not bench.noted("gone")
    bench.run(2 * S)
    assert bench.whys() == ["keepalive"]


def test_a_frozen_broker_can_be_stopped(bench: BrokerBench) -> None:
    bench.online()
    bench.broker.freeze()
    waiting = bench.connect()
    bench.run(S)
    bench.broker.stop(keep_sessions=True)
    bench.broker.thaw()
    bench.run(S)
    assert bench.whys() == ["stopped"] and bench.told(waiting) == ["connected", "error 104"]
    bench.broker.start()
    bench.online()
    assert len(bench.noted("up")) == 2


def test_a_broker_that_is_frozen_while_it_trickles_stands_still(bench: BrokerBench) -> None:
    sock = bench.online()
    bench.broker.mode = "slow"
    bench.publish(sock)
    bench.broker.freeze()
    bench.run(S)
    size = len(bench.received(sock))
    bench.run(60 * S)
    assert len(bench.received(sock)) == size
    bench.broker.mode = "ok"
    bench.broker.thaw()
    bench.run(S)
    assert bench.packets(sock)[-1] == wire.puback(7)


# --- what it reads of an order ---


@pytest.mark.parametrize(
    "payload", [b"", b"..", b"a.b", b"a.!!!.c", b"a.W10.c", b"a.eyJqdGkiOjF9.c", b"\xff.\xff.\xff", b"." * 9]
)
def test_what_is_no_order_has_no_id(payload: bytes) -> None:
    assert wire.jti_of(payload) is None


def test_an_id_that_is_no_text_can_be_noted() -> None:
    jti = wire.jti_of(b"a." + base64.urlsafe_b64encode(b'{"jti": "\\ud800x"}') + b".c")
    assert jti == "\\ud800x"
    assert wire.jti_of(token("y" * 100)) == "y" * 64


def test_filters_match_as_the_standard_has_it() -> None:
    assert wire.matches("a/b", "a/b") and wire.matches("a/+", "a/b") and wire.matches("#", "a/b")
    assert wire.matches("a/#", "a") and wire.matches("a/#", "a/b/c") and wire.matches("+/+", "/b")
    assert (
        not wire.matches("a/+", "a") and not wire.matches("a/+", "a/b/c") and not wire.matches("#", "$SYS/x")
    )
    assert not wire.matches("a/b", "a") and not wire.matches("+", "a/b")
