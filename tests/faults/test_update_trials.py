"""A new firmware on trial that cannot stay: it falls when it is loaded, hangs, or never reaches the broker.
The old one is back by itself and tells why; no lock has moved."""

import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host_tools.broker import BrokerProcess
from host_tools.build.firmware import compile_firmware
from host_tools.sim.flash import FLASH_FILE, read_files, write_files
from tests.faults.helpers import Bench, Board, patched_firmware
from tests.faults.helpers_listen import Listener

QUICK = {
    "loader/begin.py": {"_WATCHDOG_MS": 3000},
    "sportbox/box.py": {"_WATCHDOG_MS": 3000},
    "sportbox/system/proving.py": {"_TRIAL_S": 3},
}
JTI = "5f1c"
BOX, SESSION = "sportbox/box.py", "sportbox/net/session.py"


@dataclass(frozen=True)
class Case:
    """What is different in a file of the new firmware, and what comes of it."""

    name: str
    file: str
    old: str
    new: str
    reason: str
    starts: int
    crashes: frozenset[str]

    @property
    def changes(self) -> dict[str, list[tuple[str, str]]]:
        return {self.file: [(self.old, self.new)]}


IMPORT, BITTEN = "import os\n", frozenset({"watchdog"})
CASES = [
    Case(
        "falls at import",
        BOX,
        IMPORT,
        "raise ValueError('new firmware')\n",
        "crash",
        1,
        frozenset({"ValueError new firmware"}),
    ),
    Case("hangs at import", BOX, IMPORT, "while True:\n    pass\n", "watchdog", 3, BITTEN),
    Case(
        "hangs after its start",
        BOX,
        '        noted = ""\n',
        "        while True:\n            pass\n",
        "watchdog",
        3,
        BITTEN,
    ),
    Case(
        "reaches no broker",
        SESSION,
        "await self._resolve(self._settings.host)",
        '"127.0.0.9"',
        "unreachable",
        1,
        frozenset(),
    ),
]


def on_trial(board: Board, firmware: dict[str, bytes]) -> None:
    update = {"jti": JTI, "sha256": "0" * 64, "size": 9, "version": "9.9.9", "down": False}
    state = {"slot": "a", "spare": False, "fell": "", "update": {**update, "state": "trial"}}
    state["update"] |= {"boots": 0, "reason": None}
    text = json.dumps(state).encode()
    files = {f"/b/{path}": content for path, content in firmware.items()}
    files["/slots"] = struct.pack("<I", zlib.crc32(text)) + text
    write_files(board.sim.folder / FLASH_FILE, files)


def test_the_old_firmware_is_back_and_tells(bench: Bench, run_dir: Path, mosquitto: BrokerProcess) -> None:
    """One board for each, all at once."""
    old = patched_firmware(run_dir, constants=QUICK)
    boards: list[Board] = []
    with Listener(mosquitto.host, mosquitto.port, run_dir) as heard:
        for number, case in enumerate(CASES, start=1):
            board = bench.add(f"box-{number}", (mosquitto.host, mosquitto.port), firmware=old)
            folder = run_dir / board.name
            folder.mkdir()
            on_trial(board, compile_firmware(patched_firmware(folder, case.changes, QUICK)).slot)
            boards.append(board)
        for board in boards:
            board.boot()
        for board, case in zip(boards, CASES, strict=True):
            check(heard, board, case)
    for board in boards:
        board.cut()
        state = json.loads(read_files(board.sim.folder)["/slots"][4:])
        assert state == {"slot": "a", "spare": False, "fell": "", "update": None}


def check(heard: Listener, board: Board, case: Case) -> None:
    heard.wait(lambda heard: heard.acks(board, JTI), f"the answer: {case.name}", 60)
    assert heard.acks(board, JTI) == [("failed", case.reason)], case.name
    heard.wait(lambda heard: heard.events(board, "device.update"), "the event")
    told: list[Any] = [event["data"] for event in heard.events(board, "device.update")]
    assert told == [{"state": "failed", "version": "9.9.9", "reason": case.reason}]
    crashed = {event["data"]["error"] for event in heard.events(board, "device.crashed")}
    assert crashed == case.crashes, case.name
    assert heard.latest(board, "info")["slot"] == "a"
    assert board.sim.show()["boot_count"] == case.starts + 1, case.name
    assert set(board.pulses().values()) == {0}
