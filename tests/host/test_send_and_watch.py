"""`send` and `watch` against real brokers, with a board that plays what the test tells it to."""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from host_tools.broker import BrokerProcess
from host_tools.cli import main
from host_tools.commands.send import Ack, answers, parse_ack
from host_tools.mqtt import Topics
from host_tools.token import unverified_jti
from tests.brokers import wait_until
from tests.host.helpers import ROOT, ROSTOCK

SITE = "hafensport-rostock"
TOPICS = Topics(SITE, "box-1")
Play = Callable[["PlayedBoard", str | None], None]


class PlayedBoard:
    """A client that is online as box-1 and answers each command as told."""

    def __init__(self, port: int, play: Play) -> None:
        self.commands: list[paho.MQTTMessage] = []
        self._play = play
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe(TOPICS.cmd, 1)
        self.publish(TOPICS.availability, b"online", retain=True)
        assert self._subscribed.wait(10)

    def _on_message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        self.commands.append(message)
        self._play(self, unverified_jti(message.payload.decode("utf-8", "replace")))

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        self._client.publish(topic, payload, 1, retain)

    def ack(self, jti: str | None, result: str, reason: str | None = None) -> None:
        answer = {"jti": jti, "result": result, "reason": reason, "time": None}
        self.publish(TOPICS.ack, json.dumps(answer).encode())

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def board(broker: BrokerProcess) -> Iterator[Callable[[Play], PlayedBoard]]:
    made: list[PlayedBoard] = []

    def make(play: Play) -> PlayedBoard:
        made.append(PlayedBoard(broker.port, play))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["grant", str(ROSTOCK), "box-1", "lock-2", "--state", str(tmp_path)]) == 0
    return capsys.readouterr().out.strip()


def send(broker: BrokerProcess, token: str, *more: str) -> int:
    return main(["send", str(ROSTOCK), "box-1", token, "--broker", broker.url, *more])


