"""Chips on a pty: the console and the resets of an ESP32, for unmodified mpremote."""

import functools
import re
from pathlib import Path

import pytest
import serial

from host_tools.sim import layout
from tests.lateness import Stopwatch
from tests.sim.chips import TestChip, chip_board, mpremote, raw_repl

EVERY_BYTE = bytes(range(256)) * 20
RECEIVER = """
import micropython, sys
micropython.kbd_intr(-1)
sys.stdout.buffer.write(b"ready\\n")
got = b""
while len(got) < %d:
    got += sys.stdin.buffer.read(256)
micropython.kbd_intr(3)
sys.stdout.buffer.write(got)
"""


def test_mpremote_runs_code_and_moves_files(run_dir: Path) -> None:
    here = run_dir / "here"
    (here / "pkg").mkdir(parents=True)
    (here / "a.bin").write_bytes(EVERY_BYTE)
    (here / "pkg" / "b.py").write_text("VALUE = 7\n")
    (here / "c.py").write_text("import pkg.b\nprint('run', pkg.b.VALUE)\n")
    with chip_board(run_dir, blank=False) as board:
        copied = f"fs cp -r {here}/. : + fs ls + fs sha256sum :a.bin + fs mkdir :new + fs rm -r :new + df"
        said = mpremote(board.port, *f"{copied} + run {here}/c.py + fs cat :pkg/b.py".split()).stdout
        assert "a.bin" in said and "pkg/" in said and "VfsLfs2" in said
        assert said.split()[-5:] == ["run", "7", "VALUE", "=", "7"]
        mpremote(board.port, "exec", "x = 8")
        assert mpremote(board.port, "resume", "eval", "x", "soft-reset").stdout.split() == ["8"]
        mount = "open('/remote/out.bin', 'wb').write(open('/remote/a.bin', 'rb').read())"
        mpremote(board.port, "mount", str(here), "exec", mount)
        assert "linux" not in board.log(), "the banner names the chip"
        board.cut()
        found = board.files()
    assert (here / "out.bin").read_bytes() == EVERY_BYTE
    assert found["/a.bin"] == EVERY_BYTE and "/boot.py" in found


def test_ctrl_c_ends_main_at_the_prompt_with_its_names(run_dir: Path) -> None:
    main = b"import time\nn = 41\nprint('main runs')\nwhile True:\n    time.sleep(1)\n"
    with chip_board(run_dir, blank=False, files={"/main.py": main}) as board:
        board.said("main runs")
        assert not board.sim.show()["halted"]
        with raw_repl(board.port) as repl:
            assert repl.exec("print(n + 1, __name__)") == b"42 __main__\r\n"
        assert "KeyboardInterrupt" in board.log() and board.sim.show()["halted"]
        with raw_repl(board.port) as repl:
            repl.exec_raw_no_follow("while True: pass")
            repl.serial.write(b"\x03\x03")
            assert b"KeyboardInterrupt" in repl.follow(5)[1]
            assert repl.exec("print(n)") == b"41\r\n"


def test_ctrl_c_at_any_moment_of_a_start_or_a_collection_ends_at_the_prompt(run_dir: Path) -> None:
    main = b"import gc\nprint('main runs')\nwhile True:\n    gc.collect()\n"
    with chip_board(run_dir, blank=False, files={"/main.py": main}) as board:
        board.said("main runs")
        for _ in range(25):
            board.reset()
            with raw_repl(board.port) as repl:
                assert repl.exec("import os, gc; gc.collect(); print(os.listdir('/'))") == b"['main.py']\r\n"
        assert "soft reboot" not in board.log(), "the VM died of it"


def test_programs_get_and_send_every_byte(run_dir: Path) -> None:
    with chip_board(run_dir, blank=False) as board, raw_repl(board.port) as repl:
        repl.exec_raw_no_follow(RECEIVER % len(EVERY_BYTE))
        assert repl.read_until(1, b"ready\n").endswith(b"ready\n")
        repl.serial.write(EVERY_BYTE)
        got = repl.read_until(1, EVERY_BYTE + b"\x04\x04", timeout=10)
        assert got == EVERY_BYTE + b"\x04\x04"
        assert repl.exec("print('a\\nb')") == b"a\r\nb\r\n"
        assert repl.exec("import sys; print(sys.platform)") == b"esp32\r\n"


