"""A renewal goes to a board whatever is in its way, and what the board gets is what was packed."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from host_tools.broker import BrokerProcess
from host_tools.errors import ToolError, Unreachable
from host_tools.mqtt import Address, Topics
from host_tools.site.renew.blob import FILES, PART_BYTES, Renewal, pack, seal, unpack, unseal
from host_tools.site.renew.crowd import Job, push_all
from host_tools.site.renew.push import Away, Limits, Refused, Result, push
from tests.brokers import start
from tests.host.played_renewal import RenewedBoard, Script

LONGEST = Topics("s" * 32, "d" * 32)
KEYS = {"ops-9999-g9999": bytes(range(32)), "booking-9999-g9999": bytes(32)}
CONTENTS = {path: path.encode() * 60 for path in FILES if path != "/certs/ca-next.der"}
QUICK = Limits(present_s=5, answer_s=0.3, final_s=2, info_s=2, busy_s=0.01, again_s=0.05, tries=6)
BRIEF = replace(QUICK, present_s=0.4, tries=2)
Play = Callable[[Script], RenewedBoard]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with start("mosquitto", tmp_path_factory.mktemp("renew")) as running:
        yield running


@pytest.fixture
def play(broker: BrokerProcess) -> Iterator[Play]:
    made: list[RenewedBoard] = []

    def one(script: Script) -> RenewedBoard:
        made.append(RenewedBoard(broker.port, LONGEST, KEYS, script))
        return made[-1]

    yield one
    for board in made:
        board.close()


def keys(kids: list[str]) -> tuple[str, bytes] | None:
    return next(((kid, KEYS[kid]) for kid in kids if kid.startswith("ops") and kid in KEYS), None)


def pushed(
    broker: BrokerProcess, renewal: Renewal, topics: Topics = LONGEST, limits: Limits = QUICK
) -> Result:
    return asyncio.run(push(Address("127.0.0.1", broker.port), topics, keys, renewal, limits=limits))


def test_packed_and_sealed() -> None:
    made = pack(CONTENTS)
    assert unpack(made.blob) == {**dict.fromkeys(FILES, b""), **CONTENTS}
    assert b"".join(made.parts) == made.blob
    assert {len(part) for part in made.parts[:-1]} == {PART_BYTES}
    assert pack(CONTENTS).id == made.id != pack({**CONTENTS, "/config.json": b"x"}).id
    key = KEYS["ops-9999-g9999"]
    one, two = seal(key, made.parts[0]), seal(key, made.parts[0])
    assert one != two
    assert unseal(key, one) == unseal(key, two) == made.parts[0]
    assert made.parts[0][:32] not in one
    with pytest.raises(ValueError, match="not for a renewal"):
        pack({"/main.py": b""})
    with pytest.raises(ValueError, match="at most"):
        pack({"/config.json": bytes(25_000)})
    assert "config" not in repr(made)


@pytest.mark.parametrize(
    "script",
    [
        Script(),
        Script(instead=[None, ("rejected", "busy"), ("rejected", "busy"), ("rejected", "clock")]),
        Script(forget_at=2),
        Script(damage=1),
    ],
    ids=["well", "busy", "forgets", "damaged"],
)
def test_it_gets_there(broker: BrokerProcess, play: Play, script: Script) -> None:
    board, renewal = play(script), pack(CONTENTS)
    result = pushed(broker, renewal)
    assert board.files == {**dict.fromkeys(FILES, b""), **CONTENTS}
    assert (result.id, result.info["renewal"]) == (renewal.id, renewal.short_id)
    assert result.sent >= len(renewal.parts)
    sent = len(board.parts)
    assert pushed(broker, renewal).sent == 0  # it has it already
    assert len(board.parts) == sent


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (Script(final=("failed", "unreachable")), "went back to what it had: unreachable"),
        (Script(instead=[("rejected", "role")]), "does not take part 1: role"),
        (Script(instead=[("rejected", "busy")] * 99), "does not take part 1: busy"),
        (Script(damage=99), "damaged"),
    ],
)
def test_what_it_refuses_is_told(broker: BrokerProcess, play: Play, script: Script, told: str) -> None:
    board = play(script)
    with pytest.raises(Refused, match=told) as caught:
        pushed(broker, pack(CONTENTS))
    assert caught.value.hint
    assert board.files == {}


def test_who_is_not_there(broker: BrokerProcess, play: Play) -> None:
    with pytest.raises(Away, match="has never been"):
        pushed(broker, pack(CONTENTS), Topics("other-site", "box-1"), BRIEF)
    board = play(Script())
    board.say("sleeping")
    with pytest.raises(Away, match="sleeping") as caught:
        pushed(broker, pack(CONTENTS), limits=BRIEF)
    assert caught.value.sleeping
    board.say()
    board.script.instead = [None] * 99
    with pytest.raises(Away, match="online"):
        pushed(broker, pack(CONTENTS), limits=BRIEF)
    gone = Address("127.0.0.1", 9)
    with pytest.raises(Unreachable, match="no answer from the broker"):
        asyncio.run(push(gone, LONGEST, keys, pack(CONTENTS), limits=QUICK))


def test_a_board_of_another_vault_or_an_older_firmware(broker: BrokerProcess, play: Play) -> None:
    board = play(Script())
    board.keys = {"ops-1": bytes(32)}
    board.say()
    with pytest.raises(Refused, match="none of this vault's keys"):
        pushed(broker, pack(CONTENTS))
    assert board.parts == []


def test_several_at_once_and_one_that_fails(broker: BrokerProcess, tmp_path: Path) -> None:
    names = [f"box-{n}" for n in range(6)]
    boards = {
        name: RenewedBoard(broker.port, Topics("many", name), KEYS, Script(damage=99 * (name == "box-3")))
        for name in names
    }
    done: list[str] = []
    jobs = [Job(name, pack({**CONTENTS, "/config.json": name.encode()}), keys) for name in names]
    left = push_all(
        Address("127.0.0.1", broker.port), "many", jobs, lambda job, _: done.append(job.device), print, QUICK
    )
    assert list(left) == ["box-3"]
    assert isinstance(left["box-3"], ToolError)
    assert sorted(done) == [name for name in names if name != "box-3"]
    assert all(boards[name].files["/config.json"] == name.encode() for name in done)
    for board in boards.values():
        board.close()
