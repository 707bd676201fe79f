"""Power cuts at every flash operation of a provisioning, each torn in half: what boots then, and how a second
run finishes it. The plan and the scripts on the board are the real ones, the line between is left out."""

import json
from typing import Any, cast

import pytest

from host_tools.port import provision as flow
from host_tools.port import upload as upload_module
from host_tools.port.console import Console
from host_tools.port.plan import MANIFEST, MARKER, Wanted
from host_tools.port.upload import Step
from tests.host.board_in_memory import BLOCKS, Flash, MemoryBoard, cuts

Files = dict[str, bytes]

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


def check_all(before: Files, goal: Wanted, clear: bool, after: Files, again: int = 0) -> int:
    """Cuts everywhere; every `again`-th cut's second run is cut everywhere, too. How many cuts that was."""
    flash = Flash()
    MemoryBoard(flash, fresh=True).put(before)
    return _cut(bytes(flash.image), before, goal, clear, after, again, "")


def _cut(
    start: bytes,
    before: Files,
    goal: Wanted,
    clear: bool,
    after: Files,
    again: int,
    where: str,
) -> int:
    flash = Flash(start)
    flash.operations = []
    board = MemoryBoard(flash)
    provision(board, goal, clear)
    assert board.files() == after, f"{where}: not finished"
    count = 0
    for number, image in cuts(start, flash.operations):
        count += 1
        place = f"{where}cut at operation {number}"
        board = MemoryBoard(Flash(bytes(image)))
        files = board.files()
        files.pop("/.upload", None)
        check_boot(files, before, after, place)
        begun = MARKER in files and json.loads(files[MARKER])["clear"]
        still = (clear and MARKER not in files and files != after) or begun
        if again and number % again == 0:
            count += _cut(bytes(image), before, goal, still, after, 0, place + ", ")
        else:
            provision(board, goal, still)
            assert board.files() == after, f"{place}: a second run does not finish it"
    return count


def test_a_blank_board() -> None:
    """Also cut again while the second run finishes it."""
    goal = wanted("box-1", 1)
    count = check_all({}, goal, False, whole(goal), again=60)
    print("power cuts:", count)
    assert count > 300


def test_an_update_keeps_the_data() -> None:
    goal = wanted("box-1", 2)
    count = check_all(whole(wanted("box-1", 1), DATA), goal, False, whole(goal, DATA), again=90)
    print("power cuts:", count)
    assert count > 200


def test_another_device_loses_the_data() -> None:
    goal = wanted("box-2", 2)
    count = check_all(whole(wanted("box-1", 1), DATA), goal, True, whole(goal), again=90)
    print("power cuts:", count)
    assert count > 200


def test_a_board_of_somebody_else() -> None:
    """Their files stay, but for main.py and boot.py."""
    goal = wanted("box-1", 1)
    theirs = {"/lib/theirs.mpy": b"theirs", "/readme.txt": b"read me"}
    count = check_all({**FOREIGN, **theirs}, goal, False, {**whole(goal), **theirs})
    assert count > 80


def test_nothing_is_written_when_all_is_there() -> None:
    flash = Flash(blocks=BLOCKS)
    board = MemoryBoard(flash, fresh=True)
    goal = wanted("box-1", 1)
    provision(board, goal, False)
    flash.operations = []
    provision(board, goal, False)
    assert flash.operations == []
    assert board.files() == whole(goal)
