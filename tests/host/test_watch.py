"""`watch` against real brokers: as JSON lines, as plain lines, and over a broker that dies."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from host_tools.broker import BrokerProcess
from tests.brokers import wait_until
from tests.host.helpers import ROOT, ROSTOCK
from tests.host.played_board import SITE, TOPICS, MakeBoard, PlayedBoard


class Watching:
    """A running `watch` whose lines are collected."""

    def __init__(self, broker: BrokerProcess, *more: str) -> None:
        command = [
            sys.executable,
            "-m",
            "host_tools.cli",
            "watch",
            str(ROSTOCK),
            "--broker",
            broker.url,
            *more,
        ]
        self.lines: list[str] = []
        self.talk: list[str] = []
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        self._threads = [
            threading.Thread(target=self._collect, args=(stream, into), daemon=True)
            for stream, into in ((self.process.stdout, self.lines), (self.process.stderr, self.talk))
        ]
        for thread in self._threads:
            thread.start()

    def _collect(self, stream: Any, into: list[str]) -> None:
        into.extend(line.rstrip("\n") for line in iter(stream.readline, ""))

    def wait_for(self, text: str, talk: bool = False) -> None:
        source = self.talk if talk else self.lines
        wait_until(lambda: any(text in line for line in list(source)), f"{text!r} from watch", 30)

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        status = self.process.wait(20)
        for thread in self._threads:
            thread.join(10)
        return status


@pytest.fixture
def watching(broker: BrokerProcess) -> Iterator[Callable[..., Watching]]:
    made: list[Watching] = []

    def make(*more: str) -> Watching:
        made.append(Watching(broker, *more))
        return made[-1]

    yield make
    for one in made:
        one.process.kill()
        one.process.wait(10)


def test_watch_as_json_lines(board: MakeBoard, watching: Callable[..., Watching]) -> None:
    played = board(lambda _one, _jti: None)
    watch = watching("--json")
    watch.wait_for("online")
    played.publish(TOPICS.event, b'{"type": "sportbox.door.opened"}')
    played.publish(TOPICS.event, b"\x1b[2J \xff {")
    played.publish(TOPICS.state("lock-1"), b'{"state": "locked"}')
    watch.wait_for("locked")
    assert watch.end() == 130
    found = [json.loads(line) for line in watch.lines]
    assert all(set(line) == {"topic", "retained", "payload"} for line in found)
    assert found == [
        {"topic": TOPICS.availability, "retained": True, "payload": "online"},
        {"topic": TOPICS.event, "retained": False, "payload": {"type": "sportbox.door.opened"}},
        {"topic": TOPICS.event, "retained": False, "payload": "\x1b[2J \\xff {"},
        {"topic": TOPICS.state("lock-1"), "retained": False, "payload": {"state": "locked"}},
    ]


def test_watch_as_plain_lines_where_there_is_no_terminal(
    board: MakeBoard, watching: Callable[..., Watching]
) -> None:
    played = board(lambda _one, _jti: None)
    watch = watching()
    watch.wait_for("box-1 availability online")
    event = {"type": "sportbox.door.forced", "source": f"/{SITE}/box-1/door-2", "data": {"why": "\x1b[2J"}}
    played.publish(TOPICS.event, json.dumps(event).encode())
    watch.wait_for("box-1/door-2 door.forced why=\\x1b[2J")
    assert watch.end(signal.SIGTERM) == 130


def test_watch_comes_back_after_the_broker(broker: BrokerProcess, watching: Callable[..., Watching]) -> None:
    watch = watching("--json")
    watch.wait_for("connected to", talk=True)
    broker.kill()
    watch.wait_for("trying again", talk=True)
    broker.restart()
    wait_until(
        lambda: sum("connected to" in line for line in list(watch.talk)) == 2, "the second connect", 30
    )
    played = PlayedBoard(broker.port, lambda _one, _jti: None)
    try:
        watch.wait_for("online")
    finally:
        played.close()
    assert watch.end() == 130