def boots(board: TestChip) -> int:
    return int(board.sim.show()["boot_count"])


def test_soft_resets(run_dir: Path) -> None:
    files = {"/boot.py": b"print('boot', 'runs')\n", "/main.py": b"print('main', 'runs')\n"}
    with chip_board(run_dir, blank=False, files=files) as board:
        board.said("main runs")
        with raw_repl(board.port) as repl:
            repl.enter_raw_repl(soft_reset=True)
            assert board.log().count("boot runs") == 2
            assert repl.exec("print(1)") == b"1\r\n"
            assert board.log().count("main runs") == 1, "the raw REPL does not start main.py"
            repl.exec_raw_no_follow("import machine; machine.soft_reset()")
            repl.read_until(1, b"raw REPL; CTRL-B to exit\r\n>")
            repl.exit_raw_repl()
            repl.serial.write(b"\x04")
            board.said("main runs", 2)
            board.said("MPY: soft reboot", 3)
            repl.serial.write(b"import sys\rsys.exit()\r")
            board.said("main runs", 3)
        assert board.sim.show()["reset_cause"] == layout.SOFT_RESET
        assert board.log().count("rst:") == 1


def is_at_prompt(board: TestChip, times: int) -> bool:
    return len(re.findall(r"cause \d\n[^>]*>>> ", board.log())) == times


def test_resets_watchdog_and_sleep_keep_the_port(run_dir: Path) -> None:
    main = b"import machine\nprint('cause', machine.reset_cause())\n"
    with (
        chip_board(run_dir, blank=False, files={"/main.py": main}) as board,
        serial.Serial(board.port, timeout=5) as port,
    ):
        at_prompt = 1
        board.said(">>> ")
        for order, cause in (
            ("machine.reset()", layout.HARD_RESET),
            ("machine.WDT(timeout=100)", layout.WDT_RESET),
            ("machine.deepsleep(300)", layout.DEEPSLEEP_RESET),
        ):
            port.reset_input_buffer()
            port.write(order.encode() + b"\r")
            if cause == layout.DEEPSLEEP_RESET:
                board.until(lambda: board.state == "asleep", "sleep")
                port.write(b"nobody hears this\r")
            board.said(f"cause {cause}")
            heard = port.read_until(f"cause {cause}\r\n".encode())
            assert b"rst:0x" in heard and heard.endswith(b"\r\n")
            at_prompt += 1
            board.until(functools.partial(is_at_prompt, board, at_prompt), "the prompt")
        assert "nobody" not in board.log()
        board.cut()
        assert board.state == "off" and not board.sim.show()["power"]
        board.boot()
        board.said("cause 1", 2)
        port.reset_input_buffer()
        board.reset()
        board.said("cause 1", 3)
        assert boots(board) == 6


@pytest.mark.parametrize("baud", [115_200])
def test_both_directions_are_as_fast_as_the_baud_rate(run_dir: Path, baud: int) -> None:
    count = 4096
    with chip_board(run_dir, blank=False, baud=baud) as board, raw_repl(board.port) as repl:
        repl.exec_raw_no_follow(RECEIVER % count)
        repl.read_until(1, b"ready\n")
        data = EVERY_BYTE[:count]
        watch = Stopwatch()
        repl.serial.write(data)
        assert repl.serial.read(1) == data[:1]
        there_s = watch.took_s()
        assert repl.serial.read(count - 1) == data[1:]
        both_s = watch.took_s()
    wanted_s = count * 10 / baud
    assert 0.8 * wanted_s < there_s < 1.2 * wanted_s + 0.1, (there_s, wanted_s)
    assert 1.6 * wanted_s < both_s < 2.4 * wanted_s + 0.2, (both_s, wanted_s)
