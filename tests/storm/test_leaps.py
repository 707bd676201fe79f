"""Leaps change nothing that matters: the same plan, with and without them."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from host_tools.sim import layout
from host_tools.sim.flash import read_file
from host_tools.sim.world import FLASH_FILE
from host_tools.storm import play
from host_tools.storm.agenda import BEGIN_US
from host_tools.storm.oracle import judge
from host_tools.storm.trace import Record
from host_tools.storm.weather.plan import Fault, Plan, made
from tests.storm.bare import BareBoard

LATE_S = 2.5
"""A board that does not leap looks around each 2 s, one that does as soon as something happens."""
PHASE_S = 32
"""What such boards learn of a dead connection by their pings, one each 30 to 32 s. Theirs drift apart."""

MIN_US = 60_000_000
Planned = tuple[int, int, str, dict[str, Any]]
FAULTS: list[Planned] = [  # such as draw no numbers: at which minute, for how many seconds
    (20, 0, "jump_wall", {"jump_s": -400_000}),
    (30, 150, "partition", {}),
    (41, 600, "drift", {"ppm": 250}),
    (52, 0, "reset_all", {}),
    (60, 100, "wifi_down", {}),
    (70, 0, "brownout", {}),
    (80, 45, "power_cut", {}),
    (90, 0, "half_open", {}),
]
RADAR_FAULTS: list[Planned] = [
    (4, 100, "radar", {"component": "court-2", "fault": "silent"}),
    (8, 100, "radar", {"component": "court-2", "fault": "ghost"}),
    (12, 100, "radar", {"component": "court-2", "fault": "latched"}),
    (16, 20, "radar", {"component": "court-2", "fault": "garbage"}),
]
TIMES = ("id", "time", "since", "bootid", "nonce", "uptime", "historical", "clock")
FIGURES = ("confidence", "heap_free", "flash_free", "queue")
Told = dict[str, list[tuple[float, str]]]


def told(records: list[Record]) -> Told:
    """What is said, answered and connected, by topic; without figures and times in it. In which order two
    sensors of a court fall free within a tenth of a second is no matter, nor whether network time came before
    the broker."""
    found: Told = {}
    for record in records:
        kind, said = record["kind"], record.get("why", record.get("cause", ""))
        if kind == "publish":
            kind = record["topic"].split("/", 4)[-1]
            said = record["payload"]
            if said.startswith("{"):
                facts = json.loads(said)
                for name in (*TIMES, *FIGURES):
                    facts.pop(name, None)
                    facts.get("data", {}).pop(name, None)
                said = json.dumps(facts, sort_keys=True)
        elif kind not in ("boot", "died", "up", "gone", "protocol", "console"):
            continue
        before = found.setdefault(kind, [])
        if kind not in ("telemetry", "log") and not (
            kind.endswith(("state", "info")) and before and before[-1][1] == said
        ):
            before.append((record["us"] / 1e6, str(said)))
    return found


def planned(board: str, with_faults: bool) -> Plan:
    """People do what they do, but not around a fault. A court with a radar takes long without leaps."""
    has_radar = board == "court-2"
    plan = made("7", 0.75 if has_radar else 2, board, play.config_of(board))
    chosen = [*(RADAR_FAULTS if has_radar else []), *FAULTS] if with_faults else []
    faults = [
        Fault(number, BEGIN_US + at_min * MIN_US, lasts_s * 1_000_000, kind, args)
        for number, (at_min, lasts_s, kind, args) in enumerate(chosen, 1)
        if BEGIN_US + (at_min + 2) * MIN_US < plan.calm_us
    ]
    acts = [
        act
        for act in plan.acts
        if all(act.until_us + MIN_US < f.at_us or act.at_us > f.until_us + 2 * MIN_US for f in faults)
    ]
    return replace(plan, faults=tuple(faults), acts=tuple(acts))


def played(plan: Plan, folder: Path, leaps: bool) -> Told:
    run = play.play(plan.seed, plan.board, plan, folder / str(leaps), leaps)
    assert judge(run.records, run.config, [asdict(fault) for fault in plan.faults]) == []
    return told(run.records)


@pytest.mark.parametrize(
    ("board", "with_faults"),
    [("court-1", False), ("court-1", True), ("box-1", False), ("box-1", True), ("court-2", True)],
)
def test_the_same_is_told(board: str, with_faults: bool, tmp_path: Path) -> None:
    plan = planned(board, with_faults)
    assert plan.acts and bool(plan.faults) == with_faults
    with_leaps, without = (played(plan, tmp_path, leaps) for leaps in (True, False))
    assert with_leaps.keys() == without.keys() >= {"boot", "up", "event", "info"}
    for topic, found in with_leaps.items():
        assert [said for _, said in found] == [said for _, said in without[topic]], topic
        late_s = PHASE_S if with_faults else LATE_S
        assert all(
            abs(at_s - s) <= late_s for (at_s, _), (s, _) in zip(found, without[topic], strict=True)
        ), topic


def at_rest(folder: Path, name: str) -> Iterator[BareBoard]:
    made = BareBoard(folder, name)
    made.board.restore()
    made.run(700)
    yield made
    made.end()


@pytest.fixture
def field(tmp_path: Path) -> Iterator[BareBoard]:
    yield from at_rest(tmp_path, "court-1")


@pytest.fixture
def court(tmp_path: Path) -> Iterator[BareBoard]:
    """One with a radar."""
    yield from at_rest(tmp_path, "court-2")


def jumps_s(board: BareBoard, since_us: int) -> list[float]:
    """When it told that its wall clock had jumped."""
    told = [r["us"] for r in board.of("publish") if '"wall clock jumped"' in r["payload"]]
    return [(us - since_us) / 1e6 for us in told]


def test_pings_are_leapt_over_and_the_connection_stands(field: BareBoard) -> None:
    before = field.board.frames
    field.run(3 * 3600)
    assert field.board.frames - before < 3 * 60  # two or three for each of 120 pings an hour
    assert not field.of("gone")
    began_us = field.agenda.now_us
    field.later(1800, setattr, field.net, "partition", True)
    field.run(1800 + 100)
    (gone,) = field.of("gone")
    assert gone["why"] == "keepalive"
    assert 60 <= (gone["us"] - began_us) / 1e6 - 1800 <= 91  # a keepalive and a half after the last ping


def test_what_the_network_does_in_a_leap_is_seen_at_once(field: BareBoard) -> None:
    begin_us = field.agenda.now_us
    field.later(123.456, field.net.reset_all)
    field.later(223.456, field.board.jump_wall, 86400)
    field.run(300)
    again = field.of("up")[1]
    assert (again["us"] - begin_us) / 1e6 < 125
    assert 223 < jumps_s(field, begin_us)[0] < 226


def test_after_a_leap_that_was_cut_short_the_board_looks_around(field: BareBoard) -> None:
    """What happens soon after something else is not leapt over."""
    begin_us = field.agenda.now_us
    field.later(100, lambda: None)
    field.later(100.7, field.board.jump_wall, 86400)
    field.run(250)
    assert 100 < jumps_s(field, begin_us)[0] < 103


def states_of(court: BareBoard, since_us: int) -> list[tuple[float, str]]:
    """What the court said that it is, and how many seconds later."""
    return [
        ((record["us"] - since_us) / 1e6, json.loads(record["payload"])["state"])
        for record in court.of("publish")
        if record["topic"].endswith("court-2/state") and record["us"] > since_us
    ]


def test_a_court_with_a_radar_leaps_while_that_says_the_same(court: BareBoard) -> None:
    begin_us, before = court.agenda.now_us, court.board.frames
    court.run(3600)
    assert court.board.frames - before < 150
    assert not court.of("gone") and not states_of(court, begin_us)
    assert json.loads(court.published("telemetry")[-1])["task_restarts"] == 0


def test_whom_only_the_radar_sees_is_seen_out_of_a_leap(court: BareBoard) -> None:
    begin_us = court.agenda.now_us
    radar = court.view.world.record(layout.RADAR, layout.RADAR_FIELDS)
    court.later(123.456, lambda: radar.put(target=3, distance_cm=230, moving=60, standing=60))
    court.later(723.456, lambda: radar.put(target=0, distance_cm=0, moving=3, standing=3))
    court.run(900)
    (came_s, came), (left_s, left) = [s for s in states_of(court, begin_us) if s[1] != "unknown"]
    assert came == "occupied" and 123.4 < came_s < 125
    hold_s = court.config["components"]["court-2"]["hold_ms"] / 1000
    assert left == "free" and 723 + hold_s < left_s < 727 + hold_s


def test_a_radar_that_falls_silent_in_a_leap_is_missed_in_time(court: BareBoard) -> None:
    begin_us = court.agenda.now_us
    radar = court.view.world.record(layout.RADAR, layout.RADAR_FIELDS)
    court.later(100, setattr, radar, "fault", layout.RADAR_FAULTS.index("silent"))
    court.run(200)
    lost_s = [
        (record["us"] - begin_us) / 1e6 - 100
        for record in court.of("publish")
        if record["topic"].endswith("court-2/state") and '"lost"' in record["payload"]
    ]
    silent_s = court.config["components"]["court-2"]["silent_ms"] / 1000
    assert silent_s - 0.2 < lost_s[0] < silent_s + 1.5


def test_a_board_that_leaps_from_one_vain_attempt_to_the_next_does_not_think_itself_stuck(
    tmp_path: Path,
) -> None:
    """It would note it on its flash, for after the watchdog's bite."""
    bare = BareBoard(tmp_path, "box-1", seed="b")
    notes = []
    try:
        bare.board.restore()
        bare.run(100)
        bare.broker.freeze()
        for _ in range(100):
            bare.run(3)
            notes.append(read_file(bare.folder / FLASH_FILE, "/data/crash"))
    finally:
        bare.end()
    assert not any(notes)
