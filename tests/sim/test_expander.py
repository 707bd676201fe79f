"""MCP23017 on the simulated bus: registers, inputs, outputs, interrupts, and the chip that goes missing."""

from typing import Any

import pytest

from host_tools.sim.vm_process import SHIMS_HEAP_KIB
from tests import components
from tests.components import door, lock
from tests.sim.boards import Bench, said, until

BUS: dict[str, Any] = {"i2c": components.I2C, "expander": components.EXPANDER}

I2C = """
import json, time
from machine import I2C, Pin
bus = I2C(0, sda=Pin(43), scl=Pin(44), freq=400000, timeout=5000)
def get(register, count=1):
    return list(bus.readfrom_mem(0x20, register, count))
def put(register, *values):
    bus.writeto_mem(0x20, register, bytes(values))
def error(call, *args):
    try:
        call(*args)
    except OSError as e:
        return e.errno
"""


def run(bench: Bench, body: str, **changes: Any) -> Any:
    """What the program puts into `found`."""
    return bench.result(I2C + body + "\nprint(json.dumps({'found': found}))", **{**BUS, **changes})["found"]


def test_power_on_values(bench: Bench) -> None:
    assert run(bench, "found = get(0, 22)") == [255, 255] + [0] * 16 + [0, 0, 0, 0]


def test_the_firmware_has_no_more_heap_than_256_kib(bench: Bench) -> None:
    """What is not the firmware's takes at least what the VM has beyond that."""
    body = "import gc\nget(0)\ngc.collect()\nfound = gc.mem_alloc()"
    assert run(bench, body, rtc=components.RTC) >= SHIMS_HEAP_KIB * 1024


def test_the_bus_is_scanned_and_refuses_the_absent(bench: Bench) -> None:
    body = "found = [bus.scan(), error(bus.readfrom, 0x21, 1), error(bus.writeto, 0x68, b'0')]"
    assert run(bench, body) == [[0x20], 19, 19]


def test_another_pair_of_pins_reaches_nobody(bench: Bench) -> None:
    other = "bus = I2C(0, sda=Pin(44), scl=Pin(43))\n"
    assert run(bench, other + "found = [bus.scan(), error(get, 0)]") == [[], 19]


def test_a_board_without_a_bus(bench: Bench) -> None:
    assert run(bench, "found = bus.scan()", i2c=None, expander=None) == []


@pytest.mark.parametrize(
    "call", ["I2C(2)", "bus.readfrom_mem(0x20, 0, 1, addrsize=12)", "bus.readfrom(128, 1)"]
)
def test_wrong_use(bench: Bench, call: str) -> None:
    body = f"""
found = ""
try:
    {call}
except ValueError as e:
    found = str(e)
"""
    assert run(bench, body)


def test_addresses_count_up_and_wrap(bench: Bench) -> None:
    body = """
put(0x0c, 0x0f, 0xf0)
put(0x14, 1, 2, 3)
found = [get(0x0c, 2), get(0x14, 4)]
put(0x0a, 0x20)
put(0x04, 5, 6, 7)
found.append(get(0x04, 4))
"""
    assert run(bench, body) == [[15, 240], [1, 2, 3, 255], [7, 6, 7, 6]]


def test_inputs_outputs_pull_ups_and_polarity(bench: Bench) -> None:
    parts = {"door-1": door(1, pin=72, lock=None), "door-2": door(2, pin=73, lock=None, closed_level=1)}
    body = """
put(0x0d, 0x80)
put(0x00, 0xfe)
put(0x14, 0xff)
found = [get(0x12, 2), get(0x14), get(0x0d)]
put(0x03, 0x03)
found.append(get(0x13))
put(0x12, 0)
found.append(get(0x14))
"""
    assert run(bench, body, components=parts) == [[1, 0x82], [255], [128], [0x81], [0]]
    world = bench.board.view.world
    assert world.output_level(64) == 0


INTERRUPT = """
import asyncio
pin = Pin(45, Pin.IN, Pin.PULL_UP)
told = []
pin.irq(lambda p: told.append(p.value()), Pin.IRQ_FALLING)
put(0x0a, 0x44)
put(0x0d, 0xff)
put(0x05, 0x01)
get(0x13)
async def run():
    print("waits")
    times = 0
    while True:
        while len(told) == times:
            await asyncio.sleep_ms(20)
        times += 1
        print("times", times, "line", pin.value(), "flags", get(0x0f), "kept", get(0x11), "line", pin.value())
asyncio.run(run())
"""


def test_a_change_pulls_the_line_until_it_is_read(bench: Bench) -> None:
    parts = {"door-1": door(1, pin=72, lock=None), "door-2": door(2, pin=73, lock=None)}
    board = bench.boot(I2C + INTERRUPT, components=parts, **BUS)
    said(board, "waits")
    board.set("door-2", "open")  # asks for no interrupt
    board.set("door-1", "open")
    said(board, "times 1 line 0 flags [1] kept [255] line 1")
    board.set("door-1", "closed")
    said(board, "times 2 line 0 flags [1] kept [254] line 1")


def test_a_pulse_on_its_input_is_kept(bench: Bench) -> None:
    board = bench.boot(
        I2C + INTERRUPT.replace('print("waits")', 'print("waits"); time.sleep_ms(400)'),
        components={"door-1": door(1, pin=72, lock=None)},
        **BUS,
    )
    said(board, "waits")
    world = board.view.world
    world.drive(72, 1)
    world.drive(72, 0)
    world.ring()
    said(board, "times 1 line 0 flags [1] kept [255] line 1")


LOST = """
put(0x00, 0)
put(0x14, 0xff)
while True:
    try:
        now = get(0x00) + get(0x14)
    except OSError as e:
        now = e.errno
    print("now", now)
    time.sleep_ms(50)
"""


def test_a_lost_chip_comes_back_at_its_power_on_values(bench: Bench) -> None:
    parts = {"lock-1": lock(1, pin=64), "door-1": door(1)}
    board = bench.boot(I2C + LOST, components=parts, **BUS)
    said(board, "now [0, 255]")
    assert board.view.world.output_level(64) == 1
    board.set("expander", "lost")
    assert (board.view.world.output_level(64), board.show()["chips"]["expander"]) == (0, "lost")
    said(board, "now 19")
    board.set("expander", "ok")
    said(board, "now [255, 0]")


def test_its_registers_outlive_a_reset_of_the_board_but_no_power_cut(bench: Bench) -> None:
    body = """
import machine
print("cause", machine.reset_cause(), get(0x14))
if machine.reset_cause() == 1:
    put(0x14, 7)
    machine.reset()
"""
    board = bench.boot(I2C + body, **BUS)
    said(board, "cause 1 [0]")
    said(board, "cause 2 [7]")
    until(lambda: board.show()["halted"], "end")
    board.cut()
    board.boot()
    said(board, "cause 1 [0]", times=2)
