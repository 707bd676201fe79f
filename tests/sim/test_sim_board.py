"""`sportbox sim board` as a person uses it: the first line, the world, the other `sim` commands."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from host_tools.cli import main
from host_tools.setup.paths import REPOSITORY
from tests.sim.chips import chip_board, mpremote, raw_repl

SITE = REPOSITORY / "sites" / "hafensport-rostock.yaml"
SPORTBOX = (sys.executable, "-m", "host_tools.cli")
Lines = list[dict[str, str]]


@contextmanager
def sim_board(run_dir: Path, *options: str, count: int = 1) -> Iterator[Lines]:
    """The command as a process; gives its first lines."""
    command = [*SPORTBOX, "sim", "board", "--state", str(run_dir), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stderr is not None
        lines = [process.stdout.readline() for _ in range(count)]
        assert all(lines), process.stderr.read()
        yield [json.loads(line) for line in lines]
    finally:
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=20)
    assert process.returncode == 0, said


def sim(run_dir: Path, *words: str) -> dict[str, object]:
    command = [*SPORTBOX, "sim", *words, "--state", str(run_dir), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_several_boards_of_one_process(run_dir: Path) -> None:
    with sim_board(run_dir, "--chip", "esp32c3", "--count", "2", count=2) as lines:
        first, second = lines
        assert first["port"] == str(run_dir / "port") and second["port"] == str(run_dir / "port-2")
        assert first["mac"] != second["mac"] and first["state_dir"] == str(run_dir)
        name = first["mac"].replace(":", "")
        assert sim(run_dir, "show", name)["power"] is True
        assert mpremote(second["port"], "eval", "1 + 1").stdout.split() == ["2"]
        assert sim(run_dir, "cut", name) == {"board": name, "power": False}
        assert sim(run_dir, "boot", name)["power"] is True
        assert sim(run_dir, "show", name)["boot_count"] == 2
    with sim_board(run_dir, "--chip", "esp32c3") as lines:
        assert lines[0]["mac"].replace(":", "") == min(path.name for path in (run_dir / "boards").iterdir())
    assert not (run_dir / "port").is_symlink()


def test_a_board_that_is_provisioned_for_a_site(run_dir: Path) -> None:
    options = ("--chip", "esp32s3", "--provisioned", f"{SITE}:box-1")
    with sim_board(run_dir, *options) as lines:
        name = lines[0]["board"]
        with raw_repl(lines[0]["port"]) as repl:
            code = "import json; print(json.load(open('/config.json'))['device'])"
            assert repl.exec(code) == b"box-1\r\n"
        assert sim(run_dir, "set", name, "door-1", "open")["state"] == "open"


def test_the_world_follows_the_configuration_on_the_flash(run_dir: Path) -> None:
    from tests.sim.boards import CONFIG

    read = "import machine; print('door', machine.Pin(5, machine.Pin.IN, machine.Pin.PULL_UP).value())"
    with chip_board(run_dir, blank=False) as board:
        board.said(">>> ")
        assert board.sim.show()["doors"] == {}
        with raw_repl(board.port) as repl:
            repl.exec(f"with open('/config.json', 'w') as f: f.write({json.dumps(CONFIG)!r})")
            repl.exec(f"with open('/main.py', 'w') as f: f.write({read!r})")
            repl.exec_raw_no_follow("import machine; machine.reset()")
        board.said("door 0")
        assert board.sim.show()["doors"] == {"door-1": "closed"}
        board.sim.set("door-1", "open")
        board.reset()
        board.said("door 1")
        board.cut()
        board.put({"/config.json": b"{"})
        board.boot()
        board.until(lambda: board.sim.show()["doors"] == {}, "a bare world")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--chip esp8266", "there is no such chip"),
        ("--chip esp32 --serial usb", "--serial usb"),
        ("--chip esp32 --fault fire=1", "--fault fire=1: not understood"),
        ("--chip esp32 --flash-mib 16", "4 or 8 MiB"),
        ("--chip esp32 --device box-1", "belong together"),
        (f"--chip esp32 --site {SITE} --device box-1", "box-1 has an esp32s3, not an esp32"),
        ("--chip esp32 --provisioned box-1", "SITE.yaml:DEVICE"),
    ],
)
def test_what_cannot_be_is_said(
    run_dir: Path, capsys: pytest.CaptureFixture[str], words: str, why: str
) -> None:
    assert main(["sim", "board", "--state", str(run_dir), *words.split()]) == 2
    said = capsys.readouterr()
    assert why in said.err and said.out == ""


def test_the_end_of_the_machinery_ends_the_command(run_dir: Path) -> None:
    command = [*SPORTBOX, "sim", "board", "--state", str(run_dir), "--chip", "esp32c3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        said = process.communicate(timeout=20)
    assert process.returncode == 1 and "has ended" in said[1]
