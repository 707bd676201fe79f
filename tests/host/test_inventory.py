"""Which board is which device: by what was recorded, from many threads and processes, nothing secret."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from host_tools.errors import BadInput, ToolError
from host_tools.setup.paths import REPOSITORY
from host_tools.site import inventory as module
from host_tools.site.inventory import Inventory, inventory_path
from host_tools.site.inventory_schema import STEPS, migrate
from host_tools.site.load import load_site
from tests.host.helpers import STRALSUND

SITE = load_site(STRALSUND)
A, B, C = "aa:bb:cc:00:00:01", "aa:bb:cc:00:00:02", "aa:bb:cc:00:00:03"


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    return tmp_path / "x.yaml"


@pytest.fixture
def store(site_file: Path) -> Inventory:
    return Inventory.open(site_file)


def provisioned(store: Inventory, mac: str, device: str, version: int = 1) -> None:
    store.record(
        "provision", mac, device, chip="esp32s3", key_version=version, serial=f"5e{version}", firmware="0.1.0"
    )


def test_a_board_becomes_a_device(store: Inventory) -> None:
    store.record("flash", A.upper().replace(":", "-"), chip="esp32s3", micropython="1.29.0")
    assert store.device_of(A) is None
    assert store.missing(SITE) == ["box-1", "court-1"]
    provisioned(store, A, "box-1")
    store.record("selftest", A, "box-1", ok=False, report="r.html")
    assert (store.device_of(A), store.missing(SITE)) == ("box-1", ["court-1"])
    row = store.board_of("box-1")
    assert row is not None
    assert (row.mac, row.provisioned, row.key_version, row.serial, row.selftest_ok) == (
        A,
        True,
        1,
        "5e1",
        False,
    )
    assert row.facts["micropython"] == "1.29.0"
    assert row.facts["firmware"] == "0.1.0"
    assert "report" not in row.facts  # that of a self-test that failed
    assert [entry.action for entry in store.history(device="box-1")] == ["provision", "selftest"]
    assert [entry.action for entry in store.history(mac=A, limit=2)] == ["provision", "selftest"]


def test_what_failed_changes_nothing(store: Inventory) -> None:
    store.record("provision", A, "box-1", ok=False, chip="esp32c3")
    assert store.device_of(A) is None
    assert store.boards()[0].facts == {}
    assert not store.history()[0].ok


def test_a_flashed_board_is_missing_until_it_is_provisioned_again(store: Inventory) -> None:
    provisioned(store, A, "box-1")
    store.record("flash", A, ok=False)
    assert store.device_of(A) == "box-1"
    assert store.missing(SITE) == ["box-1", "court-1"]
    provisioned(store, A, "box-1")
    assert store.missing(SITE) == ["court-1"]


def test_one_device_is_one_board(site_file: Path) -> None:
    now = [1_000.0]
    Inventory.open(site_file)
    store = Inventory(inventory_path(site_file), clock=lambda: now[0])
    provisioned(store, A, "box-1")
    now[0] = 2_000.0
    provisioned(store, A, "box-1")
    first = store.board(A)
    assert first is not None
    assert (first.since_s, first.seen_s) == (1_000, 2_000)
    store.record("replace", B, "box-1", key_version=2)
    assert (store.device_of(A), store.device_of(B)) == (None, "box-1")
    assert [row.mac for row in store.boards()] == [B, A]
    new = store.board(B)
    assert new is not None
    assert (new.since_s, new.key_version, new.serial) == (2_000, 2, None)


def test_revoked_credentials_are_noted_once(store: Inventory) -> None:
    for _ in range(2):
        store.revoke("box-1", 1, A, "5e1", "replaced")
        store.revoke("box-1", 1, None, None, "replaced")
    store.revoke("box-1", 2, A, "5e1", "replaced")
    assert [(one.key_version, one.mac, one.serial) for one in store.revoked()] == [
        (1, A, "5e1"),
        (1, None, None),
        (2, A, "5e1"),
    ]


def test_a_replacement_that_was_interrupted_keeps_its_version(store: Inventory) -> None:
    provisioned(store, A, "box-1", 3)
    begun = store.begin_replacement("box-1", B, 3)
    assert (begun.old_mac, begun.old_version, begun.new_version) == (A, 3, 4)
    again = store.begin_replacement("box-1", C, 4)
    assert (again.new_mac, again.old_mac, again.old_version, again.new_version) == (C, A, 3, 4)
    assert store.pending("box-1") == again
    assert not store.begin_writing("box-1", B)  # it is C by now
    assert store.begin_writing("box-1", C)
    assert store.begin_replacement("box-1", C, 4).new_version == 4
    assert store.revoked() == []
    assert not store.end_replacement("box-1", B)
    assert store.end_replacement("box-1", C)
    assert store.pending("box-1") is None


def test_a_board_that_may_have_the_new_credentials_is_not_forgotten(store: Inventory) -> None:
    store.begin_replacement("box-1", B, 1)
    assert store.begin_writing("box-1", B)
    again = store.begin_replacement("box-1", C, 2)
    assert (again.new_mac, again.old_version, again.new_version, again.writing) == (C, 1, 3, False)
    assert [(one.key_version, one.mac) for one in store.revoked()] == [(2, B)]


@pytest.mark.parametrize(
    "name", ["password", "wifi_password", "token", "k", "key", "private_key", "master", "Chip", "code"]
)
def test_nothing_secret_is_a_fact(store: Inventory, name: str) -> None:
    with pytest.raises(ValueError, match="no fact"):
        store.record("flash", A, **{name: "x"})


@pytest.mark.parametrize("mac", ["", "aa:bb:cc:00:00", "aa:bb:cc:00:00:0g", "aabbcc000001"])
def test_a_mac_is_a_mac(store: Inventory, mac: str) -> None:
    with pytest.raises(ValueError, match="no MAC"):
        store.record("flash", mac)


def test_threads_and_processes_at_once(site_file: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from host_tools.site.inventory import Inventory\n"
        "store = Inventory.open(Path(sys.argv[1]))\n"
        "for n in range(20):\n"
        "    store.record('flash', f'00:00:00:00:{sys.argv[2]}:{n:02x}', chip='esp32')\n"
    )
    command = [sys.executable, "-c", program, str(site_file)]

    def one(n: int) -> None:
        store, mac = Inventory.open(site_file), f"00:00:00:00:00:{n:02x}"
        provisioned(store, mac, f"d-{n}")
        store.begin_replacement(f"d-{n}", mac, 1)  # reads, then writes

    processes = [subprocess.Popen([*command, f"f{n}"], cwd=REPOSITORY) for n in range(2)]
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(one, range(32)))
    finally:
        ended = [process.wait(60) for process in processes]
    assert ended == [0, 0]
    store = Inventory.open(site_file)
    assert len(store.history()) == 72
    assert len(store.boards()) == 72


def test_a_newer_file_and_a_damaged_one(site_file: Path) -> None:
    path = inventory_path(site_file)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(BadInput, match="newer sportbox"):
        Inventory.open(site_file)
    path.write_bytes(b"no database at all " * 100)
    with pytest.raises(BadInput, match="is damaged"):
        Inventory.open(site_file)


def test_a_later_version_keeps_what_is_there(site_file: Path, store: Inventory) -> None:
    provisioned(store, A, "box-1")
    db = sqlite3.connect(inventory_path(site_file), isolation_level=None)
    migrate(db, (*STEPS, "ALTER TABLE boards ADD COLUMN note TEXT; UPDATE boards SET note = mac"))
    assert db.execute("SELECT device, note FROM boards").fetchall() == [("box-1", A)]
    assert db.execute("PRAGMA user_version").fetchone() == (len(STEPS) + 1,)
    db.close()
    with pytest.raises(BadInput, match="newer"):
        Inventory.open(site_file)


def test_looking_writes_nothing(site_file: Path, store: Inventory) -> None:
    provisioned(store, A, "box-1")
    db = sqlite3.connect(inventory_path(site_file), isolation_level=None)
    db.execute("BEGIN IMMEDIATE")  # somebody else writes
    try:
        assert Inventory.open(site_file).device_of(A) == "box-1"
    finally:
        db.close()


def test_a_place_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot use") as caught:
        Inventory.open(tmp_path / "none" / "x.yaml")
    assert caught.value.hint


def test_one_that_does_not_let_go(site_file: Path, store: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_S", 0.05)
    db = sqlite3.connect(inventory_path(site_file), isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(ToolError, match="in use by another command"):
            store.record("flash", A)
    finally:
        db.close()
