"""The power is cut in the middle of `provision` over real ports, at random bytes and flash operations.

tests/host/test_provision_cuts.py cuts everywhere, without a line and a VM in between.
"""

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from host_tools.errors import ToolError
from host_tools.port import console, upload, wire
from host_tools.port.plan import MANIFEST, MARKER
from host_tools.port.trouble import Lost
from host_tools.sim.chip.board import ChipBoard
from host_tools.site.ca import board_files
from tests.sim.bench import SiteBench
from tests.sim.chips import TestChip, chip_board

BOARDS = 10
ROUNDS = 3
TRIES = 4
OPERATIONS = 50
STARTS = "sportbox: starts as hafensport-rostock/box-1"
HELD = "sportbox: held for service"
SIGN = "sportbox: not provisioned: "
Files = dict[str, bytes]


@contextmanager
def impatient() -> Iterator[None]:
    """A board without power is given up soon."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (console, "BOOT_S"),
            (console, "ENTRY_S"),
            (console, "REPLY_S"),
            (wire, "REPLY_S"),
            (upload, "ASK_S"),
        ):
            patch.setattr(module, name, 0.6)
        yield


def finish(bench: SiteBench, board: TestChip) -> None:
    """As jobs.py tries again."""
    for attempt in range(TRIES):
        try:
            bench.provision(board)
            return
        except Lost:
            if attempt == TRIES - 1:
                raise


def is_whole(bench: SiteBench, files: Files) -> bool:
    """Whether these are the files of the bench's release, and no others of ours."""
    wanted = {
        **bench.firmware,
        **board_files(bench.site, "box-1", bench.vault, files.get("/certs/device.der")),
    }
    ours = {
        path
        for path in files
        if path.startswith(("/a/", "/b/", "/loader", "/sportbox", "/certs", "/lib/umqtt"))
    }
    return (
        all(files.get(path) == data for path, data in wanted.items())
        and ours <= set(wanted)
        and set(json.loads(files[MANIFEST])["files"]) == set(wanted)
    )


def check(bench: SiteBench, other: SiteBench, board: TestChip, where: str) -> str:
    """After a cut: the old release, the new one, or the sign. Leaves the board running."""
    files = board.files()
    holds = board.log().count(HELD)
    signs, starts = board.log().count(SIGN), board.log().count(STARTS)
    board.boot()
    if "/hold" in files and "/loader/service.mpy" in files:  # between asking for hold mode and the reset
        board.said(HELD, holds + 1)
        board.reset()  # as its watchdog would
    if MARKER in files and files.get("/main.py") == bench.firmware["/main.py"]:
        board.said(SIGN, signs + 1)
        return "sign"
    if "/main.py" not in files:
        return "blank"
    assert is_whole(bench, files) or is_whole(other, files), f"{where}: looks provisioned and is not"
    board.said(STARTS, starts + 1)
    return "whole"


def forget_cuts(chip: ChipBoard) -> None:
    """One that lay behind the end has not struck."""
    chip.faults.cut.clear()
    chip.cut_at_op(0)


class Cut:
    """One board, and the release that it has and the one that it gets."""

    def __init__(self, run_dir: Path, number: int, seed: int, exits: ExitStack) -> None:
        self.chance = random.Random(f"{seed} {number}")
        self.old = SiteBench(run_dir / f"site-{number}")
        self.new = SiteBench(run_dir / f"site-{number}-new")
        self.new.vault, self.new.inventory = self.old.vault, self.old.inventory
        changed = {"/a/sportbox/part_9.mpy": b"new", "/a/sportbox/part_0.mpy": b"changed" * 999}
        self.new.firmware = {**self.old.firmware, **changed}
        self.new.firmware["/loader/service.mpy"] += b"\0"  # the VM ignores what follows
        del self.new.firmware["/a/sportbox/part_1.mpy"]
        self.board = exits.enter_context(chip_board(run_dir, blank=False, name=f"board-{number}"))
        self.where = f"board {number}"
        self.span = 0

    def begin(self) -> None:
        """One provisioning from nothing, two of a change: the second one tells how many bytes that takes."""
        for bench in (self.old, self.new, self.old):
            before = self.board.received_bytes
            finish(bench, self.board)
            self.span = self.board.received_bytes - before

    def cut(self) -> None:
        if self.chance.random() < 0.6:
            at = self.chance.randrange(self.span // 5, self.span)
            self.board.cut_at(at)
            self.where = f"{self.board.name}, cut at byte {at}"
        else:
            at = self.chance.randrange(1, OPERATIONS)
            self.board.cut_at_op(at)
            self.where = f"{self.board.name}, cut in operation {at}"
        with suppress(ToolError):
            self.new.provision(self.board)
        self.board.call(forget_cuts)
        self.board.cut()  # if nothing was cut, or it was given up too early: here

    def recover(self) -> str:
        found = check(self.new, self.old, self.board, self.where)
        finish(self.new, self.board)
        self.board.cut()
        assert is_whole(self.new, self.board.files()), f"{self.where}: not finished"
        self.board.boot()
        self.old, self.new = self.new, self.old
        return found


def test_cuts_over_ports(run_dir: Path, seed: int) -> None:
    found: list[str] = []
    with ExitStack() as exits:
        pool = exits.enter_context(ThreadPoolExecutor(BOARDS))
        cuts = [Cut(run_dir, number, seed, exits) for number in range(BOARDS)]
        list(pool.map(Cut.begin, cuts))
        for _ in range(ROUNDS):
            with impatient():
                list(pool.map(Cut.cut, cuts))
            found += pool.map(Cut.recover, cuts)
    print({kind: found.count(kind) for kind in sorted(set(found))})
    assert len(found) == BOARDS * ROUNDS and "sign" in found
