"""Keypads: bursts on two wires, and a matrix of keys that connect rows and columns."""

from pathlib import Path

import pytest

from host_tools.errors import BadInput
from tests.components import matrix, wiegand
from tests.sim.boards import Bench, make, said

WIEGAND = """
import asyncio, time
from machine import Pin
bits = []
def heard(bit):
    return lambda _: bits.append(bit)
d0, d1 = Pin(28, Pin.IN, Pin.PULL_UP), Pin(29, Pin.IN, Pin.PULL_UP)
d0.irq(heard("0"), Pin.IRQ_FALLING)
d1.irq(heard("1"), Pin.IRQ_FALLING)
async def run():
    print("waits")
    while True:
        before = len(bits)
        await asyncio.sleep_ms(30)
        if bits and len(bits) == before:
            print("key", "".join(bits))
            bits.clear()
asyncio.run(run())
"""


def test_a_wiegand_keypad_sends_four_bits_a_key(bench: Bench) -> None:
    board = bench.boot(WIEGAND, components={"keypad-1": wiegand("lock-1")})
    said(board, "waits")
    board.set("keypad-1", "1290*#")
    said(board, "key 1011")
    keys = [line.split()[1] for line in board.log().splitlines() if line.startswith("key")]
    assert keys == ["0001", "0010", "1001", "0000", "1010", "1011"]


def test_or_eight(bench: Bench) -> None:
    board = bench.boot(WIEGAND, components={"keypad-1": wiegand("lock-1")})
    said(board, "waits")
    board.set("keypad", "8:19")
    said(board, "key 11100001")
    said(board, "key 01101001")


MATRIX = """
import asyncio
from machine import Pin
rows = [Pin(pin, Pin.OPEN_DRAIN, value=1) for pin in (52, 53, 54, 55)]
columns = [Pin(pin, Pin.IN, Pin.PULL_UP) for pin in (56, 57, 58, 59)]
def pressed():
    found = ""
    for r, row in enumerate(rows):
        row.value(0)
        for c, column in enumerate(columns):
            if column.value() == 0:
                found += "123A456B789C*0#D"[4 * r + c]
        row.value(1)
    return found
woken = asyncio.ThreadSafeFlag()
for column in columns:
    column.irq(lambda _: woken.set(), Pin.IRQ_FALLING | Pin.IRQ_RISING)
async def run():
    print("waits")
    while True:
        for row in rows:
            row.value(0)
        await woken.wait()
        for row in rows:
            row.value(1)
        print("pressed", pressed() or "none")
asyncio.run(run())
"""


@pytest.mark.parametrize(
    ("keys", "seen"),
    [("1", "1"), ("D", "D"), ("7#", "7 none # none"), ("1+2", "12"), ("1+2+4", "1245"), ("1+6", "16")],
)
def test_a_matrix_connects_rows_and_columns(bench: Bench, keys: str, seen: str) -> None:
    """Three corners of a rectangle look like four: there are no diodes."""
    board = bench.boot(MATRIX, components={"keypad-1": matrix("lock-1")})
    said(board, "waits")
    board.set("keypad-1", keys)
    for key in seen.split():
        said(board, f"pressed {key}\n")
    assert "pressed" in board.log()
    said(board, "pressed none")


def test_a_driven_row_reaches_its_column_both_ways(bench: Bench) -> None:
    main = """
import json
from machine import Pin
row, column = Pin(52, Pin.OUT, value=1), Pin(56, Pin.IN, Pin.PULL_DOWN)
found = [column.value()]
row.value(0)
column.init(Pin.IN, Pin.PULL_UP)
found.append(column.value())
row.init(Pin.IN)
found.append(column.value())
print(json.dumps({"found": found}))
"""
    make(bench.board.folder, "", components={"keypad-1": matrix()}).view.world.link([(52, 56)])
    assert bench.result(main, components={"keypad-1": matrix()})["found"] == [1, 0, 1]


@pytest.mark.parametrize(
    ("keypad", "keys"),
    [(wiegand(), "12A"), (wiegand(), "1+2"), (wiegand(), ""), (matrix(), "8:1"), (matrix(), "1+")],
)
def test_keys_that_are_not_there(run_dir: Path, keypad: dict[str, object], keys: str) -> None:
    board = make(run_dir / "box-1", "", components={"keypad-1": keypad})
    with pytest.raises(BadInput, match="not 1 to 64 keys of 0 to 9"):
        board.set("keypad-1", keys)
