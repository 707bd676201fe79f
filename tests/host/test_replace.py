"""`sportbox replace` on simulated chips: the real console, the real upload, and a cut before its end."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from host_tools.cli import main
from host_tools.errors import ToolError
from host_tools.port import provision
from host_tools.site.inventory import Inventory
from host_tools.site.keys import device_key
from host_tools.site.load import load_site
from host_tools.site.vault import Vault, vault_path
from tests.host.helpers import STRALSUND
from tests.sim.chips import TestChip, chip_board
from tests.vaults import PASSPHRASE, WIFI_PASSWORD, cheap_vault

OLD = "aa:bb:cc:00:00:01"


@pytest.fixture
def site_file(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", PASSPHRASE)
    path = run_dir / "site" / "x.yaml"
    path.parent.mkdir()
    path.write_bytes(STRALSUND.read_bytes())
    Inventory.open(path).record("provision", OLD, "box-1", key_version=1, serial="5e1")
    return path


@pytest.fixture
def vault(site_file: Path) -> Vault:
    return cheap_vault(site_file)


@pytest.fixture
def run(site_file: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[str, str]]:
    def run(board: TestChip, *more: str, status: int = 0) -> tuple[str, str]:
        words = [
            "replace",
            "--port",
            board.port,
            "--site",
            str(site_file),
            "--device",
            "box-1",
            "--wait",
            "0",
        ]
        ended = main([*words, *more])
        found = capfd.readouterr()
        assert ended == status, found.err
        for secret in (PASSPHRASE, WIFI_PASSWORD):
            assert secret not in found.out + found.err
        return found.out, found.err

    return run


def version(site_file: Path) -> int:
    return load_site(site_file).devices["box-1"].key_version


def test_a_blank_board_takes_over_and_is_refused_the_second_time(
    run_dir: Path, site_file: Path, vault: Vault, run: Callable[..., tuple[str, str]]
) -> None:
    with chip_board(run_dir, "esp32s3", blank=False) as board:
        board.said("MicroPython v")
        out, err = run(board, "--json")
        assert json.loads(out) | {
            "ok": True,
            "mac": board.mac,
            "key_version": 2,
            "replaced": OLD,
        } == json.loads(out)
        assert "void: tokens of box-1 with `kid` booking-1" in err
        _, err = run(board, status=2)
        assert "is box-1 already" in err
        assert "sportbox provision" in err
        assert version(site_file) == 2
        board.cut()
        files, console = board.files(), board.log()
    assert json.loads(files["/manifest.json"])["key_version"] == 2
    secrets = json.loads(files["/secrets.json"])
    assert secrets["keys"]["ops-2"]["k"] == device_key(vault.master, vault.site, "box-1", "ops", 2).hex()
    assert secrets["wifi"]["password"] == WIFI_PASSWORD
    for secret in (WIFI_PASSWORD, PASSPHRASE, secrets["keys"]["ops-2"]["k"], vault.master.hex()):
        assert secret not in console
        for path in site_file.parent.iterdir():
            assert secret.encode() not in path.read_bytes(), path
    store = Inventory.open(site_file)
    assert store.device_of(board.mac) == "box-1"
    assert [(one.mac, one.serial, one.key_version) for one in store.revoked()] == [(OLD, "5e1", 1)]
    assert store.pending("box-1") is None


def test_cut_off_before_the_end_and_run_again(
    run_dir: Path,
    site_file: Path,
    vault: Vault,
    run: Callable[..., tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cut(*_: object) -> bool:
        raise ToolError("cut off")

    with chip_board(run_dir, "esp32s3", blank=False) as board:
        board.said("MicroPython v")
        with monkeypatch.context() as patch:
            patch.setattr(provision, "is_whole", cut)
            _, err = run(board, status=1)
        assert "cut off" in err
        assert "run the same command again" in err
        store = Inventory.open(site_file)
        assert (version(site_file), store.device_of(board.mac)) == (2, None)
        pending = store.pending("box-1")
        assert pending is not None
        assert pending.writing
        board.said("sportbox: not provisioned")
        run(board)
    assert version(site_file) == 2
    assert store.device_of(board.mac) == "box-1"
    assert store.pending("box-1") is None
    assert [(one.mac, one.key_version) for one in store.revoked()] == [(OLD, 1)]


def test_a_spare_with_another_micropython_changes_nothing(
    run_dir: Path,
    site_file: Path,
    vault: Vault,
    run: Callable[..., tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provision, "VERSION_NEWEST", "1.30.0")
    with chip_board(run_dir, "esp32s3", blank=False) as board:
        _, err = run(board, status=2)
    assert "the firmware needs 1.30" in err
    assert version(site_file) == 1
    assert Inventory.open(site_file).revoked() == []


def test_refused_before_anything_is_changed(
    run_dir: Path, site_file: Path, vault: Vault, run: Callable[..., tuple[str, str]]
) -> None:
    with chip_board(run_dir, "esp32c3", blank=False) as board:
        board.said("MicroPython v")
        run(board, status=2)  # another chip than the site file's board has
        vault_path(site_file).unlink()
        _, err = run(board, status=2)
        assert "there is no vault" in err
    assert version(site_file) == 1
    store = Inventory.open(site_file)
    assert (store.pending("box-1"), store.revoked()) == (None, [])
