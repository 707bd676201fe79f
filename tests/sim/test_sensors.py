"""Radar and time-of-flight sensor of a court, as the firmware meets them on UART and I2C."""

from typing import Any

import pytest

from host_tools.errors import BadInput
from host_tools.sim.board import SimBoard
from tests import components
from tests.components import court
from tests.sim.boards import Bench, make, said

RADAR: dict[str, Any] = {"components": {"court-1": court(pir=False, radar=True)}}
PORT = """
import json, time
from machine import Pin, UART
port = UART(1, 256000, rx=Pin(17), tx=Pin(18), rxbuf=512, timeout=0)
def frames(count):
    data = b""
    while data.count(b"\\xf8\\xf7\\xf6\\xf5") < count:
        time.sleep_ms(20)
        data += port.read() or b""
    return [part + b"\\xf8\\xf7\\xf6\\xf5" for part in data.split(b"\\xf8\\xf7\\xf6\\xf5")[:-1]]
def order(word, *body):
    data = bytes((word, 0) + body)
    port.write(b"\\xfd\\xfc\\xfb\\xfa" + len(data).to_bytes(2, "little") + data + b"\\x04\\x03\\x02\\x01")
"""
REPORT = (
    PORT
    + """
while True:
    print("frame", frames(1)[-1].hex())
"""
)


def run(bench: Bench, body: str, **changes: Any) -> Any:
    return bench.result(PORT + body + "\nprint(json.dumps({'found': found}))", **{**RADAR, **changes})[
        "found"
    ]


def newest(board: SimBoard) -> bytes:
    """The frame after the next, which surely knows what was just set."""
    count = board.log().count("frame")
    said(board, "frame", times=count + 2)
    return bytes.fromhex(board.log().split("frame ")[-2].split()[0])


def test_reports_follow_the_people(bench: Bench) -> None:
    board = bench.boot(REPORT, **RADAR)
    empty = newest(board)
    assert (empty[:8], empty[-6:]) == (bytes.fromhex("f4f3f2f10d0002aa"), bytes.fromhex("5500f8f7f6f5"))
    assert (len(empty), empty[8], empty[9:11], empty[15:17]) == (23, 0, b"\0\0", b"\0\0")
    board.set("court-1", "3")
    full = newest(board)
    distance_cm = int.from_bytes(full[15:17], "little")
    assert (full[8], full[9:11], full[12:14]) == (3, full[15:17], full[15:17])
    assert 230 < distance_cm < 250 and full[11] >= 60 and full[14] >= 45
    assert board.show()["courts"]["court-1"] == {"is": "occupied", "people": 3, "radar": "ok"}


def test_a_ghost_stands_at_no_distance(bench: Bench) -> None:
    board = bench.boot(REPORT, **RADAR)
    board.set("radar", "ghost")
    frame = newest(board)
    assert (frame[8], frame[9:11]) == (1, b"\0\0")
    assert 91 <= frame[11] <= 100


def test_a_latched_one_repeats_itself_and_a_sound_one_does_not(bench: Bench) -> None:
    board = bench.boot(REPORT, **RADAR)
    assert len({newest(board) for _ in range(3)}) > 1
    board.set("radar-1", "latched")
    frames = {newest(board) for _ in range(3)}
    assert len(frames) == 1 and frames.pop()[8] == 3
    assert board.show()["courts"]["court-1"] == {"is": "free", "people": 0, "radar": "latched"}


@pytest.mark.parametrize(
    ("fault", "least", "most"), [("silent", 0, 0), ("garbage", 60, 100), ("ok", 69, 100)]
)
def test_what_comes_over_the_line(bench: Bench, fault: str, least: int, most: int) -> None:
    make(bench.board.folder, "", **RADAR).set("radar", fault)
    found = run(bench, "port.any(); time.sleep_ms(350); found = list(port.read() or b'')")
    assert least <= len(found) <= most
    assert (bytes(found[:4]) == b"\xf4\xf3\xf2\xf1") is (fault == "ok")


