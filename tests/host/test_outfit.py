"""What a simulated site is given, and what it refuses."""

from pathlib import Path

import pytest

from host_tools.errors import BadInput
from host_tools.sim.board import SimBoard
from host_tools.sim.flash import Template, read_file, write_files
from host_tools.sim.outfit import FromVault, check_state, mac_text, provision
from host_tools.sim.world import FLASH_FILE
from host_tools.site.ca import CERTIFICATE_FILE, serial_of
from host_tools.site.credentials import Credentials
from host_tools.site.inventory import Inventory
from host_tools.site.inventory_issued import certificates
from host_tools.site.load import load_site
from host_tools.site.workplace import Workplace
from tests.vaults import cheap_vault

SITE = """\
version: 2
site: hall
broker: {host: 127.0.0.1}
ntp: {host: 127.0.0.1, port: 12300}
devices: {court-1: {board: field-esp32c3, components: {court-1: {}}}}
"""
TEMPLATE = Template({"/main.py": b""})


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    file = tmp_path / "hall.yaml"
    file.write_text(SITE)
    return Workplace(file, load_site(file), cheap_vault(file), Inventory.open(file))


def test_provisioned_twice_a_board_keeps_its_certificate(place: Workplace, tmp_path: Path) -> None:
    board = SimBoard(tmp_path / "boards" / "court-1")
    credentials = Credentials(place.site, place.vault, place.inventory)
    provision(board, TEMPLATE, credentials)
    flash = board.folder / FLASH_FILE
    first = read_file(flash, CERTIFICATE_FILE)
    assert first is not None
    write_files(
        flash, {"/renewal": b"x", "/next/ready": b"x", "/next/certs/ca.der": b"x", "/data/x": b"kept"}
    )
    provision(board, TEMPLATE, credentials)
    assert read_file(flash, CERTIFICATE_FILE) == first
    assert list(certificates(place.inventory)) == [serial_of(first)]
    assert [read_file(flash, path) for path in ("/renewal", "/next/ready", "/data/x")] == [
        None,
        None,
        b"kept",
    ]
    row = place.inventory.board_of("court-1")
    assert row is not None
    assert (row.mac, row.provisioned, row.serial) == (mac_text("hall", "court-1"), True, serial_of(first))
    FromVault(place)


def test_a_real_board_is_not_played(place: Workplace) -> None:
    place.inventory.record("provision", "02:00:00:00:00:01", "court-1", key_version=1)
    with pytest.raises(BadInput, match="court-1 is a real board in the inventory") as caught:
        FromVault(place)
    assert "--from" in str(caught.value.hint)


def test_a_site_elsewhere_is_not_played(place: Workplace) -> None:
    place.site_file.write_text(SITE.replace("ntp: {host: 127.0.0.1", "ntp: {host: ntp.example"))
    with pytest.raises(BadInput, match="`ntp` is at ntp"):
        FromVault(place.read_again())


def test_boards_of_another_site_are_left_alone(place: Workplace, tmp_path: Path) -> None:
    provision(
        SimBoard(tmp_path / "boards" / "court-1"),
        TEMPLATE,
        Credentials(place.site, place.vault, place.inventory),
    )
    check_state(tmp_path, "hall")
    with pytest.raises(BadInput, match="has the boards of site `hall`, not of `other`"):
        check_state(tmp_path, "other")
