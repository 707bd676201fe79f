"""A board's log asked for over the broker: by `ops` alone, whole, while it goes on being written."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from host_tools.broker import BrokerProcess
from host_tools.errors import ToolError, Unreachable
from host_tools.mqtt import Address, Topics
from host_tools.sim.flash import read_files
from host_tools.site.boardlog import Key, ask_ring, set_level
from host_tools.site.loglines import parse
from tests.faults.helpers import SITE, Bench, Board, jti_of, patched_firmware
from tests.faults.helpers_listen import Listener
from tests.faults.helpers_stage import side_by_side

Json = dict[str, Any]
START = "sportbox/assembly.py"
DATA = '        booted = {"boot": box.history.boots'
FILL = """\
        for number in range(200):
            box.log.write("warning", "line %d of a ring that is full, and goes round" % number)
            if number % 8 == 7:
                box.log.flush()
"""


class Desk:
    """A board with a ring that is full, and who asks it."""

    def __init__(self, board: Board, broker: BrokerProcess, heard: Listener) -> None:
        self.board = board
        self.heard = heard
        self.address = Address(broker.host, broker.port)
        self.topics = Topics(SITE, board.name)
        self.ops = Key("ops-1", board.keys["ops-1"])

    def ring(self) -> list[str]:
        return asyncio.run(ask_ring(self.address, self.topics, self.ops)).lines

    def order(self, kid: str = "ops-1", **changes: Any) -> list[tuple[str, str | None]]:
        nonce = self.heard.latest(self.board, "info")["nonce"]
        token = self.board.token("device", kid=kid, **{"act": "log", "nonce": nonce, **changes})
        self.heard.send(self.board, token)
        jti = jti_of(token)

        def is_over(heard: Listener) -> bool:
            return any(result != "accepted" for result, _ in heard.acks(self.board, jti))

        self.heard.wait(is_over, "the final answer")
        return self.heard.acks(self.board, jti)

    def availability(self) -> str:
        return self.heard.of(self.board, "availability")[-1].payload.decode()

    def log_lines(self) -> list[str]:
        return [message.payload.decode() for message in self.heard.of(self.board, "log")]


def desk_of(bench: Bench, broker: BrokerProcess, heard: Listener) -> Desk:
    firmware = patched_firmware(bench.folder, {START: [(DATA, FILL + DATA)]})
    board = bench.add("box-1", (broker.host, broker.port), firmware=firmware)
    board.boot()
    heard.wait_ready(board)
    return Desk(board, broker, heard)


def the_whole_ring_comes_and_again(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    desk = desk_of(bench, broker, heard)
    first = desk.ring()
    assert len(first) > 80
    assert all(parse(line) for line in first)
    numbers = [int(line.split()[4]) for line in first if " of a ring " in line]
    assert numbers == list(range(numbers[0], 200)), "the newest, in order, without a hole"
    assert any("info broker reached" in line for line in first), "what waited in RAM, too"
    second = desk.ring()
    assert second[: len(first)] == first
    desk.board.cut()
    files = read_files(desk.board.sim.folder)
    kept = (files["/data/log-old"] + files["/data/log"]).decode().splitlines()
    assert kept[: len(second)] == second


def only_ops_may_ask(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    desk = desk_of(bench, broker, heard)
    before = len(desk.log_lines())
    assert desk.order("booking-1") == [("rejected", "role")]
    assert not [line for line in desk.log_lines()[before:] if line.startswith("#")]
    with pytest.raises(ToolError, match="rejected, role"):
        asyncio.run(ask_ring(desk.address, desk.topics, Key("booking-1", desk.board.keys["booking-1"])))
    with pytest.raises(ToolError, match="rejected, signature"):
        asyncio.run(ask_ring(desk.address, desk.topics, Key("ops-1", b"x" * 32)))


def the_answers_and_the_end(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    desk = desk_of(bench, broker, heard)
    assert desk.order() == [("accepted", None), ("done", None)]
    numbered = [line for line in desk.log_lines() if line.startswith("#")]
    assert numbered[-1] == f"#{len(numbered) - 1} end"
    assert [line.split()[0] for line in numbered] == [f"#{number}" for number in range(len(numbered))]
    types = [e["type"].removeprefix("sportbox.") for e in desk.heard.events(desk.board)]
    desk.heard.wait(lambda h: h.events(desk.board, "access.done"), "the event")
    assert "device.crashed" not in types


def what_is_no_order_about_the_log(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    desk = desk_of(bench, broker, heard)
    wrong: list[Json] = [{"level": "loud"}, {"level": ["info"]}, {"from": 0}, {"level": "info", "x": 1}]
    for args in wrong:
        assert desk.order(args=args) == [("rejected", "malformed")], args


def another_level_until_the_restart(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    desk = desk_of(bench, broker, heard)
    asyncio.run(set_level(desk.address, desk.topics, desk.ops, "error"))
    before = len(desk.log_lines())
    desk.board.set("wifi", "down")
    desk.heard.wait(lambda h: desk.availability() == "offline", "its last will", 60)
    desk.board.set("wifi", "up")
    desk.heard.wait(lambda h: desk.availability() == "online", "its return", 30)
    assert desk.order()[-1] == ("done", None)  # live lines come before the ring
    assert [line for line in desk.log_lines()[before:] if not line.startswith("#")] == []
    before = len(desk.log_lines())
    desk.board.cut()
    desk.board.boot()
    desk.heard.wait_ready(desk.board, boots=2)
    desk.heard.wait(lambda h: any("info" in line for line in desk.log_lines()[before:]), "lines again")


def a_board_that_is_not_there(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    desk = desk_of(bench, broker, heard)
    with pytest.raises(Unreachable, match="never been at the broker"):
        asyncio.run(ask_ring(desk.address, Topics(SITE, "box-9"), desk.ops))


def test_a_log_asked_for(run_dir: Path) -> None:
    side_by_side(
        run_dir,
        the_whole_ring_comes_and_again,
        only_ops_may_ask,
        the_answers_and_the_end,
        what_is_no_order_about_the_log,
        another_level_until_the_restart,
        a_board_that_is_not_there,
    )
