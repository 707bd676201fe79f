"""Which port a command works on, and what is said when there is something wrong with it."""

import errno
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.errors import BadInput, ToolError, Unreachable
from host_tools.port import trouble, wire
from host_tools.port.console import Console
from host_tools.port.ports import PORTS_VARIABLE, Port, choose, found_ports
from host_tools.port.trouble import Lost, explain, open_port
from host_tools.words import choose as speak


@pytest.fixture
def terminal(run_dir: Path) -> Iterator[Path]:
    """A simulated port: a link to a pty."""
    main, inner = pty.openpty()
    link = run_dir / "port"
    link.symlink_to(os.ttyname(inner))
    yield link
    os.close(main)
    os.close(inner)


@pytest.fixture
def german(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host_tools.words._chosen", [])
    speak("de")


def test_simulated_ports_by_path_and_by_pattern(
    monkeypatch: pytest.MonkeyPatch, run_dir: Path, terminal: Path
) -> None:
    (run_dir / "gone").symlink_to(run_dir / "nowhere")
    named = f"{run_dir}/*, {terminal},rfc2217://127.0.0.1:4000,{run_dir}/other"
    monkeypatch.setenv(PORTS_VARIABLE, named)
    assert [port.device for port in found_ports()] == [str(terminal), "rfc2217://127.0.0.1:4000"]
    assert choose([str(terminal)]) == [Port(str(terminal))]
    assert len(choose(None, all_=True)) == 2


def test_no_board(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PORTS_VARIABLE, "")
    with pytest.raises(Unreachable, match="no board found") as caught:
        choose(None)
    assert "charge-only" in str(caught.value.hint)


def test_several_boards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PORTS_VARIABLE, "rfc2217://a:1,rfc2217://b:2")
    with pytest.raises(
        BadInput, match="several boards are plugged in: rfc2217://a:1, rfc2217://b:2"
    ) as caught:
        choose(None)
    assert caught.value.hint == "name one with --port rfc2217://a:1, or take all of them with --all"
    with pytest.raises(BadInput, match="exclude"):
        choose(["x"], all_=True)


def test_a_port_that_is_not_there(monkeypatch: pytest.MonkeyPatch, german: None) -> None:
    monkeypatch.setenv(PORTS_VARIABLE, "")
    with pytest.raises(Unreachable) as caught:
        choose(["/dev/ttyUSB77"])
    assert caught.value.message == "den Anschluss /dev/ttyUSB77 gibt es nicht"


def test_a_busy_port_names_who_holds_it(terminal: Path) -> None:
    program = (
        "import serial, sys; p = serial.Serial(sys.argv[1], exclusive=True); print(1, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(terminal)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        holder.stdout.readline()
        with pytest.raises(Unreachable) as caught:
            open_port(Port(str(terminal)))
        name = Path(f"/proc/{holder.pid}/comm").read_text().strip()
        holder.stdin.close()
    assert caught.value.message == f"{terminal} is in use by {name} (process {holder.pid})"
    assert caught.value.hint == f"close {name} and repeat the command"


def test_a_port_is_opened_and_closed(terminal: Path) -> None:
    with open_port(Port(str(terminal)), timeout_s=0) as line:
        assert line.read(1) == b""


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (PermissionError(errno.EACCES, "denied"), Unreachable, "you may not use"),
        (OSError(errno.EBUSY, "busy"), Unreachable, "in use by"),
        (OSError(errno.EIO, "input/output error"), Lost, "went away"),
        (OSError("device reports readiness to read but returned no data"), Lost, "connection over"),
        (Lost("as it is"), Lost, "as it is"),
    ],
)
def test_what_an_error_means(terminal: Path, error: Exception, kind: type[ToolError], message: str) -> None:
    found = explain(Port(str(terminal)), error)
    assert type(found) is kind
    assert message in found.message
    assert found.status == 3


@pytest.mark.parametrize(
    ("group", "mine", "active", "cure"),
    [
        ("dialout", set(), set(), "`sudo usermod -aG dialout $USER`"),
        ("dialout", {"dialout"}, set(), "log out and in again"),
        (None, set(), set(), "udev rule"),
    ],
)
def test_the_cure_of_a_missing_permission_fits_the_machine(
    monkeypatch: pytest.MonkeyPatch, group: str | None, mine: set[str], active: set[str], cure: str
) -> None:
    monkeypatch.setattr(trouble, "_group_of", lambda device: group)
    monkeypatch.setattr(trouble, "_groups_of_user", lambda: mine)
    monkeypatch.setattr(trouble, "_groups_of_process", lambda: active)
    assert cure in trouble.permission_cure("/dev/ttyUSB0")


def test_usb_chips_by_vendor_and_product() -> None:
    assert Port("x", vid=0x1A86, pid=0x55D4).chip == "CH9102"
    assert Port("x", vid=0x303A, pid=0x4001).chip == "Espressif USB"
    assert Port("x", vid=0x046D, pid=0xC52B).chip is None


@pytest.mark.parametrize("named", ["", "folder", "file"])
def test_what_is_no_serial_port(run_dir: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.chdir(run_dir)
    (run_dir / "folder").mkdir()
    (run_dir / "file").touch()
    with pytest.raises(BadInput, match=f"`{named}` is no serial port"):
        choose([named])


def test_a_device_that_is_no_terminal() -> None:
    with pytest.raises(BadInput, match="no serial port"):
        open_port(Port("/dev/null"))


@pytest.mark.parametrize(("patience_s", "kind"), [(0.2, Unreachable), (0.02, Lost)])
def test_a_port_that_stays_away_is_not_waited_for_again(
    terminal: Path, monkeypatch: pytest.MonkeyPatch, patience_s: float, kind: type[ToolError]
) -> None:
    monkeypatch.setattr(wire, "AWAY_S", 0.1)
    with Console.listening(str(terminal)) as console:
        terminal.unlink()
        with pytest.raises(ToolError) as caught:
            console.reconnect(patience_s)
    assert type(caught.value) is kind
    assert "went away" in caught.value.message
