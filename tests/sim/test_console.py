"""The board's console from any state that a board can be in, and hold mode."""

import os
import threading
import time
from pathlib import Path

import pytest

from host_tools.build.firmware import FIRMWARE, compile_firmware
from host_tools.errors import ToolError, Unreachable
from host_tools.port import console as console_module
from host_tools.port import examine
from host_tools.port.console import HOLD_MS, Console, DeviceError
from host_tools.port.ports import Port
from host_tools.port.trouble import Lost
from host_tools.sim import layout
from host_tools.sim.times import now_us
from host_tools.sim.world import WORLD_FILE, World
from tests.lateness import Stopwatch, worst_late_s
from tests.sim.chips import TestChip, chip_board

STARTS = "sportbox: starts as None/None"
STUB_COMPOSE = """
class NotProvisioned(Exception):
    pass

def load(path):
    return {}
"""
STUB_BOX = """
import asyncio
import machine

class Box:
    def __init__(self, config, secrets, trial=None):
        pass

    async def run(self):
        watchdog = machine.WDT(timeout=1500)
        while True:
            watchdog.feed()
            await asyncio.sleep_ms(100)
"""


def small_firmware() -> dict[str, bytes]:
    """The real start of the firmware, and what runs then: a loop that feeds its watchdog."""
    real = compile_firmware()
    own = [f"sportbox/{name}.mpy" for name in ("__init__", "run", "system/__init__", "system/forget")]
    return {
        **real.loader,
        **{f"/a/{path}": real.slot[path] for path in own},
        "/a/sportbox/compose.py": STUB_COMPOSE.encode(),
        "/a/sportbox/box.py": STUB_BOX.encode(),
    }


def send(port: str, data: bytes) -> None:
    """As a program that died in the middle of it."""
    descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY)
    os.write(descriptor, data)
    os.close(descriptor)


def watchdog_ms(board: TestChip) -> float:
    """Until it bites."""
    return (World(board.folder).get("wdt_deadline_us") - now_us()) / 1000


def raw_page(board: TestChip) -> bytes:
    return (board.folder / WORLD_FILE).read_bytes()


def led(board: TestChip) -> int:
    return raw_page(board)[layout.OUT_LEVEL + 21]


def outputs(board: TestChip) -> list[int]:
    """Pins that the board drives."""
    kinds = raw_page(board)[layout.OUT_KIND : layout.OUT_KIND + layout.GPIOS]
    return [pin for pin, kind in enumerate(kinds) if kind != layout.OUT_NONE]


def test_from_whatever_the_prompt_was_left_in(run_dir: Path) -> None:
    """At the prompt, half a line, the raw REPL with half a program, raw paste, paste mode, noise."""
    left = (
        b"",
        b"print(12",
        b"\x01print(12",
        b"\x01\x05A\x01print(12",
        b"\x05def f(",
        bytes(range(5, 256)) * 3,
        b"while True: pass\r",
    )
    with chip_board(run_dir, blank=False) as board:
        for data in left:
            send(board.port, data)
            with Console.open(board.port) as console:
                assert console.run("print(6 * 7)") == "42\n", data
                assert console.state() == "none"
                console.hold()
                assert not console.is_held
        with Console.open(board.port) as console:
            with pytest.raises(DeviceError, match="ValueError: 3"):
                console.run("raise ValueError(3)")
            assert console.run("print(len('x' * 20000))") == "20000\n"
            with pytest.raises(Lost):
                console.run("while True: print('chatter')", timeout_s=0.3)
            assert console.run("print(1)") == "1\n"


def test_both_sides_hold_as_long() -> None:
    assert f"\nHOLD_MS = {HOLD_MS:_} " in (FIRMWARE / "loader" / "service.py").read_text()


def test_a_crash_loop(run_dir: Path) -> None:
    main = b"import machine,time\nprint('falls')\ntime.sleep_ms(150)\nmachine.reset()\n"
    with chip_board(run_dir, blank=False, files={"/main.py": main}) as board:
        board.said("falls", 2)
        with Console.open(board.port) as console:
            assert console.state() == "foreign"


def test_a_blank_chip_and_one_without_power(run_dir: Path) -> None:
    with chip_board(run_dir) as board:
        with pytest.raises(Unreachable, match="no MicroPython") as told:
            Console.open(board.port, patience_s=1.5)
        assert "sportbox flash --port" in str(told.value.hint)
        board.cut()
        with pytest.raises(Unreachable, match="says nothing") as told:
            Console.open(board.port, patience_s=0.5)
        assert "reset button" in str(told.value.hint)


def test_hold_keeps_a_running_board_quiet(run_dir: Path) -> None:
    """The firmware's own watchdog, 1.5 s, does not bite; a second command finds it held; it starts again."""
    with chip_board(run_dir, blank=False, files=small_firmware()) as board:
        board.said(STARTS)
        with Console.open(board.port) as console:
            assert console.state() == "ours"
            console.hold()
            assert console.is_held and console.state() == "held"
            assert 0.9 * HOLD_MS < watchdog_ms(board) <= HOLD_MS
        board.said("sportbox: held for service")
        with Console.open(board.port) as console:
            console.hold()
            assert console.is_held
            assert board.log().count("sportbox: held for service") == 1
            console.restart()
            assert STARTS in console.listen(10, STARTS)
        board.cut()
        assert "/hold" not in board.files()


