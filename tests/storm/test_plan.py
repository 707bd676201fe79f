"""The plan of a board: the same for the same seed, bounded, mended before the calm end."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from host_tools.storm.agenda import BEGIN_US
from host_tools.storm.weather import faults, menu
from host_tools.storm.weather.plan import (
    CALM_US,
    HOUR_US,
    RUSH_ACTS,
    RUSH_NUMBERS,
    SPELL_NUMBERS,
    Plan,
    is_day,
    made,
)
from tests.storm.played_stage import BOX, FIELD, config_of

CONFIGS = {"box-1": config_of(BOX), "court-1": {**config_of(FIELD), "expander": None, "rtc": None}}
ROOT = Path(__file__).resolve().parents[2]


def plans(count: int = 20, hours: float = 24) -> list[Plan]:
    return [made(seed, hours, board, config) for seed in range(count) for board, config in CONFIGS.items()]


def test_a_plan_is_the_same_in_another_process_with_another_hash_seed() -> None:
    script = (
        "import json; from tests.storm.test_plan import CONFIGS;"
        "from host_tools.storm.weather.plan import made;"
        "print(json.dumps([made(5, 24, b, c).to_json() for b, c in CONFIGS.items()]))"
    )
    wanted = [json.loads(json.dumps(made(5, 24, b, c).to_json())) for b, c in CONFIGS.items()]
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", script]
        found = subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True)
        assert json.loads(found.stdout) == wanted


def test_seeds_boards_and_numbers_of_hours_differ() -> None:
    config = CONFIGS["box-1"]
    first = made(1, 24, "box-1", config)
    assert first == made("1", 24, "box-1", config)
    assert first.faults != made(2, 24, "box-1", config).faults
    assert [f for f in first.faults if f.number >= 10_000] != [
        f for f in made(1, 24, "box-2", config).faults if f.number >= 10_000
    ]


def test_shared_faults_are_the_same_for_all_boards_of_a_seed() -> None:
    kinds = {choice.kind for choice in menu.shared()}
    for seed in range(20):
        box, field = (
            [f for f in made(seed, 24, board, config).faults if f.kind in kinds]
            for board, config in CONFIGS.items()
        )
        assert box == field


@pytest.mark.parametrize("hours", [0, 0.1, 0.25, 0.5, 1, 24])
def test_nothing_happens_at_the_calm_end(hours: float) -> None:
    for plan in plans(20, hours):
        assert plan.calm_us == max(BEGIN_US, plan.end_us - CALM_US)
        for entry in [*plan.faults, *plan.acts]:
            assert BEGIN_US <= entry.at_us < plan.calm_us
            assert entry.at_us <= entry.until_us <= plan.calm_us


def test_a_lie_ends_early_enough_for_somebody_to_put_the_board_right() -> None:
    lies = [(p, f) for p in plans(60) for f in p.faults if f.kind == "time_lie"]
    assert lies
    assert all(f.until_us <= p.calm_us - 45 * 60 * 1_000_000 for p, f in lies)


def test_one_to_three_faults_an_hour_and_a_few_acts_by_day() -> None:
    for plan in plans():
        assert 0.4 <= len(plan.faults) / plan.hours <= 5
        by_night = sum(not is_day(act.at_us) for act in plan.acts)
        assert 1 <= len(plan.acts) / plan.hours <= 6
        assert by_night < len(plan.acts) / 4
    mean = sum(len(plan.faults) / plan.hours for plan in plans()) / len(plans())
    assert 1 <= mean <= 3


def test_every_kind_comes_and_can_be_done() -> None:
    found = Counter(fault.kind for plan in plans(60) for fault in plan.faults)
    offered = {c.kind for config in CONFIGS.values() for c in [*menu.shared(), *menu.own(config)]}
    assert set(found) == offered and offered > set(menu.AWAY)
    assert offered | {"battery"} == set(faults.KINDS)


def test_now_and_then_a_board_is_away_for_hours_while_much_happens() -> None:
    spells = [(p, f) for p in plans(100) for f in p.faults if f.number >= SPELL_NUMBERS]
    assert 0.1 < len(spells) / 200 < 0.5
    assert {fault.kind for _, fault in spells} == set(menu.AWAY)
    lengths = [fault.lasts_us / HOUR_US for _, fault in spells]
    assert min(lengths) < 0.5 and 6 < max(lengths) <= 8
    for plan, fault in spells:
        (rush,) = (act for act in plan.acts if act.at_us == fault.at_us and act.number >= RUSH_NUMBERS)
        assert rush.kind == "rush"
        least_us, longest_us = rush.args["pause_us"]
        assert rush.lasts_us == min(fault.lasts_us, RUSH_ACTS * (least_us + longest_us) // 2)


def test_numbers_are_there_once_and_in_the_order_of_time() -> None:
    for plan in plans(20):
        numbers = [entry.number for entry in [*plan.faults, *plan.acts]]
        assert len(numbers) == len(set(numbers))
        for entries in (plan.faults, plan.acts):
            assert list(entries) == sorted(entries, key=lambda e: e.at_us)


def test_lengths_are_of_every_order_of_magnitude() -> None:
    cuts = [f.lasts_us for plan in plans(60) for f in plan.faults if f.kind == "power_cut"]
    assert min(cuts) < 100_000 and max(cuts) > 10 * 60 * 1_000_000
    assert all(20_000 <= us <= 40 * 60 * 1_000_000 for us in cuts)


def test_less_of_a_plan_keeps_the_rest_as_it_was() -> None:
    plan = made(3, 24, "box-1", CONFIGS["box-1"])
    gone = [plan.faults[0].number, plan.acts[1].number]
    less = plan.without(gone)
    assert less.faults == plan.faults[1:]
    assert less.acts == (plan.acts[0], *plan.acts[2:])
    assert plan.without([]) == plan
    assert (less.seed, less.hours, less.board) == (plan.seed, plan.hours, plan.board)


def test_a_plan_survives_json() -> None:
    for plan in plans(5):
        assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_a_board_has_only_faults_of_what_it_has() -> None:
    kinds = {f.kind for seed in range(40) for f in made(seed, 24, "court-1", CONFIGS["court-1"]).faults}
    assert not kinds & {"door_cut", "door_sticks", "lock_jam", "expander_lost", "rtc_lost", "battery"}
    bare = {**config_of({}), "expander": None, "rtc": None}
    plan = made(1, 240, "box-1", bare)
    assert plan.faults and all("component" not in f.args for f in plan.faults)


def test_a_board_on_battery_runs_low() -> None:
    battery = {"pin": 3, "ratio_permille": 2000, "low_mv": 3500, "critical_mv": 3300, "ok_mv": 3700}
    config = {**CONFIGS["court-1"], "power": {"source": "battery", "battery": battery, "sleep": None}}
    found = {f.args["mv"] for s in range(40) for f in made(s, 24, "c", config).faults if f.kind == "battery"}
    assert found == {3450, 3250, 0}


def test_day_and_night() -> None:
    noon_us = BEGIN_US + 20 * HOUR_US  # a run begins at 16:13
    assert is_day(BEGIN_US) and is_day(noon_us)
    assert not is_day(BEGIN_US + 8 * HOUR_US)
