"""`sportbox update start|status|pause|resume|abort` over a real broker, with played boards."""

import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools.broker import BrokerProcess
from host_tools.cli import main
from host_tools.commands.options import BrokerAndKeys
from host_tools.errors import Unreachable
from host_tools.site.secrets import load_or_create
from host_tools.site.state import Simulation
from host_tools.update.rollout import run
from host_tools.update.rollout.engine import Engine
from host_tools.update.rollout.place import Place
from tests.brokers import start
from tests.brokers import wait_until as wait_until_within
from tests.host.bundles import packed
from tests.host.helpers import ROOT, write
from tests.host.played_update import Fleet, UpdatedBoard

NUMBERS = itertools.count(1)
WAIT_S = 40.0  # a process starts in a second, on a machine with nothing else to do
NEW = packed({"main.py": random.Random(5).randbytes(20_000)}, "0.2.0")
SITE = """\
version: 1
site: {site}
devices:
"""
BOARD = "  {name}: {{board: {kind}, components: {{court-1: {{}}}}}}\n"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with start("mosquitto", tmp_path_factory.mktemp("rollout")) as running:
        yield running


class Town:
    """A site of its own name, so that several share a broker."""

    def __init__(self, folder: Path, broker: BrokerProcess, count: int = 3) -> None:
        self.site = f"rollout-{next(NUMBERS)}"
        self.names = [f"box-{n}" for n in range(1, count + 1)]
        text = SITE.format(site=self.site) + "".join(BOARD.format(name=n, kind="sim") for n in self.names)
        self.file = write(folder, text)
        self.state = folder / "state"
        master = load_or_create(self.state, self.site)
        self.bundle = folder / "new.update"
        self.bundle.write_bytes(NEW)
        self.broker = broker
        self.boards = {name: UpdatedBoard(self.site, name, master) for name in self.names}
        self.fleet = Fleet(broker.port, self.boards.values())

    def words(self, command: str, *more: str) -> list[str]:
        common = ["update", command, str(self.file), "--state", str(self.state)]
        if command in ("start", "resume", "abort"):
            common += ["--broker", self.broker.url]
        if command == "start":
            common += ["--bundle", str(self.bundle), "--soak", "0", "--wait", "0"]
        return [*common, *more]

    def run(self, command: str, *more: str) -> int:
        return main(self.words(command, *more))

    def process(self, command: str, *more: str) -> "subprocess.Popen[str]":
        words = [sys.executable, "-m", "host_tools.cli", *self.words(command, *more)]
        pipe = subprocess.PIPE
        return subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, cwd=ROOT)

    def stop_all_at(self, at: int | None) -> None:
        for board in self.boards.values():
            board.script.stop_at = at

    def go_on(self) -> None:
        for name in self.names:
            self.fleet.do(name, UpdatedBoard.go_on)

    @property
    def versions(self) -> set[str]:
        return {board.firmware for board in self.boards.values()}


@pytest.fixture
def make(tmp_path: Path, broker: BrokerProcess) -> Iterator[Callable[..., Town]]:
    made: list[Town] = []

    def town(count: int = 3) -> Town:
        made.append(Town(tmp_path, broker, count))
        return made[-1]

    yield town
    for one in made:
        one.fleet.close()


@pytest.fixture
def town(make: Callable[..., Town]) -> Town:
    return make()


Capture = pytest.CaptureFixture[str]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    wait_until_within(condition, what, WAIT_S)


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_all_get_it_and_the_second_time_nothing_is_sent(town: Town, capsys: Capture) -> None:
    assert town.run("start") == 0
    out, err = capsys.readouterr()
    assert out == "3 of 3 boards have 0.2.0\n"
    assert "3 boards get 0.2.0, first 1, then" in err
    assert "box-1 takes the bundle" in err and "box-3 has 0.2.0" in err
    assert town.versions == {"0.2.0"}
    assert all(board.content == NEW for board in town.boards.values())
    assert town.run("start", "--json") == 0
    assert all(len(board.orders) == 1 for board in town.boards.values())
    (last,) = objects(capsys.readouterr().out)
    assert (last["state"], last["boards"], last["version"]) == ("over", {"done": 3}, "0.2.0")
    assert town.run("status") == 0
    assert capsys.readouterr().out == "the rollout of 0.2.0 is over\n  had it   3 of 3 have it\n"
    assert town.run("resume") == 0