def test_the_watchdog_bites_a_forgotten_board_and_not_a_fed_one(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_module, "HOLD_MS", 600)
    monkeypatch.setattr(console_module, "FEED_EVERY_S", 0.1)
    with chip_board(run_dir, blank=False, files=small_firmware()) as board:
        board.said(STARTS)
        with Console.open(board.port) as console:
            console.hold()
            watch = Stopwatch()
            began_s = time.monotonic()
            while watch.took_s() < 1.5:
                console.run("print(1)")
            was_late = worst_late_s(began_s, time.monotonic()) > 0.3  # so nobody fed it
            assert board.log().count("sportbox: held for service") == 1 or was_late
        times = board.log().count(STARTS)
        board.said(STARTS, times + 1)


def test_doctor_lets_a_board_go_whose_answer_it_does_not_understand(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examine, "_ASK", "print('what?')")
    monkeypatch.setattr(examine, "LISTEN_S", 0.1)
    with chip_board(run_dir, blank=False, files=small_firmware()) as board:
        board.said(STARTS)
        found = list(examine.examine(Port(board.port), interrupt=True))
        assert [one.mark for one in found][-1] == "wrong"
        board.said(STARTS, times=2)


@pytest.mark.parametrize("manifest", [b"", b"[1]", b"\xff\xfe", b'{"site": ', b"[" * 5000])
def test_doctor_knows_a_manifest_that_cannot_be_read(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, manifest: bytes
) -> None:
    monkeypatch.setattr(examine, "LISTEN_S", 0.1)
    with chip_board(run_dir, blank=False, files={**small_firmware(), "/manifest.json": manifest}) as board:
        board.said(STARTS)
        found = {one.what: one for one in examine.examine(Port(board.port), interrupt=True)}
        assert found["provisioned"].text == "it is not provisioned: its manifest is missing or damaged"
        assert found["restart"].mark == "ok"


def test_the_marker_keeps_the_firmware_from_starting(run_dir: Path) -> None:
    """It blinks and says so again and again; Ctrl-C ends it; nothing of the firmware was loaded."""
    marker = b'{"why":"a/b is not finished","led":{"pin":21,"active":1}}'
    files = {**small_firmware(), "/provisioning": marker}
    with chip_board(run_dir, blank=False, files=files) as board:
        board.said("sportbox: not provisioned: a/b is not finished", 2)
        for level in (1, 0, 1):
            board.until(lambda level=level: led(board) == level, f"LED {level}")  # type: ignore[misc]
        assert outputs(board) == [21], "something else moves"
        with Console.open(board.port) as console:
            console.hold()
            assert console.run("import sys\nprint('sportbox' in sys.modules)") == "False\n"
        assert STARTS not in board.log()


@pytest.mark.parametrize("marker", [b"", b"\xff\xfe", b"[1]", b'{"led": {"pin": "x"}}', b'{"led": 5}'])
def test_a_marker_that_cannot_be_read_counts(run_dir: Path, marker: bytes) -> None:
    with chip_board(run_dir, blank=False, files={**small_firmware(), "/provisioning": marker}) as board:
        board.said("sportbox: not provisioned: it was cut off; run `sportbox provision` again")


def test_a_port_that_goes_away_comes_back(run_dir: Path) -> None:
    """As a board with USB of its own does when it resets: under listen() and in hold()."""
    with chip_board(run_dir, blank=False, files=small_firmware()) as board:
        board.said(STARTS)
        console = Console.listening(board.port)
        timer = threading.Timer(0.05, board.disconnect)
        timer.start()
        console.listen(0.6)
        timer.join()
        console.hold()
        assert console.is_held
        console.close()


def test_reset_lines_wake_a_sleeping_board(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over RFC 2217, which has them; a pty has not, and the message tells what to press."""
    main = b"import machine,time\nprint('sleeps')\ntime.sleep_ms(200)\nmachine.deepsleep(600000)\n"
    with chip_board(run_dir, blank=False, files={"/main.py": main}) as board:
        board.until(lambda: board.state == "asleep", "sleep")
        with pytest.raises(Unreachable, match="says nothing") as told:
            Console.open(board.port, patience_s=0.5)
        assert "reset button" in str(told.value.hint)
    with chip_board(run_dir, blank=False, serial="rfc2217", name="box-2", files={"/main.py": main}) as board:
        board.until(lambda: board.state == "asleep", "sleep")
        monkeypatch.setattr(console_module, "RESET_AFTER_S", 0.1)
        with Console.open(board.port) as console:
            assert console.run("print(1)") == "1\n"


def test_a_start_that_was_disturbed_before_the_filesystem_was_there(run_dir: Path) -> None:
    with (
        chip_board(run_dir, blank=False, files=small_firmware()) as board,
        Console.open(board.port) as console,
    ):
        console.run("import os\nos.umount('/')")
        assert console.state() == "unmounted"
        console.hold()
        assert console.is_held


def test_a_filesystem_that_does_not_come_back(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with chip_board(run_dir, blank=False) as board, Console.open(board.port) as console:
        monkeypatch.setattr(console, "state", lambda: "unmounted")
        with pytest.raises(ToolError, match="flash is damaged") as caught:
            console.hold()
    assert "sportbox flash" in str(caught.value.hint)
