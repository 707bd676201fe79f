"""A rollout with played boards and a played clock."""

import random
import time
from collections import deque
from collections.abc import Callable, Iterable
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
from tests.host.played_update import Said, UpdatedBoard

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


def no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the disk is most of the time here."""
    monkeypatch.setattr(store, "SYNCHRONOUS", "OFF")


def maker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    no_power_cuts(monkeypatch)

    def ground(names: list[str] = TEN, away: tuple[str, ...] = (), **settings: object) -> Ground:
        made = Ground(folder, names, replace(SETTINGS, **settings))  # type: ignore[arg-type]
        for name in names:
            made.do(name, UpdatedBoard.goes if name in away else UpdatedBoard.comes)
        return made

    return ground
