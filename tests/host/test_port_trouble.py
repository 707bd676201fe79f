"""What a command says, in both languages, when it does not get at a board: cause, cure, exit status."""

import errno
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.cli import main
from host_tools.port import trouble
from host_tools.port.ports import PORTS_VARIABLE
from host_tools.sim.chip.image import sim_image

HOLD = "import serial, sys; p = serial.Serial(sys.argv[1], exclusive=True); print(1, flush=True); input()"

SAID = {
    ("none", "en"): (
        "error: no board found on any serial port",
        "hint: plug it in with a cable that carries data (a charge-only cable does not) and look with "
        "`sportbox doctor`, which also tells when a driver is missing",
    ),
    ("none", "de"): (
        "Fehler: an keinem seriellen Anschluss ist eine Platine zu finden",
        "Tipp: mit einem Datenkabel anstecken (ein reines Ladekabel reicht nicht) und mit `sportbox doctor` "
        "nachsehen, das auch sagt, ob ein Treiber fehlt",
    ),
    ("two", "en"): (
        "error: several boards are plugged in: rfc2217://a:1, rfc2217://b:2",
        "hint: name one with --port rfc2217://a:1, or take all of them with --all",
    ),
    ("two", "de"): (
        "Fehler: mehrere Platinen sind angesteckt: rfc2217://a:1, rfc2217://b:2",
        "Tipp: eine mit --port rfc2217://a:1 nennen oder mit --all alle nehmen",
    ),
    ("busy", "en"): (
        "error: {port} is in use by {name} (process {pid})",
        "hint: close {name} and repeat the command",
    ),
    ("busy", "de"): (
        "Fehler: {port} wird von {name} benutzt (Prozess {pid})",
        "Tipp: {name} schließen und den Befehl wiederholen",
    ),
    ("denied", "en"): (
        "error: you may not use {port}",
        "hint: `sudo usermod -aG dialout $USER`, then log out and in again",
    ),
    ("denied", "de"): (
        "Fehler: {port} darf hier nicht benutzt werden: es fehlt das Recht",
        "Tipp: `sudo usermod -aG dialout $USER`, dann ab- und wieder anmelden",
    ),
    ("address", "en"): (
        "error: nothing answers at rfc2217://127.0.0.1:1: ",
        "hint: start the server of that port, or correct the address after --port",
    ),
}


@pytest.fixture
def terminal() -> Iterator[str]:
    main_end, inner = pty.openpty()
    yield os.ttyname(inner)
    os.close(main_end)
    os.close(inner)


@pytest.fixture
def image(run_dir: Path) -> str:
    path = run_dir / "image.bin"
    path.write_bytes(sim_image("esp32"))
    return str(path)


def check(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[str, str],
    words: list[str],
    status: int,
    **filled: object,
) -> None:
    monkeypatch.setattr("host_tools.words._chosen", [])
    assert main(["flash", *words, "--lang", case[1]]) == status
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    error, hint = captured.err.splitlines()[-2:]
    wanted, cure = (text.format(**filled) for text in SAID[case])
    assert error.startswith(wanted)
    assert hint == cure


@pytest.mark.parametrize("language", ["en", "de"])
def test_no_board_and_two_boards(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], image: str, language: str
) -> None:
    monkeypatch.setenv(PORTS_VARIABLE, "")
    check(capsys, monkeypatch, ("none", language), ["--image", image], 3)
    monkeypatch.setenv(PORTS_VARIABLE, "rfc2217://a:1,rfc2217://b:2")
    check(capsys, monkeypatch, ("two", language), ["--image", image], 2)


def test_a_busy_port(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: str, image: str
) -> None:
    program = [sys.executable, "-c", HOLD, terminal]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        holder.stdout.readline()
        name = Path(f"/proc/{holder.pid}/comm").read_text().strip()
        told = {"port": terminal, "name": name, "pid": holder.pid}
        for language in ("en", "de"):
            words = ["--image", image, "--port", terminal]
            check(capsys, monkeypatch, ("busy", language), words, 3, **told)
        holder.stdin.close()


@pytest.mark.parametrize("language", ["en", "de"])
def test_no_permission(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    terminal: str,
    image: str,
    language: str,
) -> None:
    def denied(*_: object, **__: object) -> object:
        raise PermissionError(errno.EACCES, "Permission denied", terminal)

    monkeypatch.setattr("serial.serial_for_url", denied)
    monkeypatch.setattr(trouble, "_group_of", lambda device: "dialout")
    monkeypatch.setattr(trouble, "_groups_of_user", set)
    words = ["--image", image, "--port", terminal]
    check(capsys, monkeypatch, ("denied", language), words, 3, port=terminal)


def test_an_address_where_nobody_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], image: str
) -> None:
    words = ["--image", image, "--port", "rfc2217://127.0.0.1:1"]
    check(capsys, monkeypatch, ("address", "en"), words, 3)
