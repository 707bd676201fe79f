"""Leaps change nothing that matters: the same plan, with and without them."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from host_tools.storm import play
from host_tools.storm.agenda import BEGIN_US
from host_tools.storm.oracle import judge
from host_tools.storm.trace import Record
from host_tools.storm.weather.plan import Fault, Plan, made
from tests.storm.bare import BareBoard

LATE_S = 2.5
"""A board that does not leap looks around each 2 s, one that does as soon as something happens."""
PHASE_S = 9
"""So far the pings of two such boards drift apart, and what the broker misses with them: each ping waits for
a look. A pause between two attempts is another draw."""

MIN_US = 60_000_000
FAULTS = [  # such as draw no numbers: at which minute, for how many seconds
    (20, 0, "jump_wall", {"jump_s": -400_000}),
    (30, 150, "partition", {}),
    (41, 600, "drift", {"ppm": 250}),
    (52, 0, "reset_all", {}),
    (60, 100, "wifi_down", {}),
    (70, 0, "brownout", {}),
    (80, 45, "power_cut", {}),
    (90, 0, "half_open", {}),
]
Told = dict[str, list[tuple[float, str]]]


def told(records: list[Record]) -> Told:
    """What is said, answered and connected, by topic; without figures and times in it."""
    found: Told = {}
    for record in records:
        kind, said = record["kind"], record.get("why", record.get("cause", ""))
        if kind == "publish":
            kind = record["topic"].split("/", 4)[-1]
            said = record["payload"]
            if said.startswith("{"):
                facts = json.loads(said)
                for name in ("id", "time", "since", "bootid", "nonce", "uptime", "historical"):
                    facts.pop(name, None)
                for name in ("heap_free", "flash_free", "queue"):
                    facts.get("data", {}).pop(name, None)
                said = json.dumps(facts, sort_keys=True)
        elif kind not in ("boot", "died", "up", "gone", "protocol", "console"):
            continue
        if kind not in ("telemetry", "log"):
            found.setdefault(kind, []).append((record["us"] / 1e6, str(said)))
    return found


def planned(board: str, with_faults: bool) -> Plan:
    """People do what they do, but not around a fault."""
    plan = made("7", 2, board, play.config_of(board))
    faults = [
        Fault(number, BEGIN_US + at_min * MIN_US, lasts_s * 1_000_000, kind, args)
        for number, (at_min, lasts_s, kind, args) in enumerate(FAULTS if with_faults else [], 1)
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


@pytest.mark.parametrize("with_faults", [False, True])
@pytest.mark.parametrize("board", ["court-1", "box-1"])
def test_the_same_is_told(board: str, with_faults: bool, tmp_path: Path) -> None:
    plan = planned(board, with_faults)
    assert plan.acts
    with_leaps, without = (played(plan, tmp_path, leaps) for leaps in (True, False))
    assert with_leaps.keys() == without.keys() >= {"boot", "up", "event", "info"}
    for topic, found in with_leaps.items():
        assert [said for _, said in found] == [said for _, said in without[topic]], topic
        late_s = PHASE_S if with_faults else LATE_S
        assert all(
            abs(at_s - s) <= late_s for (at_s, _), (s, _) in zip(found, without[topic], strict=True)
        ), topic


def test_pings_are_leapt_over_and_the_connection_stands(tmp_path: Path) -> None:
    bare = BareBoard(tmp_path, "court-1")
    try:
        bare.board.restore()
        bare.run(600)
        before = bare.board.frames
        bare.run(3 * 3600)
        assert bare.board.frames - before < 3 * 60  # two or three for each of 120 pings an hour
        assert not bare.of("gone")
        began_us = bare.agenda.now_us
        bare.later(1800, setattr, bare.net, "partition", True)
        bare.run(1800 + 100)
        (gone,) = bare.of("gone")
        assert gone["why"] == "keepalive"
        assert 60 <= (gone["us"] - began_us) / 1e6 - 1800 <= 91  # a keepalive and a half after the last ping
    finally:
        bare.end()


def test_what_the_network_does_in_a_leap_is_seen_at_once(tmp_path: Path) -> None:
    bare = BareBoard(tmp_path, "court-1")
    try:
        bare.board.restore()
        bare.run(700)
        begin_us = bare.agenda.now_us
        bare.later(123.456, bare.net.reset_all)
        bare.later(223.456, bare.board.jump_wall, 86400)
        bare.run(300)
        again = bare.of("up")[1]
        assert (again["us"] - begin_us) / 1e6 < 125
        jumped = [r["us"] for r in bare.of("publish") if '"wall clock jumped"' in r["payload"]]
        assert 223 < (jumped[0] - begin_us) / 1e6 < 226
    finally:
        bare.end()