def test_orders_are_acknowledged_in_configuration_alone(bench: Bench) -> None:
    body = """
found = []
def answers():
    time.sleep_ms(20)
    data = port.read() or b""
    found.append([part.hex() for part in data.split(b"\\x04\\x03\\x02\\x01") if part.startswith(b"\\xfd")])
order(0x62); answers()
order(0xff, 1, 0); answers()
time.sleep_ms(250)
found.append(port.any())
order(0x62); order(0x55); answers()
order(0xfe); answers()
found.append(frames(1)[-1].hex())
"""
    found = run(bench, body)
    assert found[:3] == [[], ["fdfcfbfa0800ff01000001004000"], 0]
    assert found[3] == ["fdfcfbfa040062010000", "fdfcfbfa040055010100"]
    assert found[4] == ["fdfcfbfa0400fe010000"]
    detailed = bytes.fromhex(found[5])
    assert (len(detailed), detailed[4:8], detailed[17:19]) == (45, bytes.fromhex("230001aa"), b"\x08\x08")


def test_a_command_in_pieces_is_understood(bench: Bench) -> None:
    body = """
for byte in b"noise\\xfd\\xfc\\xfb\\xfa\\x04\\x00\\xff\\x00\\x01\\x00\\x04\\x03\\x02\\x01":
    port.write(bytes([byte]))
time.sleep_ms(20)
found = (port.read() or b"").hex()
"""
    assert run(bench, body).startswith("fdfcfbfa0800ff01")


def test_the_buffer_overflows_in_the_middle_of_a_frame(bench: Bench) -> None:
    body = """
port = UART(1, 256000, rx=Pin(17), tx=Pin(18), rxbuf=200)
port.any(); time.sleep_ms(1800)
waiting = port.any()
data = port.read()
found = [waiting, len(data), data.count(b"\\xf4\\xf3\\xf2\\xf1"), data.count(b"\\xf8\\xf7\\xf6\\xf5")]
found.append(frames(1)[0][:4].hex())
"""
    assert run(bench, body) == [328, 328, 15, 14, "f4f3f2f1"]


@pytest.mark.parametrize(
    "port", ["UART(1, 115200, rx=Pin(17), tx=Pin(18))", "UART(1, 256000, rx=Pin(18), tx=Pin(17))"]
)
def test_wrong_speed_and_wrong_pins(bench: Bench, port: str) -> None:
    body = f"""
port = {port}
port.any(); time.sleep_ms(350)
found = (port.read() or b"").count(b"\\xf4\\xf3\\xf2\\xf1")
"""
    assert run(bench, body) == 0


def test_reading(bench: Bench) -> None:
    body = """
buf = bytearray(10)
found = [port.read(), port.readinto(buf), port.readinto(buf, 0)]
slow = UART(1, 256000, rx=Pin(17), tx=Pin(18), timeout=400)
found += [len(slow.read(4)), slow.readinto(buf, 6), len(slow.read(3))]
"""
    assert run(bench, body) == [None, None, None, 4, 6, 3]


@pytest.mark.parametrize("call", ["UART(3)", "UART(1, 9600, 7)"])
def test_ports_that_are_not_there(bench: Bench, call: str) -> None:
    body = f"found = 0\ntry:\n    {call}\nexcept (ValueError, NotImplementedError):\n    found = 1\n"
    assert run(bench, body) == 1


TOF: dict[str, Any] = {"i2c": components.I2C, "components": {"court-1": court(pir=False, tof=True)}}
RANGER = """
import json, time
from machine import I2C, Pin
bus = I2C(0, sda=Pin(43), scl=Pin(44))
def get(register, count=1, address=0x29):
    return int.from_bytes(bus.readfrom_mem(address, register, count, addrsize=16), "big")
def put(register, value, count=1, address=0x29):
    bus.writeto_mem(address, register, value.to_bytes(count, "big"), addrsize=16)
def range_(period_ms=60):
    put(0x6c, int((get(0xde, 2) & 0x3ff) * period_ms * 1.075), 4)
    put(0x87, 0x40)
def measured():
    start = time.ticks_ms()
    while get(0x31) & 1:  # active low
        time.sleep_ms(1)
    found = [get(0x89), get(0x96, 2)]
    put(0x86, 1)
    return found, time.ticks_diff(time.ticks_ms(), start)
"""


