"""The SensorThings output: entities and observations by OGC 18-088, each once whatever the service does."""

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools.collect import Message
from host_tools.data.bridge.http import Credentials, Http
from host_tools.data.bridge.intake import Intake
from host_tools.data.bridge.pump import Pump
from host_tools.data.bridge.sensorthings.entities import entities
from host_tools.data.bridge.sensorthings.output import SensorThings
from host_tools.data.bridge.sensorthings.streams import BOARD, OF_BOARD, OF_KIND, kind_of, seen_in
from host_tools.data.bridge.spool import Row, Spool
from host_tools.data.events import EVENTS, source_pattern
from host_tools.data.messages import STATES
from host_tools.retry import Backoff
from host_tools.setup.paths import REPOSITORY
from host_tools.site.load import load_site
from host_tools.site.models import Site
from host_tools.site.sections import Position
from tests.brokers import wait_until
from tests.data.played import PlayedBoard, site
from tests.data.service import Service
from tests.data.things import Things

TIME = "2026-05-28T20:00:00Z"
NOW_S = 1_780_000_000.0
FREE = {"state": "free", "count": 0, "confidence": 1.0}
SECRET = "very-secret-token"


def clock() -> float:
    return NOW_S


class Way:
    """From the broker's side to the service."""

    def __init__(self, folder: Path) -> None:
        self.things = Things()
        self.service = Service(self.things)
        self.path = folder / "ground.bridge.db"
        self.site = site(folder)
        self.intake = Intake(self.path, self.site, clock)
        self.said: list[str] = []
        Spool(self.path).register(["sensorthings"])

    def take(self, *messages: Message) -> None:
        self.intake.take(messages)

    def pump(self, of: Site | None = None, timeout_s: float = 5.0) -> str | None:
        """A new program each time, until nothing is left or something is wrong."""
        http = Http(f"{self.service.url}/v1.1/", Credentials(None, SECRET), timeout_s=timeout_s)
        of = of or self.site
        assert of.position is not None
        spool = Spool(self.path)
        pump = Pump(
            spool,
            SensorThings(of, of.position, http),
            threading.Event(),
            self.said.append,
            once=True,
            backoff=Backoff(0, 0),
        )
        pump.run()
        http.close()
        spool.close()
        return pump.problem

    def serve(self, until: Callable[[], bool]) -> None:
        """As the service does it, with short pauses."""
        stop = threading.Event()
        http = Http(f"{self.service.url}/v1.1/", Credentials(), timeout_s=5)
        assert self.site.position is not None
        output = SensorThings(self.site, self.site.position, http)

        def work() -> None:
            Pump(Spool(self.path), output, stop, self.said.append, backoff=Backoff(0, 0)).run()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            wait_until(until, "what was to come")
        finally:
            stop.set()
            thread.join()
            http.close()

    def ids(self, stream: str) -> list[str]:
        return [one["parameters"]["id"] for one in self.things.observations(stream)]


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Way]:
    found = Way(tmp_path)
    yield found
    found.service.close()
    assert SECRET not in " ".join(found.said)


def test_the_entities_of_a_site(way: Way) -> None:
    assert way.pump() is None
    assert way.things.wrong == []
    things = way.things.sets
    assert {one["name"] for one in things["Things"].values()} == {"ground/box-1", "ground/court-1"}
    court = way.things.named("Datastreams", "ground/court-1/court-1/count")
    assert court["observationType"].endswith("OM_CountObservation")
    assert court["description"].startswith("Basketball: ")
    assert way.things.named("Things", "ground/box-1")["Locations"]
    (place,) = things["Locations"].values()
    assert place["location"]["coordinates"] == [12.14, 54.09]  # GeoJSON: longitude first
    asked = way.service.asked[0]
    assert asked.headers["authorization"] == f"Bearer {SECRET}"


def test_a_second_start_makes_nothing_twice(way: Way) -> None:
    way.pump()
    before = {name: len(found) for name, found in way.things.sets.items()}
    way.service.asked.clear()
    way.pump()
    assert way.service.asked == []  # all is known by heart
    way.path.unlink()
    Spool(way.path).register(["sensorthings"])
    way.pump()  # the spool was lost: all is found by its key
    assert {name: len(found) for name, found in way.things.sets.items()} == before


def test_what_the_site_file_changes_is_changed_there(way: Way, tmp_path: Path) -> None:
    way.pump()
    devices = dict(way.site.devices)
    devices["box-1"] = devices["box-1"].model_copy(update={"title": "New box"})
    way.service.asked.clear()
    way.pump(way.site.model_copy(update={"devices": devices}))
    assert {one.method for one in way.service.changing()} == {"PATCH"}
    assert way.things.named("Things", "ground/box-1")["description"] == "New box, Sports ground"


