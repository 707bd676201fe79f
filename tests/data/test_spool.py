"""The spool: each message once, dated as well as can be, in order for each output, bounded."""

import json
import sqlite3
from pathlib import Path

import pytest

from host_tools.collect import Message
from host_tools.data.bridge.database import OWN, Database
from host_tools.data.bridge.dating import HOLD_S
from host_tools.data.bridge.intake import TELEMETRY_S, Intake
from host_tools.data.bridge.spool import Row, Spool
from host_tools.errors import BadInput
from tests.data.played import PlayedBoard, site

NOW_S = 1_780_000_000.0  # 2026-05-28T20:26:40Z
TIME = "2026-05-28T20:00:00Z"


class Clock:
    now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s


class Place:
    """A spool with both of its ends."""

    def __init__(self, folder: Path, messages_max: int = 1_000) -> None:
        self.clock = Clock()
        self.path = folder / "ground.bridge.db"
        self.intake = Intake(self.path, site(folder), self.clock, messages_max)
        self.spool = Spool(self.path, self.clock)
        self.spool.register(["one"])

    def rows(self, output: str = "one") -> list[Row]:
        return self.spool.waiting(output, 1_000)

    def counter(self, name: str, output: str = OWN) -> int:
        row = self.spool.one("SELECT value FROM counters WHERE output = ? AND name = ?", output, name)
        return 0 if row is None else int(row[0])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_each_event_once_in_order(place: Place) -> None:
    box = PlayedBoard("box-1")
    events = [box.event("door-1", "door.opened", {}, TIME) for _ in range(5)]
    place.intake.take(events[:3])
    place.intake.take(events)  # the broker sends again what it has no word of
    assert [row.id for row in place.rows()] == box.said
    assert place.counter("duplicates") == 3
    assert place.rows()[0].time == TIME and place.rows()[0].dated == "board"


def test_the_same_after_it_was_sent_is_still_known(place: Place) -> None:
    event = PlayedBoard("box-1").event("door-1", "door.opened", {}, TIME)
    place.intake.take([event])
    place.spool.done("one", place.rows())
    assert place.spool.one("SELECT count(*) FROM messages") == (0,)
    place.intake.take([event])
    assert place.rows() == []


def test_who_opened_what_stays_at_home(place: Place) -> None:
    data = {"jti": "order-4711", "sub": "citizen-9", "act": "unlock"}
    place.intake.take([PlayedBoard("box-1").event("lock-1", "access.accepted", data, TIME)])
    assert place.rows()[0].body["data"] == {"act": "unlock"}
    kept = place.path.read_bytes() + place.path.with_name(place.path.name + "-wal").read_bytes()
    assert b"order-4711" not in kept and b"citizen-9" not in kept


def test_an_event_without_time_waits_for_one_of_its_boot(place: Place) -> None:
    court = PlayedBoard("court-1")
    changed = {"state": "free", "count": 0, "confidence": 1.0}
    place.intake.take([court.event("court-1", "occupancy.changed", changed, None) for _ in range(3)])
    assert place.rows() == []
    place.intake.take([court.event("device", "device.clock", {"trust": "ntp", "why": "from unknown"}, TIME)])
    assert [(row.id, row.time, row.dated) for row in place.rows()] == [
        (court.said[0], "2026-05-28T19:59:57Z", "boot"),
        (court.said[1], "2026-05-28T19:59:58Z", "boot"),
        (court.said[2], "2026-05-28T19:59:59Z", "boot"),
        (court.said[3], TIME, "board"),
    ]
    place.intake.take([court.event("court-1", "occupancy.changed", changed, None)])  # trust was lost again
    assert place.rows()[-1].time == "2026-05-28T20:00:01Z"


def test_an_event_that_nobody_can_date(place: Place) -> None:
    court = PlayedBoard("court-1")
    changed = {"state": "free", "count": 0, "confidence": 1.0}
    place.intake.take([court.event("court-1", "occupancy.changed", changed, TIME)])
    court.boot = "00c0ffee0002"
    place.intake.take([court.event("court-1", "occupancy.changed", changed, None)])
    assert len(place.rows()) == 1
    place.clock.now_s += HOLD_S
    place.intake.tick()
    row = place.rows()[-1]
    assert (row.time, row.dated, row.after) == ("2026-05-28T20:26:40Z", "arrival", TIME)


def test_a_later_boot_frees_those_of_an_earlier_one(place: Place) -> None:
    box = PlayedBoard("box-1")
    place.intake.take([box.event("door-1", "door.opened", {}, None)])
    box.boot = "00c0ffee0002"
    place.intake.take([box.event("door-1", "door.closed", {}, TIME)])
    assert [row.id for row in place.rows()] == box.said
    assert place.rows()[0].dated == "arrival"


def test_states_are_taken_when_they_change(place: Place) -> None:
    box = PlayedBoard("box-1")
    closed = box.message("door-1/state", json.dumps({"state": "closed", "since": TIME}), retained=True)
    opened = box.message("door-1/state", json.dumps({"state": "open", "since": TIME}))
    place.intake.take([closed, closed, opened, opened, closed])
    assert [row.body["state"] for row in place.rows()] == ["closed", "open", "closed"]
    assert [row.retained for row in place.rows()] == [True, False, True]


