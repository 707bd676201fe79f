"""Power cuts at every flash operation of a provisioning, before it and within it: what boots then, and how
a second run finishes it. The plan and the scripts on the board are the real ones, the line between is left
out."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from host_tools.port import provision as flow
from host_tools.port import upload as upload_module
from host_tools.port.console import Console
from host_tools.port.plan import MANIFEST, MARKER, Wanted
from host_tools.port.upload import Step
from tests.host.board_in_memory import BLOCK, BLOCKS, Flash, MemoryBoard, cuts

Files = dict[str, bytes]

LONG = os.environ.get("SPORTBOX_CUTS") == "long"
EVERY_LONG = 5
MAIN, SERVICE = "/main.py", "/loader/service.mpy"
FOREIGN = {MAIN: b"print('something else')", "/boot.py": b"# theirs"}
DATA = {"/data/outbox.a": b"event" * 400, "/data/replay.log": b"jti"}


def wanted(device: str, release: int, key_version: int = 1) -> Wanted:
    """A device's files; those of another release differ in most of them."""
    text = f"release {release} of {device} "
    files = {
        MAIN: b"import service # " + text.encode() * 40,
        SERVICE: f"service {release}".encode() * 30,
        "/boot.py": b"# boot",
        "/a/sportbox/app.mpy": text.encode() * 300,
        "/a/sportbox/core/door.mpy": b"door" * 60,
        f"/a/sportbox/core/only-{release}.mpy": text.encode() * 20,
        "/a/umqtt/simple.mpy": b"umqtt" * 100,
        "/config.json": json.dumps({"device": device, "release": release}).encode(),
        "/secrets.json": f"secret {device} {key_version}".encode() * 10,
        "/certs/ca.der": b"ca" * 200,
        "/certs/device.key": f"key {device} {key_version}".encode() * 8,
    }
    return Wanted("site", device, key_version, str(release), files, {"pin": 2, "active": 1})


def whole(goal: Wanted, data: Files | None = None) -> Files:
    """Everything on a board that is provisioned."""
    return {**goal.files, MANIFEST: goal.manifest(), **(data or {})}


class Quiet:
    def step(self, *_: Any) -> None:
        return None

    advance = talk = step


@pytest.fixture(autouse=True)
def no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def transfer(board: Any, steps: list[Step], *_: Any, **__: Any) -> None:
        records = [upload_module._record(path, data) for path, data in steps]
        board.receive(b"".join([*records, upload_module._record("", None, upload_module.END)]))

    monkeypatch.setattr(upload_module, "_transfer", transfer)


def provision(board: MemoryBoard, goal: Wanted, clear: bool) -> None:
    flow._write(cast(Console, board), cast(Any, Quiet()), goal, clear)


def check_boot(files: Files, before: Files, after: Files, where: str) -> None:
    """What main.py would do with these files: run as before, run as it shall, or show the sign."""
    if MARKER not in files:
        assert files in (before, after), f"{where}: looks provisioned and is neither old nor new"
        return
    json.loads(files[MARKER])
    main = files.get(MAIN)
    if main is not None and main != FOREIGN[MAIN]:
        assert SERVICE in files, f"{where}: main.py cannot show the sign"
    else:
        assert main == before.get(MAIN), f"{where}: another main.py runs"


@dataclass
class Cuts:
    """One provisioning, cut everywhere, and at every `every`-th of the cuts in what follows, too."""

    goal: Wanted
    clear: bool
    before: Files
    after: Files
    every: int = 0
    turn: int | None = None
    count: list[int] = field(default_factory=lambda: [0, 0, 0])
    """Operations, cuts, pairs."""

    def all(self) -> list[int]:
        flash = Flash()
        MemoryBoard(flash, fresh=True).put(self.before)
        self.cut(bytes(flash.image), self.clear, None if LONG else self.turn)
        return self.count

    def cut(self, start: bytes, clear: bool, turn: int | None, where: str = "") -> None:
        """`where` is the cut before, if there was one."""
        flash = Flash(start)
        flash.operations = []
        board = MemoryBoard(flash)
        provision(board, self.goal, clear)
        assert board.files() == self.after, f"{where}: not finished"
        self.count[0] += 0 if where else len(flash.operations)
        for number, (operation, way, image) in enumerate(cuts(start, flash.operations, turn)):
            self.count[2 if where else 1] += 1
            place = f"{where}cut {way} operation {operation}"
            board = MemoryBoard(Flash(bytes(image)), cache_bytes=BLOCK)
            files = board.files()
            files.pop("/.upload", None)
            check_boot(files, self.before, self.after, place)
            begun = MARKER in files and json.loads(files[MARKER])["clear"]
            still = (self.clear and MARKER not in files and files != self.after) or begun
            if not where and self.every and number % (EVERY_LONG if LONG else self.every) == 0:
                self.cut(bytes(image), still, operation, f"{place}, then ")
            provision(board, self.goal, still)
            assert board.files() == self.after, f"{place}: a second run does not finish it"


Counted = Callable[[Cuts], list[int]]


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> Counted:
    def count(cuts: Cuts) -> list[int]:
        found = cuts.all()
        request.node.user_properties.append(("cuts", ("provisioning", *found)))
        return found

    return count


def test_a_blank_board(counted: Counted) -> None:
    """Also cut again while the second run finishes it."""
    goal = wanted("box-1", 1)
    operations, cuts, pairs = counted(Cuts(goal, False, {}, whole(goal), every=150))
    assert operations > 100 and cuts > 3 * operations and pairs > 100


def test_an_update_keeps_the_data(counted: Counted) -> None:
    goal = wanted("box-1", 2)
    before = whole(wanted("box-1", 1), DATA)
    operations, cuts, pairs = counted(Cuts(goal, False, before, whole(goal, DATA), every=150))
    assert operations > 100 and cuts > 3 * operations and pairs > 100


def test_another_device_loses_the_data(counted: Counted) -> None:
    goal = wanted("box-2", 2)
    before = whole(wanted("box-1", 1), DATA)
    operations, cuts, pairs = counted(Cuts(goal, True, before, whole(goal), every=150))
    assert operations > 100 and cuts > 3 * operations and pairs > 100


def test_a_board_of_somebody_else(counted: Counted) -> None:
    """Their files stay, but for main.py and boot.py."""
    goal = wanted("box-1", 1)
    theirs = {"/lib/theirs.mpy": b"theirs", "/readme.txt": b"read me"}
    operations, cuts, _ = counted(Cuts(goal, False, {**FOREIGN, **theirs}, {**whole(goal), **theirs}, turn=0))
    assert operations > 100 and cuts > operations


def test_nothing_is_written_when_all_is_there() -> None:
    flash = Flash(blocks=BLOCKS)
    board = MemoryBoard(flash, fresh=True)
    goal = wanted("box-1", 1)
    provision(board, goal, False)
    flash.operations = []
    provision(board, goal, False)
    assert flash.operations == []
    assert board.files() == whole(goal)
