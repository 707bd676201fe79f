"""Collecting for services that keep what a site says: nothing is lost, whoever is cut off."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from host_tools.broker import BrokerProcess, free_port
from host_tools.collect import Message, collect
from host_tools.errors import ToolError, Unreachable
from host_tools.mqtt import Address
from host_tools.retry import Backoff
from tests.brokers import wait_until
from tests.host.collecting import BASE, CLIENT, FILTERS, Publisher, address_of, collecting, keeping_broker
from tests.host.helpers import ROOT

EVENT = f"{BASE}/box-1/event"

# Commits a line a message to a file, and is killed right after the batch that makes it `count` lines or more.
KILLED = """
import os, signal, sys, threading
from host_tools.collect import collect
from host_tools.mqtt import Address
port, path, client, topic, count = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])
def take(messages):
    with open(path, "ab") as file:
        file.write(b"".join(message.payload + b"\\n" for message in messages))
        file.flush()
        os.fsync(file.fileno())
    if open(path, "rb").read().count(b"\\n") >= count:
        os.kill(os.getpid(), signal.SIGKILL)
collect(lambda: Address("127.0.0.1", port), client, [topic], take, lambda text: None, threading.Event())
"""


@pytest.fixture
def keeping(run_dir: Path) -> Iterator[BrokerProcess]:
    with keeping_broker(run_dir) as broker:
        yield broker


def numbered(first: int, count: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, first + count)]


def know_the_session(broker: BrokerProcess) -> None:
    """The broker keeps what is published from now on."""
    with collecting(lambda: address_of(broker)) as one:
        wait_until(lambda: one.connections == 1, "the first connect")


def test_messages_come_with_their_retained_flag_and_without_the_probe(keeping: BrokerProcess) -> None:
    with Publisher(keeping) as publisher, collecting(lambda: address_of(keeping)) as before:
        wait_until(lambda: before.connections == 1, "the first connect")
        publisher.publish([b"online"], f"{BASE}/box-1/availability", retain=True)
        publisher.publish([b"x"], f"{BASE}/_probe/event")
        publisher.publish([b"1"])
        wait_until(lambda: len(before.taken) == 2, "both messages")
    assert before.taken == [
        Message(f"{BASE}/box-1/availability", b"online", False),
        Message(EVENT, b"1", False),
    ]
    with Publisher(keeping) as publisher, collecting(lambda: address_of(keeping)) as after:
        wait_until(lambda: len(after.taken) == 1, "the retained one")
        publisher.publish([b"2"])
        wait_until(lambda: len(after.taken) == 2, "a new one")
    assert after.taken == [
        Message(f"{BASE}/box-1/availability", b"online", True),
        Message(EVENT, b"2", False),
    ]


def test_what_is_said_while_nobody_collects_comes_later(keeping: BrokerProcess) -> None:
    know_the_session(keeping)
    with Publisher(keeping) as publisher:
        publisher.publish(numbered(0, 300))
    with collecting(lambda: address_of(keeping)) as one:
        wait_until(lambda: len(one.taken) == 300, "all of it")
    assert one.payloads == numbered(0, 300)


def test_killed_between_commit_and_acknowledgement_it_gets_the_same_again(
    keeping: BrokerProcess, tmp_path: Path
) -> None:
    know_the_session(keeping)
    with Publisher(keeping) as publisher:
        publisher.publish(numbered(0, 700))
    path = tmp_path / "taken"
    for count in (1, 600):
        command = [sys.executable, "-c", KILLED, str(keeping.port), str(path), CLIENT, FILTERS[0], str(count)]
        assert subprocess.run(command, cwd=ROOT, timeout=60).returncode == -signal.SIGKILL
    committed = path.read_bytes().split()
    with collecting(lambda: address_of(keeping)) as rest:
        wait_until(lambda: set(committed) | set(rest.payloads) == set(numbered(0, 700)), "all of it")
    everything = committed + rest.payloads
    assert len(everything) > 700, "nothing came twice: it was not killed before an acknowledgement"
    firsts = list(dict.fromkeys(everything))
    assert firsts == numbered(0, 700), "in another order"


def test_what_take_raises_ends_it_and_the_batch_comes_again(keeping: BrokerProcess) -> None:
    def full(_messages: Sequence[Message]) -> None:
        raise ToolError("the disk is full")

    know_the_session(keeping)
    with Publisher(keeping) as publisher:
        publisher.publish(numbered(0, 3))
    with pytest.raises(ToolError, match="disk is full"):
        collect(lambda: address_of(keeping), CLIENT, FILTERS, full, lambda _text: None, threading.Event())
    with collecting(lambda: address_of(keeping)) as one:
        wait_until(lambda: one.payloads == numbered(0, 3), "the batch")


def test_it_comes_back_after_the_broker_and_nothing_is_lost(keeping: BrokerProcess) -> None:
    with collecting(lambda: address_of(keeping)) as one:
        wait_until(lambda: one.connections == 1, "the first connect")
        with Publisher(keeping) as publisher:
            publisher.publish(numbered(0, 50))
        wait_until(lambda: len(one.taken) == 50, "the first ones")
        keeping.restart()
        with Publisher(keeping) as publisher:
            publisher.publish(numbered(50, 50))
        wait_until(lambda: one.connections == 2, "the second connect", 30)
        wait_until(lambda: len(one.taken) >= 100, "the second ones")
    assert list(dict.fromkeys(one.payloads)) == numbered(0, 100)
    assert any("trying again" in line for line in one.talk)
    assert not any("forgotten" in line for line in one.talk)


def test_a_broker_that_forgot_the_session_is_told_of(mosquitto: BrokerProcess) -> None:
    with collecting(lambda: address_of(mosquitto)) as one:
        wait_until(lambda: one.connections == 1, "the first connect")
        mosquitto.kill()
        mosquitto.restart()
        wait_until(lambda: one.connections == 2, "the second connect", 30)
        with Publisher(mosquitto) as publisher:
            publisher.publish([b"1"])
        wait_until(lambda: one.payloads == [b"1"], "a message after that")
    assert "forgotten" in one.talk[-1]


def test_a_broker_that_moves_is_found_again(run_dir: Path) -> None:
    with keeping_broker(run_dir / "a") as first, keeping_broker(run_dir / "b") as second:
        now = [first]
        with collecting(lambda: address_of(now[0])) as one:
            wait_until(lambda: one.connections == 1, "the first connect")
            now[0] = second
            first.kill()
            wait_until(lambda: one.connections == 2, "the second connect", 30)
    assert str(second.port) in one.talk[-1]


def test_out_of_reach_at_the_very_start_is_an_error_with_a_hint() -> None:
    port = free_port()
    with pytest.raises(Unreachable) as caught:
        collect(
            lambda: Address("127.0.0.1", port),
            CLIENT,
            FILTERS,
            lambda _messages: None,
            lambda _text: None,
            threading.Event(),
        )
    assert str(port) in caught.value.message
    assert caught.value.hint


def test_filters_of_an_earlier_program_are_left_out(keeping: BrokerProcess) -> None:
    know_the_session(keeping)
    with Publisher(keeping) as publisher, collecting(lambda: address_of(keeping), [EVENT]) as one:
        publisher.publish([b"1"], f"{BASE}/box-1/log")
        publisher.publish([b"2"])
        wait_until(lambda: bool(one.taken), "the event")
    assert one.payloads == [b"2"]


def test_backing_off_doubles_to_its_bound_and_begins_anew() -> None:
    backoff = Backoff(draw=lambda _low, high: high)
    assert [backoff.next_s() for _ in range(7)] == [0.25, 0.5, 1, 2, 4, 4, 4]
    backoff.reset()
    assert backoff.next_s() == 0.25
    assert all(0 <= Backoff().next_s() <= 0.25 for _ in range(100))
