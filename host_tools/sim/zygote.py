"""The process that simulated boards are forked from: `python -m host_tools.sim.zygote FD SHIMS`.

It imports the MicroPython VM once, stays single-threaded, and forks a child a board: a thousand boards then
cost little more than one. It speaks JSON lines over the socket FD with the process that started it (zygote
client: `host.py`), and dies with it; its children die with it (PDEATHSIG).

    {"id": 1, "cmd": "boot", "board": "box-1", "folder": "/..."}  -> {"id": 1, "pid": 4711}
    {"id": 2, "cmd": "cut", "board": "box-1"}                     -> {"id": 2, "pid": 4711}, once it is dead
    "brownout": cut, and on again with that cause
    "forget": cut, and the board is not known any more
    errors                                                        -> {"id": 2, "error": "..."}
    what boards do by themselves: {"event": "reset", "board", "cause", "pid"}, {"event": "asleep", "board"},
                                  {"event": "halted" | "crashed", "board", "status"}

A board that is booted with "tty": PATH has its console there, goes on at the prompt after main.py (with
"raw": true in the raw REPL, without main.py), and is not started again by itself: "reset" comes with pid 0,
and the chip's reset logic (`chip/board.py`) boots it with "cause". What it printed last is in the tty then.
Events of such boards say with "starts" how many VMs the board had, so that an old one is told apart.

It is the other boards' reset logic, too: it boots a board that reset itself, one whose watchdog ran out, and
one in deep sleep that its timer or a pin wakes. It holds the doorbell of a board until the power is cut or
the program ends for good: so whoever rings is heard between two VMs, too.
"""

import contextlib
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from host_tools.sim import layout
from host_tools.sim.times import now_us
from host_tools.sim.vm_process import Terminal, become_board, die_with_parent, trim_log
from host_tools.sim.world import FIFO_FILE, LOG_FILE, World

WATCHDOG_CHECK_MS = 200
RESET_MS = 50  # a real chip takes some 300; without a pause, a board that resets for ever would eat the CPU
LOG_CHECK_S = 10
LINE_BYTES_MAX = 1 << 20
RINGS_MAX = 1 << 16  # what a FIFO holds

Json = dict[str, Any]


