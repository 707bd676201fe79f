"""The broker that runs from a directory: which process it is, that it answers, and telling it of new files.

What a process has taken over is told by time and by record: a file that is older than the pid file was
read at the start; any other one is noted after the reload (install.py).
"""

import os
import signal
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from host_tools.brokers.install import digests, recorded
from host_tools.brokers.mosquitto import CONF, PID, File
from host_tools.brokers.wire import Line, Refused, Silent, service
from host_tools.environment import without_secrets
from host_tools.errors import ToolError, Unreachable
from host_tools.mqtt import Address, foreign

PROC = Path("/proc")
POLL_S = 0.02
LOG_HINT = (
    "its log says why: journalctl -u 'sportbox-broker@*', or with `broker run` the log in its directory"
)
RELOAD_S = 10.0
RESTART_S = 30.0
STOP_S = 15.0
KEEPER = "keeper.py"
READY = ".ready"


def pid_of(directory: Path) -> int | None:
    """The Mosquitto that runs with the configuration of this directory; never another process that got its
    number meanwhile."""
    try:
        pid = int((directory / PID).read_text())
    except (OSError, ValueError):
        return None
    words = _command_of(pid)
    program = Path(words[0]).name if words else ""
    return pid if "mosquitto" in program and str(directory / CONF) in words else None


def _command_of(pid: int) -> list[str]:
    if PROC.exists():
        try:
            return (
                (PROC / str(pid) / "cmdline").read_bytes().decode("utf-8", "replace").rstrip("\0").split("\0")
            )
        except OSError:
            return []
    shown = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)],
        env=without_secrets(),
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout.split()


def not_taken_over(directory: Path, wanted: dict[str, File]) -> list[str]:
    """Files that the process has not read yet, as they are now."""
    told, now = recorded(directory), digests(wanted)
    try:
        started_ns = (directory / PID).stat().st_mtime_ns
        return [
            name
            for name in wanted
            if (directory / name).stat().st_mtime_ns >= started_ns and told.get(name) != now[name]
        ]
    except FileNotFoundError:
        return list(wanted)


def answers(address: Address, wait_s: float = 2.0) -> bool:
    """Whether a service gets in. Unreachable when somebody answers who is not the site's broker, or when it
    refuses the password."""
    assert address.login is not None
    try:
        with Line(address.host, address.port, service(address.login, f"{READY}-{os.getpid()}"), wait_s):
            return True
    except ssl.SSLCertVerificationError as error:
        raise foreign(address, error) from error
    except Refused as error:
        if str(error) == "user or password" or str(error) == "not authorised":
            raise Unreachable(
                f"the broker at {address} does not take the password of {address.login.user}",
                "sportbox site apply SITE.yaml, where the broker runs",
            ) from error
        return False
    except (Silent, OSError):
        return False


def reload(directory: Path, address: Address) -> None:
    """Mosquitto reads its files again (SIGHUP), and has done so when this returns. Raises ToolError."""
    pid = _must_run(directory)
    _signal(pid, signal.SIGHUP)
    # It reads them at the end of the round of its loop in which the signal comes. Two round trips are later.
    for _ in range(2):
        _until_it_answers(directory, address, RELOAD_S)


def restart(directory: Path, address: Address) -> None:
    """End it in order, for whoever keeps it running to start it again, and wait. Raises ToolError, before
    anything is done, where nobody would start it again."""
    pid = _must_run(directory)
    unit = keeper_of(pid)
    if unit is None:
        raise ToolError(
            f"the broker must be started again, and nobody but you does that (process {pid})",
            f"end it and start it again: mosquitto -c {directory / CONF}",
        )
    if unit.endswith(".service"):
        command = ["systemctl", "restart", unit]
        done = subprocess.run(command, env=without_secrets(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise ToolError(f"{unit} was not restarted: {done.stderr.strip()}", f"systemctl restart {unit}")
    else:
        _signal(pid, signal.SIGTERM)
        _until(lambda: pid_of(directory) != pid, STOP_S, f"process {pid} does not end")
    _until(lambda: pid_of(directory) not in (None, pid), RESTART_S, "the broker does not start again")
    _until_it_answers(directory, address, RESTART_S)


def keeper_of(pid: int) -> str | None:
    """Who starts a broker again when it ends: a systemd unit, our own keeper, or nobody."""
    try:
        parent = int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
        if any(Path(word).name == KEEPER for word in _command_of(parent)):
            return KEEPER
        for line in (PROC / str(pid) / "cgroup").read_text().splitlines():
            last = line.rpartition("/")[2]
            if last.endswith(".service") and parent == 1:
                return last
    except (OSError, ValueError, IndexError):
        pass  # gone meanwhile, or no Linux
    return None


def _must_run(directory: Path) -> int:
    pid = pid_of(directory)
    if pid is None:
        raise Unreachable(
            f"no broker runs with {directory / CONF}",
            f"start it, or look at its log: mosquitto -c {directory / CONF}",
        )
    return pid


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it ended by itself: what follows finds out
    except PermissionError as error:
        raise ToolError(
            f"this user may not signal the broker (process {pid})", "run it as root, or as the broker's user"
        ) from error


def _until_it_answers(directory: Path, address: Address, wait_s: float) -> None:
    _until(lambda: answers(address), wait_s, f"the broker at {address} does not answer")
    _must_run(directory)


def _until(condition: Callable[[], bool], wait_s: float, problem: str) -> None:
    until_s = time.monotonic() + wait_s
    while not condition():
        if time.monotonic() > until_s:
            raise Unreachable(problem, LOG_HINT)
        time.sleep(POLL_S)
