"""The arithmetic of a day's energy, and that every board has figures."""

import pytest

from host_tools.site.boards import board_names, load_board
from host_tools.site.energy import DAY_S, Budget, Energy, Wake, always_on, mostly_asleep, sensors

COURT = {"kind": "occupancy", "pir": {"pin": 4, "active": 1}, "radar": None, "tof": None}


@pytest.mark.parametrize("name", board_names())
def test_every_board_says_what_it_takes(name: str) -> None:
    board = load_board(name)
    assert board.energy is not None
    if board.sleeps:
        assert (
            board.energy.capacity_mah
            and board.energy.sleep_ua
            and board.energy.start_ms
            and board.energy.join_ms
        )


def test_a_board_that_never_sleeps() -> None:
    energy = Energy(radio_ma=100, active_ma=24, pir_ua=50, other_ua=100)
    assert always_on(energy, {"court-1": COURT}) == pytest.approx({"radio": 2400, "PIR": 1.2, "other": 2.4})


def test_a_day_of_sleep_alone() -> None:
    energy = Energy(radio_ma=100, active_ma=24, sleep_ua=5, start_ms=900, join_ms=2000)
    mah = mostly_asleep(energy, {}, Wake(0, 0, 0, 0))
    assert mah == pytest.approx({"deep sleep": 0.12, "awake": 0, "radio": 0})


def test_starts_and_connections_cost_what_the_simulator_cannot_see() -> None:
    energy = Energy(radio_ma=100, active_ma=24, sleep_ua=5, start_ms=900, join_ms=2000)
    day = Wake(starts=100, awake_ms=150_000, radio_ms=100_000, connections=100)
    mah = mostly_asleep(energy, {}, day)
    assert mah["radio"] == pytest.approx(100 * (100 + 200) / 3600)
    assert mah["awake"] == pytest.approx(24 * (50 + 90) / 3600)
    assert mah["deep sleep"] == pytest.approx(0.005 * (DAY_S - 440) / 3600)


def test_sensors_are_on_all_day() -> None:
    energy = Energy(radio_ma=1, active_ma=1, pir_ua=20, radar_ma=79, tof_ma=16, beam_ma=20)
    court = {**COURT, "radar": {"uart": 1}, "tof": {"xshut": 7}}
    found = sensors(energy, {"court-1": court, "gate-1": {"kind": "gate"}, "inside-1": {"kind": "inside"}})
    assert found == pytest.approx({"PIR": 0.96, "radar": 1896, "time of flight": 384, "light barriers": 960})


def test_days_on_the_battery() -> None:
    budget = Budget("court-1", "field", "battery", {"radio": 7.5, "deep sleep": 0.5}, 2400)
    assert (budget.mah_a_day, budget.days) == (8, 300)
    assert budget.facts()["days"] == 300
    assert Budget("box-1", "box", "mains", {"radio": 2400}).days is None
