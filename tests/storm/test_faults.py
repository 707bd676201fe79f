"""Faults on a stage: what begins ends, whatever else goes on."""

import random
from pathlib import Path
from typing import Any

import pytest

from host_tools.sim import layout
from host_tools.storm.weather import faults, menu
from host_tools.storm.weather.plan import HOUR_US, Plan, made
from tests.storm.played_stage import BOX, FIELD, Played, config_of

S = 1_000_000
BATTERY = {"pin": 3, "ratio_permille": 2000, "low_mv": 3500, "critical_mv": 3300, "ok_mv": 3700}
LASTING = ("drift_ppm", "bad_sector", "fill_flash")
POWER = {"source": "battery", "battery": BATTERY, "sleep": None}


def state_of(stage: Played) -> dict[str, Any]:
    """All that a fault could leave changed."""
    net, broker, server, page = stage.net, stage.broker, stage.time_server, stage.world.world
    return {
        "net": (net.latency_us, net.loss, net.partition, net.refuse, net.slow_bytes_s),
        "broker": (broker.mode, broker.is_up, broker.is_frozen),
        "time": (server.up, server.lie_s, server.kod, server.garbage),
        "names": (stage.dns.up, stage.dns.garbage, stage.dns.fails),
        "on": stage.board.is_on,
        "wifi": page.get("wifi_up"),
        "levels": [page.input_level(pin) for pin in range(layout.PINS)],
        "stuck": [page.byte(layout.STUCK + pin) for pin in range(layout.PINS)],
        "held": [page.byte(layout.HELD + pin) for pin in range(layout.PINS)],
        "locks": {name: stage.world.lock(name).faults() for name in stage.world.names("lock")},
        "sensors": {name: stage.world.rule(name).show() for name in stage.world.names("occupancy")},
        "chips": [page.get("expander_lost"), page.get("rtc_lost"), page.get("battery_mv")],
        "last": {done[0]: done for done in stage.board.done if done[0] in LASTING},
    }


def whole(state: dict[str, Any]) -> dict[str, Any]:
    last = state.pop("last")
    assert last.get("drift_ppm", (0, 0))[1] == 0
    assert last.get("bad_sector", (0, None))[1] is None
    assert last.get("fill_flash", (0, None))[1] is None
    return state


@pytest.mark.parametrize("components", [BOX, FIELD], ids=["box", "field"])
def test_every_fault_ends_alone_and_among_others(components: dict[str, Any], run_dir: Path) -> None:
    """All kinds, three of each at a time, begun and ended in any order."""
    stage = Played.at(run_dir / "board", components, power=POWER)
    before = whole(state_of(stage))
    rng = random.Random(5)
    for number, choice in enumerate([*menu.shared(), *menu.own(stage.config)] * 3):
        fault = stage.begin(number, choice.kind, **choice.draw(rng))
        stage.run(rng.random() * 0.1)
        stage.end(fault)
        assert whole(state_of(stage)) == before, choice.kind
    for _ in range(3):
        running = []
        choices = [*menu.shared(), *menu.own(stage.config)] * 3
        rng.shuffle(choices)
        for number, choice in enumerate(choices):
            running.append(stage.begin(number, choice.kind, **choice.draw(rng)))
            stage.run(rng.random() * 0.01)
        rng.shuffle(running)
        for fault in running:
            stage.end(fault)
            stage.run(rng.random() * 0.01)
        assert whole(state_of(stage)) == before
        assert not stage.holds.knobs()
    assert not stage.holds.tickets


@pytest.mark.parametrize("components", [BOX, FIELD], ids=["box", "field"])
def test_a_whole_plan_leaves_everything_mended_at_the_calm_end(
    components: dict[str, Any], run_dir: Path
) -> None:
    for seed in range(2):
        plan = made(seed, 8, "box-1", config_of(components))
        stage = Played.at(run_dir / f"{seed}", components, plan)
        before = whole(state_of(stage))
        faults.schedule(stage)
        stage.agenda.run_until(plan.calm_us - 1)
        stage.agenda.run_until(plan.calm_us)
        after = whole(state_of(stage))
        assert not stage.holds.knobs()
        for name in ("net", "broker", "time", "on", "wifi", "stuck", "held", "locks", "chips"):
            assert after[name] == before[name], name
        assert [note["kind"] for note in stage.notes("calm")] == ["calm"]
        on = [note["number"] for note in stage.notes("fault") if note["on"]]
        off = [note["number"] for note in stage.notes("fault") if not note["on"]]
        assert on == [fault.number for fault in plan.faults] and sorted(on) == sorted(off)
        stage.agenda.run_until(plan.end_us)


