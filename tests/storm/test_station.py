"""A station that is wrong about itself, and an address that comes and goes, on virtual time."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.sim import layout
from host_tools.sim.flash import read_file
from host_tools.sim.world import FLASH_FILE
from host_tools.storm.network.servers import DNS_PORT
from host_tools.storm.oracle.spans import HEALED_US, Faults
from host_tools.storm.trace import Record
from host_tools.storm.weather.menu import LEASES, RADIOS, STATUSES
from tests.storm.bare import BareBoard
from tests.storm.one_board import BrokerBench


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[BareBoard]:
    made = BareBoard(tmp_path, "court-1")
    made.board.restore()
    made.run(5)
    assert len(made.of("up")) == 1
    yield made
    made.end()


def says(bare: BareBoard, fault: str) -> None:
    bare.view.world.set_wifi_fault(fault)
    bare.view.world.ring()


def test_it_is_away_for_as_long_as_that_lasts(bare: BareBoard) -> None:
    lasting = ("wrong_password", "no_ap", "state_error", "no_address", "lease_lost", *RADIOS)
    for times, fault in enumerate(lasting, 1):
        says(bare, fault)
        bare.run(95)  # a keepalive and a half, and a little
        assert len(bare.of("up")) == len(bare.of("gone")) == times, fault
        says(bare, "ok")
        bare.run(60)
        assert len(bare.of("up")) == times + 1, fault
    assert json.loads(bare.published("telemetry")[-1])["task_restarts"] == 0


@pytest.mark.parametrize("fault", ["connected", "connecting"])
def test_what_joining_anew_heals_is_healed(bare: BareBoard, fault: str) -> None:
    """It lasts until the board does something about it."""
    begin_us = bare.agenda.now_us
    says(bare, fault)
    bare.run(HEALED_US["wifi_status", fault] / 1_000_000)
    up, again = bare.of("up")
    assert HEALED_US["wifi_status", fault] > again["us"] - begin_us > 20_000_000
    assert bare.view.world.get("wifi_fault") == 0 and bare.of("gone")[0]["us"] > up["us"]


def test_a_board_that_starts_with_a_lost_lease_asks_for_one(bare: BareBoard) -> None:
    says(bare, "lease_lost")
    bare.board.brownout()
    bare.run(10)
    assert bare.view.world.get("wifi_fault") == layout.WIFI_NO_ADDRESS
    says(bare, "ok")
    bare.run(20)
    assert len(bare.of("up")) == 2


@pytest.mark.parametrize("fault", RADIOS)
def test_a_board_starts_though_its_radio_does_not(bare: BareBoard, fault: str, tmp_path: Path) -> None:
    """It keeps what it sees, and tells it when the radio has come to its senses."""
    says(bare, fault)
    bare.board.brownout()
    bare.run(60)
    bare.view.set("court-1", "occupied")
    bare.run(240)
    assert len(bare.of("up")) == 1 and len(bare.of("boot")) == 2
    says(bare, "ok")
    bare.run(40)
    assert len(bare.of("up")) == 2
    told = [json.loads(text) for text in bare.published("event")]
    assert "occupied" in [event["data"].get("state") for event in told]
    kept = read_file(tmp_path / "court-1" / FLASH_FILE, "/data/log")
    assert kept is not None and kept.count(b"no radio: Wifi") == 1, "however often it was tried"
    assert json.loads(bare.published("telemetry")[-1])["task_restarts"] == 0


def test_another_address_ends_connections_and_only_the_board_knows() -> None:
    bench = BrokerBench()
    sock = bench.online(keepalive_s=10)
    asked = bench.ask(DNS_PORT, b"?" * 20)
    bench.net.address_lost()
    bench.run(10_000_000)
    assert bench.told(sock)[-1] == "error 113"
    assert bench.told(asked) == [] and not bench.noted("gone")
    bench.run(10_000_000)
    assert bench.whys() == ["keepalive"]
    bench.online()
    assert len(bench.noted("up")) == 2


def test_all_that_a_station_can_say_is_drawn() -> None:
    assert {"ok", *STATUSES, *LEASES, *RADIOS} == set(layout.WIFI_FAULTS)


def test_the_oracle_waits_for_what_the_board_heals_and_no_longer() -> None:
    def spans(says: str) -> list[int]:
        records: list[Record] = [
            {"us": us, "kind": "fault", "number": 1, "name": "wifi_status", "on": on, "args": {"says": says}}
            for us, on in ((0, True), (10**9, False))
        ]
        return [span.end_us for span in Faults.read(records, [], 0).of("network")]

    assert spans("connected") == [HEALED_US["wifi_status", "connected"]]
    assert spans("no_ap") == [10**9]
