"""Coils and motors: what moves when, what burns, what the contacts say, on the page alone and on a board."""

from pathlib import Path
from typing import Any

import pytest

from host_tools.errors import BadInput
from host_tools.sim import layout
from host_tools.sim.board import SimBoard
from host_tools.sim.world import World
from tests import components
from tests.components import door, latch, lock, motor
from tests.sim.boards import Bench, make, said, until

S = 1_000_000
NOW_US = 1000 * S


class Clock:
    """Time of the world, which a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.us = NOW_US
        for module in ("pins", "world", "rules"):
            monkeypatch.setattr(f"host_tools.sim.{module}.now_us", lambda: self.us)

    def pass_s(self, seconds: float) -> None:
        self.us += int(seconds * S)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def on_bench(folder: Path, **parts: Any) -> SimBoard:
    """A board with power and without a program."""
    board = make(folder / "box-1", "", components={"door-1": door(1), **parts}, expander=components.EXPANDER)
    world = board.view.world
    world.put("power", 1)
    world.put("halted", 1)
    return board


def pulse(board: SimBoard, clock: Clock, seconds: float, number: int = 0) -> World:
    """As RMT.write_pulses() of the board does it."""
    world = board.view.world
    a = world.settle(number)
    world.put_byte(layout.OUT_KIND + a.gate, layout.OUT_RMT)
    world._channel(a.gate).put(start_us=clock.us, until_us=clock.us + int(seconds * S))
    return world


def direct(board: SimBoard, level: int) -> None:
    world = board.view.world
    a = world.settle(0)
    world.put_byte(layout.OUT_KIND + a.direction, layout.OUT_GPIO)
    world.put_byte(layout.OUT_LEVEL + a.direction, level)


def is_(board: SimBoard, name: str = "lock-1") -> str:
    return str(board.show()["locks"][name]["is"])


def test_a_strike_releases_while_energised(run_dir: Path, clock: Clock) -> None:
    board = on_bench(run_dir, **{"lock-1": lock(1, latch=latch(1))})
    world = pulse(board, clock, 1)
    assert (is_(board), world.contact_level(0, 31)) == ("released", 1)
    assert board.set("door-1", "pull")["moved"] is True
    clock.pass_s(2)
    assert (is_(board), world.contact_level(0, 31)) == ("latched", 1), "an open door: the latch holds nothing"
    assert board.set("door-1", "closed")["moved"] is True, "a latch springs back"
    assert world.contact_level(0, 31) == 0
    assert board.set("door-1", "pull")["moved"] is False
    shown = board.show()["locks"]["lock-1"]
    assert (shown["pulses"], shown["longest_ms"], shown["total_ms"]) == (1, 1000, 1000)


def test_a_door_that_sticks_is_not_pulled_open(run_dir: Path, clock: Clock) -> None:
    board = on_bench(run_dir, **{"lock-1": lock(1)})
    board.set("door-1", "stuck")
    pulse(board, clock, 2)
    assert board.set("door-1", "pull")["said"] == "stayed shut"
    assert board.show()["faults"] == {"door-1": ["sticks"]}
    board.set("door-1", "free")
    assert board.set("door-1", "pull")["moved"] is True


@pytest.mark.parametrize(("fault", "latched"), [("jam", True), ("lost", False)])
def test_a_strikes_faults(run_dir: Path, clock: Clock, fault: str, latched: bool) -> None:
    board = on_bench(run_dir, **{"lock-1": lock(1, latch=latch(1))})
    world = board.view.world
    board.set("lock-1", fault)
    if latched:
        pulse(board, clock, 1)
    assert is_(board) == ("latched" if latched else "released")
    assert world.contact_level(0, 31) == (0 if latched else 1)
    assert board.set("door-1", "pull")["moved"] is not latched
    board.set("door-1", "closed")
    board.set("lock-1", "ok")
    assert is_(board) == ("released" if latched else "latched")


def test_a_coil_burns_when_it_is_energised_too_long(run_dir: Path, clock: Clock) -> None:
    board = on_bench(run_dir, **{"lock-1": lock(1)})
    pulse(board, clock, 2)
    clock.pass_s(3)
    assert board.show()["locks"]["lock-1"]["faults"] == []
    pulse(board, clock, 5)
    clock.pass_s(3)
    assert board.show()["locks"]["lock-1"]["faults"] == ["burnt"]
    assert board.set("door-1", "pull")["moved"] is False
    clock.pass_s(600)
    pulse(board, clock, 1)
    assert is_(board) == "latched", "it stays burnt"
    board.set("lock-1", "new")
    assert is_(board) == "released"


@pytest.mark.parametrize(("rest_s", "burns"), [(4, False), (1, True)])
def test_a_coil_burns_above_its_duty(run_dir: Path, clock: Clock, rest_s: int, burns: bool) -> None:
    board = on_bench(run_dir, **{"lock-1": lock(1, release_ms=1000, duty_ms=12000, duty_window_ms=60000)})
    for _ in range(60):
        pulse(board, clock, 1)
        clock.pass_s(1 + rest_s)
    assert (board.show()["locks"]["lock-1"]["faults"] == ["burnt"]) is burns


def test_a_coil_on_the_expander_needs_both(run_dir: Path, clock: Clock) -> None:
    parts = {"lock-1": lock(1, pin=64), "lock-2": lock(2, pin=65), "door-2": door(2)}
    board = on_bench(run_dir, **parts)
    world = pulse(board, clock, 1)
    assert is_(board) == "latched", "nothing is selected"
    world.settle(1)
    world.put_byte(layout.OUT_KIND + 65, layout.OUT_GPIO)
    world.put_byte(layout.OUT_LEVEL + 65, 1)
    assert (is_(board), is_(board, "lock-2")) == ("latched", "released")
    clock.pass_s(2)
    shown = board.show()["locks"]
    assert (shown["lock-1"]["pulses"], shown["lock-2"]["pulses"]) == (0, 1)
    pulse(board, clock, 1)
    board.set("expander", "lost")
    assert is_(board, "lock-2") == "latched", "its outputs are gone"


def test_a_motor_moves_its_bolt_for_as_long_as_it_runs(run_dir: Path, clock: Clock) -> None:
    board = on_bench(run_dir, **{"lock-1": motor(1)})
    world = board.view.world
    assert (is_(board), world.contact_level(0, 42), world.contact_level(0, 43)) == ("locked", 0, 1)
    direct(board, 1)
    pulse(board, clock, 0.2)
    clock.pass_s(1)
    assert (is_(board), world.contact_level(0, 42), world.contact_level(0, 43)) == ("between", 1, 1)
    assert board.set("door-1", "pull")["moved"] is False
    pulse(board, clock, 1)
    clock.pass_s(0.299)
    assert is_(board) == "between"
    clock.pass_s(0.001)
    assert (is_(board), world.contact_level(0, 42), world.contact_level(0, 43)) == ("unlocked", 1, 0)
    assert board.set("door-1", "pull")["moved"] is True
    clock.pass_s(1)
    direct(board, 0)
    pulse(board, clock, 1)
    clock.pass_s(1)
    assert is_(board) == "locked"
    refused = board.set("door-1", "closed")
    assert (refused["state"], refused["said"]) == ("open", "the bolt is out")


def test_turning_back_on_the_way_settles_where_the_bolt_is(run_dir: Path, clock: Clock) -> None:
    board = on_bench(run_dir, **{"lock-1": motor(1)})
    direct(board, 1)
    pulse(board, clock, 1)
    clock.pass_s(0.2)
    direct(board, 0)
    clock.pass_s(0.1)
    assert board.view.world.actuator_now(0).position_us == 100_000
    clock.pass_s(0.1)
    assert is_(board) == "locked"


def test_a_jammed_bolt_stops_half_way_and_can_go_back(run_dir: Path, clock: Clock) -> None:
    board = on_bench(run_dir, **{"lock-1": motor(1)})
    board.set("lock-1", "jam")
    direct(board, 1)
    pulse(board, clock, 1)
    clock.pass_s(1)
    assert (is_(board), board.view.world.actuator_now(0).position_us) == ("between", 250_000)
    direct(board, 0)
    pulse(board, clock, 1)
    clock.pass_s(1)
    assert is_(board) == "locked"
    direct(board, 1)
    pulse(board, clock, 1)
    board.set("lock-1", "ok")
    clock.pass_s(1)
    assert is_(board) == "unlocked"


@pytest.mark.parametrize(("kind", "stays"), [(lock, False), (motor, True)])
def test_the_inside_release_opens_whatever_the_lock(
    run_dir: Path, clock: Clock, kind: Any, stays: bool
) -> None:
    parts = {
        "lock-1": kind(1),
        "door-1": door(1, release="release-1"),
        "release-1": components.release(1),
    }
    board = on_bench(run_dir, **parts)
    board.set("lock-1", "jam")
    assert board.set("door-1", "pull")["moved"] is False
    board.set("release-1", "press")
    assert board.show()["releases"] == {"release-1": "pressed"}
    assert board.view.world.input_level(25) == 0
    assert board.set("door-1", "pull")["moved"] is True
    board.set("release", "clear")
    board.set("door-1", "closed")
    assert board.set("door-1", "pull")["moved"] is stays


def test_without_power_a_bolt_stays_where_it_is(run_dir: Path, clock: Clock) -> None:
    board = on_bench(run_dir, **{"lock-1": motor(1)})
    direct(board, 1)
    world = pulse(board, clock, 1)
    clock.pass_s(0.2)
    world.power_off()
    clock.pass_s(5)
    assert world.actuator_now(0).position_us == 200_000
    assert board.show()["locks"]["lock-1"]["longest_ms"] == 200


def test_cut_wires_of_a_lock(run_dir: Path) -> None:
    board = on_bench(run_dir, **{"lock-1": motor(1), "lock-2": lock(2), "door-2": door(2)})
    board.set("lock-1", "cut")
    world = board.view.world
    assert (world.input_level(42), world.input_level(43)) == (layout.FLOATING, layout.FLOATING)
    assert board.show()["locks"]["lock-1"]["faults"] == ["wire cut"]
    with pytest.raises(BadInput, match="has none"):
        board.set("lock-2", "cut")


MOTOR = """
import asyncio, json, time
from machine import Pin
from esp32 import RMT
direction = Pin(31, Pin.OUT, value=1)
rmt = RMT(pin=Pin(1, Pin.OUT, value=0), clock_div=255, idle_level=False)
locked, unlocked = Pin(42, Pin.IN, Pin.PULL_UP), Pin(43, Pin.IN, Pin.PULL_UP)
told = []
for pin in (locked, unlocked):
    pin.irq(lambda p: told.append((p is locked, p.value())), Pin.IRQ_RISING | Pin.IRQ_FALLING)