def test_the_same_plan_gives_the_same_trace(run_dir: Path) -> None:
    digests = []
    for copy in ("a", "b"):
        plan = made(11, 6, "box-1", config_of(BOX))
        stage = Played.at(run_dir / copy, BOX, plan)
        faults.schedule(stage)
        stage.agenda.run_until(plan.end_us)
        digests.append(stage.trace.digest())
    assert digests[0] == digests[1]


def test_what_is_left_of_a_plan_happens_as_before(run_dir: Path) -> None:
    """Taking a fault away does not change how another one flickers, nor what people do."""
    plans = (made(seed, 6, "box-1", config_of(BOX)) for seed in range(11, 99))
    plan, chatter = next((plan, f) for plan in plans for f in plan.faults if "seed" in f.args)

    def edges(plan: Plan, folder: Path) -> list[tuple[int, int]]:
        stage = Played.at(folder, BOX, plan)
        faults.schedule(stage)
        found = []
        while (due_us := stage.agenda.next_us()) is not None and due_us <= plan.calm_us:
            stage.agenda.step()
            found.append((stage.agenda.now_us, stage.world.world.get("edges") + stage.board.boots))
        return [(us, 0) for us, _ in found if chatter.at_us <= us <= chatter.until_us]

    others = [f.number for f in plan.faults if f is not chatter] + [a.number for a in plan.acts]
    alone = edges(plan.without(others), run_dir / "alone")
    assert alone and set(alone) <= set(edges(plan, run_dir / "all"))


def test_a_second_power_cut_keeps_the_board_off(run_dir: Path) -> None:
    stage = Played.at(run_dir / "board")
    first, second = stage.begin(1, "power_cut"), stage.begin(2, "power_cut")
    stage.end(first)
    assert not stage.board.is_on
    stage.end(second)
    assert stage.board.is_on
    assert [done[0] for done in stage.board.done] == ["cut", "restore"]


def test_a_board_that_came_back_by_itself_is_not_switched_on_twice(run_dir: Path) -> None:
    stage = Played.at(run_dir / "board")
    fault = stage.begin(1, "power_cut")
    stage.board.restore()
    stage.end(fault)
    assert [done[0] for done in stage.board.done] == ["cut", "restore"]


def test_a_board_without_power_has_no_brownout(run_dir: Path) -> None:
    stage = Played.at(run_dir / "board")
    stage.begin(1, "power_cut")
    stage.begin(2, "brownout")
    assert ("brownout",) not in stage.board.done


def test_a_cut_at_a_flash_operation_that_never_came_is_called_off(run_dir: Path) -> None:
    stage = Played.at(run_dir / "board")
    first, second = stage.begin(1, "cut_at_op", op=9), stage.begin(2, "cut_at_op", op=3)
    stage.end(second)
    assert stage.board.done[-1] == ("cut_at_op", 3)
    stage.end(first)
    assert stage.board.done == [("cut_at_op", 9), ("cut_at_op", 3), ("cut_at_op", 0)]


def test_a_broker_that_is_frozen_while_it_restarts_is_frozen_afterwards(run_dir: Path) -> None:
    stage = Played.at(run_dir / "board")
    frozen = stage.begin(1, "broker_freeze")
    down = stage.begin(2, "broker_restart", keep_sessions=True)
    assert not stage.broker.is_up
    stage.end(down)
    assert stage.broker.is_up and stage.broker.is_frozen
    stage.end(frozen)
    assert not stage.broker.is_frozen


def test_thawing_a_broker_that_is_down_waits_for_nothing(run_dir: Path) -> None:
    stage = Played.at(run_dir / "board")
    frozen = stage.begin(1, "broker_freeze")
    down = stage.begin(2, "broker_restart", keep_sessions=False)
    stage.end(frozen)
    stage.end(down)
    assert stage.broker.is_up and not stage.broker.is_frozen


def test_the_newest_of_two_values_counts_and_then_the_other_again(run_dir: Path) -> None:
    stage = Played.at(run_dir / "board")
    usual = stage.net.latency_us
    slow = stage.begin(1, "latency", latency_us=[10, 20])
    slower = stage.begin(2, "latency", latency_us=[100, 200])
    assert stage.net.latency_us == (100, 200)
    stage.end(slower)
    assert stage.net.latency_us == (10, 20)
    stage.end(slow)
    assert stage.net.latency_us == usual


