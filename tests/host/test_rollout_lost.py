"""What gets lost in a rollout, and who ends it early: messages, connections, a process; a pause, an abort."""

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from tests.host.played_update import Script, UpdatedBoard
from tests.host.rollout_ground import SETTINGS, TEN, Ground, Killed, Make, maker, no_power_cuts


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    return maker(tmp_path, monkeypatch)


def test_lost_orders_and_lost_answers(make: Make) -> None:
    ground = make(["box-0", "box-1"], max_failures=1, waves=("100%",))
    ground.boards["box-0"].script = Script(deaf=2, lose_acks=True)
    ground.boards["box-1"].script = Script(fate="crash", lose_acks=True)
    ground.run(400)
    assert ground.states()["box-0"] == "done"
    box = ground.boards["box-0"]
    assert (box.accepted, box.installed) == (1, 1)
    assert ground.engine.end == "over"
    assert (ground.row("box-1").state, ground.row("box-1").reason) == ("failed", "lost")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_write_another_process_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """Killed right before or right after each single write of its file. What boards said since then is lost,
    but for what the broker retains; boards go on by themselves meanwhile."""
    no_power_cuts(monkeypatch)
    count, number = 1, 0
    while number <= count:
        (folder := tmp_path / f"{number}").mkdir()
        ground = Ground(folder, TEN[:4], replace(SETTINGS, parallel=2))
        for name in ground.boards:
            ground.do(name, UpdatedBoard.comes)
        writes = ground.kills_at(number, after)
        with pytest.raises(Killed) if number else contextlib.nullcontext():
            ground.run(400)
        count = max(count, len(writes))
        if number:
            ground.is_killed()
            ground.run(600)
        assert ground.engine.end == "over", number
        assert set(ground.states().values()) == {"done"}, (number, ground.states())
        for board in ground.boards.values():
            assert (board.installed, board.accepted) == (1, 1), (number, board.topics.device)
        number += 1
    assert count > 12


def test_lost_connections_cost_nothing_but_time(make: Make) -> None:
    ground = make()
    for _ in range(12):
        ground.run(7)
        ground.engine.lost()
        ground._said.clear()
        ground.now += 200  # longer than a board may be silent
        ground.connects()
        for name in TEN:
            ground.do(name, UpdatedBoard.comes)
    ground.run(400)
    assert ground.engine.end == "over"
    assert set(ground.states().values()) == {"done"}
    assert all(board.installed == 1 for board in ground.boards.values())


def test_what_got_lost_with_a_connection_is_sent_again(make: Make) -> None:
    """A board that has asked in vain waits long before it asks again."""
    ground = make(["box-0"])
    for lost in (_request, _answer):
        ground.run(60, lambda lost=lost: lost(ground))
        ground.engine.lost()
        ground._said.clear()
        ground.connects()
    ground.run(30)
    assert ground.states() == {"box-0": "done"}
    assert ground.boards["box-0"].installed == 1


def _request(ground: Ground) -> bool:
    """On its way from the board."""
    return any(topic.endswith("update/get") for topic, _ in ground._said) and bool(
        ground.boards["box-0"].content
    )


def _answer(ground: Ground) -> bool:
    """On its way to the board: it asked, and what it asked for has not come."""
    board = ground.engine.boards["box-0"]
    return board.asked is not None and board.asked.at == len(ground.boards["box-0"].content) > 1024


def test_paused_it_serves_those_under_way_and_goes_on_later(make: Make) -> None:
    ground = make()
    ground.run(300, lambda: (TEN[2], "ordered") in ground.changes)
    assert ground.store.change(ground.rollout, ["running"], "paused")
    ground.run(300)
    assert ground.engine.end == "paused"
    states = ground.states()
    assert set(states.values()) == {"done", "waiting"} and states[TEN[2]] == "done"
    assert ground.store.change(ground.rollout, ["paused"], "running")
    ground.begins()
    ground.run(300)
    assert (ground.engine.end, set(ground.states().values())) == ("over", {"done"})
    assert all(board.installed == 1 for board in ground.boards.values())


def test_a_pause_that_is_taken_back_or_comes_too_late(make: Make) -> None:
    ground = make(["box-0", "box-1"])
    ground.run(300, lambda: ("box-0", "soaking") in ground.changes)
    ground.store.change(ground.rollout, ["running"], "paused")
    ground.run(1)
    assert ground.engine.state == "paused"
    ground.engine._looked_at = ground.now + 1_000  # it does not look by itself
    ground.store.change(ground.rollout, ["paused"], "running")
    ground.run(300, lambda: ("box-1", "soaking") in ground.changes)
    ground.engine._looked_at = ground.now
    ground.store.change(ground.rollout, ["running"], "paused")
    ground.run(300)
    assert (ground.engine.end, set(ground.states().values())) == ("over", {"done"})


def test_given_up_while_it_stops(make: Make) -> None:
    ground = make(["box-0", "box-1"])
    ground.boards["box-0"].script.fate = "crash"
    ground.run(300, lambda: ("box-0", "trying") in ground.changes)
    ground.engine._looked_at = ground.now + 1_000  # it does not look by itself
    ground.store.change(ground.rollout, ["running"], "aborting")
    ground.run(300)
    assert (ground.engine.end, ground.states()) == ("aborted", {"box-0": "failed", "box-1": "left"})
    newest = ground.store.newest()
    assert newest is not None and newest.state == "aborted"


def test_a_board_that_has_other_keys_meanwhile_is_asked_no_more(make: Make) -> None:
    ground = make(["box-0"])
    ground.boards["box-0"].script.deaf = 99
    ground.run(60, lambda: ground.states()["box-0"] == "ordered")
    info = b'{"firmware": "0.1.0", "bootid": "x", "slot": "a", "keys": ["ops-1-g7"]}'
    ground.do("box-0", lambda board: [(board.topics.info, info, True)])
    ground.run(60)
    assert (ground.row("box-0").state, ground.row("box-0").reason) == ("refused", "no_key")


def test_aborted_pulls_end_and_trials_come_to_their_end(make: Make) -> None:
    ground = make(soak_s=1)
    ground.boards["box-2"].script.stop_at = 1500
    ground.boards["box-3"].script.fate = "mute"
    ground.run(300, lambda: (TEN[3], "trying") in ground.changes)
    ground.store.change(ground.rollout, ["running"], "aborting")
    ground.run(10)
    assert ground.boards["box-2"].update is None
    assert ground.row("box-2").state == "left"
    assert ground.engine.end is None, "box-3 is waited for"
    ground.run(300)
    assert ground.engine.end == "aborted"
    states = ground.states()
    assert (states["box-0"], states["box-3"], states["box-9"]) == ("done", "failed", "left")
    newest = ground.store.newest()
    assert newest is not None and newest.state == "aborted"


def test_a_board_that_waits_for_a_door_has_an_hour_or_is_aborted(make: Make) -> None:
    ground = make(["box-0", "box-1"], waves=("100%",))
    ground.boards["box-0"].script.waits = ground.boards["box-1"].script.waits = "door"
    ground.run(3000)
    assert ground.states() == {"box-0": "trying", "box-1": "waiting"}
    assert ground.row("box-0").reason == "door"
    ground.do("box-0", UpdatedBoard.go_on)
    ground.run(100)
    assert ground.states() == {"box-0": "done", "box-1": "trying"}
    ground.store.change(ground.rollout, ["running"], "aborting")
    ground.run(30)
    assert (ground.engine.end, ground.states()["box-1"]) == ("aborted", "left")
    assert ground.boards["box-1"].update is None and not ground.boards["box-1"].installed
