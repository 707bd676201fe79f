"""Simulated boards with tiny firmware, for the simulator's own tests."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host_tools.sim.board import SimBoard
from host_tools.sim.flash import Template
from host_tools.sim.host import ZygoteHost
from tests import components
from tests.lateness import Patience

DEADLINE_S = 60.0
POLL_S = 0.01

CONFIG: dict[str, Any] = {
    "version": 1,
    "site": "test-site",
    "device": "box-1",
    "board": "box-esp32s3",
    "chip": "esp32s3",
    "broker": {"host": "127.0.0.1", "port": 1883},
    "ntp": {"host": "127.0.0.1", "port": 123},
    "components": {
        "lock-1": components.lock(1, pin=4),
        "door-1": components.door(1, pin=5),
        "gate-1": components.gate(pins=[6, 7]),
        "court-1": components.court(pir={"pin": 8, "active": 1}),
    },
}


def make(folder: Path, main: str, zygote: ZygoteHost | None = None, **changes: Any) -> SimBoard:
    """A board whose main.py is `main`; `changes` replace parts of its configuration."""
    board = SimBoard(folder, zygote)
    board.create({**CONFIG, **changes}, {}, Template({"/main.py": main.encode()}))
    return board


def until(condition: Callable[[], object], what: str) -> None:
    patience = Patience(DEADLINE_S)
    while not condition():
        assert not patience.is_over(), f"timed out: {what}"
        time.sleep(POLL_S)


def said(board: SimBoard, text: str, times: int = 1) -> None:
    """Wait until the board has printed `text`."""
    try:
        until(lambda: board.log().count(text) >= times, f"{text!r} in the console")
    except AssertionError as e:
        raise AssertionError(f"{e}\n{board.log()}") from None


def facts(board: SimBoard) -> dict[str, Any]:
    """The last line of the console that is a JSON object."""
    lines = [line for line in board.log().splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(lines[-1])
    return found


class Bench:
    """One board on the workbench of a test."""

    def __init__(self, folder: Path, zygote: ZygoteHost) -> None:
        self.zygote = zygote
        self.board = SimBoard(folder, zygote)

    def boot(self, main: str, **changes: Any) -> SimBoard:
        make(self.board.folder, main, **changes)
        self.board.boot()
        return self.board

    def result(self, main: str, **changes: Any) -> dict[str, Any]:
        """Run a program to its end; answers what it printed last as JSON."""
        board = self.boot(main, **changes)
        said(board, "at the REPL")
        assert "Traceback" not in board.log(), board.log()
        return facts(board)