def test_a_cut_wire_tells_nothing_whatever_its_contact_does(run_dir: Path) -> None:
    stage = Played.at(run_dir / "board")
    pin = BOX["door-1"]["pin"]
    cut = stage.begin(1, "door_cut", component="door-1")
    chatter = stage.begin(2, "chatter", component="door-1", seed=3, pause_us=[1000, 2000])
    stage.run(1)
    assert stage.level(pin) == layout.FLOATING
    stage.end(cut)
    stage.run(0.1)
    assert stage.level(pin) in (layout.LOW, layout.HIGH)
    stage.end(chatter)
    assert stage.level(pin) == layout.LOW
    states = [(note["state"], note["what"]) for note in stage.notes("wire")]
    assert states == [("cut", "cut"), ("cut", "chatter"), ("cut", "cut"), ("joined", "chatter")]


def test_a_bouncing_contact_ends_where_it_is(run_dir: Path) -> None:
    """Also if the door was opened meanwhile."""
    stage = Played.at(run_dir / "board")
    pin, page = BOX["door-2"]["pin"], stage.world.world
    edges = page.get("edges")
    fault = stage.begin(1, "bounce", component="door-2", seed=3, pause_us=[200, 4000])
    stage.run(0.02)
    assert page.get("edges") > edges + 3
    stage.world.set("door-2", "open")
    stage.run(0.01)
    stage.end(fault)
    stage.run(1)
    assert stage.level(pin) == layout.HIGH
    assert not stage.notes("wire", "true")


def test_a_stuck_sensor_is_told_until_all_that_is_wrong_with_it_is_over(run_dir: Path) -> None:
    stage = Played.at(run_dir / "board", FIELD)
    pir = stage.begin(1, "pir_fails", component="court-1")
    radar = stage.begin(2, "radar", component="court-1", fault="garbage")
    assert stage.world.rule("court-1").show()["radar"] == "garbage"
    assert stage.world.rule("court-1").show()["pir"] == "stuck"
    stage.end(pir)
    stage.end(radar)
    values = [(note["component"], note["value"]) for note in stage.notes("true")]
    assert values == [("court-1", "fault")] * 3 + [("court-1", "ok"), ("court-1", "free")]


def test_a_flapping_wifi_ends_up(run_dir: Path) -> None:
    stage = Played.at(run_dir / "board")
    fault = stage.begin(1, "wifi_flaps", seed=1, pause_us=[50_000, 200_000])
    seen = []
    for _ in range(200):
        stage.run(0.01)
        seen.append(stage.world.world.get("wifi_up"))
    assert {0, 1} == set(seen)
    down = stage.begin(2, "wifi_down")
    stage.end(fault)
    stage.run(1)
    assert not stage.world.world.get("wifi_up")
    stage.end(down)
    assert stage.world.world.get("wifi_up")


def test_a_jammed_lock_is_mended_and_a_lost_latch_lets_go(run_dir: Path) -> None:
    stage = Played.at(run_dir / "board")
    fault = stage.begin(1, "latch_lost", component="lock-2")
    jam = stage.begin(2, "lock_jam", component="lock-2")
    stage.end(jam)
    assert stage.world.lock("lock-2").faults() == ["lost"]
    stage.end(fault)
    assert stage.world.lock("lock-2").faults() == []


def test_sectors_lie_in_the_filesystem_of_the_board(run_dir: Path) -> None:
    stage = Played.at(run_dir / "board")
    for place in (0, 9_999):
        stage.end(stage.begin(1, "bad_sector", place=place))
    sectors = [done[1] for done in stage.board.done]
    last = (layout.FLASH_SIZE - layout.VFS_OFFSET) // layout.FLASH_BLOCK - 1
    assert sectors == [0, None, last, None]


def test_a_jump_of_the_clock_and_a_lie_are_remembered(run_dir: Path) -> None:
    stage = Played.at(run_dir / "board")
    stage.run(5)
    stage.begin(1, "jump_wall", jump_s=-90)
    assert stage.holds.jumped_us == stage.agenda.now_us
    stage.end(stage.begin(2, "time_lie", lasts_us=HOUR_US, lie_s=7200))
    assert stage.holds.lied and stage.time_server.lie_s == 0
