"""Bit rot in the block that lists the outbox's files rolls that folder back. A board that sleeps goes on with
its boot all the same: no number that has gone out may come again."""

import json
import mmap
import re
import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from host_tools.sim import layout
from host_tools.sim.world import FLASH_FILE
from tests.storm.bare import BareBoard

SEGMENT = re.compile(rb"[ou][0-9a-f]{8}")


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[BareBoard]:
    board = BareBoard(tmp_path, "court-3")
    board.board.restore()
    yield board
    board.end()


def events_of(bare: BareBoard) -> list[dict[str, object]]:
    return [json.loads(text) for text in bare.published("event")]


def visits(bare: BareBoard, count: int) -> None:
    for value in ("occupied", "free") * count:
        bare.view.set("court-3", value)
        bare.run(200)
    assert bare.view.world.get("asleep")


def roll_back(flash_file: Path) -> int:
    """Spoils the newer block of the outbox's pair, whole; the number of the block."""
    with flash_file.open("r+b") as file, mmap.mmap(file.fileno(), 0) as flash:
        starts = range(0, len(flash), layout.FLASH_BLOCK)
        blocks = {at: flash[at : at + layout.FLASH_BLOCK] for at in starts}
        pair = [at for at, block in blocks.items() if b"mark" in block and SEGMENT.search(block)]
        newest = max(pair, key=lambda at: struct.unpack("<I", blocks[at][:4])[0])
        flash[newest + 8] ^= 1
        return len(pair)


def test_no_number_is_given_out_twice(bare: BareBoard, tmp_path: Path) -> None:
    visits(bare, 13)  # until the folder has filled a block, and goes on in the other of its pair
    before = events_of(bare)
    assert roll_back(tmp_path / "court-3" / FLASH_FILE) == 2
    visits(bare, 4)
    events = events_of(bare)
    assert {event["bootid"] for event in events} == {before[0]["bootid"]}, "a sleep is no boot"
    new = events[len(before) :]
    assert len([event for event in new if event["type"] == "sportbox.occupancy.changed"]) >= 6
    assert int(str(new[0]["seq"])) > int(str(before[-1]["seq"]))
    seqs = [int(str(event["seq"])) for event in events]
    assert all(earlier < later for earlier, later in pairwise(seqs)), "nor again what had arrived"