@pytest.mark.parametrize("path", sorted((REPOSITORY / "sites").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_entities_of_the_sample_sites(path: Path) -> None:
    found = list(entities(load_site(path), Position(latitude=54.0, longitude=12.0)))
    assert len({one.key for one in found}) == len(found)
    assert set(OF_KIND) == set(STATES)


def test_an_event_and_what_it_says(way: Way) -> None:
    court = PlayedBoard("court-1")
    busy = {"state": "occupied", "count": 4, "confidence": 0.75}
    way.take(court.event("court-1", "occupancy.changed", busy, TIME, historical=True))
    assert way.pump() is None and way.things.wrong == []
    (event,) = way.things.observations("ground/court-1/court-1/event")
    assert event["result"] == {"type": "sportbox.occupancy.changed", "data": busy}
    assert event["phenomenonTime"] == event["resultTime"] == TIME
    assert event["parameters"] == {
        "id": court.said[0],
        "dated": "board",
        "received": "2026-05-28T20:26:40Z",
        "seq": 1,
        "uptime": 1,
        "bootid": court.boot,
        "historical": True,
    }
    for name, result in (("state", "occupied"), ("count", 4), ("confidence", 0.75)):
        (one,) = way.things.observations(f"ground/court-1/court-1/{name}")
        assert one["result"] == result and one["resultTime"] == TIME


def test_gates_doors_and_boards(way: Way) -> None:
    box = PlayedBoard("box-1")
    way.take(
        box.event("gate-1", "gate.passed", {"direction": "in", "count": 3}, TIME),
        box.event("gate-1", "gate.passed", {"direction": "out", "count": None}, TIME),
        box.event("door-1", "door.forced", {"alarm": True}, TIME),
        box.event("device", "device.battery", {"level": "low", "mv": 3400, "shed": []}, TIME),
        box.event("device", "device.tamper", {"open": True}, TIME),
        box.event("access", "access.rejected", {"jti": None, "sub": "", "reason": "key"}, TIME),
        box.message("availability", "offline"),
        Message("sportbox/v1/ground/box-1/telemetry", b'{"rssi": -61, "temperature": 20.5}', False),
        box.message("availability", "online", retained=True),  # when that was nobody knows
    )
    assert way.pump() is None and way.things.wrong == []

    def results(stream: str) -> list[Any]:
        return [one["result"] for one in way.things.observations(f"ground/box-1/{stream}")]

    assert results("gate-1/in") == [1] and results("gate-1/out") == [1] and results("gate-1/count") == [3]
    assert results("door-1/state") == ["forced"]
    assert results("device/battery") == [3400]
    assert results("device/housing") == ["open"]
    assert results("device/presence") == ["offline"]
    assert results("device/rssi") == [-61] and results("device/temperature") == [20.5]
    assert [one["type"] for one in results("device/event")][-1] == "sportbox.access.rejected"


def test_without_a_time(way: Way) -> None:
    court = PlayedBoard("court-1")
    way.take(
        court.event("court-1", "occupancy.changed", FREE, TIME),
        court.event("court-1", "occupancy.changed", FREE, None),
    )
    court.boot = "00c0ffee0002"
    way.take(court.event("court-1", "occupancy.changed", FREE, None))
    court.boot = "00c0ffee0003"
    way.take(court.event("device", "device.booted", {"boot": 3, "reset": "soft", "firmware": "1"}, TIME))
    assert way.pump() is None and way.things.wrong == []
    found = way.things.observations("ground/court-1/court-1/event")
    assert [(one["phenomenonTime"], one.get("resultTime")) for one in found] == [
        (TIME, TIME),
        ("2026-05-28T20:00:01Z", None),
        (f"{TIME}/2026-05-28T20:26:40Z", None),
    ]


def test_a_lost_answer_makes_no_double(way: Way) -> None:
    way.pump()
    court = PlayedBoard("court-1")
    way.take(*[court.event("court-1", "occupancy.changed", FREE, TIME) for _ in range(5)])
    way.service.fail(lose=True)
    assert way.pump() is not None
    way.service.fail(lose=True)
    assert way.pump() is not None
    assert way.pump() is None
    for stream in ("event", "state", "count", "confidence"):
        assert way.ids(f"ground/court-1/court-1/{stream}") == court.said


def test_a_slow_answer_makes_no_double(way: Way) -> None:
    way.pump()
    court = PlayedBoard("court-1")
    way.take(*[court.event("court-1", "occupancy.changed", FREE, TIME) for _ in range(2)])
    way.service.fail(slow=True)
    assert way.pump(timeout_s=0.3) is not None
    assert way.pump() is None
    assert way.ids("ground/court-1/court-1/event") == court.said


def test_a_lost_answer_to_a_new_entity_makes_no_double(way: Way) -> None:
    for _ in range(4):
        way.service.fail(lose=True)
        assert way.pump() is not None
    assert way.pump() is None
    for found in way.things.sets.values():
        names = [one["name"] for one in found.values()]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 503}, {"status": 429}, {"cut": True}])
