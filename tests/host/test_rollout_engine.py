"""A rollout's decisions, with played boards and a played clock: who is next, when to widen, when to stop."""

import contextlib
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from host_tools.mqtt import parse_topic
from host_tools.site.load import load_site
from host_tools.update.rollout import store
from host_tools.update.rollout.board import Board
from host_tools.update.rollout.engine import Engine
from host_tools.update.rollout.keys import Keys
from host_tools.update.rollout.model import PULLING, Limits, Rollout, Row, Settings
from host_tools.update.rollout.store import Store
from host_tools.update.rollout.waves import numbers
from tests.host.bundles import packed
from tests.host.helpers import write
from tests.host.played_update import Said, Script, UpdatedBoard

SITE = "test-site"
START_S = time.time()
MASTER = bytes(range(32))
DATA = packed({"main.py": random.Random(5).randbytes(3_000)})  # 1.2.3, in four pieces
SETTINGS = Settings(waves=("20%", "50%", "100%"), soak_s=10, board_s=120, wait_s=20, parallel=3)


class Killed(BaseException):
    """The process is gone."""


class Ground:
    """Boards at a broker that loses nothing, an engine, and a clock that only this moves."""

    def __init__(self, folder: Path, names: list[str], settings: Settings = SETTINGS) -> None:
        devices = "".join(f"  {name}: {{board: sim, components: {{court-1: {{}}}}}}\n" for name in names)
        self.site = load_site(write(folder, f"version: 1\nsite: {SITE}\ndevices:\n{devices}"))
        self.store = Store(folder / "x.rollout.db", SITE)
        self.boards = {name: UpdatedBoard(SITE, name, MASTER) for name in names}
        rows = [Row(name, n) for name, n in zip(names, numbers(len(names), 1, settings.waves), strict=True)]
        self.rollout = self.store.begin(DATA, "1.2.3", "b.update", settings, rows)
        self.now = 1000.0
        self.retained: dict[str, bytes] = {}
        self.changes: list[tuple[str, str]] = []
        self.most_pulling = 0
        self._said: deque[tuple[str, bytes]] = deque()
        self.begins()

    def begins(self) -> None:
        """A process that does the rollout, from what is on disk."""
        newest = self.store.newest()
        assert newest is not None
        keys = Keys(self.site, {1: MASTER})
        self.engine = Engine(self.store, newest, {}, keys, self.now, Limits(), self._tell, self._wall)
        self.connects()

    def kills_at(self, number: int, after: bool) -> list[int]:
        """Kills the process at this write, the first is 1. Answers the list that writes are noted in."""
        put, writes = self.store.put, []

        def put_or_die(rollout: Rollout, rows: Iterable[Row]) -> None:
            writes.append(len(writes) + 1)
            if writes[-1] == number and not after:
                raise Killed
            put(rollout, rows)
            if writes[-1] == number:
                raise Killed

        self.store.put = put_or_die  # type: ignore[method-assign]
        return writes

    def is_killed(self) -> None:
        """Boards that have asked for something ask again; a while later there is another process."""
        del self.store.put
        self._said.clear()
        self.now += 100
        self.begins()
        for name, board in self.boards.items():
            if board.availability == "online":
                self.do(name, UpdatedBoard.comes)

    def connects(self) -> None:
        self.engine.connected(self.now)
        self._said.extend(self.retained.items())

    def do(self, name: str, act: Callable[[UpdatedBoard], Said]) -> None:
        for topic, payload, retain in act(self.boards[name]):
            self._said.append((topic, payload))
            if retain:
                self.retained[topic] = payload

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """As much as happens in that time, in steps of 200 ms."""
        end = self.now + seconds
        while self.now < end and self.engine.end is None and not until():
            self._deliver()
            self.engine.step(self.now)
            pulling = sum(board.row.state in PULLING for board in self.engine.boards.values())
            self.most_pulling = max(self.most_pulling, pulling)
            self.now += 0.2

    def row(self, name: str) -> Row:
        """As it is on disk."""
        (found,) = [row for row in self.store.rows(self.rollout) if row.device == name]
        return found

    def states(self) -> dict[str, str]:
        return {row.device: row.state for row in self.store.rows(self.rollout)}

    def _deliver(self) -> None:
        """One message of each board, so that every state is seen; then what is said to them."""
        heard: set[str] = set()
        for _ in range(len(self._said)):
            topic, payload = self._said.popleft()
            parsed = parse_topic(topic, SITE)
            assert parsed is not None
            if parsed.device in heard:
                self._said.append((topic, payload))
                continue
            heard.add(parsed.device)
            self.engine.take(parsed.device, parsed.rest, payload, self.now)
        while self.engine.out:
            message = self.engine.out.popleft()
            self.do(message.device, lambda board, m=message: board.hears(m.topic, m.payload))

    def _wall(self) -> float:
        return START_S + self.now

    def _tell(self, board: Board) -> None:
        self.changes.append((board.row.device, board.row.state))


TEN = [f"box-{n}" for n in range(10)]
Make = Callable[..., Ground]


@pytest.fixture(autouse=True)
def no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the disk is most of the time here."""
    monkeypatch.setattr(store, "SYNCHRONOUS", "OFF")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    def ground(names: list[str] = TEN, away: tuple[str, ...] = (), **settings: object) -> Ground:
        made = Ground(tmp_path, names, replace(SETTINGS, **settings))  # type: ignore[arg-type]
        for name in names:
            made.do(name, UpdatedBoard.goes if name in away else UpdatedBoard.comes)
        return made

    yield ground


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
def test_killed_at_every_write_another_process_goes_on(tmp_path: Path, after: bool) -> None:
    """Killed right before or right after each single write of its file. What boards said since then is lost,
    but for what the broker retains; boards go on by themselves meanwhile."""
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
