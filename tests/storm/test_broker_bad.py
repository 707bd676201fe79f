"""The storm's broker as a bad peer: every way in which it can be one."""

import base64
import json

import pytest

from host_tools.storm.network import wire
from host_tools.storm.network.outlet import MODES
from tests.storm.one_board import BrokerBench, S, connect_packet

CMD = "base/cmd"


@pytest.fixture
def bench() -> BrokerBench:
    return BrokerBench()


def token(jti: str) -> bytes:
    claims = base64.urlsafe_b64encode(json.dumps({"jti": jti, "act": "unlock"}).encode()).rstrip(b"=")
    return b"eyJhbGciOiJIUzI1NiJ9." + claims + b".c2lnbmF0dXJl"


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
