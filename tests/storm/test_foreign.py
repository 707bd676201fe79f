"""Somebody else's files take all the room on a board's flash."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.sim.flash import mounted, read_files
from host_tools.sim.world import FLASH_FILE
from tests.storm.bare import BareBoard


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[BareBoard]:
    made = BareBoard(tmp_path, "box-1")
    made.board.restore()
    made.run(90)
    yield made
    made.end()


def foreign(bare: BareBoard) -> int:
    """Bytes in files that are not the board's."""
    files = read_files(bare.board._folder)
    return sum(len(data) for path, data in files.items() if path.startswith("/foreign/"))


def free_blocks(bare: BareBoard) -> int:
    with mounted(bare.board._folder / FLASH_FILE) as fs:
        return fs.block_count - fs.used_block_count


def events(bare: BareBoard, count: int) -> None:
    for number in range(count):
        bare.view.set("tamper-1", ("open", "closed")[number % 2])
        bare.run(12)


@pytest.mark.parametrize("left", [0, 3])
def test_a_full_flash_stays_so_over_resets_until_they_are_removed(bare: BareBoard, left: int) -> None:
    erases = bare.view.world.get("flash_erases")
    bare.board.fill_flash(left)
    bare.run(0.1)
    assert bare.view.world.get("flash_erases") == erases
    bare.board.cut()
    assert free_blocks(bare) in (left, left + 1)  # a pair of a folder takes two
    size = foreign(bare)
    bare.board.restore()
    bare.run(20)
    events(bare, 25)
    bare.board.brownout()
    bare.run(20)
    assert foreign(bare) == size > 500_000
    seqs = [json.loads(text)["seq"] for text in bare.published("event")]
    assert sorted(set(seqs)) == list(range(1, max(seqs) + 1)) and max(seqs) > 25
    assert json.loads(bare.published("telemetry")[-1])["task_restarts"] == 0
    bare.board.fill_flash(None)
    bare.run(1)
    assert foreign(bare) == 0


def test_what_begins_and_ends_without_power_is_done_when_it_is_back(bare: BareBoard) -> None:
    bare.board.cut()
    bare.board.fill_flash(1)
    bare.board.restore()
    bare.run(10)
    assert foreign(bare) > 500_000
    bare.board.cut()
    bare.board.fill_flash(None)
    bare.board.restore()
    bare.run(10)
    assert foreign(bare) == 0
