"""`sportbox sim` as a person or a script uses it, with the real firmware."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from host_tools.setup.paths import REPOSITORY
from tests.lateness import Stopwatch
from tests.sim.boards import until
from tests.sim.test_zygote import is_alive

SITE = """\
version: 1
site: test-site
devices:
  box-1:
    board: box-esp32s3
    components:
      lock-1: {}
      door-1: {}
      gate-1: {}
  court-1:
    board: field-esp32c3
    components:
      court-1: {}
"""
READY_S = 60


def sportbox(*words: str, state: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "host_tools.cli", *words]
    if state is not None:
        command += ["--state", str(state)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=REPOSITORY)


def children(pid: int) -> set[int]:
    """A process with all its descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it ended meanwhile
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


class Up:
    """A running `sim up --json`."""

    def __init__(self, folder: Path, *options: str, site_text: str = SITE) -> None:
        self.state = folder / "state"
        site = folder / "site.yaml"
        site.write_text(site_text)
        command = [sys.executable, "-m", "host_tools.cli", "sim", "up", str(site), "--json"]
        command += ["--state", str(self.state), *options]
        with (folder / "up.log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, cwd=REPOSITORY)
        self.lines: list[dict[str, Any]] = []

    def wait_ready(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(json.loads(line))
            if "ready" in self.lines[-1]:
                return
        raise AssertionError(f"sim up ended with {self.process.wait()}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ends it; answers its exit status. It has 5 s, and leaves no process behind."""
        tree = children(self.process.pid)
        watch = Stopwatch()
        self.process.send_signal(number)
        status = self.process.wait(50)
        assert watch.took_s() < 5
        assert not [pid for pid in tree if is_alive(pid)]
        return status

    def show(self, board: str) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(sportbox("sim", "show", board, "--json", state=self.state).stdout)
        return shown


@contextmanager
def up(folder: Path, *options: str, site_text: str = SITE) -> Iterator[Up]:
    folder.mkdir(exist_ok=True)
    running = Up(folder, *options, site_text=site_text)
    try:
        running.wait_ready()
        yield running
    finally:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGTERM)
            running.process.wait(10)
        assert running.process.stdout is not None
        running.process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_site_comes_up_says_so_and_goes(run_dir: Path, number: int) -> None:
    with up(run_dir, "--broker", "embedded") as running:
        *boards, last = running.lines
        assert last == {"ready": True}
        assert sorted(line["board"] for line in boards) == ["box-1", "court-1"]
        for line in boards:
            assert set(line) == {"board", "pid", "state_dir", "online_ms"}
            assert is_alive(line["pid"])
            assert Path(line["state_dir"]) == running.state
            assert line["online_ms"] > 0
        site = json.loads((running.state / "site.json").read_text())
        assert site["site"] == "test-site" and site["pid"] == running.process.pid
        assert running.end(number) == 0
        assert not (running.state / "site.json").exists()
        assert not (running.state / "control.sock").exists()


def test_power_world_and_what_is_shown(run_dir: Path) -> None:
    with up(run_dir) as running:
        state = running.state
        pid = running.show("box-1")["pid"]

        cut = sportbox("sim", "cut", "box-1", state=state)
        assert cut.returncode == 0, cut.stderr
        assert not is_alive(pid)
        assert running.show("box-1")["power"] is False

        moved = sportbox("sim", "set", "box-1", "door-1", "open", "--json", state=state)
        assert json.loads(moved.stdout)["moved"] is True
        assert running.show("box-1")["doors"] == {"door-1": "open"}

        boot = sportbox("sim", "boot", "box-1", "--json", state=state)
        assert json.loads(boot.stdout)["pid"] == running.show("box-1")["pid"] != pid
        again = sportbox("sim", "boot", "box-1", state=state)
        assert (again.returncode, "has power already" in again.stderr) == (2, True)

        shut = sportbox("sim", "set", "box-1", "door-1", "closed", state=state)
        assert shut.returncode == 0
        pulled = sportbox("sim", "set", "box-1", "door", "pull", "--json", state=state)
        assert (pulled.returncode, json.loads(pulled.stdout)["moved"]) == (0, False)

        table = sportbox("sim", "show", state=state)
        assert "court-1" in table.stdout and "box-1" in table.stdout
        unknown = sportbox("sim", "cut", "box-9", state=state)
        assert (unknown.returncode, "box-1, court-1" in unknown.stderr) == (2, True)


def test_a_second_one_on_the_same_state_is_told_so(run_dir: Path) -> None:
    with up(run_dir) as running:
        second = sportbox("sim", "up", str(run_dir / "site.yaml"), state=running.state)
        assert second.returncode == 2
        assert f"pid {running.process.pid}" in second.stderr
        assert running.process.poll() is None


def test_sites_run_side_by_side_and_each_again(run_dir: Path) -> None:
    with up(run_dir / "a") as first, up(run_dir / "b") as second:
        assert first.show("box-1")["pid"] != second.show("box-1")["pid"]
    with up(run_dir / "a") as again:
        assert again.show("box-1")["boot_count"] == 2


def test_nothing_outlives_a_killed_one_and_its_traces_do_no_harm(run_dir: Path) -> None:
    with up(run_dir) as running:
        tree = children(running.process.pid)
        assert len(tree) >= 4
        running.process.kill()
        running.process.wait()
        until(lambda: not any(is_alive(pid) for pid in tree), "the end of all processes")
        assert (running.state / "site.json").exists()
        assert running.show("box-1")["power"] is False
        refused = sportbox("sim", "cut", "box-1", state=running.state)
        assert refused.returncode == 3
    with up(run_dir) as again:
        assert again.end() == 0


def test_replicas_are_field_boards_with_names_of_their_own(run_dir: Path) -> None:
    with up(run_dir, "--replicate", "6") as running:
        names = sorted(line["board"] for line in running.lines if "board" in line)
        assert names == ["box-1", "court-1", *(f"court-1-{k}" for k in range(2, 7))]


def test_a_broker_that_is_not_there(run_dir: Path) -> None:
    (run_dir / "site.yaml").write_text(SITE)
    words = ("sim", "up", str(run_dir / "site.yaml"), "--broker", "mqtt://127.0.0.1:1")
    refused = sportbox(*words, state=run_dir / "state")
    assert refused.returncode == 3
    assert "127.0.0.1:1" in refused.stderr
    assert not (run_dir / "state" / "site.json").exists()


def test_a_state_directory_that_cannot_be_one(run_dir: Path) -> None:
    (run_dir / "site.yaml").write_text(SITE)
    (run_dir / "file").write_text("")
    refused = sportbox("sim", "up", str(run_dir / "site.yaml"), state=run_dir / "file")
    assert refused.returncode == 1
    assert f"error: cannot write to {run_dir / 'file'}: File exists\nhint: " in refused.stderr


def test_commands_without_a_simulation_say_what_to_type(run_dir: Path) -> None:
    for words in (("set", "box-1", "door", "open"), ("show",), ("cut", "box-1")):
        refused = sportbox("sim", *words, state=run_dir / "nothing")
        assert refused.returncode in (2, 3)
        assert "hint: sportbox sim up" in refused.stderr
    assert not (run_dir / "nothing").exists() or not list((run_dir / "nothing").iterdir())
