"""What firmware meets on a simulated board: time, pulses, edges, error numbers."""

import threading
from pathlib import Path

import pytest

from host_tools.build.firmware import compile_files
from host_tools.sim.board import SimBoard
from host_tools.sim.flash import Template
from host_tools.sim.host import ZygoteHost
from tests.sim.boards import CONFIG, Bench, facts, said, until


def test_time_counts_from_2000_and_ticks_wrap_soon(bench: Bench) -> None:
    seen = bench.result(
        """
import json, time
first = time.ticks_ms()
again = time.ticks_add(first, 60000)
t = time.mktime((2031, 5, 6, 7, 8, 9, 0, 0))
print(json.dumps({
    "epoch": list(time.gmtime(0)), "now": time.time(), "first": first, "again": again, "t": t,
    "diff": time.ticks_diff(again, first), "back": time.ticks_diff(first, again),
    "fields": len(time.localtime()), "round": list(time.gmtime(t)),
}))
""",
    )
    assert seen["epoch"] == [2000, 1, 1, 0, 0, 0, 5, 1]
    assert 0 <= seen["now"] < 10
    assert 0 < 2**30 - seen["first"] <= 30_000, "wraps within 30 s of boot"
    assert seen["again"] < seen["first"] < 2**30
    assert (seen["diff"], seen["back"]) == (60_000, -60_000)
    assert seen["t"] == 989_132_889
    assert seen["round"][:6] == [2031, 5, 6, 7, 8, 9]
    assert seen["fields"] == 8


PULSE = """
from machine import Pin
from esp32 import RMT
rmt = RMT(pin=Pin(4, Pin.OUT, value=0), clock_div=255, idle_level=False)
"""


def test_a_pulse_ends_by_itself_though_the_program_hangs(bench: Bench) -> None:
    board = bench.boot(
        PULSE + "rmt.write_pulses(31372, (True,) * 5)\nprint('hangs')\nwhile True:\n    pass\n"
    )
    said(board, "hangs")
    until(lambda: board.set("door-1", "pull")["moved"] or board.set("door-1", "closed"), "door opens")
    until(lambda: not board.show()["locks"]["lock-1"]["energised"], "end of the pulse")
    lock = board.show()["locks"]["lock-1"]
    assert lock["pulses"] == 1
    assert lock["longest_ms"] == lock["total_ms"] == pytest.approx(500, abs=1)
    board.set("door-1", "closed")
    assert board.set("door-1", "pull")["moved"] is False


def test_a_pulse_can_be_ended_early(bench: Bench) -> None:
    main = """
import time
rmt.write_pulses(31372, (True,) * 90)
time.sleep_ms(50)
rmt.active(False)
print("{}")
"""
    bench.result(PULSE + main)
    seen = bench.board.show()["locks"]["lock-1"]
    assert seen["pulses"] == 1
    assert 49 <= seen["longest_ms"] < 5000
    assert seen["energised"] is False


@pytest.mark.parametrize(
    "call",
    ["write_pulses((32768,), True)", "write_pulses((0,), True)", "write_pulses([], 1)", "active(True)"],
)
def test_the_rmt_refuses_what_the_hardware_cannot(bench: Bench, call: str) -> None:
    main = f"""
import json
try:
    rmt.{call}
except ValueError as e:
    print(json.dumps({{"refused": str(e)}}))
"""
    assert bench.result(PULSE + main)["refused"]


def test_stopping_a_long_sequence_panics_on_the_first_esp32(bench: Bench) -> None:
    main = (
        PULSE
        + """
import machine
if machine.reset_cause() == 1:
    rmt.write_pulses(31372, (True,) * 20)
    rmt.active(False)
print("on")
"""
    )
    board = bench.boot(main, chip="esp32")
    assert bench.zygote.wait_event()["cause"] == 3
    said(board, "on")
    assert "Guru Meditation" in board.log()


EDGES = """
import asyncio, json
from machine import Pin
flag = asyncio.ThreadSafeFlag()
pin = Pin(5, Pin.IN, Pin.PULL_UP)
pin.irq(lambda p: flag.set(), Pin.IRQ_RISING{more})
async def run():
    print("waits")
    while True:
        await flag.wait()
        print("edge", pin.value())
asyncio.run(run())
"""


def test_edges_wake_a_task(bench: Bench) -> None:
    board = bench.boot(EDGES.format(more=" | Pin.IRQ_FALLING"))
    said(board, "waits")
    board.set("door-1", "open")
    said(board, "edge 1")
    board.set("door-1", "closed")
    said(board, "edge 0")


def test_only_the_chosen_edge_wakes(bench: Bench) -> None:
    witness = "Pin(8, Pin.IN).irq(lambda p: print('court', p.value()))\n"
    board = bench.boot(EDGES.format(more="").replace("async def run", witness + "async def run"))
    said(board, "waits")
    for times in (1, 2):
        board.set("door-1", "open")
        said(board, "edge 1", times)
        board.set("door-1", "closed")
        board.set("court-1", "occupied")  # when this was seen, the door's falling edge was, too
        said(board, "court 1", times)
        board.set("court-1", "free")
        said(board, "court 0", times)
    assert "edge 0" not in board.log()


def test_an_idle_board_sleeps(bench: Bench) -> None:
    board = bench.boot(EDGES.format(more=""))
    said(board, "waits")
    status = Path(f"/proc/{board.pid()}/status")

    def switches() -> int:
        lines = [line for line in status.read_text().splitlines() if line.startswith("voluntary")]
        return int(lines[0].split()[1])

    def state() -> str:
        return next(line for line in status.read_text().splitlines() if line.startswith("State"))

    until(lambda: "sleeping" in state(), "the board sleeps")
    before = switches()
    threading.Event().wait(0.5)  # the measured time itself
    assert switches() - before <= 2


def test_compiled_firmware_sees_the_esp32s_error_numbers(run_dir: Path, zygote: ZygoteHost) -> None:
    source = run_dir / "numbers.py"
    source.write_text("import errno\nVALUES = [errno.EINPROGRESS, errno.EHOSTUNREACH, errno.ENOTCONN]\n")
    files = {
        "/main.py": b"import json, numbers\nprint(json.dumps({'values': numbers.VALUES}))\n",
        "/numbers.mpy": compile_files([("numbers.py", source)])["numbers.py"],
    }
    board = SimBoard(run_dir / "box-1", zygote)
    board.create(CONFIG, {}, Template(files))
    board.boot()
    said(board, "values")
    assert facts(board)["values"] == [119, 118, 128]


def test_a_traceback_names_the_module_and_no_path(run_dir: Path, zygote: ZygoteHost) -> None:
    """A path would be a text more for the VM to keep, for each module."""
    (run_dir / "deep.py").write_text("def falls():\n    raise OSError(5)\n")
    (run_dir / "empty.py").write_text("")
    sources = {"tower/__init__.py": "empty.py", "tower/deep.py": "deep.py"}
    compiled = compile_files([(path, run_dir / source) for path, source in sources.items()])
    files = {f"/{path.removesuffix('.py')}.mpy": data for path, data in compiled.items()}
    board = SimBoard(run_dir / "box-1", zygote)
    program = b"from tower.deep import falls\nfalls()\n"
    board.create(CONFIG, {}, Template({"/main.py": program, **files}))
    board.boot()
    said(board, "OSError")
    assert 'File "tower.deep", line 1, in falls' in board.log()
    assert b"tower" in compiled["tower/__init__.py"]
    assert not [data for data in compiled.values() if b"tower/" in data or b".py" in data]
