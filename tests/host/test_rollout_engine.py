"""A rollout's decisions: who is next, when to widen, when to stop."""

from pathlib import Path

import pytest

from tests.host.played_update import UpdatedBoard
from tests.host.rollout_ground import DATA, SETTINGS, TEN, Make, maker


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    return maker(tmp_path, monkeypatch)


def test_a_canary_then_wave_by_wave_a_few_at_a_time(make: Make) -> None:
    ground = make()
    ground.run(300)
    assert ground.engine.end == "over"
    assert set(ground.states().values()) == {"done"}
    assert all(board.installed == 1 and board.firmware == "1.2.3" for board in ground.boards.values())
    assert all(board.content == DATA for board in ground.boards.values())
    order = [name for name, state in ground.changes if state == "ordered"]
    done = [name for name, state in ground.changes if state == "done"]
    assert order == TEN
    for before, after in [(1, 1), (2, 2), (5, 5)]:  # nobody of a wave before all of the last one are well
        ends = max(ground.changes.index((name, "done")) for name in order[:before])
        assert all(ground.changes.index((name, "ordered")) > ends for name in order[after:])
    assert len(done) == 10
    assert ground.most_pulling == 3
    assert [row.was for row in ground.store.rows(ground.rollout)] == ["0.1.0"] * 10
    claims = ground.boards["box-0"].orders[0]
    assert claims["args"] == {"sha256": ground.rollout.sha256, "size": len(DATA), "version": "1.2.3"}
    newest = ground.store.newest()
    assert newest is not None and newest.state == "over"


@pytest.mark.parametrize("fate", ["hash", "crash", "watchdog", "unreachable", "late", "mute"])
def test_a_bad_bundle_stops_at_the_canary(make: Make, fate: str) -> None:
    ground = make(max_failures=5)
    for board in ground.boards.values():
        board.script.fate = fate
    ground.run(400)
    assert ground.engine.end == "stopped"
    assert [name for name, board in ground.boards.items() if board.orders] == ["box-0"]
    reason = {"late": "crashed: gate-1: OSError", "mute": "silent"}.get(fate, fate)
    assert (ground.row("box-0").state, ground.row("box-0").reason) == ("failed", reason)
    newest = ground.store.newest()
    assert newest is not None
    assert (newest.state, newest.why) == ("stopped", f"a canary failed: box-0 ({reason})")


def test_a_canary_that_pulls_by_an_older_order_counts_as_well(make: Make) -> None:
    """The same bundle was ordered by a rollout that is no more."""
    ground = make(["box-0", "box-1"], waves=("100%",), max_failures=5)
    box = ground.boards["box-0"]
    box.script.fate = "crash"
    box.update = {"jti": "old", "state": "pull", "sha256": ground.rollout.sha256, "size": len(DATA)}
    box.update["version"] = "1.2.3"
    ground._said.clear()
    for name in ground.boards:
        ground.do(name, lambda board: list(reversed(board.comes())))
    ground.run(400)
    assert (ground.engine.end, ground.engine.why) == ("stopped", "a canary failed: box-0 (crash)")
    assert not ground.boards["box-0"].orders and not ground.boards["box-1"].orders


@pytest.mark.parametrize("version", ["1.2.2", "1.2.3"])
def test_a_pull_that_nobody_serves_is_ended(make: Make, version: str) -> None:
    """Of another bundle, maybe with the same version: its rollout was killed, or never got an answer."""
    ground = make(["box-0"])
    box = ground.boards["box-0"]
    box.update = {"jti": "old", "state": "pull", "sha256": "0" * 64, "size": 9, "version": version}
    ground.do("box-0", UpdatedBoard.comes)
    ground.run(SETTINGS.board_s)
    assert ground.states() == {"box-0": "done"}
    assert (box.accepted, box.installed, box.content) == (1, 1, DATA)


def test_it_stops_when_more_fail_than_may_and_says_which(make: Make) -> None:
    ground = make(max_failures=2)
    for name in ("box-3", "box-4", "box-5"):
        ground.boards[name].script.fate = "crash"
    ground.boards["box-6"].script.stop_at = 1500  # just pulls
    ground.run(400)
    assert ground.engine.end == "stopped"
    assert ground.engine.why == "3 boards failed, 2 may: box-3 (crash), box-4 (crash), box-5 (crash)"
    states = ground.states()
    assert [name for name, state in states.items() if state == "failed"] == ["box-3", "box-4", "box-5"]
    assert states["box-6"] == "waiting", "it was told to give up, and may be asked again"
    assert ground.boards["box-6"].update is None
    assert states["box-9"] == "waiting" and not ground.boards["box-9"].installed


def test_fewer_failures_do_not_stop_it(make: Make) -> None:
    ground = make(max_failures=2)
    ground.boards["box-3"].script.fate = ground.boards["box-8"].script.fate = "crash"
    ground.run(400)
    assert ground.engine.end == "over"
    assert sorted(ground.states().values()) == ["done"] * 8 + ["failed"] * 2


