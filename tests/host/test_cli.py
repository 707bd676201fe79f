"""The frame around all commands: messages, exit statuses, and never a stack trace."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import typer

from host_tools import __version__, cli
from host_tools.cli import main
from host_tools.errors import BadInput, ToolError, Unreachable
from tests.host.helpers import ROOT, ROSTOCK

PROGRAM = [sys.executable, "-m", "host_tools.cli"]


def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **more}
    return subprocess.run(
        [*PROGRAM, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BaseException]]:
    """A command `boom` that raises what the test puts into the list."""
    errors: list[BaseException] = []
    app = typer.Typer(add_completion=False)

    @app.command()
    def boom() -> None:
        raise errors[0]

    module = ModuleType("host_tools.commands.boom")
    module.app = app  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(cli.COMMANDS, "boom", "raise")
    yield errors


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("--help", "-h", "help"):
        assert main([word]) == 0
        out = capsys.readouterr().out
        for name, text in cli.COMMANDS.items():
            assert f"  {name} " in out
            assert text in out


def test_help_and_version_import_no_library() -> None:
    """What makes `sportbox --help` fast."""
    program = (
        "import sys; from host_tools.cli import main; main(['--help']); main(['--version']);"
        "slow = ('typer', 'rich', 'pydantic', 'yaml', 'asyncio', 'tempfile');"
        "sys.exit(any(name in sys.modules for name in slow))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert found.returncode == 0


@pytest.mark.parametrize("command", ["flash", "provision", "replace", "station"])
def test_a_command_at_the_bench_tells_what_it_does_without_the_models_of_a_site(command: str) -> None:
    program = (
        "import sys; from host_tools.cli import main; main([sys.argv[1], '--help']);"
        "sys.exit(any(name in sys.modules for name in ('pydantic', 'yaml', 'cryptography')))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, command], cwd=ROOT, capture_output=True, check=False
    )
    assert found.returncode == 0 and b"Usage:" in found.stdout


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"sportbox {__version__}\n"


@pytest.mark.parametrize("name", [name for name in cli.COMMANDS if name != "demo"])
def test_every_command_has_its_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"Usage: sportbox {name}")
    assert captured.err == ""


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["wach"], "there is no command `wach`, did you mean `watch`?", "sportbox --help"),
        (["--helpp"], "there is no option `--helpp`", "sportbox --help"),
        (["\x1b[2J"], "`\\x1b[2J`", "sportbox --help"),
        (["site", "chek"], "chek", "sportbox site --help"),
        (["site", "check"], "SITE.yaml", "sportbox site check --help"),
        (["site", "check", "a", "b"], "b", "sportbox site check --help"),
        (
            ["site", "rotate", "a"],
            "Choose from: master, ca, device",
            "sportbox site rotate --help",
        ),
        (["order", "a", "b", "fly"], "'WHAT': 'fly' is not one of 'identify', ", "sportbox order --help"),
        (["key", "a", "b", "--role", "x"], "'--role': 'x' is not one of 'booking', ", "sportbox key --help"),
        (["key", "a", "b", "--rolle", "ops"], "--rolle", "sportbox key --help"),
        (["send", "a", "b", "c", "--wait", "x"], "--wait", "sportbox send --help"),
    ],
)
def test_usage_errors(capsys: pytest.CaptureFixture[str], words: list[str], message: str, hint: str) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert lines[-1] == f"hint: {hint}"


@pytest.mark.parametrize("words", [[], ["site"]])
def test_nothing_to_do_is_a_usage_error_with_help(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert "Usage: sportbox" in captured.out + captured.err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ToolError("it broke", "mend it"), 1),
        (BadInput("it is wrong", "mend it"), 2),
        (Unreachable("it is away", "mend it"), 3),
        (ToolError("something would change", "mend it", status=4), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_statuses(
    raising: list[BaseException], capsys: pytest.CaptureFixture[str], error: BaseException, status: int
) -> None:
    raising.append(error)
    assert main(["boom"]) == status
    err = capsys.readouterr().err
    if isinstance(error, ToolError):
        assert err == f"error: {error.message}\nhint: mend it\n"
    else:
        assert err == ""


def test_details_come_before_the_message(
    raising: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    raising.append(BadInput("2 mistakes", details=["a:1: x", "a:2: y"]))
    assert main(["boom"]) == 2
    assert capsys.readouterr().err == "a:1: x\na:2: y\nerror: 2 mistakes\n"


def test_an_unexpected_error_is_one_line_and_a_log(
    raising: list[BaseException],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("SPORTBOX_DEBUG", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    raising.append(ZeroDivisionError("of \x1b[31mthings"))
    assert main(["boom"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: unexpected ZeroDivisionError: of \\x1b[31mthings"
    (log,) = tmp_path.glob("sportbox-*.log")
    assert lines[1].startswith(f"hint: {log} ")
    assert "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_developer_sees_the_trace(raising: list[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPORTBOX_DEBUG", "1")
    raising.append(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main(["boom"])


def test_a_command_that_is_not_there_does_not_break_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setitem(cli.COMMANDS, "gone", "is not there")
    assert main(["gone"]) == 1
    assert main(["site", "check", str(ROSTOCK)]) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_a_closed_pipe_is_no_drama(tmp_path: Path) -> None:
    program = f"{sys.executable} -m host_tools.cli site schema | head -c 10"
    found = subprocess.run(
        ["sh", "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert found.returncode == 0
    assert "Traceback" not in found.stderr


def test_the_program_itself() -> None:
    found = run("site", "check", "no-such-file.yaml")
    assert found.returncode == 2
    assert found.stdout == ""
    assert found.stderr.startswith("error: there is no file no-such-file.yaml\nhint: ")