def test_a_bad_bundle_stops_at_the_canary(town: Town, capsys: Capture) -> None:
    for board in town.boards.values():
        board.script.fate = "crash"
    assert town.run("start", "--max-failures", "2", "--json") == 1
    out, err = capsys.readouterr()
    assert objects(out)[-1] == {
        "rollout": 1,
        "state": "stopped",
        "why": "a canary failed: box-1 (crash)",
        "version": "0.2.0",
        "sha256": objects(out)[-1]["sha256"],
        "boards": {"waiting": 2, "failed": 1},
    }
    assert "box-1 failed: crash (the new version raised an error when it started)" in err
    assert "error: stopped, a canary failed: box-1 (crash); 3 of 3 boards do not have 0.2.0" in err
    assert [name for name, board in town.boards.items() if board.orders] == ["box-1"]
    assert town.run("resume") == 2
    err = capsys.readouterr().err
    assert "it has stopped: a canary failed: box-1 (crash)" in err and "--again" in err
    for board in town.boards.values():
        board.script.fate = "good"
    assert town.run("resume", "--again") == 0
    assert town.versions == {"0.2.0"}


def test_boards_that_are_away_are_named_and_resume_brings_them(town: Town, capsys: Capture) -> None:
    town.fleet.do_and_wait("box-2", UpdatedBoard.goes)
    assert town.run("start") == 1
    err = capsys.readouterr().err
    assert "box-2 is away: offline (it is not there)" in err
    assert "error: 1 of 3 boards do not have 0.2.0" in err
    assert f"hint: sportbox update resume {town.file}, once they are there" in err
    assert err.count("box-1 is told") == 1
    assert town.run("status") == 0
    assert f"hint: once they are there: sportbox update resume {town.file}" in capsys.readouterr().err
    town.fleet.do_and_wait("box-2", UpdatedBoard.comes)
    assert town.run("resume") == 0
    assert town.versions == {"0.2.0"}
    assert [len(board.orders) for board in town.boards.values()] == [1, 1, 1]


def test_killed_in_the_middle_it_goes_on(make: Callable[..., Town], capsys: Capture) -> None:
    town = make(6)
    town.boards["box-4"].script.stop_at = 5_000
    with town.process("start", "--canary", "2", "--waves", "100%") as process:
        wait_until(lambda: len(town.boards["box-4"].content) >= 5_000, "box-4 is in the middle")
        wait_until(lambda: sum(b.firmware == "0.2.0" for b in town.boards.values()) == 5, "five have it")
        process.kill()
    town.bundle.write_bytes(b"somebody wrote something else there")
    assert town.run("status") == 0
    out, err = capsys.readouterr()
    assert "the rollout of 0.2.0 was cut off" in out and "box-4 takes the bundle" in out
    assert f"hint: go on with: sportbox update resume {town.file}" in err
    with town.process("resume") as process:
        wait_until(lambda: _locked(town), "it goes on")
        wait_until(lambda: _asks_until_served(town, "box-4"), "box-4 has it")
        assert process.wait(WAIT_S) == 0
    assert town.versions == {"0.2.0"}
    assert all((board.accepted, board.installed) == (1, 1) for board in town.boards.values())


def _locked(town: Town) -> bool:
    from host_tools.update.rollout.store import Store

    return Store(town.state / "rollout.db", town.site).is_being_done()


def _asks_until_served(town: Town, name: str) -> bool:
    board = town.boards[name]
    if board.firmware == "0.2.0":
        return True
    town.fleet.do(name, UpdatedBoard.go_on)
    return False


