"""The storm's time and name servers: lies, refusals and garbage that no client may believe."""

import struct

import pytest
from sportbox.net.udp import first_address, server_time

from host_tools.storm.network.servers import DNS_PORT, NTP_PORT, Dns, TimeServer
from host_tools.storm.wall import WALL_BEGIN_S
from tests.storm.one_board import Bench, S

NONCE = b"12345678"
QUESTION = b"\x23" + bytes(39) + NONCE
ASKED = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\x06broker\4city\0\0\1\0\1"


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def time_server(bench: Bench) -> TimeServer:
    return TimeServer(bench.agenda, bench.trace, bench.net, bench.rng)


@pytest.fixture
def dns(bench: Bench) -> Dns:
    return Dns(bench.trace, bench.net, bench.rng, {"broker.city": "10.0.0.1"})


def answered(bench: Bench, port: int, question: bytes) -> bytes:
    sock = bench.ask(port, question)
    bench.run(S)
    return bench.received(sock)


def believed(answer: bytes) -> int | None:
    """As the firmware does."""
    return server_time(answer) if len(answer) >= 48 and answer[24:32] == NONCE else None


def test_a_time_server_that_is_down_is_silent(bench: Bench, time_server: TimeServer) -> None:
    time_server.up = False
    assert answered(bench, NTP_PORT, QUESTION) == b"" and time_server.asked == 1


def test_a_malformed_question_is_a_violation(bench: Bench, time_server: TimeServer) -> None:
    for question in (QUESTION[:47], b"\x24" + QUESTION[1:], b"\x03" + QUESTION[1:]):
        assert answered(bench, NTP_PORT, question) == b""
    assert [record["what"] for record in bench.noted("protocol")] == ["NTP question"] * 3


def test_a_kiss_of_death_is_no_time(bench: Bench, time_server: TimeServer) -> None:
    time_server.kod = True
    answer = answered(bench, NTP_PORT, QUESTION)
    assert answer[1] == 0 and answer[12:16] == b"RATE" and answer[24:32] == NONCE and believed(answer) is None


def test_garbage_is_never_believed(bench: Bench, time_server: TimeServer) -> None:
    time_server.garbage = True
    answers = [answered(bench, NTP_PORT, QUESTION) for _ in range(300)]
    assert all(believed(answer) is None for answer in answers)
    assert sum(answer[24:32] == NONCE for answer in answers) > 50 and len(set(map(len, answers))) > 10


def test_the_time_is_that_of_the_run(bench: Bench, time_server: TimeServer) -> None:
    bench.run(1000 * S)
    answer = answered(bench, NTP_PORT, QUESTION)
    assert believed(answer) == WALL_BEGIN_S + 1000
    seconds, fraction = struct.unpack("!II", answer[40:48])
    assert seconds == WALL_BEGIN_S + 1000 + 2_208_988_800 and 0 < fraction < 1 << 31
    assert answer[0] == 0x24 and 1 <= answer[1] <= 15


@pytest.mark.parametrize("lie_s", [-86_400, 3_600, 400_000_000])
def test_a_lie_is_believed(bench: Bench, time_server: TimeServer, lie_s: int) -> None:
    time_server.lie_s = lie_s
    assert believed(answered(bench, NTP_PORT, QUESTION)) == WALL_BEGIN_S + lie_s


def test_a_name_server_that_is_down_is_silent(bench: Bench, dns: Dns) -> None:
    dns.up = False
    assert answered(bench, DNS_PORT, ASKED) == b""


def test_a_malformed_name_question_is_a_violation(bench: Bench, dns: Dns) -> None:
    for question in (
        b"",
        ASKED[:20],
        ASKED + b"x",
        ASKED[:-3] + b"\x1c\0\1",
        ASKED.replace(b"city", b"cit\xff"),
    ):
        assert answered(bench, DNS_PORT, question) == b""
    assert [record["what"] for record in bench.noted("protocol")] == ["DNS question"] * 5


@pytest.mark.parametrize(("knob", "code"), [("fails", 2), ("unknown", 3)])
def test_a_failure_has_a_code(bench: Bench, dns: Dns, knob: str, code: int) -> None:
    dns.fails = knob == "fails"
    if knob == "unknown":
        dns.names.clear()
    answer = answered(bench, DNS_PORT, ASKED)
    assert answer[:2] == ASKED[:2] and answer[3] & 15 == code and first_address(answer, len(ASKED)) is None


def test_garbage_has_no_address(bench: Bench, dns: Dns) -> None:
    dns.garbage = True
    answers = [answered(bench, DNS_PORT, ASKED) for _ in range(300)]
    believable = [answer for answer in answers if len(answer) > 12 and answer[:2] == ASKED[:2]]
    assert len(believable) > 100
    assert all(first_address(answer, len(ASKED)) is None for answer in believable)


def test_a_name_has_its_address_with_an_alias_or_without(bench: Bench, dns: Dns) -> None:
    answers = [answered(bench, DNS_PORT, ASKED) for _ in range(50)]
    assert {first_address(answer, len(ASKED)) for answer in answers} == {"10.0.0.1"}
    assert {answer[7] for answer in answers} == {1, 2}