def test_what_passes_is_tried_again(way: Way, fault: dict[str, Any]) -> None:
    way.pump()
    court = PlayedBoard("court-1")
    way.take(*[court.event("court-1", "occupancy.changed", FREE, TIME) for _ in range(3)])
    way.service.fail(**fault)
    problem = way.pump()
    assert problem is not None and problem in way.said[-1]
    assert way.pump() is None
    assert way.ids("ground/court-1/court-1/event") == court.said


def test_one_that_is_refused_is_put_aside(way: Way) -> None:
    way.pump()
    court = PlayedBoard("court-1")
    way.take(*[court.event("court-1", "occupancy.changed", FREE, TIME) for _ in range(3)])
    way.service.fail(status=422)
    assert way.pump() is None
    assert way.ids("ground/court-1/court-1/event") == court.said[1:]
    spool = Spool(way.path)
    assert spool.one("SELECT n, status, reason FROM dead") == (1, 422, '{"message": "on order"}')
    spool.retry_dead()
    assert way.pump() is None
    assert sorted(way.ids("ground/court-1/court-1/event")) == sorted(court.said)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 301])
def test_who_is_not_let_in_loses_nothing(way: Way, status: int) -> None:
    way.pump()
    court = PlayedBoard("court-1")
    way.take(court.event("court-1", "occupancy.changed", FREE, TIME))
    way.service.fail(
        times=2 if status == 404 else 1, status=status, headers=(("Location", "http://127.0.0.1:1/"),)
    )
    assert str(status) in (way.pump() or "")
    assert way.pump() is None
    assert way.ids("ground/court-1/court-1/event") == court.said


def test_a_service_that_has_lost_everything(way: Way) -> None:
    way.pump()
    way.things.lose_all()
    court = PlayedBoard("court-1")
    way.take(court.event("court-1", "occupancy.changed", FREE, TIME))
    assert way.pump() is None
    assert way.ids("ground/court-1/court-1/event") == court.said


def test_a_service_that_is_not_there(way: Way) -> None:
    way.pump()
    court = PlayedBoard("court-1")
    way.take(court.event("court-1", "occupancy.changed", FREE, TIME))
    way.service.down = True
    assert way.pump() is not None
    way.service.down = False
    assert way.pump() is None
    assert way.ids("ground/court-1/court-1/event") == court.said


def test_a_conflict_is_what_is_there_already(way: Way) -> None:
    way.pump()
    court = PlayedBoard("court-1")
    way.take(court.event("court-1", "occupancy.changed", FREE, TIME))
    way.service.fail(status=409)
    assert way.pump() is None
    assert Spool(way.path).one("SELECT status FROM dead") == (409,)


def test_one_that_breaks_the_service_does_not_stop_the_others(way: Way) -> None:
    way.pump()
    court = PlayedBoard("court-1")
    way.take(*[court.event("court-1", "occupancy.changed", FREE, TIME) for _ in range(4)])
    way.things.poison.add(court.said[1])
    way.serve(lambda: len(way.ids("ground/court-1/court-1/confidence")) == 3)
    assert way.ids("ground/court-1/court-1/event") == [court.said[n] for n in (0, 2, 3)]
    assert Spool(way.path).one("SELECT n, status FROM dead") == (2, 500)


def test_a_service_that_is_broken_itself_loses_nothing(way: Way) -> None:
    way.pump()
    court = PlayedBoard("court-1")
    way.take(*[court.event("court-1", "occupancy.changed", FREE, TIME) for _ in range(4)])
    way.service.fail(times=50, status=500)
    way.serve(lambda: len(way.ids("ground/court-1/court-1/confidence")) == 4)
    assert way.ids("ground/court-1/court-1/event") == court.said
    assert Spool(way.path).one("SELECT count(*) FROM dead") == (0,)


def test_every_stream_is_filled_by_some_event() -> None:
    """Else a platform shows a stream in which nothing will ever be."""
    filled = set()
    for kind in EVENTS:
        for data in EVENT_DATA:
            for component in [*(f"{name}-1" for name in OF_KIND), BOARD]:
                if re.fullmatch(source_pattern(kind), f"/ground/box-1/{component}"):
                    body = {"type": f"sportbox.{kind}", "data": data}
                    row = Row(1, "event", "box-1", component, "x", body, 0, False, TIME, "board", None)
                    filled |= {(kind_of(one.component) or BOARD, one.stream.name) for one in seen_in(row)}
    filled |= {(BOARD, name) for name in ("presence", "rssi", "temperature")}  # not from events
    declared = {(name, stream.name) for name, streams in OF_KIND.items() for stream in streams}
    assert filled == declared | {(BOARD, stream.name) for stream in OF_BOARD}


EVENT_DATA: list[dict[str, Any]] = [
    {"state": "free", "count": 1, "confidence": 0.5, "direction": "in", "mv": 3_500},
    {"state": "free", "count": 1, "confidence": 0.5, "direction": "out", "mv": 3_500},
]
