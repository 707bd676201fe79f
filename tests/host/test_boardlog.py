"""What comes for an order about the log: numbered lines, answers, and what is missing."""

import asyncio
import json

import pytest

from host_tools.cli import main
from host_tools.errors import ToolError
from host_tools.mqtt import Address, Topics
from host_tools.setup.paths import REPOSITORY
from host_tools.site import boardlog
from host_tools.site.boardlog import Key, _Again, _Answers, ask_ring
from host_tools.token import unverified_claims

TOPICS = Topics("rostock", "box-1")
SITE = str(REPOSITORY / "sites" / "hafensport-rostock.yaml")


def ack(result: str, reason: str | None = None, jti: str = "j") -> bytes:
    return json.dumps({"jti": jti, "result": result, "reason": reason}).encode()


def answers(*lines: str) -> _Answers:
    found = _Answers("j")
    found.take(TOPICS, TOPICS.log, b"#0 of another order")
    found.take(TOPICS, TOPICS.ack, ack("accepted"))
    for line in lines:
        found.take(TOPICS, TOPICS.log, line.encode())
    return found


def test_lines_and_their_end() -> None:
    found = answers("#0 7 1.000 info a", "12.000 info live", "#1 7 2.000 info b", "#2 end")
    assert found.lines == {0: "7 1.000 info a", 1: "7 2.000 info b"}
    assert found.count == 2
    assert not found.done


def test_answers_of_others_do_not_count() -> None:
    found = _Answers("j")
    found.take(TOPICS, TOPICS.ack, ack("rejected", "role", jti="other"))
    found.take(TOPICS, TOPICS.ack, b"\xff")
    assert not found.accepted


@pytest.mark.parametrize("reason", ["busy", "flash"])
def test_what_is_worth_another_try(reason: str) -> None:
    with pytest.raises(_Again):
        answers().take(TOPICS, TOPICS.ack, ack("failed", reason))


def test_a_refusal_has_a_cure() -> None:
    with pytest.raises(ToolError) as caught:
        answers().take(TOPICS, TOPICS.ack, ack("rejected", "malformed"))
    assert caught.value.hint is not None
    assert "provision it anew" in caught.value.hint


def test_where_lines_got_lost_all_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    played = [answers("#0 a", "#3 d", "#4 end"), answers("#0 a", "#1 b", "#3 d", "#4 end"), answers("#4 end")]

    async def ordered(*_: object) -> _Answers:
        return played.pop(0) if len(played) > 1 else played[0]

    monkeypatch.setattr(boardlog, "_ordered", ordered)
    told = asyncio.run(ask_ring(Address("127.0.0.1", 1), TOPICS, Key("ops-1", b"k" * 32)))
    assert (told.lines, told.lost) == (["a", "b", "d"], 1)


def test_the_token_has_what_a_board_wants() -> None:
    made, jti = boardlog._token(TOPICS, Key("ops-1", b"k" * 32), {"level": "debug"}, "0" * 16)
    claims = unverified_claims(made)
    assert claims is not None
    assert claims["jti"] == jti
    assert (claims["act"], claims["args"], claims["nonce"]) == ("log", {"level": "debug"}, "0" * 16)
    assert "k" * 32 not in repr(Key("ops-1", b"k" * 32))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--follow"],
        ["--level", "debug"],
        [SITE],
        [SITE, "box-99"],
        [SITE, "box-1", "--port", "P"],
        [SITE, "box-1", "--follow", "--level", "info"],
        [SITE, "box-1", "--level", "loud"],
    ],
)
def test_bad_input_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "error: " in told.err