def tof(bench: Bench, body: str, **changes: Any) -> Any:
    return bench.result(RANGER + body + "\nprint(json.dumps({'found': found}))", **{**TOF, **changes})[
        "found"
    ]


def test_it_names_itself(bench: Bench) -> None:
    assert tof(bench, "found = [bus.scan(), get(0x10f, 2), get(0xe5)]") == [[0x29], 0xEACC, 3]


def test_it_ranges_at_its_period(bench: Bench) -> None:
    make(bench.board.folder, "", **TOF).set("court-1", "occupied")
    body = """
found = [get(0x31) & 1]
range_()
for _ in range(4):
    found.append(measured())
put(0x87, 0)
time.sleep_ms(150)
found.append(get(0x31) & 1)
"""
    found = tof(bench, body)
    assert (found[0], found[-1]) == (1, 1)
    assert [result for result, _ in found[1:-1]] == [[9, 1000]] * 4
    assert all(40 <= ms <= 75 for _, ms in found[2:-1]), found


def test_nothing_in_range(bench: Bench) -> None:
    assert tof(bench, "range_(); found = measured()[0]") == [4, 0]


def test_a_result_waits_until_it_is_cleared(bench: Bench) -> None:
    body = """
range_()
time.sleep_ms(200)
found = [get(0x31) & 1, get(0x31) & 1]
put(0x86, 1)
found.append(get(0x31) & 1)
put(0x30, 0x01)
found.append(get(0x31) & 1)
"""
    assert tof(bench, body) == [0, 0, 1, 0], "the last with an interrupt that is active high"


def test_it_moves_to_another_address_until_it_is_reset(bench: Bench) -> None:
    body = """
put(0x01, 0x30)
found = [bus.scan(), get(0x10f, 2, 0x30)]
xshut = Pin(19, Pin.OUT, value=0)
found.append(bus.scan())
xshut.value(1)
time.sleep_ms(5)
found.append(bus.scan())
"""
    assert tof(bench, body) == [[0x30], 0xEACC, [], [0x29]]


def test_two_of_them_begin_at_one_address(bench: Bench) -> None:
    second = court(pir=False, tof={"xshut": 20, "address": 0x31, "near_mm": 900})
    parts = {"court-1": court(pir=False, tof=True), "court-2": second}
    make(bench.board.folder, "", i2c=components.I2C, components=parts).set("court-2", "occupied")
    body = """
a, b = Pin(19, Pin.OUT, value=0), Pin(20, Pin.OUT, value=0)
a.value(1)
time.sleep_ms(5)
put(0x01, 0x30)
b.value(1)
time.sleep_ms(5)
found = [bus.scan()]
range_()
found.append(measured()[0])
"""
    assert tof(bench, body, components=parts) == [[0x29, 0x30], [9, 600]]


def test_a_lost_one_begins_anew(bench: Bench) -> None:
    body = """
put(0x01, 0x30)
while True:
    print("scan", bus.scan())
    time.sleep_ms(50)
"""
    board = bench.boot(RANGER + body, **TOF)
    said(board, "scan [48]")
    board.set("tof-1", "lost")
    assert board.show()["courts"]["court-1"]["tof"] == "lost"
    said(board, "scan []")
    board.set("tof", "ok")
    said(board, "scan [41]")


def test_a_sensor_that_is_not_there_cannot_be_set(bench: Bench) -> None:
    board = make(bench.board.folder, "", **TOF)
    with pytest.raises(BadInput, match="it has: court-1, tof-1, wifi, clock, battery"):
        board.set("radar-1", "ok")
    with pytest.raises(BadInput, match="lost, ok"):
        board.set("tof", "silent")
    with pytest.raises(BadInput, match=r"occupied, free, 0 to 99 \(people\)"):
        board.set("court", "100")