def test_figures_are_taken_now_and_then(place: Place) -> None:
    topic = "sportbox/v1/ground/court-1/telemetry"
    for wait_s in (0, 30, TELEMETRY_S - 31, 1):
        place.clock.now_s += wait_s
        place.intake.take([Message(topic, b'{"rssi": -60}', False)])
    assert [row.received_ms for row in place.rows()] == [NOW_S * 1_000, (NOW_S + TELEMETRY_S) * 1_000]


@pytest.mark.parametrize(
    ("topic", "payload", "counted"),
    [
        ("box-1/event", b"no json", 1),
        ("box-1/event", b"[" * 5_000, 1),
        ("box-1/event", b'{"id": "x"}', 1),
        ("box-1/event", b"\xff", 1),
        ("box-1/door-1/state", b'{"state": 1}', 1),
        ("box-1/door-9/state", b'{"state": "open"}', 1),
        ("box-9/availability", b"online", 1),
        ("box-1/availability", b"gone", 1),
        ("box-1/log", b"0.100 info hello", 0),
        ("box-1/cmd", b"a.b.c", 0),
        ("bridge", b"1", 0),
    ],
)
def test_what_is_not_taken(place: Place, topic: str, payload: bytes, counted: int) -> None:
    good = PlayedBoard("box-1").event("door-1", "door.opened", {}, TIME)
    place.intake.take([Message(f"sportbox/v1/ground/{topic}", payload, False), good])
    assert len(place.rows()) == 1
    assert place.counter("malformed") == counted


@pytest.mark.parametrize(
    "change",
    [
        {"data": {"direction": [], "count": 1}},
        {"data": {"direction": "in", "count": "1"}},
        {"data": {"direction": "in", "count": True}},
        {"data": {"direction": "in", "more": {"a": 1}}},
        {"data": {"direction": "in", "confidence": float("nan")}},
        {"data": []},
        {"time": "0001-01-01T00:00:00Z"},
        {"time": "9999-01-01T00:00:00Z"},
        {"time": "2026-13-01T00:00:00Z"},
        {"time": "2026-5-1T0:0:0Z"},
        {"time": None},
        {"time": 1},
        {"uptime": 2**60},
        {"uptime": -1},
        {"seq": True},
        {"bootid": None},
        {"id": "\ud800"},
        {"source": "/ground/box-1"},
        {"type": "other.door.opened"},
    ],
)
def test_whatever_a_board_says_it_stops_nothing(place: Place, change: dict[str, object]) -> None:
    box = PlayedBoard("box-1")
    event = box.event("gate-1", "gate.passed", {"direction": "in", "count": 1}, TIME)
    bad = json.dumps({**json.loads(event.payload), "id": "box-1-other", **change}).encode()
    place.intake.take([Message(event.topic, bad, False), event])
    assert [row.id for row in place.rows()] == box.said
    assert place.counter("malformed") == 1


def test_an_event_of_another_board_is_none(place: Place) -> None:
    forged = PlayedBoard("box-1").event("door-1", "door.opened", {}, TIME)
    place.intake.take([Message(forged.topic.replace("box-1", "court-1"), forged.payload, False)])
    assert place.rows() == [] and place.counter("malformed") == 1


def test_too_much_loses_states_first_and_counts_it(tmp_path: Path) -> None:
    place = Place(tmp_path, messages_max=3)
    place.spool.register(["one", "two"])
    box = PlayedBoard("box-1")
    place.intake.take([box.message("availability", "online")])
    place.spool.done("one", place.rows())
    place.intake.take([box.event("door-1", "door.opened", {}, TIME) for _ in range(4)])
    assert [row.id for row in place.rows()] == box.said[1:]
    assert (place.counter("dropped", "one"), place.counter("dropped", "two")) == (1, 2)


def test_each_output_at_its_own_pace(place: Place) -> None:
    place.spool.register(["one", "two"])
    box = PlayedBoard("box-1")
    place.intake.take([box.event("door-1", "door.opened", {}, TIME) for _ in range(4)])
    place.spool.done("one", place.rows()[:2])
    assert [row.id for row in place.rows()] == box.said[2:]
    assert [row.id for row in place.rows("two")] == box.said
    place.spool.register(["one"])  # the other one is not in the site file any more
    place.spool.done("one", place.rows())
    assert place.spool.one("SELECT count(*) FROM messages") == (0,)


def test_what_was_begun_is_remembered(place: Place) -> None:
    box = PlayedBoard("box-1")
    place.intake.take([box.event("door-1", "door.opened", {}, TIME) for _ in range(4)])
    rows = place.rows()
    assert place.spool.begin("one", rows[1]) == 0
    assert Spool(place.path).begin("one", rows[3]) == rows[1].n


def test_put_aside_and_tried_again(place: Place) -> None:
    box = PlayedBoard("box-1")
    place.intake.take([box.event("door-1", "door.opened", {}, TIME) for _ in range(3)])
    first, *others = place.rows()
    place.spool.bury("one", first, 400, "no")
    place.spool.done("one", others)
    assert place.rows() == []
    assert place.spool.retry_dead() == 1
    assert [row.id for row in place.rows()] == box.said[:1]
    place.spool.done("one", [first])
    assert place.rows() == [] and place.spool.one("SELECT count(*) FROM messages") == (0,)


def test_a_file_of_a_newer_program(tmp_path: Path) -> None:
    path = tmp_path / "new.bridge.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(BadInput, match="newer"):
        Database(path)


def test_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "spool.db").write_bytes(b"x" * 5_000)
    with pytest.raises(BadInput, match="is damaged") as found:
        Database(tmp_path / "spool.db")
    assert "move it away" in str(found.value.hint)