async def run():
    start = time.ticks_ms()
    rmt.write_pulses(31372, (True,) * 10)
    while len(told) < 2:
        await asyncio.sleep_ms(5)
    print(json.dumps({"told": told, "ms": time.ticks_diff(time.ticks_ms(), start)}))
    rmt.active(False)
asyncio.run(run())
"""


def test_end_switches_interrupt_when_the_bolt_gets_there(bench: Bench) -> None:
    parts = {"lock-1": motor(1), "door-1": door(1)}
    seen = bench.result(MOTOR, components=parts)
    assert seen["told"] == [[True, 1], [False, 0]]
    assert 500 <= seen["ms"] < 700
    shown = bench.board.show()["locks"]["lock-1"]
    assert (shown["is"], shown["pulses"]) == ("unlocked", 1)
    assert shown["longest_ms"] < 800
    channel = bench.board.view.world._channel(1)
    assert 0 < channel.start_us == channel.until_us, "it says when it was ended"


DETACH = """
import time
from machine import Pin
from esp32 import RMT
rmt = RMT(pin=Pin(1, Pin.OUT, value=0), clock_div=255, idle_level=False)
rmt.write_pulses(31372, (True,) * 20)
time.sleep_ms(100)
Pin(1, Pin.OUT, value=0)
print("runs on" if rmt.active() else "ended")
rmt.wait_done(timeout=3000)
rmt.write_pulses(31372, (True,) * 2)
print("{}")
"""


def test_a_plain_output_detaches_the_rmt_at_once(bench: Bench) -> None:
    board = bench.boot(DETACH, components={"lock-1": lock(1), "door-1": door(1)})
    said(board, "runs on")
    until(lambda: not board.show()["locks"]["lock-1"]["energised"], "detached")
    said(board, "{}")
    shown = board.show()["locks"]["lock-1"]
    assert (shown["pulses"], shown["energised"]) == (1, False), "what came later was not felt"
    assert 99 <= shown["longest_ms"] < 1000
