"""The shipped firmware on virtual time: it runs, is cut off, sleeps and goes on."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from host_tools.sim import layout
from tests.storm.bare import BareBoard


@pytest.fixture
def made(tmp_path: Path) -> Iterator[list[BareBoard]]:
    boards: list[BareBoard] = []
    yield boards
    for board in boards:
        board.end()


def start(made: list[BareBoard], folder: Path, name: str = "court-1", **how: object) -> BareBoard:
    folder.mkdir(exist_ok=True)
    bare = BareBoard(folder, name, **how)  # type: ignore[arg-type]
    made.append(bare)
    bare.board.restore()
    return bare


def test_six_hours_without_faults(made: list[BareBoard], tmp_path: Path) -> None:
    bare = start(made, tmp_path)
    bare.run(6 * 3600)
    assert [record["cause"] for record in bare.of("boot")] == [layout.PWRON_RESET]
    assert len(bare.of("up")) == 1 and not bare.of("gone") and not bare.of("protocol")
    telemetry = [json.loads(text) for text in bare.published("telemetry")]
    assert len(telemetry) in (72, 73, 74)  # one every five minutes
    uptimes = [one["uptime"] for one in telemetry]
    assert all(299 <= later - earlier <= 303 for earlier, later in pairwise(uptimes[1:]))
    assert telemetry[-1]["task_restarts"] == 0 and telemetry[-1]["queue"] == 0


def test_a_pulse_ends_when_the_board_ends_it_not_when_the_world_looks(
    made: list[BareBoard], tmp_path: Path
) -> None:
    bare = BareBoard(tmp_path, "box-1")
    made.append(bare)
    now_us = bare.agenda.now_us
    coil = bare.board._coils[0]
    bare.view.world.put_byte(layout.OUT_KIND + coil.record.gate, layout.OUT_RMT)
    for at_us, start_us, until_us in (
        (now_us, now_us, now_us + 10_000_000),
        (now_us + 900_000, now_us + 500_000, now_us + 500_000),
    ):
        coil.channel.put(start_us=start_us, until_us=until_us)
        bare.board._see_pulses(at_us)
    spans = [(record["start_us"] - now_us, record["until_us"] - now_us) for record in bare.of("pulse")]
    assert spans == [(0, 10_000_000), (0, 500_000)]


def test_somebody_comes_and_is_told_at_once_out_of_a_leap(made: list[BareBoard], tmp_path: Path) -> None:
    bare = start(made, tmp_path)
    bare.run(600)
    moved_us = bare.agenda.now_us + 17_123_000
    bare.later(17.123, bare.view.set, "court-1", "occupied")
    bare.run(30)
    told = [record for record in bare.of("publish") if '"occupied"' in record["payload"]]
    assert told and moved_us < told[0]["us"] < moved_us + 2_000_000


def test_leaps_change_nothing_that_is_told(made: list[BareBoard], tmp_path: Path) -> None:
    stories = []
    for leaps in (True, False):
        bare = start(made, tmp_path / str(leaps), leaps=leaps)
        for at_s, value in ((100, "occupied"), (400, "free"), (1000, "occupied")):
            bare.later(at_s, bare.view.set, "court-1", value)
        bare.run(1800)
        events = [json.loads(text) for text in bare.published("event")]
        states = [json.loads(text)["state"] for text in bare.published("court-1/state")]
        stories.append(([(e["seq"], e["type"], e["data"].get("state")) for e in events], states))
        bare.end()
        made.remove(bare)
    assert stories[0] == stories[1]
    assert ("sportbox.occupancy.changed", "occupied") in [story[1:] for story in stories[0][0]]


def test_leaps_change_nothing_of_an_outage(made: list[BareBoard], tmp_path: Path) -> None:
    """Nobody answers for a while, then the broker refuses, then there is no Wi-Fi."""
    stories = []
    for leaps in (True, False):
        bare = start(made, tmp_path / str(leaps), leaps=leaps)
        for at_s, knob, value in (
            (100, "partition", True),
            (250, "partition", False),
            (350, "refuse", True),
            (500, "refuse", False),
        ):
            bare.later(at_s, setattr, bare.net, knob, value)
        bare.later(352, bare.net.reset_all)
        bare.later(600, bare.view.set, "wifi", "down")
        bare.later(640, bare.view.set, "wifi", "up")
        for at_s, state in ((150, "occupied"), (400, "free"), (620, "occupied")):
            bare.later(at_s, bare.view.set, "court-1", state)
        bare.run(900)
        events = [json.loads(text) for text in bare.published("event")]
        told = sorted((e["seq"], e["type"], e["uptime"]) for e in events)
        ups = [round(bare.s(record)) for record in bare.of("up")]
        stories.append((told, ups, json.loads(bare.published("telemetry")[-1])["connect_failures"]))
        bare.end()
        made.remove(bare)
    (told, ups, failures), (told_without, ups_without, failures_without) = stories
    assert [one[:2] for one in told] == [one[:2] for one in told_without]
    assert all(abs(one[2] - other[2]) <= 1 for one, other in zip(told, told_without, strict=True))
    assert len(ups) == len(ups_without) == 4
    assert all(abs(one - other) <= 9 for one, other in zip(ups, ups_without, strict=True))
    assert abs(failures - failures_without) <= failures_without // 4


def test_a_forced_door_is_told_at_once_between_two_attempts_to_join(
    made: list[BareBoard], tmp_path: Path
) -> None:
    """What a contact does within 5 ms of an edge is read after them, and no leap may go over that: a door
    whose contact bounced was told 10 s late."""
    bare = start(made, tmp_path, "box-1")
    bare.run(60)
    bare.later(1, bare.view.set, "wifi", "down")
    forced_s = []

    def bounce() -> None:
        forced_s.append((bare.agenda.now_us - bare.of("boot")[0]["us"]) / 1_000_000)
        for value in ("open", "closed"):
            bare.view.set("door-2", value)
        bare.later(0.001, bare.view.set, "door-2", "open")

    for n in range(12):
        bare.later(20 + 17.3 * n, bounce)
        bare.later(32 + 17.3 * n, bare.view.set, "door-2", "closed")
    bare.later(260, bare.view.set, "wifi", "up")
    bare.run(320)
    events = [json.loads(text) for text in bare.published("event")]
    told_s = [event["uptime"] for event in events if event["type"] == "sportbox.door.forced"]
    late_s = [told - at_s for told, at_s in zip(told_s, forced_s, strict=True)]
    assert all(-1 < late < 0.5 for late in late_s), late_s


def test_power_cut_in_the_middle_of_a_write(made: list[BareBoard], tmp_path: Path) -> None:
    bare = start(made, tmp_path)
    bare.run(60)
    bare.board.cut_at_op(2)
    bare.view.set("court-1", "occupied")
    bare.run(120)
    whats = [record["what"] for record in bare.of("power")]
    assert whats == ["on", "cut_at_op", "on"]
    assert len(bare.of("boot")) == 2 and not bare.of("protocol")
    sequence = [json.loads(text)["seq"] for text in bare.published("event")]
    assert sorted(set(sequence)) == list(range(1, max(sequence) + 1))


def test_brownout_and_reset_say_so(made: list[BareBoard], tmp_path: Path) -> None:
    bare = start(made, tmp_path, "box-1")
    bare.run(30)
    bare.board.brownout()
    bare.run(30)
    resets = [json.loads(text)["data"]["reset"] for text in bare.published("event") if "booted" in text]
    assert resets == ["power_on", "brownout"]


def test_a_board_without_memory_lives_on(made: list[BareBoard], tmp_path: Path) -> None:
    bare = start(made, tmp_path, "box-1")
    bare.run(60)
    bare.board.deny_heap(120_000_000, 256, 1.0)
    bare.run(60)
    bare.view.set("tamper-1", "open")
    bare.run(400)
    assert any("device.tamper" in text for text in bare.published("event"))
    assert json.loads(bare.published("telemetry")[-1])["queue"] == 0


def test_a_sleeping_board_wakes_for_motion_and_for_its_round(made: list[BareBoard], tmp_path: Path) -> None:
    bare = start(made, tmp_path, "court-3")
    bare.run(900)
    assert bare.view.world.get("asleep")
    before = len(bare.of("boot"))
    bare.view.set("court-3", "occupied")
    bare.run(60)
    assert len(bare.of("boot")) > before
    bare.run(2 * 3600)
    told = [json.loads(text) for text in bare.published("event")]
    assert "occupied" in [event["data"].get("state") for event in told]
    assert {record["cause"] for record in bare.of("boot")} == {layout.PWRON_RESET, layout.DEEPSLEEP_RESET}


def test_more_than_a_heap_holds_at_once_costs_the_connection_and_no_frame(
    made: list[BareBoard], tmp_path: Path
) -> None:
    """As a broken sender does: all of it would lie in the VM before the firmware reads the first byte."""
    bare = start(made, tmp_path, "box-1")
    topic = "sportbox/v1/storm/box-1/cmd"
    for _ in range(3):
        bare.later(120, bare.broker.publish, topic, b"x" * 60_000, 1, False)
    bare.run(1200)
    assert [record["cause"] for record in bare.of("boot")] == [layout.PWRON_RESET]
    gone_us = [record["us"] for record in bare.of("gone")]
    assert gone_us and bare.of("up")[-1]["us"] > gone_us[-1]
