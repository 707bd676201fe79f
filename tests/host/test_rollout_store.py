"""A rollout's file: what it keeps, other files, a kill, one process at a time; waves and blocks."""

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest

from host_tools.errors import BadInput, ToolError
from host_tools.site.keys import device_key
from host_tools.site.load import load_site
from host_tools.update.rollout.blocks import Source, read_request, slice_of
from host_tools.update.rollout.keys import Keys
from host_tools.update.rollout.model import Row, Settings
from host_tools.update.rollout.store import Store
from host_tools.update.rollout.waves import in_order, numbers, parse_waves
from host_tools.update.versions import is_older
from tests.host.helpers import ROOT, ROSTOCK

DATA = bytes(range(256)) * 10
ROWS = [Row("box-1", 0), Row("box-2", 1, was="0.1.0"), Row("box-3", 1)]
# Writes one row after the other until it is killed.
WRITER = """
import itertools, sys
from dataclasses import replace
from pathlib import Path
from host_tools.update.rollout.store import Store
store = Store(Path(sys.argv[1]), "site-1")
rollout = store.newest()
for n in itertools.count(1):
    rows = [replace(row, jti=f"j{n}", orders=n) for row in store.rows(rollout)]
    store.put(rollout, rows)
    print(n, flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "x.rollout.db", "site-1", clock=lambda: 1_700_000_000.5)


def test_what_it_keeps(store: Store) -> None:
    assert store.newest() is None
    settings = Settings(canary=2, waves=("5", "100%"), max_failures=3, down=True)
    made = store.begin(DATA, "0.2.0", "new.update", settings, ROWS)
    again = Store(store.path, "site-1")
    assert again.newest() == made
    assert (made.state, made.begun_s, made.settings, made.size) == ("running", 1_700_000_000, settings, 2560)
    assert again.bundle(made) == DATA
    assert again.rows(made) == ROWS
    changed = replace(ROWS[1], state="ordered", jti="abc", orders=1, ordered_s=5)
    store.put(made, [changed])
    assert again.rows(made) == [ROWS[0], changed, ROWS[2]]
    assert store.change(made, ["running"], "stopped", "two failed")
    assert not store.change(made, ["running"], "paused")
    newest = again.newest()
    assert newest is not None and (newest.state, newest.why) == ("stopped", "two failed")


def test_the_newest_counts_and_older_bundles_go(store: Store) -> None:
    old = store.begin(DATA, "0.2.0", "new.update", Settings(), ROWS)
    new = store.begin(DATA + b"x", "0.3.0", "newer.update", Settings(), ROWS[:1])
    assert store.newest() == new
    assert [row.device for row in store.rows(new)] == ["box-1"]
    assert len(store.rows(old)) == 3
    with pytest.raises(BadInput, match="not the one that the rollout began with"):
        store.bundle(old)


def test_files_that_are_none(store: Store) -> None:
    store.path.write_bytes(b"no database at all, but long enough to be looked at" * 20)
    with pytest.raises(BadInput, match="damaged") as caught:
        store.newest()
    assert "begin anew" in (caught.value.hint or "")
    store.path.unlink()
    with sqlite3.connect(store.path) as db:
        db.execute("CREATE TABLE other (x)")
    with pytest.raises(BadInput, match="no file of rollouts"):
        store.newest()
    store.path.unlink()
    Store(store.path, "other").begin(DATA, "0.2.0", "b", Settings(), ROWS)
    with pytest.raises(BadInput, match="has the rollouts of `other`"):
        store.newest()
    with sqlite3.connect(store.path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(BadInput, match="newer sportbox"):
        store.newest()


def test_one_process_at_a_time(store: Store) -> None:
    assert not store.is_being_done()
    with store.alone():
        assert store.is_being_done()
        with pytest.raises(ToolError, match="another process does a rollout"), store.alone():
            pass
    assert not store.is_being_done()
    with store.alone():
        pass


def test_killed_while_writing_it_has_all_that_was_said(store: Store) -> None:
    made = store.begin(DATA, "0.2.0", "b", Settings(), ROWS)
    command = [sys.executable, "-c", WRITER, str(store.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        said = 0
        while said < 20:
            said = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        said = int((process.stdout.read().split() or [said])[-1])
    orders = {row.orders for row in store.rows(made)}
    assert len(orders) == 1, "one transaction was there in parts"
    assert orders <= {said, said + 1}


@pytest.mark.parametrize(
    ("count", "canary", "waves", "sizes"),
    [
        (40, 1, ("10%", "50%", "100%"), [1, 3, 16, 20]),
        (3, 1, ("10%", "50%", "100%"), [1, 1, 1]),
        (1, 1, ("100%",), [1, 0]),
        (2, 5, ("100%",), [2, 0]),
        (10, 0, ("5", "100%"), [0, 5, 5]),
        (4, 1, ("20", "100%"), [1, 3]),
    ],
)
def test_waves(count: int, canary: int, waves: tuple[str, ...], sizes: list[int]) -> None:
    found = numbers(count, canary, waves)
    assert found == sorted(found) and len(found) == count
    assert [found.count(wave) for wave in range(len(sizes))] == sizes


def test_waves_as_they_are_written() -> None:
    assert parse_waves("10%, 50%,100%") == ("10%", "50%", "100%")
    assert parse_waves("5,20,50%,100%") == ("5", "20", "50%", "100%")
    for text, told in [
        ("", "is neither"),
        ("10%,many,100%", "`many` is neither"),
        ("101%", "is neither"),
        ("50%,50%,100%", "no more than"),
        ("10%,50%", "never have a turn"),
        ("10", "never have a turn"),
        (",".join(f"{n}%" for n in range(1, 40)), "too many"),
    ]:
        with pytest.raises(BadInput, match=told):
            parse_waves(text)


def test_who_is_there_comes_first_one_of_each_kind() -> None:
    kinds = {"a": "x", "b": "x", "c": "y", "d": "y", "e": "x"}
    assert in_order("abcde", kinds, "bcde") == ["b", "c", "d", "e", "a"]
    assert in_order("abecd", kinds, "bcde") == ["b", "c", "e", "d", "a"]
    assert in_order("abcde", kinds, "") == list("abcde")


def test_pieces_of_the_bundle() -> None:
    source = Source.of(DATA)
    name = source.sha256[:16]
    asked = read_request({"sha256": name, "at": 1024, "bytes": 1024}, source)
    assert asked is not None
    assert slice_of(asked, source) == bytes.fromhex(name) + b"\x00\x04\x00\x00" + DATA[1024:2048]
    last = read_request({"sha256": name, "at": 2048, "bytes": 1024}, source)
    assert last is not None and slice_of(last, source)[12:] == DATA[2048:]
    for wrong in (
        {"sha256": "0" * 16},
        {"sha256": source.sha256},
        {"at": -1},
        {"at": len(DATA)},
        {"at": True},
        {"at": "0"},
        {"bytes": 0},
        {"bytes": 1025},
        {"bytes": None},
    ):
        assert read_request({"sha256": name, "at": 0, "bytes": 100, **wrong}, source) is None


def test_orders_are_signed_with_the_newest_key_that_a_board_has() -> None:
    site = load_site(ROSTOCK)
    masters = {1: b"1" * 32, 2: b"2" * 32}
    keys = Keys(site, masters)
    for kids, kid, master in (
        (["ops-1", "booking-1"], "ops-1", masters[1]),
        (["ops-1", "ops-1-g2", "booking-1-g2"], "ops-1-g2", masters[2]),
        (["ops-1", "ops-3"], "ops-3", masters[1]),
        (None, "ops-1-g2", masters[2]),
    ):
        info: dict[str, Any] = {"nonce": "n1"} if kids is None else {"keys": kids, "nonce": "n1"}
        assert keys.has_key("box-1", info)
        made = keys.token("box-1", info, {"jti": "j", "act": "update"})
        version = int(kid.split("-")[1])
        key = device_key(master, site.site, "box-1", "ops", version)
        claims = jwt.decode(made, key, algorithms=["HS256"], audience=f"{site.site}/box-1")
        assert jwt.get_unverified_header(made)["kid"] == kid
        assert (claims["nonce"], claims["cmp"], claims["act"]) == ("n1", "device", "update")
    for others in (["booking-1"], ["ops-1-g3"], ["nonsense", 5], []):
        assert not keys.has_key("box-1", {"keys": others})
    assert not keys.has_key("box-99", {"keys": ["ops-1"]}), "a board of an older site file"


def test_which_version_is_older() -> None:
    assert is_older("0.9.9", "0.10.0") and is_older("1.2.3", "2.0.0")
    for version, than in (("1.2.3", "1.2.3"), ("1.2.4", "1.2.3"), ("1.2.3", "safe"), ("1.2.3", None)):
        assert not is_older(version, than)
