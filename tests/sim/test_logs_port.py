"""`sportbox logs --port P`: the log of a board is read at its prompt, and the board goes on."""

import json
from pathlib import Path

import pytest

from host_tools.cli import main
from host_tools.errors import ToolError
from host_tools.port import ring
from host_tools.port.console import Console
from host_tools.port.ports import Port
from tests.sim.chips import TestChip, chip_board
from tests.sim.test_console import STARTS, small_firmware

OLDER = [f"3 {number}.000 warning line {number} of the older file" for number in range(90)]
NEWER = ["3 200.000 info time 2026-11-29T12:00:00Z", "4 0.040 error crashed before this start: main: OSError"]
FILES = {"/data/log-old": "\n".join([*OLDER, ""]).encode(), "/data/log": "\n".join([*NEWER, ""]).encode()}


def goes_on(board: TestChip, times: int = 2) -> None:
    board.said(STARTS, times)


def test_a_running_board(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with chip_board(run_dir, blank=False, baud=115_200, files={**small_firmware(), **FILES}) as board:
        board.said(STARTS)
        assert main(["logs", "--port", board.port, "--json"]) == 0
        told = capsys.readouterr()
        lines = [json.loads(line) for line in told.out.splitlines()]
        assert [line["text"] for line in lines[:-1]] == [line.split(" ", 3)[3] for line in OLDER]
        assert lines[0]["time"] == "2026-11-29T11:56:40.000Z"
        assert lines[-1]["boot"] == 4
        assert lines[-1]["time"] is None
        assert "starts anew afterwards" in told.err
        goes_on(board)
        assert "held for service" not in board.log(), "one start is enough"


def test_a_board_that_has_no_log(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with chip_board(run_dir, blank=False, files=small_firmware()) as board:
        board.said(STARTS)
        assert main(["logs", "--port", board.port]) == 0
        told = capsys.readouterr()
        assert told.out == ""
        assert "the board has kept no lines yet" in told.err


def test_a_line_that_loses_bytes(run_dir: Path) -> None:
    faults = ["drop=0.0005:3"]
    with chip_board(run_dir, blank=False, faults=faults, files={**small_firmware(), **FILES}) as board:
        board.said(STARTS)
        assert ring.read_ring(Port(board.port)) == OLDER + NEWER


def test_what_the_watchdog_cuts_off_is_read_in_hold_mode(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its watchdog bites after 1.5 s."""
    real, asked = Console.run, []

    def slow(console: Console, code: str, timeout_s: float = 20.0) -> str:
        if "hexlify(d)" in code and not asked:
            asked.append(code)
            code = "import time\ntime.sleep(5)\n" + code
        return real(console, code, timeout_s)

    monkeypatch.setattr(Console, "run", slow)
    with chip_board(run_dir, blank=False, files={**small_firmware(), **FILES}) as board:
        board.said(STARTS)
        assert ring.read_ring(Port(board.port)) == OLDER + NEWER
        assert board.log().count("held for service") == 1
        goes_on(board)


@pytest.mark.parametrize("answer", ["", "zz 0\n", "00 1\n", "00\n", " x\n"])
def test_what_is_no_whole_answer(answer: str) -> None:
    assert ring._whole(answer) is None


def test_files_that_cannot_be_read() -> None:
    with pytest.raises(ToolError, match="cannot read its log, error 5"):
        ring._whole("! 5\n")


def test_no_port(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "--port", "/dev/there-is-none"]) in (2, 3)
    assert "hint: " in capsys.readouterr().err
