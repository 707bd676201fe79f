"""New hardware takes over a device: once, whatever cuts it off, and never a board that is in use."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools.errors import BadInput, ToolError
from host_tools.port import replacement
from host_tools.port.replacement import Seen, Taken, take_over
from host_tools.site.inventory import Inventory
from host_tools.site.load import load_site
from host_tools.site.models import Site
from tests.host.helpers import WARNEMUENDE

OLD, NEW, THIRD = "aa:bb:cc:00:00:01", "aa:bb:cc:00:00:02", "aa:bb:cc:00:00:03"
SITE = "warnemuende-mole"


class Bench:
    """A board that remembers which key versions were written to it."""

    def __init__(self, mac: str, *owners: tuple[str, str]) -> None:
        self.seen = Seen(mac, owners)
        self.versions: list[int] = []
        self.left = 0
        self.fails: Callable[[], None] = lambda: None

    def look(self, site: Site, device: str) -> Seen:
        return self.seen

    def leave(self) -> None:
        self.left += 1

    def provision(self, site: Site, device: str) -> str:
        self.fails()
        version = site.devices[device].key_version
        self.versions.append(version)
        self.seen = Seen(self.seen.mac, ((site.site, device),))
        serial = f"5e{version}"
        assert self.store is not None
        self.store.record("replace", self.seen.mac, device, key_version=version, serial=serial)
        return serial

    store: Inventory | None = None


@pytest.fixture(autouse=True)
def nobody() -> Iterator[None]:
    yield
    Bench.store = None


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    path = tmp_path / "x.yaml"
    path.write_bytes(WARNEMUENDE.read_bytes())
    return path


@pytest.fixture
def store(site_file: Path) -> Inventory:
    Bench.store = store = Inventory.open(site_file)
    store.record("provision", OLD, "box-1", key_version=1, serial="5e1")
    return store


def version(site_file: Path) -> int:
    return load_site(site_file).devices["box-1"].key_version


def finished(site_file: Path, store: Inventory, mac: str, number: int) -> None:
    assert version(site_file) == number
    row = store.board_of("box-1")
    assert row is not None
    assert (row.mac, row.key_version, row.serial, row.provisioned) == (mac, number, f"5e{number}", True)
    assert store.pending("box-1") is None
    assert store.device_of(OLD) is None


def test_a_board_is_replaced(site_file: Path, store: Inventory) -> None:
    bench = Bench(NEW)
    taken = take_over(site_file, "box-1", bench, store)
    assert bench.versions == [2]
    finished(site_file, store, NEW, 2)
    assert [(one.key_version, one.mac, one.serial, one.why) for one in store.revoked()] == [
        (1, OLD, "5e1", f"replaced by {NEW}")
    ]
    told = "\n".join(taken.void(site_file))
    for word in ("booking-1", "lock-2, lock-3, lock-5, lock-6", "5e1", "sportbox key"):
        assert word in told
    assert [entry.action for entry in store.history(device="box-1")] == ["provision", "replace"]


def test_without_keypad_and_without_a_known_board(site_file: Path, store: Inventory) -> None:
    taken = take_over(site_file, "court-1", Bench(NEW), store)
    assert (taken.old_mac, taken.old_version, taken.version, taken.old_serial) == (None, 1, 2, None)
    assert [(one.device, one.key_version, one.mac) for one in store.revoked()] == [("court-1", 1, None)]
    assert "code" not in "\n".join(taken.void(site_file))


@pytest.mark.parametrize("known_by", ["inventory", "manifest", "both"])
def test_the_board_that_is_the_device_already(site_file: Path, known_by: str) -> None:
    store = Inventory.open(site_file)
    if known_by != "manifest":
        store.record("provision", NEW, "box-1", key_version=1)
    bench = Bench(NEW, *([] if known_by == "inventory" else [(SITE, "box-1")]))
    with pytest.raises(BadInput, match="is box-1 already") as caught:
        take_over(site_file, "box-1", bench, store, force=True)
    assert "sportbox provision" in str(caught.value.hint)
    assert (version(site_file), bench.versions, store.revoked(), store.pending("box-1")) == (1, [], [], None)


@pytest.mark.parametrize("tenant", [("other-site", "box-1"), (SITE, "court-1"), None])
def test_a_board_in_use_elsewhere(site_file: Path, store: Inventory, tenant: tuple[str, str] | None) -> None:
    if tenant is None:
        store.record("provision", NEW, "court-1", key_version=1)
    bench = Bench(NEW, *([tenant] if tenant else []))
    with pytest.raises(BadInput, match="board in hand") as caught:
        take_over(site_file, "box-1", bench, store)
    assert "--force" in str(caught.value.hint)
    assert (version(site_file), bench.left) == (1, 1)
    take_over(site_file, "box-1", bench, store, force=True)
    finished(site_file, store, NEW, 2)
    assert store.board_of("court-1") is None


def test_a_mended_board_comes_back(site_file: Path, store: Inventory) -> None:
    """Its manifest still says box-1, but another board is that by now."""
    take_over(site_file, "box-1", Bench(NEW), store)
    bench = Bench(OLD, (SITE, "box-1"))
    take_over(site_file, "box-1", bench, store)
    assert bench.versions == [3]
    row = store.board_of("box-1")
    assert row is not None
    assert (row.mac, version(site_file)) == (OLD, 3)
    take_over(site_file, "court-1", Bench(NEW, (SITE, "box-1")), store)  # and the other one is free
    assert store.device_of(NEW) == "court-1"


STEPS = [
    (Inventory, "begin_replacement"),
    (replacement, "raise_key_version"),
    (Inventory, "revoke"),
    (Inventory, "begin_writing"),
    (Bench, "provision"),
    (Inventory, "record"),
    (Inventory, "end_replacement"),
]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("owner", "name"), STEPS)
def test_cut_off_anywhere_and_run_again(
    site_file: Path, store: Inventory, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, after: bool
) -> None:
    original = getattr(owner, name)

    def cut(*given: Any, **more: Any) -> Any:
        if after:
            original(*given, **more)
        raise KeyboardInterrupt

    bench = Bench(NEW)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, cut)
        for _ in range(2):
            ended = name == "end_replacement" and after and store.device_of(NEW) == "box-1"
            with pytest.raises(BadInput if ended else KeyboardInterrupt):
                take_over(site_file, "box-1", bench, store)
    if name == "end_replacement" and after:
        finished(site_file, store, NEW, 2)
        return
    taken = take_over(site_file, "box-1", bench, store)
    assert set(bench.versions) == {2}
    finished(site_file, store, NEW, 2)
    assert (taken.old_version, taken.version) == (1, 2)
    assert [(one.key_version, one.mac) for one in store.revoked()] == [(1, OLD)]


def test_a_new_board_that_is_dead_too(site_file: Path, store: Inventory) -> None:
    broken, good = Bench(NEW), Bench(THIRD)

    def fail() -> None:
        raise ToolError("no answer")

    broken.fails = fail
    with pytest.raises(ToolError, match="no answer"):
        take_over(site_file, "box-1", broken, store)
    assert version(site_file) == 2
    taken = take_over(site_file, "box-1", good, store)
    assert good.versions == [3]
    finished(site_file, store, THIRD, 3)
    assert (taken.old_version, taken.old_serial) == (1, "5e1")
    assert [(one.key_version, one.mac) for one in store.revoked()] == [(1, OLD), (2, NEW)]


def test_a_site_file_that_cannot_be_changed(
    site_file: Path, store: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person raises the version by hand, and it goes on from there."""

    def refuse(*_: object) -> bool:
        raise BadInput("cannot be changed", "write there by hand")

    bench = Bench(NEW)
    with monkeypatch.context() as patch:
        patch.setattr(replacement, "raise_key_version", refuse)
        with pytest.raises(BadInput, match="cannot be changed"):
            take_over(site_file, "box-1", bench, store)
    text = site_file.read_text()
    site_file.write_text(
        text.replace("    board: box-esp32s3\n", "    board: box-esp32s3\n    key_version: 2\n", 1)
    )
    take_over(site_file, "box-1", bench, store)
    finished(site_file, store, NEW, 2)


