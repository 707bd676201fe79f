"""Waiting costs nothing: how often an idle board with the project's firmware wakes, while it is connected."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from host_tools.broker import BrokerProcess
from tests import components
from tests.components import court, door, gate, inside, latch, lock, motor, release, tamper
from tests.faults.helpers import Bench, Board, bench, patched_firmware
from tests.faults.helpers_listen import Listener

__all__ = ["bench"]

CALM_MS = 500
"""Instead of ten seconds: then a board beats as one at rest."""
MEASURED_S = 10
WAKES_MAX = 1  # a second

DIRECT = {
    "lock-1": lock(1, latch=latch(1)),
    "door-1": door(1, release="release-1", inside="inside-1"),
    "release-1": release(1),
    "inside-1": inside(1),
    "lock-2": motor(2),
    "door-2": door(2),
    "tamper-1": tamper(),
    "gate-1": gate(),
    "court-1": court(),
}
EXPANDED = {f"lock-{n}": lock(n, pin=63 + n) for n in range(1, 9)} | {
    f"door-{n}": door(n, pin=71 + n) for n in range(1, 9)
}


def switches(pid: int) -> int:
    """How often the process has gone to sleep so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("voluntary"))


def connected(bench: Bench, folder: Path, **changes: Any) -> Board:
    calm = patched_firmware(folder, constants={"sportbox/box.py": {"_CALM_MS": CALM_MS}})
    with (
        BrokerProcess.start(state_dir=folder / "broker") as broker,
        Listener(broker.host, broker.port, folder) as heard,
    ):
        board = bench.add("box-1", (broker.host, broker.port), firmware=calm, telemetry_s=30, **changes)
        board.boot()
        heard.wait_ready(board, timeout_s=30)
        measure(board)
        assert heard.of(board, "availability")[-1].payload == b"online"
    return board


def measure(board: Board) -> None:
    pid = board.sim.pid()
    threading.Event().wait(2)  # what the connect left to do
    before, began_s = switches(pid), time.monotonic()
    threading.Event().wait(MEASURED_S)  # the measured time itself
    wakes = (switches(pid) - before) / (time.monotonic() - began_s)
    print(f"{wakes} wake-ups a second")
    assert wakes <= WAKES_MAX, f"{wakes} wake-ups a second"


@pytest.mark.parametrize(
    "changes",
    [
        {"components": DIRECT},
        {
            "components": EXPANDED,
            "i2c": components.I2C,
            "expander": components.EXPANDER,
            "rtc": components.RTC,
        },
    ],
    ids=["direct", "expander"],
)
def test_an_idle_box_wakes_once_a_second_at_most(
    bench: Bench, run_dir: Path, changes: dict[str, Any]
) -> None:
    board = connected(bench, run_dir, **changes)
    assert "Traceback" not in board.sim.log()
