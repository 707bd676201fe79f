"""One board of a rollout: the same order again, and what it must have shown before it counts as done."""

from types import SimpleNamespace
from typing import Any

import pytest

from host_tools.errors import BadInput
from host_tools.update.rollout import preflight
from host_tools.update.rollout.board import ORDER_VALID_S, Board
from host_tools.update.rollout.model import Limits, Row, Settings, Target

SOAK_S = Settings().soak_s


class Wall:
    seconds = 1_795_366_800
    made = 0

    def now(self) -> int:
        return self.seconds

    def jti(self) -> str:
        self.made += 1
        return f"jti-{self.made}"


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def board(wall: Wall) -> Board:
    target = Target("ab" * 32, 5_000, "0.2.0")
    made = Board(
        row=Row("box-1", 0),
        target=target,
        settings=Settings(),
        limits=Limits(),
        wall_s=wall.now,
        new_jti=wall.jti,
    )
    made.heard_availability("online", 0)
    made.heard_info({"bootid": "1", "firmware": "0.1.0", "slot": "a"}, 0)
    return made


def soaking(board: Board) -> Board:
    board.order(0)
    board.heard_answer("accepted", None, 1)
    board.heard_info({"bootid": "2", "firmware": "0.2.0", "slot": "b"}, 100)
    assert board.row.state == "soaking"
    return board


def test_an_order_that_nobody_answered_is_the_same_again_while_it_counts(board: Board, wall: Wall) -> None:
    board.order(0)
    assert (board.row.jti, board.row.orders) == ("jti-1", 1)
    board.end("away", None, 60)
    wall.seconds += ORDER_VALID_S - 1
    board.order(90)
    assert (board.row.jti, board.row.orders) == ("jti-1", 1)
    board.end("away", None, 120)
    wall.seconds += 1
    board.order(150)
    assert (board.row.jti, board.row.orders) == ("jti-2", 2)


def test_it_is_done_when_it_has_stayed_up(board: Board) -> None:
    soaking(board)
    board.tick(100 + SOAK_S - 1)
    assert board.row.state == "soaking"
    board.tick(100 + SOAK_S)
    assert board.row.state == "done"


def test_one_that_goes_back_has_failed(board: Board) -> None:
    soaking(board).heard_info({"bootid": "3", "firmware": "0.1.0", "slot": "a"}, 110)
    assert (board.row.state, board.row.reason) == ("failed", "went back to 0.1.0")


def test_one_that_is_gone_is_not_done(board: Board) -> None:
    soaking(board).heard_availability("offline", 110)
    board.tick(100 + SOAK_S)
    assert board.row.state == "soaking"
    board.tick(100 + SOAK_S + Settings().board_s + 1)
    assert (board.row.state, board.row.reason) == ("failed", "silent")


def test_a_crash_while_it_soaks_is_a_failure(board: Board) -> None:
    soaking(board).heard_trouble("device.crashed", {"task": "house", "error": "x"}, False, "2", 110)
    assert (board.row.state, board.row.reason) == ("failed", "crashed: house: x")


def test_a_bundle_goes_to_boards_that_it_is_for() -> None:
    kinds = {"box-1": "box-esp32", "court-1": "field-esp32c3", "court-2": "field-esp32c3"}
    site: Any = SimpleNamespace(devices={n: SimpleNamespace(board=kind) for n, kind in kinds.items()})
    bundle: Any = SimpleNamespace(manifest=SimpleNamespace(boards=("box-esp32", "sim")))
    preflight.check_boards(site, ["box-1"], bundle)
    for names in (["box-1", "court-2"], ["court-1", "court-2"], list(kinds)):
        with pytest.raises(BadInput, match="the bundle is not for field-esp32c3: court-"):
            preflight.check_boards(site, names, bundle)
