"""DS3231 on the simulated bus: BCD, its own time, OSF, and the chip that goes missing."""

import time
from typing import Any

from tests import components
from tests.sim.boards import Bench, said, until

BUS: dict[str, Any] = {"i2c": components.I2C, "rtc": components.RTC, "components": {}}
CHIP = """
import json, time, machine
from machine import I2C, Pin
bus = I2C(0, sda=Pin(43), scl=Pin(44))
def get(register, count=1):
    return list(bus.readfrom_mem(0x68, register, count))
def put(register, *values):
    bus.writeto_mem(0x68, register, bytes(values))
"""
SET = "put(0, 0x58, 0x59, 0x23, 3, 0x31, 0x12, 0x26)\n"


def run(bench: Bench, body: str) -> Any:
    return bench.result(CHIP + body + "\nprint(json.dumps({'found': found}))", **BUS)["found"]


def test_a_new_chip_says_that_its_time_is_wrong(bench: Bench) -> None:
    found = run(bench, "found = [bus.scan(), get(0, 7), get(0x0e, 2), get(0x11)]")
    assert found == [[0x68], [found[1][0], 0, 0, 6, 1, 1, 0], [0x1C, 0x88], [24]]
    assert found[1][0] < 0x10
    assert bench.board.show()["chips"] == {"rtc": "unset"}


def test_time_goes_on_over_midnight_and_new_year(bench: Bench) -> None:
    found = run(bench, SET + "before = get(0, 7); time.sleep_ms(2100); found = [before, get(0, 7)]")
    assert found[0] == [0x58, 0x59, 0x23, 3, 0x31, 0x12, 0x26]
    assert found[1][0] < 3
    assert found[1][1:] == [0, 0, 4, 1, 1, 0x27]


def test_twelve_hours_and_the_century(bench: Bench) -> None:
    body = """
put(0, 0, 0, 0x72, 1, 1, 0x81, 0x05)
found = [get(2), get(5, 2)]
put(2, 0x13)
found.append(get(2))
"""
    assert run(bench, body) == [[0x72], [0x81, 0x05], [0x13]], "12 PM, 2105, 13 h"


def test_marks_can_only_be_cleared(bench: Bench) -> None:
    body = """
put(0x0f, 0x88)
found = get(0x0f)
put(0x0f, 0x08)
found += get(0x0f)
put(0x0f, 0x88)
found += get(0x0f)
"""
    assert run(bench, body) == [0x88, 0x08, 0x08]


def test_registers_wrap_behind_the_temperature(bench: Bench) -> None:
    assert run(bench, SET + "found = get(0x12, 2)") == [0, 0x58]


def test_it_keeps_time_without_the_board(bench: Bench) -> None:
    body = """
if machine.reset_cause() == 1 and get(0x0f)[0] & 0x80:
    put(0, 0, 0, 0x10, 1, 1, 1, 0x30)
    put(0x0f, 0)
print("time", get(2, 5), "status", get(0x0f))
"""
    board = bench.boot(CHIP + body, **BUS)
    said(board, "time [16, 1, 1, 1, 48] status [0]")
    until(lambda: board.show()["halted"], "end")
    assert board.show()["chips"] == {"rtc": "ok"}
    board.cut()
    time.sleep(1.1)
    unix_s = board.view.world.rtc_chip_unix_s()
    assert unix_s is not None and 0 < unix_s - 1893492000 < 30
    board.boot()
    said(board, "time [16, 1, 1, 1, 48] status [0]", times=2)
    board.cut()
    board.set("rtc", "flat")
    board.boot()
    said(board, "time [16, 1, 1, 1, 48] status [0]", times=3)


def test_a_lost_chip_answers_nothing_and_keeps_its_time(bench: Bench) -> None:
    body = """
put(0x0f, 0)
while True:
    try:
        now = get(0x0f)
    except OSError as e:
        now = e.errno
    print("now", now)
    time.sleep_ms(50)
"""
    board = bench.boot(CHIP + body, **BUS)
    said(board, "now [0]")
    board.set("rtc", "lost")
    assert board.show()["chips"] == {"rtc": "lost"}
    said(board, "now 19")
    seen = board.log().count("now [0]")
    board.set("rtc", "ok")
    said(board, "now [0]", times=seen + 1)
