"""`send` against real brokers, with a board that plays what the test tells it to."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from host_tools.broker import BrokerProcess
from host_tools.cli import main
from host_tools.commands.send import Ack, answers, parse_ack
from host_tools.token import unverified_jti
from tests.host.helpers import ROOT, ROSTOCK
from tests.host.played_board import TOPICS, MakeBoard, PlayedBoard


@pytest.fixture
def token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["grant", str(ROSTOCK), "box-1", "lock-2", "--state", str(tmp_path)]) == 0
    return capsys.readouterr().out.strip()


def send(broker: BrokerProcess, token: str, *more: str) -> int:
    return main(["send", str(ROSTOCK), "box-1", token, "--broker", broker.url, *more])


def test_done(
    broker: BrokerProcess,
    board: MakeBoard,
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
    board: MakeBoard,
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
    board: MakeBoard,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    board(lambda one, jti: one.ack(jti, "rejected", "malformed"))
    assert send(broker, "this is no token", "--json") == 1
    assert json.loads(capsys.readouterr().out)["reason"] == "malformed"


def test_a_board_that_says_nothing(
    broker: BrokerProcess,
    board: MakeBoard,
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
    board: MakeBoard,
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


def test_the_token_on_stdin(broker: BrokerProcess, board: MakeBoard, token: str) -> None:
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
        (["box-1", "x", "--broker", "http://a"], "only mqtt:// and mqtts:// are supported"),
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
    assert "no answer from the broker at mqtt://127.0.0.1:1: Connection refused\n" in captured.err
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