def test_a_board_that_was_behind_the_site_file(site_file: Path, store: Inventory) -> None:
    text = site_file.read_text()
    site_file.write_text(
        text.replace("    board: box-esp32s3\n", "    board: box-esp32s3\n    key_version: 3\n", 1)
    )
    taken = take_over(site_file, "box-1", Bench(NEW), store)
    assert (taken.old_version, taken.version) == (3, 4)
    assert [(one.key_version, one.mac) for one in store.revoked()] == [(1, OLD), (3, None)]


def test_a_device_that_is_not_there(site_file: Path, store: Inventory) -> None:
    with pytest.raises(BadInput, match="no board `box-9`"):
        take_over(site_file, "box-9", Bench(NEW), store)


def test_facts() -> None:
    taken = Taken("box-1", NEW, OLD, 1, 2, "5e1", "5e2", ())
    assert taken.facts()["void_key_version"] == 1


def test_a_site_file_from_before_another_replacement(site_file: Path, store: Inventory) -> None:
    """`git checkout` brought an old one back: the version that is on the old board is not given again."""
    old_text = site_file.read_bytes()
    take_over(site_file, "box-1", Bench(NEW), store)
    site_file.write_bytes(old_text)
    bench = Bench(THIRD)
    take_over(site_file, "box-1", bench, store)
    finished(site_file, store, THIRD, 3)
    assert bench.versions == [3]
    assert not [one for one in store.revoked() if one.key_version == 3]


@pytest.mark.parametrize("moment", ["raise_key_version", "provision"])
def test_two_at_once(site_file: Path, store: Inventory, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Another command gives the device another board meanwhile: that one counts, and no version is on two."""
    first, second = Bench(NEW), Bench(THIRD)

    def other() -> None:
        take_over(site_file, "box-1", second, store)

    if moment == "provision":
        first.fails = other
    else:
        original, calls = replacement.raise_key_version, []

        def raised(*given: Any) -> bool:
            calls.append(given)
            if len(calls) == 1:
                other()
            return original(*given)

        monkeypatch.setattr(replacement, "raise_key_version", raised)
    with pytest.raises(ToolError, match="another command"):
        take_over(site_file, "box-1", first, store)
    live = second.versions[-1]
    assert first.versions != second.versions
    assert all(one.key_version != live for one in store.revoked())
    row = store.board_of("box-1")
    assert row is not None and (row.mac, row.key_version) == (THIRD, live)