def test_interrupted_it_says_how_to_go_on(town: Town, capsys: Capture) -> None:
    town.stop_all_at(3_000)
    box = town.boards["box-1"]
    for command, number, orders in (("start", signal.SIGINT, 1), ("resume", signal.SIGTERM, 2)):
        with town.process(command) as process:
            wait_until(lambda n=orders: len(box.orders) >= n, "it was told")  # type: ignore[misc]
            wait_until(lambda: len(box.content) >= 3_000, "it has some")
            os.kill(process.pid, number)
            _, err = process.communicate(timeout=WAIT_S)
        assert process.returncode == 130, err
        assert f"hint: sportbox update resume {town.file}" in err
        assert "Traceback" not in err


def test_paused_and_resumed_from_another_terminal(make: Callable[..., Town], capsys: Capture) -> None:
    town = make(4)
    town.boards["box-1"].script.stop_at = 3_000
    with town.process("start", "--json") as process:
        wait_until(lambda: len(town.boards["box-1"].content) >= 3_000, "the canary has some")
        assert town.run("start") == 1
        assert "another process does a rollout of" in capsys.readouterr().err
        assert town.run("pause") == 0
        assert "those under way are served to their end" in capsys.readouterr().err
        assert town.run("pause") == 2
        assert town.run("resume", "--json") == 0
        out, err = capsys.readouterr()
        assert "the process that does it goes on" in err and json.loads(out)["state"] == "running"
        assert town.run("pause") == 0
        town.fleet.do("box-1", UpdatedBoard.go_on)
        out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert objects(out)[-1]["boards"] == {"waiting": 3, "done": 1}
    assert "error: paused: 3 of 4 boards do not have 0.2.0" in err
    capsys.readouterr()
    assert town.run("status", "--json") == 0
    first, *rows = objects(capsys.readouterr().out)
    assert (first["state"], first["process"]) == ("paused", False)
    assert [row["state"] for row in rows] == ["done", "waiting", "waiting", "waiting"]
    assert town.run("resume") == 0
    assert town.versions == {"0.2.0"}


