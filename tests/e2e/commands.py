"""The `sportbox` command as a user runs it: short commands, and `sim up` with what it starts."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from host_tools.setup.paths import REPOSITORY
from tests.lateness import Stopwatch

Json = dict[str, Any]

SPORTBOX = Path(sys.executable).with_name("sportbox")
SITES = REPOSITORY / "sites"
ROSTOCK = SITES / "hafensport-rostock.yaml"
STRALSUND = SITES / "stralsund-sundpark.yaml"
COMMAND_S = 60
STOP_S = 5.0
"""`sim up` promises to be gone within that."""


def environment(state: Path) -> dict[str, str]:
    path = f"{SPORTBOX.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "SPORTBOX_STATE": str(state)}


def heed_ctrl_c() -> None:
    """In a new process: whoever runs the tests in the background may have made it deaf to SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(*arguments: object, state: Path, **options: Any) -> subprocess.Popen[str]:
    """A command that goes on for a while."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": heed_ctrl_c, **options}
    command = [str(SPORTBOX), *map(str, arguments)]
    return subprocess.Popen(command, text=True, env=environment(state), cwd=REPOSITORY, **options)


def sportbox(
    *arguments: object, state: Path, stdin: str | None = None, status: int | None = 0
) -> subprocess.CompletedProcess[str]:
    """A command to its end, which has to be with the given exit status."""
    done = subprocess.run(
        [str(SPORTBOX), *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        env=environment(state),
        cwd=REPOSITORY,
        check=False,
    )
    if status is not None:
        assert done.returncode == status, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return done


def json_lines(text: str) -> list[Json]:
    return [json.loads(line) for line in text.splitlines()]


# --- processes ---


def _parents() -> dict[int, int]:
    """pid -> parent's pid of every process that is no zombie."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has just ended
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    found[int(entry.name)] = int(parent)
    return found


def descendants(pid: int) -> set[int]:
    parents = _parents()
    found = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found - {pid}
        found |= more


def alive(pids: set[int]) -> dict[int, str]:
    """Which of these processes still run, and what they are."""
    found = {}
    for pid in pids & set(_parents()):
        with contextlib.suppress(OSError):
            line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            found[pid] = line
    return found


class SimUp:
    """A running `sportbox sim up --json`."""

    def __init__(self, *arguments: object, state: Path) -> None:
        self.state = state
        state.mkdir(parents=True, exist_ok=True)
        self._talk = (state / "sim-up.log").open("w")
        self.process = start("sim", "up", *arguments, "--json", state=state, stderr=self._talk)
        self._lines: list[Json] = []
        self._bad: list[str] = []
        self._changed = threading.Condition()
        self._is_over = False
        self._reader = threading.Thread(target=self._read, name="sim up", daemon=True)
        self._reader.start()

    @property
    def lines(self) -> list[Json]:
        with self._changed:
            assert not self._bad, f"stdout is for JSON lines alone: {self._bad}"
            return list(self._lines)

    @property
    def boards(self) -> list[Json]:
        return [line for line in self.lines if "board" in line]

    @property
    def talk(self) -> str:
        return (self.state / "sim-up.log").read_text()

    @property
    def broker(self) -> tuple[str, int]:
        host, _, port = self.site_file["broker"].removeprefix("mqtt://").rpartition(":")
        return host, int(port)

    @property
    def site_file(self) -> Json:
        found: Json = json.loads((self.state / "site.json").read_text())
        return found

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        with self._changed:
            self._changed.wait_for(lambda: {"ready": True} in self._lines or self._is_over, timeout_s)
        assert self.lines and self.lines[-1] == {"ready": True}, (
            f"not ready after {timeout_s:g} s: {self.lines[-5:]}\n{self.talk[-3000:]}"
        )

    def processes(self) -> set[int]:
        """Everything that this `sim up` started, and itself."""
        return {self.process.pid} | descendants(self.process.pid)

    def stop(self, how: signal.Signals = signal.SIGINT) -> tuple[float, dict[int, str]]:
        """End it as a user would. Returns how long that took and which of its processes are left then."""
        everything = self.processes()
        watch = Stopwatch()
        self.process.send_signal(how)
        self.process.wait(10 * STOP_S)
        took_s = watch.took_s()
        return took_s, alive(everything)

    def kill(self) -> None:
        """After a test, whatever happened in it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(2 * STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(5)
        self._talk.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                with self._changed:
                    try:
                        self._lines.append(json.loads(line))
                    except ValueError:
                        self._bad.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()


@contextlib.contextmanager
def sim_up(*arguments: object, state: Path, ready_s: float = 60.0) -> Iterator[SimUp]:
    """A site that is ready; it is ended with the block."""
    running = SimUp(*arguments, state=state)
    try:
        running.wait_ready(ready_s)
        yield running
    finally:
        running.kill()
