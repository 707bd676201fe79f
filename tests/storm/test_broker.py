"""The storm's broker: strict with the board, and every way in which it can be a bad peer itself."""

import base64
import json

import pytest

from host_tools.storm.network import wire
from host_tools.storm.network.outlet import MODES
from tests.storm.one_board import MS, BrokerBench, S, connect_packet, subscribe_packet

CMD = "base/cmd"


@pytest.fixture
def bench() -> BrokerBench:
    return BrokerBench()


def token(jti: str) -> bytes:
    claims = base64.urlsafe_b64encode(json.dumps({"jti": jti, "act": "unlock"}).encode()).rstrip(b"=")
    return b"eyJhbGciOiJIUzI1NiJ9." + claims + b".c2lnbmF0dXJl"


# --- strictness ---

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


# --- bad peers ---


def test_an_unknown_mode_is_refused(bench: BrokerBench) -> None:
    with pytest.raises(ValueError, match="rude"):
        bench.broker.mode = "rude"


def test_refuse_code_sends_everybody_away(bench: BrokerBench) -> None:
    former = bench.online()
    bench.broker.mode = "refuse_code"
    bench.run(S)
    assert bench.told(former)[-1] == "end" and bench.whys() == ["refused"] and len(bench.noted("will")) == 1
    sock = bench.connect()
    bench.run(S)
    bench.say(sock, connect_packet())
    bench.run(S)
    assert bench.packets(sock) == [b"\x20\2\0\3"] and bench.told(sock)[-1] == "end"
    assert bench.whys() == ["refused", "refused"] and len(bench.noted("will")) == 1
    bench.broker.mode = "ok"
    bench.online()
    assert len(bench.noted("up")) == 2


def test_mute_takes_all_and_says_nothing(bench: BrokerBench) -> None:
    sock = bench.online()
    bench.broker.mode = "mute"
    bench.publish(sock)
    bench.broker.publish(CMD, token("a-1"))
    fresh = bench.online(client="another")
    assert len(bench.packets(sock)) == 2 and bench.told(fresh) == ["connected"]
    assert [record["acked"] for record in bench.noted("publish")] == [False]
    assert not bench.noted("deliver") and len(bench.noted("up")) == 1


def test_no_puback_answers_the_rest(bench: BrokerBench) -> None:
    bench.broker.mode = "no_puback"
    sock = bench.online()
    bench.publish(sock)
    bench.say(sock, b"\xc0\0")
    assert [packet[0] for packet in bench.packets(sock)] == [0x20, 0x90, 0xD0]
    assert not bench.noted("publish")[0]["acked"]


def test_double_puback(bench: BrokerBench) -> None:
    bench.broker.mode = "double_puback"
    sock = bench.online()
    bench.publish(sock)
    assert [packet[0] for packet in bench.packets(sock)] == [0x20, 0x90, 0x40, 0x40]


def test_stray_pubacks_have_ids_far_from_those_in_use(bench: BrokerBench) -> None:
    sock = bench.online()
    bench.broker.mode = "stray_puback"
    for pid in range(65_500, 65_536):
        bench.publish(sock, pid=pid)
    answers = [int.from_bytes(packet[2:], "big") for packet in bench.packets(sock)[2:]]
    strays = [pid for pid in answers if pid < 65_500]
    assert [pid for pid in answers if pid >= 65_500] == list(range(65_500, 65_536))
    assert len(strays) > 3 and all(5_000 < pid < 60_000 for pid in strays)


def test_slow_trickles_and_comes_whole_in_the_end(bench: BrokerBench) -> None:
    sock = bench.online()
    bench.broker.mode = "slow"
    for pid in range(10, 20):
        bench.net.send(sock, wire.publish("base/event", b"x", 1, False, pid))
    bench.run(S)
    assert 9 < len(bench.received(sock)) < 29
    bench.run(20 * S)
    assert bench.packets(sock)[2:] == [wire.puback(pid) for pid in range(10, 20)]
    assert max(len(data) for s, what, data in bench.events if what == "data") == 5


@pytest.mark.parametrize("mode", ["half_packet", "bad_bytes"])
def test_after_half_a_packet_or_noise_nothing_more_comes(mode: str) -> None:
    ends = set()
    for seed in range(20):
        bench = BrokerBench(seed)
        sock = bench.online()
        bench.broker.mode = mode
        for pid in range(10, 40):
            bench.publish(sock, pid=pid)
        acked = [record["acked"] for record in bench.noted("publish")]
        count = acked.index(False)
        assert not any(acked[count:])
        good = b"\x20\2\0\0\x90\3\0\1\1" + b"".join(wire.puback(10 + i) for i in range(count))
        data = bench.received(sock)
        assert data.startswith(good)
        rest = data[len(good) :]
        assert len(rest) in (1, 2, 3) if mode == "half_packet" else b"\x40" not in rest
        ends.add(rest)
        bench.broker.mode = "ok"
        bench.say(sock, b"\xc0\0")
        assert bench.received(sock) == data
    assert len(ends) == (3 if mode == "half_packet" else 20)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_heals_and_replays(mode: str) -> None:
    def run() -> str:
        bench = BrokerBench(5)
        bench.broker.mode = mode
        for _ in range(5):
            bench.online()
            bench.broker.publish(CMD, token("a-1"))
            bench.run(S)
        bench.broker.mode = "ok"
        sock = bench.online()
        bench.publish(sock, b"well again")
        assert bench.packets(sock)[-1] == wire.puback(7)
        return bench.trace.digest()

    assert run() == run()


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
