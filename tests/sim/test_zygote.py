"""Boards as processes: power, resets, the watchdog, and that none is left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from host_tools.errors import ToolError
from host_tools.sim import layout
from host_tools.sim.host import ZygoteHost
from tests.sim.boards import CONFIG, facts, make, said, until

REPORT = """
import json, machine, time
print(json.dumps({"cause": machine.reset_cause(), "rtc_s": time.time(), "id": machine.unique_id().hex()}))
"""
WAIT = """
import asyncio
async def run():
    await asyncio.sleep(3600)
asyncio.run(run())
"""
SERVE = REPORT + WAIT


def is_alive(pid: int) -> bool:
    """Running, not just waiting to be reaped by whoever inherited it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_a_board_boots_from_its_own_flash(run_dir: Path, zygote: ZygoteHost) -> None:
    board = make(run_dir / "box-1", SERVE, zygote)
    pid = board.boot()
    said(board, "cause")
    seen = facts(board)
    assert seen["cause"] == layout.PWRON_RESET
    assert seen["rtc_s"] < 5, "power-on starts the RTC at 2000-01-01"
    assert seen["id"].startswith("24dcc3")
    shown = board.show()
    assert (shown["power"], shown["pid"], shown["boot_count"]) == (True, pid, 1)
    assert 0 < shown["heap_base_bytes"] < 64 * 1024


def test_a_cut_board_is_dead_when_the_call_returns(run_dir: Path, zygote: ZygoteHost) -> None:
    board = make(run_dir / "box-1", SERVE, zygote)
    pid = board.boot()
    said(board, "cause")
    assert board.cut() == pid
    assert not is_alive(pid)
    assert board.show()["power"] is False
    assert board.cut() == 0, "cutting a board that is off changes nothing"
    board.boot()
    said(board, "cause", times=2)
    assert facts(board)["cause"] == layout.PWRON_RESET


def test_a_board_has_power_once(run_dir: Path, zygote: ZygoteHost) -> None:
    board = make(run_dir / "box-1", SERVE, zygote)
    board.boot()
    with pytest.raises(ToolError, match="has power already"):
        board.boot()


@pytest.mark.parametrize(
    ("call", "cause"),
    [("machine.reset()", layout.HARD_RESET), ("machine.soft_reset()", layout.SOFT_RESET)],
)
def test_resets_keep_the_clock_and_run_no_handler(
    run_dir: Path, zygote: ZygoteHost, call: str, cause: int
) -> None:
    main = (
        REPORT
        + f"""
if machine.reset_cause() == 1:
    machine.RTC().datetime((2031, 5, 6, 0, 7, 8, 9, 0))
    try:
        {call}
    finally:
        print("a reset must not come here")
"""
    )
    board = make(run_dir / "box-1", main, zygote)
    board.boot()
    event = zygote.wait_event()
    assert (event["event"], event["cause"]) == ("reset", cause)
    said(board, "cause", times=2)
    seen = facts(board)
    assert seen["cause"] == cause
    assert 989132889 <= seen["rtc_s"] < 989132889 + 60
    assert "must not" not in board.log()


def test_a_board_is_heard_between_two_vms_too(run_dir: Path, zygote: ZygoteHost) -> None:
    main = (
        """
import machine
boots = len(machine.RTC().memory())
machine.RTC().memory(bytes(boots + 1))
print("boot", boots)
if boots in (0, 2):
    machine.deepsleep(1)
if boots in (1, 3):
    machine.reset()
"""
        + WAIT
    )
    board = make(run_dir / "box-1", main, zygote)
    world, rings = board.view.world, []
    assert not world.ring(), "it is off"
    board.boot()

    def has_come_to(boots: int) -> bool:
        rings.append(world.ring())
        return f"boot {boots}" in board.log()

    until(lambda: has_come_to(4), "two sleeps and two resets")
    assert all(rings), f"nobody heard {rings.count(False)} of {len(rings)} rings"
    board.cut()
    assert not world.ring(), "it is off"


def test_a_ring_for_a_board_that_is_being_cut_off_holds_nobody_up(run_dir: Path, zygote: ZygoteHost) -> None:
    """Both come in one step of the process of all boards."""
    sleeper = make(run_dir / "box-1", "import machine\nmachine.deepsleep(3600000)\n", zygote)
    sleeper.boot()
    assert zygote.wait_event()["event"] == "asleep"
    other = make(run_dir / "box-2", "import machine\nmachine.deepsleep(1000)\n", zygote)
    other.boot()
    assert zygote.wait_event()["event"] == "asleep"
    os.kill(zygote.pid, signal.SIGSTOP)
    try:
        assert sleeper.view.world.ring()
        zygote._socket.sendall(b'{"id": 0, "cmd": "cut", "board": "box-1"}\n')
    finally:
        os.kill(zygote.pid, signal.SIGCONT)
    event = zygote.wait_event()
    assert (event["event"], event["board"]) == ("reset", "box-2")


def test_the_watchdog_bites_and_cannot_be_stopped(run_dir: Path, zygote: ZygoteHost) -> None:
    main = (
        REPORT
        + """
if machine.reset_cause() == 1:
    w = machine.WDT(timeout=300)
    for _ in range(10):
        time.sleep_ms(100)
        w.feed()
    print("fed")
    while True:
        pass
"""
    )
    board = make(run_dir / "box-1", main, zygote)
    board.boot()
    event = zygote.wait_event()
    assert (event["event"], event["cause"]) == ("reset", layout.WDT_RESET)
    said(board, "cause", times=2)
    assert facts(board)["cause"] == layout.WDT_RESET
    assert "fed" in board.log()
    assert board.show()["watchdog_ms"] is None


