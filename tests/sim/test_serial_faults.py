"""Faults of simulated chips and their ports strike where they were ordered."""

import random
from pathlib import Path

import pytest
import serial
from mpremote.transport import TransportExecError

from host_tools.errors import BadInput
from host_tools.sim.chip.faults import Faults, parse
from host_tools.sim.chip.image import sim_image
from tests.sim.chips import chip_board, esptool, mpremote, raw_repl

WRITER = """
import os
n = 0
while True:
    with open("/f%d" % (n % 4), "wb") as f:
        f.write(bytes([n & 255]) * 600)
    n += 1
"""


def test_options_are_understood() -> None:
    faults = parse(["drop=0.25:9", "disconnect=20", "disconnect=10", "bad-sector=0x221000", "busy", "cut=5"])
    assert (faults.drop, faults.seed, faults.disconnect, faults.busy) == (0.25, 9, [10, 20], True)
    assert (faults.bad_sectors, faults.cut) == ([0x221], [5])
    for wrong in ("drop=2", "drop", "fire=1", "cut=0", "cut=-1", "cut=x", "disconnect="):
        with pytest.raises(BadInput, match="not understood"):
            parse([wrong])


def test_bytes_are_lost_by_chance_and_seed() -> None:
    data = random.Random(1).randbytes(20_000)
    kept = Faults(drop=0.1, seed=3).lose(data)
    assert 17_700 < len(kept) < 18_300
    assert kept == Faults(drop=0.1, seed=3).lose(data) != Faults(drop=0.1, seed=4).lose(data)


def test_lost_bytes_are_lost_on_the_port(run_dir: Path) -> None:
    with chip_board(run_dir, blank=False, faults=["drop=0.5:1"]) as board:
        board.said(">>> ")
        with serial.Serial(board.port, timeout=0.3) as port:
            port.write(b"1" * 400)
            assert 60 < len(port.read(400)) < 140, "half of the bytes there, half of their echo back"


def test_a_port_goes_away_and_comes_back(run_dir: Path) -> None:
    with chip_board(run_dir, blank=False) as board:
        board.said(">>> ")
        board.call(lambda chip: chip.faults.disconnect.append(chip.wire.carried_bytes + 100))
        with serial.Serial(board.port, timeout=1) as port, pytest.raises(OSError):
            for _ in range(200):
                port.write(b"# 10 bytes")
                port.read(10)
        board.until(lambda: Path(board.port).exists(), "the port again")
        assert mpremote(board.port, "resume", "exec", "print(5)").stdout.split() == ["5"]
        assert board.sim.show()["boot_count"] == 1, "the chip went on"


def test_power_is_cut_after_a_byte(run_dir: Path) -> None:
    with chip_board(run_dir, blank=False) as board:
        with raw_repl(board.port) as repl:
            board.cut_at(30)
            before = board.received_bytes
            repl.serial.write(b"open('/x','w').write('abc')#" + b"." * 500)
            board.until(lambda: board.state == "off", "the cut")
            assert board.received_bytes == before + 30
        assert not board.sim.show()["power"]
        board.boot()
        assert mpremote(board.port, "exec", "print(6)").stdout.split() == ["6"]


def test_power_is_cut_in_the_middle_of_a_flash_operation(run_dir: Path) -> None:
    with chip_board(run_dir, blank=False) as board:
        board.said(">>> ")
        for count in (1, 2, 7):
            with raw_repl(board.port) as repl:
                board.cut_at_op(count)
                repl.exec_raw_no_follow(WRITER)
                board.until(lambda: board.state == "off", "the cut")
            board.boot()
            board.until(lambda: board.state == "running", "power")
        with raw_repl(board.port) as repl:
            assert repl.exec("import os; print([os.stat(f) for f in os.listdir('/')] and 1)") == b"1\r\n"


def test_a_sector_takes_nothing(run_dir: Path) -> None:
    """Neither of the loader nor of MicroPython: it reads back as it was."""
    with chip_board(run_dir, "esp32c3", faults=["bad-sector=0x5000"]) as board:
        image = run_dir / "image.bin"
        image.write_bytes(b"\x5a" * 0x3000)
        done = esptool(board.port, "--after", "no-reset", "write-flash", "0x4000", str(image), check=False)
        assert done.returncode != 0
        board.cut()
        flash = (board.folder / "flash.bin").read_bytes()
        assert flash[0x4000:0x5000] == b"\x5a" * 0x1000 == flash[0x6000:0x7000]
        assert flash[0x5000:0x6000] == b"\xff" * 0x1000
    with (
        chip_board(run_dir, name="box-2", blank=False, faults=["bad-sector=0x220000"]) as board,
        raw_repl(board.port) as repl,
        pytest.raises(TransportExecError, match="OSError"),
    ):
        repl.exec("for n in range(40):\n with open('/f%d' % n, 'w') as f: f.write('x' * 900)")


def test_a_chip_resets_while_it_is_written(run_dir: Path) -> None:
    with chip_board(run_dir, "esp32c3", faults=["reset-write=20000"]) as board:
        image = run_dir / "image.bin"
        image.write_bytes(sim_image("esp32c3"))
        where = ("write-flash", "0x0", str(image))
        assert esptool(board.port, *where, check=False).returncode != 0
        esptool(board.port, *where)
        board.until(lambda: board.state == "running", "MicroPython, at the second try")


def test_a_busy_port_and_a_full_buffer(run_dir: Path) -> None:
    with chip_board(run_dir, blank=False, faults=["busy", "overrun=388"]) as board:
        with pytest.raises(serial.SerialException):
            serial.Serial(board.port, exclusive=True)
        board.call(lambda chip: chip.port.set_busy(False))
        with raw_repl(board.port) as repl:
            repl.exec_raw_no_follow("import sys, time\ntime.sleep_ms(300)\nprint(len(sys.stdin.readline()))")
            repl.serial.write(b"x" * 1000 + b"\n")
            board.until(lambda: board.received_bytes > 1000, "all sent")
            board.until(lambda: repl.serial.write(b"\n") and repl.serial.in_waiting, "the end of the line")
            assert b"389" in repl.read_until(1, b"\x04")