class Board:
    """One board as the zygote knows it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.world = World(folder)
        self.world.keep_out_of_children()
        self.pid = 0
        self.is_bitten = False  # killed by its watchdog, not reaped yet
        self.next_cause = 0  # why it boots again at `boot_s`; 0: it does not
        self.boot_s = 0.0
        self.terminal: Terminal | None = None
        self.starts = 0  # of its VM, told with its events
        self.doorbell = -1

    def hold_doorbell(self) -> None:
        """Whoever rings is heard. What was rung for an earlier VM is over: a new one looks for itself."""
        if self.doorbell < 0:
            self.doorbell = os.open(self.folder / FIFO_FILE, os.O_RDWR | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            os.read(self.doorbell, RINGS_MAX)

    def drop_doorbell(self) -> None:
        if self.doorbell >= 0:
            os.close(self.doorbell)
            self.doorbell = -1


class Zygote:
    def __init__(self, control: socket.socket, shims: Path) -> None:
        self.control = control
        self.shims = shims
        self.boards: dict[str, Board] = {}
        self.by_pid: dict[int, Board] = {}
        self.resetting: set[Board] = set()
        self.sleepers: dict[int, Board] = {}  # by their doorbell
        self.poll = select.poll()
        self.received = b""
        self.is_ending = False

    def end(self) -> None:
        """From a signal handler: run() returns at its next step."""
        self.is_ending = True

    def run(self) -> None:
        """Serve until the other end of the socket is closed, or until end()."""
        awake, waker = os.pipe()
        os.set_blocking(waker, False)
        os.set_blocking(awake, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.poll.register(self.control, select.POLLIN)
        self.poll.register(awake, select.POLLIN)
        next_check = next_trim = time.monotonic()
        while not self.is_ending:
            wait_ms = max(0.0, next_check - time.monotonic()) * 1000
            for fd, _ in self.poll.poll(wait_ms + 1):
                if fd in (awake, *self.sleepers):
                    os.read(fd, 4096)
                elif fd == self.control.fileno() and not self.serve():
                    return
            self.reap()
            if time.monotonic() >= next_check:
                self.bite()
                next_check = time.monotonic() + WATCHDOG_CHECK_MS / 1000
            if time.monotonic() >= next_trim:
                for board in self.by_pid.values():
                    trim_log(board.folder)
                next_trim = time.monotonic() + LOG_CHECK_S
            next_check = min(next_check, self.wake_sleepers(), self.boot_again())

    # --- commands ---

    def serve(self) -> bool:
        """Take what arrived; False at the end of file."""
        data = self.control.recv(65536)
        if not data:
            return False
        *lines, self.received = (self.received + data).split(b"\n")
        if len(self.received) > LINE_BYTES_MAX:
            raise ValueError("a command without an end")
        for line in lines:
            request = json.loads(line)
            try:
                pid = self.obey(request)
                self.say({"id": request["id"], "pid": pid})
            except (OSError, ValueError, KeyError) as e:
                self.say({"id": request["id"], "error": f"{type(e).__name__}: {e}"})
        return True

    def obey(self, request: Json) -> int:
        name = request["board"]
        if request["cmd"] == "boot":
            board = self.boards.get(name)
            if board is None:
                board = self.boards[name] = Board(name, Path(request["folder"]))
            if board.pid or board.next_cause or board.world.get("asleep"):
                raise ValueError(f"{name} has power already")
            tty = request.get("tty")
            board.terminal = Terminal(tty, request.get("raw", False)) if tty else None
            return self.boot(board, request.get("cause", layout.PWRON_RESET))
        if request["cmd"] == "forget":
            board = self.boards.pop(name, None)
            return self.cut(board) if board is not None else 0
        if request["cmd"] == "cut":
            return self.cut(self.boards[name])
        if request["cmd"] == "brownout":
            self.cut(self.boards[name])
            return self.boot(self.boards[name], layout.BROWNOUT)
        raise ValueError(f"unknown command {request['cmd']!r}")

    def cut(self, board: Board) -> int:
        """Take the power away: the VM is dead before the world page says so."""
        pid = board.pid
        if pid:
            self.kill(board)
            os.waitpid(pid, 0)
            self.forget(board)
        board.next_cause = 0
        self.resetting.discard(board)
        self.end_sleep(board)
        board.drop_doorbell()
        board.world.power_off()
        return pid

    # --- life and death of a board ---

    def boot(self, board: Board, cause: int) -> int:
        board.hold_doorbell()
        board.world.prepare_boot(cause)
        board.is_bitten = False
        board.starts += 1
        trim_log(board.folder)
        pid = os.fork()
        if pid == 0:
            become_board(board.folder, self.shims, board.terminal)
        board.pid = pid
        board.world.put("pid", pid)
        self.by_pid[pid] = board
        return pid

    def forget(self, board: Board) -> None:
        del self.by_pid[board.pid]
        board.pid = 0

    def kill(self, board: Board) -> None:
        os.kill(board.pid, signal.SIGKILL)

    def end_all(self) -> None:
        """No board outlives this process, and none is left for somebody else to reap."""
        for board in self.by_pid.values():
            self.kill(board)
        for pid, board in self.by_pid.items():
            os.waitpid(pid, 0)
            board.world.power_off()

    def bite(self) -> None:
        for board in self.by_pid.values():
            if not board.is_bitten and board.world.is_watchdog_due():
                board.is_bitten = True
                self.kill(board)

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            board = self.by_pid.get(pid)
            if board is not None:
                self.forget(board)
                self.ended(board, status)

    def ended(self, board: Board, status: int) -> None:
        """A VM ended without being cut off: reset it, or leave it as a chip that stopped."""
        cause = layout.WDT_RESET if board.is_bitten else board.world.get("exit_request")
        if cause == layout.EXIT_CUT:
            self.cut(board)
            self.say({"event": "cut", "board": board.name, "starts": board.starts})
            return
        if not cause and board.terminal is not None and os.WIFEXITED(status):
            cause = layout.SOFT_RESET  # Ctrl-D or sys.exit() at the prompt
        if cause == layout.DEEPSLEEP_RESET:
            self.fall_asleep(board)
            return
        if cause:
            board.world.release_outputs()
            board.world.put("pid", 0)
            self.restart(board, cause)
            return
        event = "halted" if board.world.get("halted") else "crashed"
        board.drop_doorbell()
        board.world.put("halted", 1)
        board.world.put("pid", 0)
        with (board.folder / LOG_FILE).open("a") as log:
            log.write(f"--- the VM {event}, wait status {status}\n")
        self.say({"event": event, "board": board.name, "status": status, "starts": board.starts})

    def restart(self, board: Board, cause: int) -> None:
        """Boot the board soon, or leave that to the reset logic of its chip."""
        if board.terminal is not None:
            board.drop_doorbell()
            self.say(
                {"event": "reset", "board": board.name, "cause": cause, "pid": 0, "starts": board.starts}
            )
            return
        board.next_cause, board.boot_s = cause, time.monotonic() + RESET_MS / 1000
        self.resetting.add(board)

    # --- deep sleep ---

    def fall_asleep(self, board: Board) -> None:
        """The VM is gone; its doorbell wakes this process until something wakes the board."""
        board.world.release_outputs()
        board.world.put("pid", 0)
        board.world.put("wdt_deadline_us", 0)
        board.world.put("asleep", 1)
        self.poll.register(board.doorbell, select.POLLIN)
        self.sleepers[board.doorbell] = board
        self.say({"event": "asleep", "board": board.name, "starts": board.starts})

    def end_sleep(self, board: Board) -> None:
        if self.sleepers.pop(board.doorbell, None) is not None:
            self.poll.unregister(board.doorbell)

    def wake_sleepers(self) -> float:
        """Start what is woken; answers when to look again."""
        for board in list(self.sleepers.values()):
            reason, pins = board.world.wake_cause()
            if reason:
                self.end_sleep(board)
                board.world.put("asleep", 0)
                board.world.put("wake_reason", reason)
                board.world.put("woken_pins", pins)
                self.restart(board, layout.DEEPSLEEP_RESET)
        ends = [us for board in self.sleepers.values() if (us := board.world.get("sleep_until_us"))]
        return time.monotonic() + (min(ends, default=now_us() + 10**9) - now_us()) / 1e6

    def boot_again(self) -> float:
        """Boot what reset itself some time ago; answers when to look again."""
        now = time.monotonic()
        for board in [board for board in self.resetting if board.boot_s <= now]:
            self.resetting.discard(board)
            cause, board.next_cause = board.next_cause, 0
            pid = self.boot(board, cause)
            self.say({"event": "reset", "board": board.name, "cause": cause, "pid": pid})
        return min((board.boot_s for board in self.resetting), default=now + WATCHDOG_CHECK_MS / 1000)

    def say(self, message: Json) -> None:
        try:
            self.control.sendall(json.dumps(message).encode() + b"\n")
        except BrokenPipeError:  # the parent is gone: the next read says so
            return


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import micropython_unix  # noqa: F401  once, for all children

    gc.collect()
    gc.freeze()
    zygote = Zygote(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]))
    # the parent's end is told twice, by this signal and by the closed socket: neither may disturb end_all()
    signal.signal(signal.SIGTERM, lambda *_: zygote.end())
    die_with_parent(signal.SIGTERM)
    try:
        zygote.run()
    finally:
        zygote.end_all()


if __name__ == "__main__":
    main()