def test_done(
    broker: BrokerProcess,
    board: Callable[[Play], PlayedBoard],
    token: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def play(one: PlayedBoard, jti: str | None) -> None:
        one.ack("somebody-else", "rejected", "busy")
        one.publish(TOPICS.ack, b"\xff not json")
        one.ack(jti, "accepted")
        one.ack(None, "rejected", "malformed")
        one.ack(jti, "done")

    played = board(play)
    assert send(broker, token, "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["result"] for line in lines] == ["accepted", "done"]
    assert {line["jti"] for line in lines} == {unverified_jti(token)}
    (command,) = played.commands
    assert command.payload.decode() == token
    assert (command.qos, command.retain) == (1, False)


@pytest.mark.parametrize(
    ("answers_", "words"),
    [
        ([("rejected", "expired")], "rejected: expired (its time is over)"),
        (
            [("accepted", None), ("failed", "not_opened")],
            "failed: not_opened (nobody opened the door in time)",
        ),
        ([("rejected", "new\x1b[31m")], "rejected: new\\x1b[31m"),
    ],
)
def test_rejected_and_failed(
    broker: BrokerProcess,
    board: Callable[[Play], PlayedBoard],
    token: str,
    capsys: pytest.CaptureFixture[str],
    answers_: list[tuple[str, str | None]],
    words: str,
) -> None:
    def play(one: PlayedBoard, jti: str | None) -> None:
        for result, reason in answers_:
            one.ack(jti, result, reason)

    board(play)
    assert send(broker, token) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1].endswith(words)
    assert "\x1b" not in captured.out


def test_what_is_no_token_is_sent_all_the_same(
    broker: BrokerProcess,
    board: Callable[[Play], PlayedBoard],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    board(lambda one, jti: one.ack(jti, "rejected", "malformed"))
    assert send(broker, "this is no token", "--json") == 1
    assert json.loads(capsys.readouterr().out)["reason"] == "malformed"


def test_a_board_that_says_nothing(
    broker: BrokerProcess,
    board: Callable[[Play], PlayedBoard],
    token: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    board(lambda _one, _jti: None)
    assert send(broker, token, "--wait", "0.5") == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no answer from `box-1` within 0.5 s" in captured.err
    assert "says that it is online" in captured.err


def test_a_board_that_was_never_there(
    broker: BrokerProcess, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert send(broker, token, "--wait", "0.3") == 3
    assert "no board `box-1` has been at" in capsys.readouterr().err


def test_accepted_and_then_silence(
    broker: BrokerProcess,
    board: Callable[[Play], PlayedBoard],
    token: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("host_tools.commands.send.FINAL_MARGIN_S", -9.5)  # of 10 s for the door
    board(lambda one, jti: one.ack(jti, "accepted"))
    assert send(broker, token) == 3
    captured = capsys.readouterr()
    assert captured.out.endswith("accepted\n")
    assert "accepted the order, but said nothing more" in captured.err
    assert f"hint: sportbox watch {ROSTOCK}" in captured.err


def test_the_token_on_stdin(broker: BrokerProcess, board: Callable[[Play], PlayedBoard], token: str) -> None:
    played = board(lambda one, jti: one.ack(jti, "done"))
    command = [
        sys.executable,
        "-m",
        "host_tools.cli",
        "send",
        str(ROSTOCK),
        "box-1",
        "-",
        "--broker",
        broker.url,
    ]
    found = subprocess.run(
        command, cwd=ROOT, input=token + "\n", capture_output=True, text=True, timeout=60, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert played.commands[0].payload.decode() == token


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["box-9", "x"], "no board `box-9`"),
        (["box-1", " "], "the token is empty"),
        (["box-1", "x", "--wait", "0"], "--wait must be"),
        (["box-1", "x", "--wait", "-1"], "--wait must be"),
        (["box-1", "x", "--wait", "nan"], "--wait must be"),
        (["box-1", "x", "--broker", "http://a"], "only mqtt:// is supported"),
    ],
)
def test_bad_input(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["send", str(ROSTOCK), *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", [["send", str(ROSTOCK), "box-1", "x"], ["watch", str(ROSTOCK)]])
def test_no_broker(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--broker", "mqtt://127.0.0.1:1"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no answer from the broker at mqtt://127.0.0.1:1" in captured.err
    assert "hint: " in captured.err


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        (b'{"jti": "a", "result": "done", "reason": null, "time": 5}', ("a", "done", None)),
        (b'{"result": "rejected", "reason": "too_large"}', (None, "rejected", "too_large")),
        (b"", None),
        (b"[]", None),
        (b"[" * 100_000, None),
        (b'{"jti": 5, "result": "done"}', None),
        (b'{"jti": "a"}', None),
        (b'{"jti": "a", "result": "done", "reason": {}}', None),
    ],
)
def test_acks(payload: bytes, found: tuple[str | None, str, str | None] | None) -> None:
    ack = parse_ack(payload)
    assert (None if ack is None else (ack.jti, ack.result, ack.reason)) == found


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("token", "jti"),
    [
        (f"x.{part({'jti': 'a'})}.y", "a"),
        (f"x.{part({'jti': 'a'})}", "a"),  # cut off: the board can still read it, and names it
        (f"x.{part({'jti': 'a'})}=.y", None),
        (f"x.{part({'jti': 'a'})}!.y", None),
        (f"x.{part({'jti': ''})}.y", None),
        (f"x.{part({'jti': 7})}.y", None),
        (f"x.{part(['jti'])}.y", None),
        ("x.e30.y", None),
        ("x.ü.y", None),
        ("x..y", None),
        ("x", None),
        ("", None),
    ],
)
def test_the_jti_that_a_board_would_name(token: str, jti: str | None) -> None:
    assert unverified_jti(token) == jti


def test_which_ack_answers_which_token() -> None:
    def ack(jti: str | None, result: str = "rejected", reason: str | None = None) -> Ack:
        return Ack(jti, result, reason, {})

    long = "j" * 100
    assert answers(ack("a"), "a")
    assert not answers(ack("b"), "a")
    assert answers(ack(None), None)
    assert not answers(ack("a"), None)
    assert not answers(ack(None, reason="malformed"), "a")
    assert answers(ack(None, reason="too_large"), "a")
    assert answers(ack(long[:64]), long)
    assert answers(ack(None, reason="malformed"), long)


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


def test_watch_as_json_lines(board: Callable[[Play], PlayedBoard], watching: Callable[..., Watching]) -> None:
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
    board: Callable[[Play], PlayedBoard], watching: Callable[..., Watching]
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
