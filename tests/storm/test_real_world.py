"""No real time and no real network for a board in a storm, whatever its firmware has become."""

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from host_tools.sim.flash import write_files
from host_tools.sim.world import FLASH_FILE
from host_tools.storm.machine.lockstep import Line
from host_tools.storm.machine.silence import Hangs, Stalled
from host_tools.storm.weather.menu import RADIOS
from tests.faults.helpers_safe import RESTARTS
from tests.storm.bare import BareBoard

ESCAPES = b"""
import sys
sys.modules.pop("usocket")
import usocket
usocket.socket()
"""
WAITS = b"""
import sys
sys.modules.pop("uselect")
import uselect
uselect.poll().poll(10)
"""


@pytest.fixture
def court(tmp_path: Path) -> Iterator[BareBoard]:
    bare = BareBoard(tmp_path, "court-1")
    yield bare
    bare.end()


def put(folder: Path, path: str, source: bytes) -> None:
    """The board is off."""
    write_files(folder / "court-1" / FLASH_FILE, {path: source})


def test_safe_mode_is_on_virtual_time(court: BareBoard, tmp_path: Path) -> None:
    put(tmp_path, "/a/sportbox/run.mpy", b"")
    put(tmp_path, "/a/sportbox/run.py", RESTARTS)
    court.board.restore()
    court.later(600, court.view.set, "wifi", "down")
    court.later(700, court.view.set, "wifi", "up")
    court.run(3000)
    infos = [json.loads(text) for text in court.published("info")]
    assert {info["firmware"] for info in infos} == {"safe"}
    assert court.of("gone")[0]["why"] == "keepalive"
    assert len(court.of("up")) > 1
    starts = [court.s(record) for record in court.of("boot")]
    assert any(1800 < later - earlier < 1900 for earlier, later in pairwise(starts))


@pytest.mark.parametrize("fault", RADIOS)
def test_safe_mode_waits_for_its_radio(fault: str, court: BareBoard, tmp_path: Path) -> None:
    put(tmp_path, "/a/sportbox/run.mpy", b"")
    put(tmp_path, "/a/sportbox/run.py", RESTARTS)
    court.view.world.set_wifi_fault(fault)
    court.board.restore()
    court.later(900, court.view.world.set_wifi_fault, "ok")
    court.run(960)
    assert [json.loads(text)["firmware"] for text in court.published("info")] == ["safe"]
    assert 900 < court.s(court.of("up")[0]) < 930


@pytest.mark.parametrize("source", [ESCAPES, WAITS])
def test_a_way_out_is_the_end_of_the_run(source: bytes, court: BareBoard, tmp_path: Path) -> None:
    put(tmp_path, "/main.py", b"print('sportbox: last')\n" + source)
    court.board.restore()
    with pytest.raises(Stalled, match=r"reach the real world; last on its console: sportbox: last$"):
        court.run(60)


@pytest.fixture
def forked() -> Iterator[Callable[[Callable[[], object]], Line]]:
    """What a process does instead of answering, and the line to it."""
    pids = []

    def fork(does: Callable[[], object]) -> Line:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            does()
            os._exit(0)
        pids.append(pid)
        lines.append((ours, theirs))
        return Line(ours, pid, hangs_s=0.3)

    lines: list[tuple[socket.socket, socket.socket]] = []
    yield fork
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    for pair in lines:
        for end in pair:
            end.close()


def spin() -> None:
    while True:
        pass


def test_a_vm_that_works_for_ever_hangs(forked: Callable[[Callable[[], object]], Line]) -> None:
    with pytest.raises(Hangs):
        forked(spin).ask()


def test_a_vm_that_waits_for_the_real_world_is_told(forked: Callable[[Callable[[], object]], Line]) -> None:
    with pytest.raises(Stalled):
        forked(signal.pause).ask()
