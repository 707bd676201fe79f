"""Declared against real: what differs is told and brought, what does not is left alone."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from host_tools.broker import BrokerProcess
from host_tools.errors import Unreachable
from host_tools.mqtt import Address
from host_tools.site.boards_provider import BoardsProvider
from host_tools.site.ca import serial_of
from host_tools.site.credentials import Credentials
from host_tools.site.load import load_site
from host_tools.site.present import Seen
from tests.brokers import start
from tests.host.grounds import MACS, WITH_WIFI, Ground
from tests.host.helpers import changed
from tests.host.played_renewal import Script
from tests.vaults import WIFI_PASSWORD


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with start("mosquitto", tmp_path_factory.mktemp("boards")) as running:
        yield running


@pytest.fixture
def ground(tmp_path: Path, broker: BrokerProcess) -> Iterator[Ground]:
    made = Ground(tmp_path, broker.port)
    yield made
    made.close()


def test_what_is_missing_is_told_with_the_command(ground: Ground) -> None:
    ground.provisioned("box-1")
    (one,) = ground.provider().changes()
    assert (one.part, one.name, one.what) == ("boards", "court-1", "missing")
    assert f"sportbox provision --site {ground.file} --device court-1" in one.text
    assert ground.apply() == [f"court-1: {one.text}"]
    ground.provisioned("court-1")
    assert ground.differs() == []
    assert ground.provider().notes() == []


def test_a_changed_configuration_is_shown_and_brought(ground: Ground) -> None:
    boards = [ground.provisioned(name) for name in MACS]
    before = dict(boards[0].files)
    ground.write(changed("telemetry_s: 30", "telemetry_s: 45", WITH_WIFI))
    found = ground.provider().changes()
    assert [(one.name, one.what, one.text) for one in found] == [
        (name, "change", "configuration") for name in MACS
    ]
    changed_lines = [line for line in found[0].diff[2:] if line[0] in "+-"]
    assert changed_lines == ["-telemetry_s: 30", "+telemetry_s: 45"]
    assert ground.apply() == []
    assert ground.differs() == []
    after = boards[0].files
    assert {path for path in before if before[path] != after[path]} == {"/config.json"}
    assert ground.inventory.revoked() == []
    sent = len(boards[0].parts)
    assert ground.apply() == []
    assert len(boards[0].parts) == sent


def test_new_keys_and_a_new_password(ground: Ground) -> None:
    board = ground.provisioned("box-1")
    old = serial_of(board.files["/certs/device.der"])
    ground.vault.set_wifi("wifi-main", WIFI_PASSWORD + " 2")
    assert ground.differs()[0] == ("box-1", "renew", "Wi-Fi, trusted CAs or secrets")
    ground.write(changed("board: box-esp32s3", "board: box-esp32s3\n    key_version: 2", WITH_WIFI))
    assert ground.differs()[0][2].startswith("keys (booking-2, ops-2), certificate")
    ground.apply()
    assert [name for name, *_ in ground.differs()] == ["court-1"]
    assert set(board.keys) == {"booking-2", "ops-2"}
    assert (WIFI_PASSWORD + " 2").encode() in board.files["/secrets.json"]
    new = serial_of(board.files["/certs/device.der"])
    row = ground.inventory.board_of("box-1")
    assert row is not None
    assert (row.serial, row.key_version) == (new, 2)
    assert [(one.device, one.key_version, one.serial) for one in ground.inventory.revoked()] == [
        ("box-1", 1, old)
    ]


def test_one_that_fails_does_not_stop_the_others_and_the_next_time_finishes(ground: Ground) -> None:
    board = ground.provisioned("box-1", Script(final=("failed", "unreachable")))
    other = ground.provisioned("court-1")
    ground.write(changed("telemetry_s: 30", "telemetry_s: 45", WITH_WIFI))
    (left,) = ground.apply()
    assert "box-1 went back to what it had: unreachable" in left
    assert b'"telemetry_s":45' in other.files["/config.json"]
    board.script.final = ("done", None)
    assert [name for name, *_ in ground.differs()] == ["box-1"]
    assert ground.apply() == []
    assert ground.differs() == []


def test_cut_off_before_the_board_was_noted(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    board = ground.provisioned("box-1")
    ground.provisioned("court-1")
    ground.write(changed("board: box-esp32s3", "board: box-esp32s3\n    key_version: 2", WITH_WIFI))
    with monkeypatch.context() as cut:
        cut.setattr(Credentials, "taken_over", lambda *_: None)
        ground.apply()
    row = ground.inventory.board_of("box-1")
    assert row is not None
    assert row.key_version == 1
    assert ground.differs() == []
    row = ground.inventory.board_of("box-1")
    assert row is not None
    assert (row.key_version, row.serial) == (2, serial_of(board.files["/certs/device.der"]))
    assert len(ground.inventory.revoked()) == 1


def test_away_old_strange_and_swapped(ground: Ground) -> None:
    board = ground.provisioned("box-1")
    ground.provisioned("court-1").say("sleeping")
    assert ground.differs() == []
    ground.write(changed("telemetry_s: 30", "telemetry_s: 45", WITH_WIFI))
    board.say("offline")
    found = ground.provider().changes()
    assert [(one.name, one.what) for one in found] == [("box-1", "missing"), ("court-1", "change")]
    assert "offline" in found[0].text
    left = ground.apply()
    assert len(left) == 2
    assert "court-1: it sleeps" in left[1]
    ground.comes("box-9", board.files)
    board.mac = "02:00:00:00:00:99"
    board.say()
    provider = ground.provider()
    provider.changes()
    assert provider.notes() == [
        "at the broker, but not in the site file: box-9",
        "box-1 says that it is the board 02:00:00:00:00:99, the inventory has 02:00:00:00:00:01",
    ]


def test_a_board_that_was_changed_by_an_order(ground: Ground) -> None:
    """Its renewal of before does not count as what it has now."""
    board = ground.provisioned("box-1")
    ground.provisioned("court-1")
    config = json.loads(board.files["/config.json"])
    board.files["/config.json"] = json.dumps({**config, "hash": config["hash"] + "+"}).encode()
    board.say()
    ((name, what, text),) = ground.differs()
    assert (name, what) == ("box-1", "change")
    assert text == "configuration (changed by an order, perhaps with its Wi-Fi)"
    assert ground.apply() == []
    assert ground.differs() == []
    assert json.loads(board.files["/config.json"]) == config


def test_safe_mode_takes_no_files(ground: Ground) -> None:
    """What differs is not known, and nothing is sent."""
    board = ground.provisioned("box-1")
    ground.provisioned("court-1")
    ground.write(changed("telemetry_s: 30", "telemetry_s: 45", WITH_WIFI))
    board.firmware = "safe"
    board.say()
    found = {one.name: one for one in ground.provider().changes()}
    assert (found["box-1"].what, found["court-1"].what) == ("missing", "change")
    assert f"sportbox update start {ground.file} --bundle FILE --board box-1" in found["box-1"].text
    assert ground.apply() == [f"box-1: {found['box-1'].text}"]
    assert board.parts == []


def test_no_broker(tmp_path: Path) -> None:
    ground = Ground(tmp_path, 9)
    with pytest.raises(Unreachable):
        ground.provider().changes()


def test_five_hundred_boards_take_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ground = Ground(tmp_path, 9)
    site = load_site(ground.file)
    devices = {f"court-{n}": site.devices["court-1"] for n in range(500)}
    site = site.model_copy(update={"devices": devices})
    provider = BoardsProvider(ground.file, site, ground.vault, ground.inventory, Address("127.0.0.1", 9))
    one = Credentials(site, ground.vault, ground.inventory).files("court-0")
    declared = {name: provider.credentials.declared(name) for name in ("court-0",)}["court-0"]
    seen = {
        name: Seen(
            {"config": "0", "keys": list(declared.kids), "cert": serial_of(one["/certs/device.der"])},
            "online",
        )
        for name in devices
    }
    monkeypatch.setattr("host_tools.site.boards_provider.who_is_there", lambda *_: seen)
    start_s = time.process_time()
    found = provider.changes()
    took_s = time.process_time() - start_s
    assert len(found) == 500
    assert took_s < 0.8


def test_the_password_that_counts_is_that_of_the_board_s_own_network(tmp_path: Path) -> None:
    ground = Ground(tmp_path, 9)
    ground.write(
        changed(
            "wifi: {ssid: net, password_secret: wifi-main}",
            "wifi:\n  main: {ssid: net, password_secret: wifi-main}\n"
            "  box: {ssid: other, password_secret: wifi-box}",
            changed("board: box-esp32s3", "board: box-esp32s3\n    wifi: box", WITH_WIFI),
        ).replace("version: 1", "version: 2", 1)
    )
    ground.vault.set_wifi("wifi-box", WIFI_PASSWORD)
    site = load_site(ground.file)

    def digests() -> list[str]:
        credentials = Credentials(site, ground.vault, ground.inventory)
        return [credentials.declared(name).digest for name in ("box-1", "court-1")]

    before = digests()
    ground.vault.set_wifi("wifi-box", WIFI_PASSWORD + " 2")
    after = digests()
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_a_certificate_that_ends_soon_is_renewed(tmp_path: Path) -> None:
    ground = Ground(tmp_path, 9)
    site = load_site(ground.file)
    credentials = Credentials(site, ground.vault, ground.inventory)
    credentials.files("box-1")
    provider = ground.provider()
    (issued,) = provider._certificates.values()
    assert credentials.is_current("box-1", issued)
    assert not credentials.is_current("box-1", replace(issued, authority="x"))
    assert not credentials.is_current("box-1", replace(issued, generation=2))
    assert not credentials.is_current("court-1", issued)
