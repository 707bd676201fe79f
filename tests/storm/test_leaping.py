"""What the director says to a board that would leap over its pings."""

import struct

import pytest

from host_tools.storm.agenda import Agenda
from host_tools.storm.machine import leaping
from host_tools.storm.machine.lockstep import FOREVER_US, IDLE, LEAP, Frame
from host_tools.storm.network.client import LEAPT_MAX
from tests.storm.one_board import MS, BrokerBench, S

EVERY_US = 30 * S
PING = b"\xc0\x00"


class Resting(BrokerBench):
    """A board that is online and has pinged."""

    def __init__(self, pings: int = 1) -> None:
        super().__init__()
        self.sock = self.online()
        for _ in range(pings):
            self.say(self.sock, PING)

    def asks(self, until_us: int = 3600 * S, end_us: int = FOREVER_US) -> tuple[int, int]:
        """In how many microseconds it is to wake up, and over how many pings it leaps, one each 30 s."""
        now_us = self.agenda.now_us
        data = struct.pack("<QQ", now_us + EVERY_US, EVERY_US)
        frame = Frame(LEAP, self.sock, now_us, now_us + until_us, data)
        found, count = leaping.leapt(self.net, self.agenda, frame, end_us)
        assert found.what == IDLE
        return found.until_us - now_us, count


@pytest.fixture
def bench() -> Resting:
    return Resting()


def test_as_far_as_nothing_is_due(bench: Resting) -> None:
    assert bench.asks(299 * S) == (299 * S, 9)
    bench.run(299 * S)
    assert bench.asks(20 * S) == (20 * S, 0)


def test_what_happens_ends_it(bench: Resting) -> None:
    bench.agenda.after(100 * S, lambda: None)
    assert bench.asks() == (100 * S, 3)


def test_a_ping_that_is_under_way_then_is_sent(bench: Resting) -> None:
    for after_us in (1, leaping.FLIGHT_US - 1):
        ticket = bench.agenda.after(90 * S + after_us, lambda: None)
        assert bench.asks() == (90 * S, 2)
        bench.agenda.cancel(ticket)
    bench.agenda.after(90 * S + leaping.FLIGHT_US, lambda: None)
    assert bench.asks() == (90 * S + leaping.FLIGHT_US, 3)


def test_the_broker_counts_from_the_last_of_them(bench: Resting) -> None:
    _, count = bench.asks(100 * S)
    assert count == 3
    bench.run(90 * S + 90 * S - 1)
    assert not bench.noted("gone")
    bench.run(2)
    assert bench.whys() == ["keepalive"]


def test_one_that_leaps_over_none_is_watched_as_before(bench: Resting) -> None:
    bench.run(50 * S)
    assert bench.asks(10 * S) == (10 * S, 0)
    bench.run(50 * S)
    assert bench.whys() == ["keepalive"]


def test_the_first_one_and_one_in_many_are_sent() -> None:
    bench = Resting(pings=0)
    assert bench.asks() == (EVERY_US, 0)
    bench.say(bench.sock, PING)
    assert bench.asks(7200 * S) == (EVERY_US * (LEAPT_MAX + 1), LEAPT_MAX)
    assert bench.asks() == (EVERY_US, 0)
    bench.say(bench.sock, PING)
    assert bench.asks()[1] == LEAPT_MAX


@pytest.mark.parametrize(
    ("part", "knob", "value"),
    [
        ("net", "latency_us", (300_000, 900_000)),
        ("net", "loss", 0.1),
        ("net", "partition", True),
        ("net", "wifi", False),
        ("net", "carries", lambda: False),
        ("net", "slow_bytes_s", 100),
        ("broker", "mode", "slow"),
        ("broker", "mode", "mute"),
    ],
)
def test_none_where_a_fault_would_hold_it_up(bench: Resting, part: str, knob: str, value: object) -> None:
    thing = getattr(bench, part)
    before = getattr(thing, knob)
    setattr(thing, knob, value)
    assert bench.asks() == (EVERY_US, 0)
    setattr(thing, knob, before)
    assert bench.asks(300 * S) == (300 * S, 9)


def test_none_on_a_connection_that_does_not_stand(bench: Resting) -> None:
    bench.broker.freeze()
    assert bench.asks() == (EVERY_US, 0)
    bench.broker.thaw()
    assert bench.asks(40 * S)[1] == 1
    bench.net.half_open()
    assert bench.asks() == (EVERY_US, 0)


def test_none_while_anything_is_on_its_way(bench: Resting) -> None:
    for send in (
        lambda: bench.broker.publish("base/cmd", b"an order"),
        lambda: bench.net.send(bench.sock, PING),
    ):
        send()
        until_us, count = bench.asks()
        assert until_us < 100 * MS and count == 0
        bench.run(100 * MS)
        assert bench.asks(40 * S)[1] == 1


def test_what_is_idle_does_not_end_it(bench: Resting) -> None:
    is_idle = [True]
    bench.agenda.after(45 * S, lambda: None, lambda: is_idle[0])
    bench.agenda.after(75 * S, lambda: None, lambda: True)
    bench.agenda.after(200 * S, lambda: None)
    assert bench.asks() == (200 * S, 6)
    is_idle[0] = False
    assert bench.asks() == (45 * S, 1)


def test_the_next_that_counts_among_many() -> None:
    agenda = Agenda(0)
    for us in range(1, 60):
        agenda.at(us, lambda: None, None if us % 7 == 0 else lambda: True)
    agenda.cancel(agenda.at(1, lambda: None))
    assert agenda.notable_us() == 7
    agenda.run_until(7)
    assert agenda.notable_us() == 14
    agenda.run_until(100)
    assert agenda.notable_us() is None
