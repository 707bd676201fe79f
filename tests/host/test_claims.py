"""Two boards never become one device, whatever is cut off or runs at once; a hostile board is endured."""

import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from host_tools.errors import BadInput
from host_tools.port import upload
from host_tools.port.console import Console, OtherBoard
from host_tools.port.plan import OURS, Wanted, make_plan
from host_tools.port.ports import Port
from host_tools.port.provision import _check_version
from host_tools.port.tenant import Board, Desk, Name, Seen
from host_tools.port.trouble import Lost
from host_tools.port.wire import REPLY_BYTES_MAX, TransportError, _Transport
from host_tools.site.inventory import Inventory
from host_tools.site.load import load_site
from tests.host.helpers import GOOD, write

A, B = "3c:84:27:00:00:01", "3c:84:27:00:00:02"


@pytest.fixture
def store(tmp_path: Path) -> Inventory:
    return Inventory.open(write(tmp_path, GOOD))


@pytest.fixture
def site(tmp_path: Path) -> Any:
    return load_site(write(tmp_path, GOOD))


def board(mac: str) -> Board:
    return Board(Port("x"), mac, "esp32s3", [])


def test_two_commands_at_once(site: Any, store: Inventory) -> None:
    one, other = Desk(site, store, None, False), Desk(site, store, None, False)
    assert one.device_for(board(A)) == "box-1"
    with pytest.raises(BadInput, match="no device of the site is missing"):
        other.device_for(board(B))
    one.release(A)
    assert other.device_for(board(B)) == "box-1"


def test_a_board_that_may_run_already_keeps_its_device(site: Any, store: Inventory) -> None:
    """Ctrl-C or kill -9 while it starts: the inventory does not have it as the device yet."""
    desk = Desk(site, store, None, False)
    desk.device_for(board(A))
    desk.keep(A)
    desk.release(A)
    with pytest.raises(BadInput, match=f"box-1 is the board {A} already"):
        Desk(site, store, "box-1", False).device_for(board(B))
    assert Desk(site, store, None, False).device_for(board(A)) == "box-1"
    assert Desk(site, store, "box-1", True).device_for(board(B)) == "box-1"
    store.record("replace", B, "box-1", key_version=2)
    assert store.claimed_by("box-1") is None


def test_a_board_that_was_erased_and_a_new_one(site: Any, store: Inventory) -> None:
    store.record("provision", A, "box-1", key_version=1)
    store.record("flash", A)
    desk = Desk(site, store, None, False)
    assert desk.device_for(board(B)) == "box-1"
    with pytest.raises(BadInput, match=f"box-1 is the board {B} already"):
        desk.device_for(board(A))


def test_keys_that_were_replaced_do_not_come_back(site: Any, store: Inventory) -> None:
    seen = Seen(
        mac=A, machine="", version="", manifest=None, marker=None, config=None, certificate=None, data=False
    )
    order = cast(Any, SimpleNamespace(site=site, inventory=store))
    _check_version(seen, order, "box-1")
    mine = Name(site=site.site, device="box-1", key_version=2)
    with pytest.raises(BadInput, match="key version 2 already"):
        _check_version(seen.model_copy(update={"manifest": mine}), order, "box-1")
    store.record("replace", B, "box-1", key_version=3)
    with pytest.raises(BadInput, match="key version 3 already"):
        _check_version(seen, order, "box-1")
    store.begin_replacement("box-1", A, 1)
    with pytest.raises(BadInput, match="is not finished"):
        _check_version(seen, order, "box-1")


def test_the_config_of_another_firmware() -> None:
    """Its fields are of any type: then it says nothing, and the board can be provisioned."""
    found = Name.model_validate({"site": {"a": 1}, "device": 5, "key_version": "new", "clear": []})
    assert found.pair is None and found.key_version is None and found.clear is None
    assert Name.model_validate({"site": "x" * 500, "device": "box-1"}).pair is None


def test_what_an_update_and_older_firmware_leave_behind() -> None:
    """The cable brings slot a; the other slot, the record and what was received go, folders and all."""
    stale = ("/b/sportbox/app.mpy", "/b/umqtt/simple.mpy", "/slots", "/update/bundle", "/sportbox/app.mpy")
    found = upload.Survey(dict.fromkeys((*stale, "/a/sportbox/old.mpy", "/service.mpy"), (1, "")))
    plan = make_plan(Wanted("s", "box-1", 1, "1", {"/a/sportbox/app.mpy": b"x"}), found, False)
    assert sorted(plan.removed) == [
        "/a/sportbox/old.mpy",
        "/b",
        "/service.mpy",
        "/slots",
        "/sportbox",
        "/update",
    ]
    assert {"/b", "/update", "/slots", "/sportbox", "/lib/umqtt", "/service.mpy"} <= set(OURS)


def test_another_board_on_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    console, found = Console(Port("x")), iter(["a" * 12, "a" * 12, "b" * 12])
    for name, answer in {"write": None, "drain": None, "hear": True}.items():
        monkeypatch.setattr(console, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr(console, "_execute", lambda *_: "sportbox {0} {0}\n".format(next(found)))
    assert console._interrupt() and console._interrupt()
    with pytest.raises(OtherBoard):
        console._interrupt()


def test_a_survey_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "= 5 4096 10"
    monkeypatch.setattr(upload, "run_script", lambda *_: f"{line} {zlib.crc32(line.encode())}")
    with pytest.raises(Lost):
        upload.survey(Console(Port("x")), ["/"])


def test_a_board_that_asks_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(Port("x"))
    monkeypatch.setattr(console, "read", lambda _: b"\x02000000ffffff\n")
    monkeypatch.setattr(console, "write", lambda _: None)
    with pytest.raises(Lost):
        upload._serve(console, b"stream", None)


@pytest.mark.parametrize("ending", [b"\x04", b"R\x01"])
def test_a_board_that_talks_without_end(ending: bytes) -> None:
    said = iter(range(3 * REPLY_BYTES_MAX))

    def read(_: int) -> bytes:
        assert next(said) < 2 * REPLY_BYTES_MAX, "it is kept without end"
        return b"\x01"

    line = SimpleNamespace(inWaiting=lambda: 1, read=read)
    with pytest.raises(TransportError):
        _Transport(line).read_until(1, ending)
