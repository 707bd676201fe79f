"""Interrupts: every edge in order, as many as the ESP32's queue holds, and none missed between two looks."""

import re
import time

import pytest

from host_tools.sim.board import SimBoard
from tests.sim.boards import Bench, make, said, until

PIN = 5

COUNT = """
import asyncio, time
from machine import Pin
pin = Pin({pin}, Pin.IN, Pin.PULL_UP)
seen = []
pin.irq(lambda p: seen.append(p.value()), {trigger})
async def run():
    print("waits")
    while True:
        before = len(seen)
        await asyncio.sleep_ms(150)
        if seen and len(seen) == before:
            print("calls", len(seen))
            seen.clear()
asyncio.run(run())
"""
FALLING = COUNT.format(pin=PIN, trigger="Pin.IRQ_FALLING")
BOTH = COUNT.format(pin=PIN, trigger="Pin.IRQ_FALLING | Pin.IRQ_RISING")


def start(bench: Bench, main: str) -> SimBoard:
    """The line is high before the board has power."""
    make(bench.board.folder, main)
    bench.board.view.world.drive(PIN, 1)
    bench.board.boot()
    return bench.board


def felt_by(board: SimBoard) -> int:
    """How often the handler was called."""
    return sum(map(int, re.findall(r"calls (\d+)", board.log())))


def pulses(bench: Bench, count: int, gap_s: float) -> None:
    """Low for a moment, `count` times, as on a line of a Wiegand keypad."""
    world = bench.board.view.world
    for _ in range(count):
        world.drive(PIN, 0)
        world.drive(PIN, 1)
        world.ring()
        time.sleep(gap_s)


def test_pulses_that_are_over_before_anybody_looks_are_felt(bench: Bench) -> None:
    """Never more at once than the queue holds, for the board may not get the processor just then."""
    board = start(bench, FALLING)
    said(board, "waits")
    for sent in range(8, 41, 8):
        pulses(bench, 8, 0.0015)
        until(lambda sent=sent: felt_by(board) == sent, f"{sent} calls")  # type: ignore[misc]


def test_both_edges_of_a_pulse_are_felt(bench: Bench) -> None:
    board = start(bench, BOTH)
    said(board, "waits")
    pulses(bench, 1, 0)
    said(board, "calls 2")


@pytest.mark.parametrize(("count", "felt"), [(8, 8), (9, 8), (50, 8)])
def test_more_than_the_queue_holds_vanish(bench: Bench, count: int, felt: int) -> None:
    """They come while the board is busy: nothing is handled before it goes back to its loop."""
    busy = FALLING.replace('print("waits")', 'print("waits"); time.sleep_ms(500)')
    board = start(bench, busy)
    said(board, "waits")
    pulses(bench, count, 0)
    said(board, f"calls {felt}")


def test_what_happened_before_the_handler_was_there_is_not_told(bench: Bench) -> None:
    late = FALLING.replace("seen = []", "print('on'); time.sleep_ms(300); seen = []")
    board = start(bench, late)
    said(board, "on")
    pulses(bench, 3, 0)
    said(board, "waits")
    pulses(bench, 2, 0)
    said(board, "calls 2")


OPEN_DRAIN = """
import json
from machine import Pin
pin = Pin(4, Pin.OPEN_DRAIN, Pin.PULL_UP, value=1)
free, low = pin.value(), None
pin.value(0)
low = pin.value()
pin.value(1)
with_world = Pin(5, Pin.OPEN_DRAIN, Pin.PULL_UP, value=1).value()
print(json.dumps({"free": free, "low": low, "world": with_world}))
"""


def test_an_open_drain_output_that_lets_go_reads_its_surroundings(bench: Bench) -> None:
    seen = bench.result(OPEN_DRAIN)
    assert seen == {"free": 1, "low": 0, "world": 0}, "door-1 on GPIO 5 is closed, and low then"


def test_a_cut_wire_reads_what_the_pull_resistor_says(bench: Bench) -> None:
    main = """
import json
from machine import Pin
print(json.dumps([Pin(5, Pin.IN, pull).value() for pull in (Pin.PULL_UP, Pin.PULL_DOWN, None)]))
"""
    board = bench.boot(main.replace("json.dumps(", 'json.dumps({"levels": ').replace(")]))", ")]}))"))
    said(board, "[0, 0, 0]")
    board.cut()
    board.set("door-1", "cut")
    board.boot()
    said(board, "[1, 0, 0]")
    assert board.show()["doors"] == {"door-1": "closed"}
    assert board.show()["faults"] == {"door-1": ["wire cut"]}
    board.set("door-1", "open")
    board.cut()
    board.set("door-1", "joined")
    board.boot()
    said(board, "[1, 1, 1]")