def test_boards_that_are_away_are_named_and_asked_when_they_come(make: Make) -> None:
    ground = make(away=("box-0", "box-5", "box-7"))
    ground.run(45)
    assert ground.row("box-0").wave > 0, "the canary must be there"
    assert ground.states()["box-5"] == "away"
    ground.do("box-5", UpdatedBoard.comes)
    ground.do("box-7", lambda board: board.goes("sleeping"))
    ground.run(400)
    assert ground.engine.end == "over"
    states = ground.states()
    assert states.pop("box-0") == states.pop("box-7") == "away"
    assert set(states.values()) == {"done"}
    assert (ground.row("box-0").reason, ground.row("box-7").reason) == ("offline", "sleeping")
    assert not ground.boards["box-0"].orders


def test_nobody_is_there(make: Make) -> None:
    ground = make(away=tuple(TEN))
    ground.run(100)
    assert ground.engine.end == "over"
    assert set(ground.states().values()) == {"away"}


@pytest.mark.parametrize(
    ("refuse", "state", "orders"),
    [
        (["busy", "busy"], "done", 3),
        (["clock"], "done", 2),
        (["role"], "refused", 1),
        (["malformed"], "refused", 1),
        (["busy"] * 99, "away", None),
    ],
)
def test_what_a_board_refuses(make: Make, refuse: list[str], state: str, orders: int | None) -> None:
    ground = make(["box-0", "box-1"], max_failures=1, waves=("100%",))
    ground.boards["box-1"].script.refuse = list(refuse)
    ground.run(900)
    assert (ground.engine.end, ground.row("box-1").state) == ("over", state)
    if orders is not None:
        assert len(ground.boards["box-1"].orders) == orders
    if state == "refused":
        assert ground.row("box-1").reason == refuse[0]


@pytest.mark.parametrize("fate", ["busy", "power", "no_data"])
def test_what_is_not_the_bundle_s_fault_is_tried_again(make: Make, fate: str) -> None:
    ground = make(["box-0"])
    ground.boards["box-0"].script.fate = fate
    ground.run(100, lambda: ground.states()["box-0"] == "waiting" and bool(ground.boards["box-0"].orders))
    assert ground.row("box-0").reason == fate
    ground.boards["box-0"].script.fate = "good"
    ground.run(100)
    assert (ground.engine.end, ground.states()["box-0"]) == ("over", "done")


def test_older_and_odd_boards(make: Make) -> None:
    ground = make(["box-0", "box-1", "box-2", "box-3", "box-4"], waves=("100%",))
    ground.boards["box-1"].firmware = "2.0.0"
    ground.boards["box-2"].firmware = "safe"
    ground.boards["box-3"].firmware = "1.2.3"
    for name in ground.boards:
        ground.do(name, UpdatedBoard.comes)
    ground.do("box-4", lambda board: [(board.topics.info, b'{"firmware": "0.1.0", "bootid": "x"}', True)])
    ground.run(300)
    assert ground.engine.end == "over"
    assert list(ground.states().values()) == ["done", "refused", "done", "done", "refused"]
    assert (ground.row("box-1").reason, ground.row("box-4").reason) == ("downgrade", "too_old")
    assert not ground.boards["box-3"].orders and not ground.boards["box-1"].orders


def test_an_update_that_nobody_ordered_is_waited_for_but_not_for_ever(make: Make) -> None:
    ground = make(["box-0", "box-1"], waves=("100%",))
    box = ground.boards["box-1"]
    box.update = {"jti": "old", "state": "trial", "sha256": "0" * 64, "size": 9, "version": "9.9.9"}
    ground.do("box-1", UpdatedBoard.comes)
    ground.run(SETTINGS.board_s)
    assert (ground.engine.end, ground.states()["box-1"]) == (None, "waiting")
    ground.run(100)
    assert (ground.engine.end, ground.states()) == ("over", {"box-0": "done", "box-1": "away"})
    assert ground.row("box-1").reason == "busy" and not box.orders


def test_leave_to_go_down_is_given_to_those_that_need_it(make: Make) -> None:
    ground = make(["box-0", "box-1"], down=True)
    ground.boards["box-1"].firmware = "2.0.0"
    ground.do("box-1", UpdatedBoard.comes)
    ground.run(300)
    assert set(ground.states().values()) == {"done"}
    assert "allow_downgrade" not in ground.boards["box-0"].orders[0]["args"]
    assert ground.boards["box-1"].orders[0]["args"]["allow_downgrade"] is True


def test_what_boards_may_not_say_changes_nothing(make: Make) -> None:
    ground = make(["box-0"])
    ground.boards["box-0"].script.stop_at = 0
    ground.run(10)
    for rest, payload in [
        ("ack", b"\xff"),
        ("ack", b"[1]"),
        ("ack", b'{"jti": 5, "result": "done"}'),
        ("ack", b'{"jti": "other", "result": "done"}'),
        ("event", b'{"type": "sportbox.device.update", "data": 5}'),
        ("event", b'{"type": "sportbox.device.update", "data": {"state": "done", "version": "9.9.9"}}'),
        ("info", b"no"),
        ("update/get", b'{"sha256": "0000000000000000", "at": 0, "bytes": 10}'),
        ("availability", b"\xff" * 100),
    ]:
        ground.engine.take("box-0", tuple(rest.split("/")), payload, ground.now)
        ground.engine.take("box-9", tuple(rest.split("/")), payload, ground.now)
    ground.run(5)
    assert ground.states() == {"box-0": "pulling"}
    ground.do("box-0", UpdatedBoard.comes)
    ground.do("box-0", UpdatedBoard.go_on)
    ground.run(60)
    assert ground.states() == {"box-0": "done"}