def test_resumed_while_a_paused_process_ends(
    town: Town, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said that it goes on, so it does."""

    async def last_moment(engine: Engine, *_: Any) -> None:
        monkeypatch.undo()
        assert town.run("pause") == 0 and town.run("resume") == 0
        engine.end = "paused"

    monkeypatch.setattr(run, "do_rollout", last_moment)
    assert town.run("start") == 0
    assert "the process that does it goes on" in capsys.readouterr().err
    assert town.versions == {"0.2.0"}


def test_a_simulation_that_ends_is_waited_for(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the site file says of its broker is not meant for simulated boards."""
    place = Place(town.file, BrokerAndKeys(town.state))
    simulation = Simulation(town.site, town.broker.url, os.getpid())
    for module in ("host_tools.mqtt", "host_tools.update.rollout.place"):
        monkeypatch.setattr(f"{module}.running_simulation", lambda *_: simulation)
    assert place.address().port == town.broker.port
    monkeypatch.setattr("host_tools.update.rollout.place.running_simulation", lambda *_: None)
    with pytest.raises(Unreachable, match="runs no longer") as caught:
        place.address()
    assert caught.value.hint == f"sportbox sim up {town.file}"


def test_aborted_boards_stay_as_they_are(make: Callable[..., Town], capsys: Capture) -> None:
    town = make(4)
    town.stop_all_at(3_000)
    with town.process("start", "--canary", "0", "--waves", "50%,100%") as process:
        wait_until(lambda: sum(len(b.content) >= 3_000 for b in town.boards.values()) == 2, "two have some")
        assert town.run("abort") == 0
        _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert "error: aborted: 4 of 4 boards do not have 0.2.0" in err
    assert town.versions == {"0.1.0"}
    assert all(board.update is None for board in town.boards.values())
    capsys.readouterr()
    assert town.run("resume") == 2 and town.run("abort") == 2
    assert capsys.readouterr().err.count("was aborted") == 1
    town.stop_all_at(None)
    assert town.run("start") == 0


def test_a_killed_one_is_aborted_by_the_command_itself(town: Town, capsys: Capture) -> None:
    town.stop_all_at(3_000)
    with town.process("start") as process:
        wait_until(lambda: len(town.boards["box-1"].content) >= 3_000, "the canary has some")
        process.kill()
    other = town.bundle.with_name("other.update")
    other.write_bytes(packed(version="0.3.0"))
    assert town.run("start", "--bundle", str(other)) == 2
    assert "the rollout of 0.2.0 is not finished" in capsys.readouterr().err
    assert town.run("abort") == 1
    assert "box-1 was left as it is" in capsys.readouterr().err
    assert town.boards["box-1"].update is None
    assert len(town.boards["box-2"].orders) == 0


def test_a_broker_that_is_restarted_costs_nothing(tmp_path: Path, run_dir: Path, capsys: Capture) -> None:
    with start("mosquitto", run_dir) as broker:
        town = Town(tmp_path, broker)
        town.stop_all_at(3_000)
        with town.process("start", "--canary", "3") as process:
            wait_until(lambda: all(len(b.content) >= 3_000 for b in town.boards.values()), "all have some")
            broker.kill()
            town.stop_all_at(None)
            broker.restart()
            _, err = process.communicate(timeout=WAIT_S)
        town.fleet.close()
    assert process.returncode == 0, err
    assert "trying again" in err and "again" in err
    assert all((board.accepted, board.installed) == (1, 1) for board in town.boards.values())


@pytest.mark.parametrize(
    ("more", "status", "told"),
    [
        (["--bundle", "nothing.update"], 2, "cannot read nothing.update"),
        (["--board", "box-9"], 2, "has no board `box-9`, did you mean"),
        (["--waves", "10%,5%"], 2, "`5%` is no more than the wave before it"),
        (["--canary", "-1"], 2, "--canary: -1 is not between"),
        (["--soak", "soon"], 2, "--soak: `soon` is no duration"),
        (["--board-time", "0"], 2, "--board-time: 0 is not between"),
        (["--broker", "mqtt://127.0.0.1:9"], 3, "no answer from the broker"),
        (["--vault", "--state", "x"], 2, "give one of them"),
    ],
)
def test_wrong_use(town: Town, capsys: Capture, more: list[str], status: int, told: str) -> None:
    assert town.run("start", *more) == status
    err = capsys.readouterr().err
    assert told in err and "hint:" in err
    assert not (town.state / "rollout.db").exists()
    assert not any(board.orders for board in town.boards.values())


def test_what_is_told_before_anything_is_sent(town: Town, capsys: Capture) -> None:
    text = town.file.read_text()
    town.file.write_text(text + BOARD.format(name="box-9", kind="field-esp32c3"))
    assert town.run("start") == 2
    assert "the bundle is not for field-esp32c3: box-9" in capsys.readouterr().err
    town.file.write_text(text)
    town.boards["box-2"].firmware = "0.10.0"
    town.fleet.do_and_wait("box-2", UpdatedBoard.comes)
    assert town.run("start", "--board", "box-2") == 2
    err = capsys.readouterr().err
    assert "0.2.0 is older than what runs: box-2 has 0.10.0" in err and "--allow-downgrade" in err
    assert not any(board.orders for board in town.boards.values())
    assert town.run("start", "--board", "box-2", "--allow-downgrade") == 0
    assert [len(board.orders) for board in town.boards.values()] == [0, 1, 0]


def test_nothing_was_ever_begun(town: Town, capsys: Capture) -> None:
    for command in ("status", "pause", "resume", "abort"):
        assert town.run(command) == 2
        err = capsys.readouterr().err
        assert re.search("no rollout of rollout-[0-9]+ was ever begun", err)
        assert f"hint: sportbox update start {town.file} --bundle B" in err
