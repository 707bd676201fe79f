"""The NGSI-LD output: entities by ETSI GS CIM 009 and smart data models, the same however often sent."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools.collect import Message
from host_tools.data.bridge.http import Credentials, Http
from host_tools.data.bridge.intake import Intake
from host_tools.data.bridge.ngsi.entities import CONTROLLED, Entities
from host_tools.data.bridge.ngsi.output import NgsiLd
from host_tools.data.bridge.pump import Pump
from host_tools.data.bridge.spool import Spool
from host_tools.data.messages import STATES
from host_tools.retry import Backoff
from tests.data.broker_ld import BrokerLd
from tests.data.played import PlayedBoard, site
from tests.data.service import Service

BOX = "urn:ngsi-ld:Device:ground:box-1"
COURT = "urn:ngsi-ld:CrowdFlowObserved:ground:court-1:court-1"
GATE = "urn:ngsi-ld:CrowdFlowObserved:ground:box-1:gate-1"


class Way:
    def __init__(self, folder: Path) -> None:
        self.broker = BrokerLd()
        self.service = Service(self.broker)
        self.path = folder / "ground.bridge.db"
        self.site = site(folder)
        self.intake = Intake(self.path, self.site, lambda: 1_780_000_000.0)
        Spool(self.path).register(["ngsi_ld"])

    def take(self, *messages: Message) -> None:
        self.intake.take(messages)

    def pump(self) -> str | None:
        http = Http(self.service.url, Credentials(None, "token"), {"NGSILD-Tenant": "city"}, timeout_s=5)
        spool = Spool(self.path)
        output = NgsiLd(Entities(self.site, {"court-1": (3_300, 3_700)}), http)
        pump = Pump(spool, output, threading.Event(), lambda text: None, once=True, backoff=Backoff(0, 0))
        pump.run()
        http.close()
        spool.close()
        return pump.problem


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Way]:
    found = Way(tmp_path)
    yield found
    found.service.close()


def at(minute: int, hour: int = 20) -> str:
    return f"2026-05-28T{hour:02}:{minute:02}:00Z"


def occupancy(state: str, count: int | None) -> dict[str, Any]:
    return {"state": state, "count": count, "confidence": 0.9}


def test_a_board(way: Way) -> None:
    box = PlayedBoard("box-1")
    info = {"firmware": "0.1.0", "micropython": "1.29.0", "board": "box-esp32s3", "mac": "02:00:00:00:00:01"}
    way.take(
        Message("sportbox/v1/ground/box-1/info", json.dumps(info).encode(), True),
        box.message("availability", "online"),
        Message("sportbox/v1/ground/box-1/telemetry", b'{"rssi": -61, "battery": null}', False),
        Message("sportbox/v1/ground/court-1/telemetry", b'{"rssi": -70, "battery": 3500}', False),
    )
    assert way.pump() is None and way.broker.wrong == []
    found = way.broker.now(BOX)
    assert found == {
        "id": BOX,
        "type": "Device",
        "name": "Box",
        "category": ["sensor", "actuator"],
        "controlledProperty": ["gateOpening", "movementActivity"],
        "controlledAsset": [GATE],
        "location": {"type": "Point", "coordinates": [12.14, 54.09]},
        "firmwareVersion": "0.1.0",
        "softwareVersion": "1.29.0",
        "hardwareVersion": "box-esp32s3",
        "macAddress": ["02:00:00:00:00:01"],
        "deviceState": "online",
        "rssi": -61,
        "dateLastValueReported": "2026-05-28T20:26:40Z",
    }
    assert way.broker.now(BOX.replace("box-1", "court-1"))["batteryLevel"] == 0.5
    asked = way.service.asked[0]
    assert asked.headers["ngsild-tenant"] == "city" and asked.headers["authorization"] == "Bearer token"
    assert len(way.service.asked) == 1  # all in one
    assert set(CONTROLLED) == set(STATES)


def test_people_on_a_court(way: Way) -> None:
    court = PlayedBoard("court-1")
    way.take(
        court.event("court-1", "occupancy.changed", occupancy("occupied", 4), at(1)),
        court.event("court-1", "occupancy.changed", occupancy("free", 0), at(2)),
    )
    assert way.pump() is None and way.broker.wrong == []
    assert way.broker.was(COURT, "peopleCount") == [4, 0]
    assert way.broker.was(COURT, "occupancy") == [1, 0]
    assert way.broker.now(COURT)["dateObserved"] == at(2)
    way.take(court.event("court-1", "occupancy.changed", occupancy("unknown", None), at(3)))
    assert way.pump() is None
    assert not {"peopleCount", "occupancy"} & set(way.broker.now(COURT))  # nobody knows, so nothing is said


def test_what_is_older_does_not_come_back(way: Way) -> None:
    court = PlayedBoard("court-1")
    state = {**occupancy("occupied", 4), "since": at(9)}
    way.take(
        court.message("court-1/state", json.dumps(state), retained=True),
        court.event("court-1", "occupancy.changed", occupancy("free", 0), at(5), historical=True),
        court.event("court-1", "occupancy.changed", occupancy("occupied", 4), at(9), historical=True),
    )
    assert way.pump() is None
    assert way.broker.was(COURT, "peopleCount") == [4, 4]


def test_a_clock_that_was_wrong_does_not_keep_the_truth_away(way: Way) -> None:
    court = PlayedBoard("court-1")
    changed = occupancy("occupied", 4)
    way.take(court.event("court-1", "occupancy.changed", changed, "2036-01-01T00:00:00Z"))
    way.take(court.event("court-1", "occupancy.changed", occupancy("free", 0), at(5)))
    assert way.pump() is None
    assert way.broker.was(COURT, "peopleCount") == [4, 0]


def test_a_state_of_a_board_without_a_clock_is_that_of_now(way: Way) -> None:
    court = PlayedBoard("court-1")
    state = {**occupancy("occupied", 4), "since": None}
    way.take(court.event("court-1", "occupancy.changed", occupancy("free", 0), at(5)))
    way.take(court.message("court-1/state", json.dumps(state), retained=True))
    way.take(court.event("court-1", "occupancy.changed", occupancy("free", 0), at(6)))
    assert way.pump() is None
    assert way.broker.was(COURT, "peopleCount") == [0, 4, 0]


def test_nobody_is_lost_between_two_clocks(way: Way) -> None:
    box = PlayedBoard("box-1")
    for minute, hour in ((59, 20), (0, 21), (59, 20)):
        way.take(box.event("gate-1", "gate.passed", {"direction": "in", "count": 1}, at(minute, hour)))
    assert way.pump() is None
    assert way.broker.was(f"{GATE}:inbound", "peopleCount") == [1, 1, 2]


def test_the_last_will_is_not_the_boards_word(way: Way) -> None:
    way.take(PlayedBoard("box-1").message("availability", "offline"))
    assert way.pump() is None
    found = way.broker.now(BOX)
    assert found["deviceState"] == "offline" and "dateLastValueReported" not in found


def test_passages_by_hour_and_direction(way: Way) -> None:
    box = PlayedBoard("box-1")
    for minute, direction, count in ((1, "in", 1), (2, "in", 2), (3, "out", 1), (4, "in", 2)):
        data = {"direction": direction, "count": count}
        way.take(box.event("gate-1", "gate.passed", data, at(minute)))
    way.take(box.event("gate-1", "gate.passed", {"direction": "in", "count": 3}, at(5, hour=21)))
    assert way.pump() is None and way.broker.wrong == []
    assert way.broker.was(f"{GATE}:inbound", "peopleCount") == [1, 2, 3, 1]
    assert way.broker.was(f"{GATE}:outbound", "peopleCount") == [1]
    found = way.broker.now(f"{GATE}:inbound")
    assert found["direction"] == "inbound"
    assert (found["dateObservedFrom"], found["dateObservedTo"]) == (at(0, 21), at(5, 21))
    assert found["dateObserved"] == f"{at(0, 21)}/{at(5, 21)}"
    assert way.broker.now(GATE)["peopleCount"] == 3


@pytest.mark.parametrize("fault", [{"lose": True}, {"cut": True}, {"status": 500}, {"status": 401}])
def test_whatever_happens_the_count_is_right(way: Way, fault: dict[str, Any]) -> None:
    box = PlayedBoard("box-1")
    for minute in range(6):
        way.take(box.event("gate-1", "gate.passed", {"direction": "in", "count": minute + 1}, at(minute)))
    for _ in range(3):
        way.service.fail(**fault)
        assert way.pump() is not None
    assert way.pump() is None and way.broker.wrong == []
    assert way.broker.now(f"{GATE}:inbound")["peopleCount"] == 6
    assert sorted(set(way.broker.was(f"{GATE}:inbound", "peopleCount"))) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("times", [1, 2])
def test_one_that_is_refused_is_put_aside(way: Way, times: int) -> None:
    """Refused with others it is tried alone; what was put aside is not counted as sent."""
    way.take(
        PlayedBoard("box-1").message("availability", "online"),
        PlayedBoard("court-1").message("availability", "online"),
    )
    way.service.fail(times=times, status=400)
    assert way.pump() is None
    (dead,) = Spool(way.path).one("SELECT count(*) FROM dead")
    assert dead == times - 1
    assert len(way.broker.entities) == 3 - times


def test_a_part_that_is_refused(way: Way) -> None:
    way.broker.poison[BOX] = 400
    way.take(
        PlayedBoard("court-1").message("availability", "online"),
        PlayedBoard("box-1").message("availability", "online"),
        PlayedBoard("court-1").message("availability", "offline"),
    )
    assert way.pump() is None
    assert Spool(way.path).one("SELECT n, status, reason FROM dead") == (2, 400, "on order")
    assert way.broker.now(BOX.replace("box-1", "court-1"))["deviceState"] == "offline"


def test_a_part_that_cannot_be_done_now(way: Way) -> None:
    way.broker.poison[BOX] = 503
    way.take(PlayedBoard("box-1").message("availability", "online"))
    assert "503" in (way.pump() or "")
    way.broker.poison.clear()
    assert way.pump() is None
    assert way.broker.now(BOX)["deviceState"] == "online"