def test_the_watchdog_outlives_a_soft_reset_alone(run_dir: Path, zygote: ZygoteHost) -> None:
    main = """
import machine, time
if machine.reset_cause() == 1:
    machine.WDT(timeout=2000)
    machine.soft_reset()
if machine.reset_cause() == 5:
    time.sleep(30)
"""
    board = make(run_dir / "box-1", main, zygote)
    board.boot()
    assert [zygote.wait_event()["cause"] for _ in range(2)] == [layout.SOFT_RESET, layout.WDT_RESET]


def test_a_program_that_ends_leaves_the_board_at_the_repl(run_dir: Path, zygote: ZygoteHost) -> None:
    board = make(run_dir / "box-1", "raise ValueError('broken firmware')\n", zygote)
    board.boot()
    event = zygote.wait_event()
    assert event["event"] == "halted"
    assert "broken firmware" in board.log()
    shown = board.show()
    assert (shown["power"], shown["halted"], shown["pid"]) == (True, True, 0)
    assert not board.view.world.ring(), "nobody is there who would look"
    board.cut()
    assert board.show()["power"] is False


def test_a_vm_that_dies_is_reported(run_dir: Path, zygote: ZygoteHost) -> None:
    board = make(run_dir / "box-1", "import uctypes\nuctypes.bytes_at(8, 8)\n", zygote)
    board.boot()
    assert zygote.wait_event()["event"] == "crashed"
    assert "crashed" in board.log()


def test_leaving_main_by_sys_exit_is_a_soft_reset(run_dir: Path, zygote: ZygoteHost) -> None:
    main = "import sys, machine\nif machine.reset_cause() == 1: sys.exit()\n"
    board = make(run_dir / "box-1", main, zygote)
    board.boot()
    assert zygote.wait_event()["cause"] == layout.SOFT_RESET
    assert zygote.wait_event()["event"] == "halted"


def test_flash_survives_a_cut_and_an_update_of_the_firmware(run_dir: Path, zygote: ZygoteHost) -> None:
    main = """
import os
try:
    os.mkdir("/data")
except OSError:
    pass
with open("/data/boots", "a") as f:
    f.write("x")
print("boots", len(open("/data/boots").read()))
"""
    main += WAIT
    board = make(run_dir / "box-1", main, zygote)
    for boots in (1, 2):
        board.boot()
        said(board, f"boots {boots}")
        written = board.show()["flash"]
        assert written["programmed_bytes"] > 0 and written["erases"] > 0
        board.cut()
    board = make(run_dir / "box-1", main + "# newer\n", zygote)
    board.boot()
    said(board, "boots 3")


def test_the_console_is_bounded(run_dir: Path, zygote: ZygoteHost) -> None:
    board = make(run_dir / "box-1", "print('x' * 1023)\n", zygote)
    console = board.folder / "log.txt"
    console.write_bytes(b"y" * (1 << 20) + b"y")
    board.boot()
    zygote.wait_event()
    assert console.stat().st_size < 4096
    assert (board.folder / "log.txt.1").stat().st_size > 1 << 20


def test_boards_die_with_whoever_started_them(run_dir: Path) -> None:
    """Even when that is killed and can tidy nothing up."""
    make(run_dir / "box-1", SERVE)
    script = f"""
import sys
from pathlib import Path
from host_tools.sim.host import ZygoteHost
host = ZygoteHost()
print(host.pid, host.boot("box-1", Path({str(run_dir / "box-1")!r})), flush=True)
sys.stdin.read()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None and parent.stdin is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2 and all(is_alive(pid) for pid in pids)
    parent.kill()
    parent.wait()
    parent.stdin.close()
    parent.stdout.close()
    until(lambda: not any(is_alive(pid) for pid in pids), "end of zygote and board")


def test_stopping_ends_every_board(run_dir: Path) -> None:
    boards = [make(run_dir / f"b-{i}", SERVE) for i in range(5)]
    with ZygoteHost() as host:
        pids = [host.boot(board.name, board.folder) for board in boards]
        pids.append(host.pid)
    assert not any(is_alive(pid) for pid in pids)


def test_a_board_opens_nothing_of_its_parents(run_dir: Path, zygote: ZygoteHost) -> None:
    board = make(run_dir / "box-1", SERVE, zygote)
    pid = board.boot()
    said(board, "cause")
    links = {fd.readlink().name for fd in Path(f"/proc/{pid}/fd").iterdir()}
    assert links <= {"null", "log.txt", "irq"}


def test_the_configuration_is_on_the_flash_without_its_secrets_elsewhere(run_dir: Path) -> None:
    from host_tools.sim.flash import Template

    board = make(run_dir / "box-1", "")
    board.create(CONFIG, {"keys": {"ops-1": "top secret"}}, Template({"/main.py": b""}))
    for path in board.folder.iterdir():
        if path.name != "flash.bin" and path.is_file():
            assert b"top secret" not in path.read_bytes()
    assert (board.folder / "flash.bin").stat().st_mode & 0o077 == 0
