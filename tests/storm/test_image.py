"""Lives that are forked from the image of a boot: as those that load all by themselves, and only of what the
board would load."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from host_tools.build.firmware import FIRMWARE
from host_tools.setup.paths import REPOSITORY
from host_tools.sim.flash import VFS_OFFSET, read_files
from host_tools.sim.shims import shim_folder
from host_tools.sim.world import FLASH_FILE
from host_tools.storm.machine import vm, womb
from host_tools.storm.machine.clocks import clocks_of_this_process
from host_tools.storm.play import config_of, image_of, play
from host_tools.storm.trace import Record
from host_tools.storm.weather.plan import made
from tests.storm.bare import BareBoard

HEAP_BYTES = 2_048
NEAR_US = 100_000
"""Of half an hour and more."""
HEAP = "heap_free"
MOMENTS = (
    "time",
    "since",
    "uptime",
    "loop_stall_ms",
    "loop_stall_max_ms",
    HEAP,
    "flash_bytes",
    "flash_files",
)
"""And what hangs on them: a note a millisecond earlier may be one more."""
ENDS_S = 60
START_S = 4
"""Five that fail lead to safe mode, in which a board can be reached, too."""


def story(records: list[Record]) -> list[Any]:
    """Without moments."""
    return [(r["kind"], r.get("topic"), without_moments(r.get("payload", ""))) for r in records]


def without_moments(payload: str) -> Any:
    if not payload.startswith("{"):
        return payload.lstrip("0123456789.")
    return {name: value for name, value in json.loads(payload).items() if name not in MOMENTS}


def heaps(records: list[Record]) -> list[int]:
    return [
        json.loads(r["payload"])[HEAP]
        for r in records
        if r["kind"] == "publish" and r["topic"].endswith("/telemetry")
    ]


@pytest.mark.parametrize("board", ["box-1", "box-2", "court-1", "court-3"])
def test_a_board_of_the_image_is_as_one_that_loads_all(board: str, tmp_path: Path) -> None:
    plan = made(4, 0.7, board, config_of(board))
    plan = plan.without([fault.number for fault in plan.faults])
    warm, cold = (
        play("4", board, plan, tmp_path / "world", has_image=has_image).records for has_image in (True, False)
    )
    assert story(warm) == story(cold)
    assert all(abs(one["us"] - other["us"]) < NEAR_US for one, other in zip(warm, cold, strict=True))
    assert heaps(cold)
    assert all(abs(one - other) < HEAP_BYTES for one, other in zip(heaps(warm), heaps(cold), strict=True))


@pytest.fixture
def bare(tmp_path: Path) -> Any:
    board = BareBoard(tmp_path, "court-1", image=image_of("court-1", tmp_path / "image"))
    board.board.restore()
    board.run(START_S)
    yield board
    board.end()


def test_a_life_of_the_image_goes_where_its_director_is(bare: BareBoard) -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {max(allowed)})
        bare.board.cut()
        bare.board.restore()
        bare.run(START_S)
        assert os.sched_getaffinity(bare.board._pid) == {max(allowed)}
    finally:
        os.sched_setaffinity(0, allowed)


def test_an_image_whose_director_is_gone_ends(tmp_path: Path) -> None:
    """Nobody hears it, and what it would do by itself is a board's start, for ever."""
    bare = BareBoard(tmp_path, "court-1")
    (bare.folder / womb.IMPORTS_FILE).write_text("", encoding="utf-8")
    clocks = clocks_of_this_process()
    clocks.begin(0, 0, 0, False)
    gone, control = socket.socketpair()
    gone.close()
    with control:
        fds = clocks.fd, control.fileno()
        process = subprocess.Popen(womb.command(bare.folder, shim_folder(*vm.SOURCES), *fds), pass_fds=fds)
    try:
        assert process.wait(ENDS_S) == 0
    finally:
        process.kill()
        bare.end()


def tip(bare: BareBoard, at: int) -> None:
    """One bit of the flash, and the power goes and comes."""
    with (bare.folder / FLASH_FILE).open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes((byte ^ 1,)))
    bare.board.cut()
    bare.board.restore()
    bare.run(START_S)


def place_of(bare: BareBoard, content: bytes) -> int:
    """In its filesystem."""
    return (bare.folder / FLASH_FILE).read_bytes().index(content, VFS_OFFSET)


def test_a_rotten_slot_boots_without_the_image(bare: BareBoard) -> None:
    assert (bare.board.lives, bare.board.warm_lives) == (1, 1)
    assert len(bare.of("up")) == 1
    module = read_files(bare.folder)["/a/sportbox/run.mpy"]
    place = place_of(bare, module[:64])
    tip(bare, place)  # its header
    assert bare.board.warm_lives == 1
    assert len(bare.of("up")) == 1  # it cannot be loaded
    tip(bare, place)
    assert bare.board.warm_lives == 2
    assert len(bare.of("up")) == 2


def test_where_no_code_is_the_flash_may_rot(bare: BareBoard) -> None:
    tip(bare, place_of(bare, bytes(8192)))
    assert (bare.board.lives, bare.board.warm_lives) == (2, 2)


def test_a_rotten_root_boots_without_the_image(bare: BareBoard) -> None:
    bare.board.rot(200_000)
    assert bare.of("rot")
    bare.board.cut()
    bare.board.restore()
    bare.run(1)
    assert (bare.board.lives, bare.board.warm_lives) == (2, 1)


def test_firmware_that_falls_when_it_is_loaded_falls_with_an_image_too(tmp_path: Path) -> None:
    shutil.copytree(FIRMWARE, tmp_path / "firmware")
    box = tmp_path / "firmware" / "sportbox" / "box.py"
    box.write_text("raise RuntimeError\n" + box.read_text())
    command = [sys.executable, "-m", "tests.storm.one_run", "1", "court-1", "0.02", str(tmp_path / "world")]
    environment = {**os.environ, "SPORTBOX_FIRMWARE": str(tmp_path / "firmware")}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    boots = [record for record in json.loads(done.stdout)["records"] if record["kind"] == "boot"]
    assert len(boots) > 5  # then safe mode mends it
