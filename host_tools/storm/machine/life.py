"""A forked process becomes the VM of a board on virtual time; when the process ends, that life has ended."""

import mmap
import os
import random
import resource
import signal
import socket
from pathlib import Path
from typing import NamedTuple, NoReturn

from host_tools.sim import layout
from host_tools.sim.vm_process import (
    FIFO_FD,
    FIRMWARE_HEAP_KIB,
    SHIMS_HEAP_KIB,
    address_of,
    die_with_parent,
    memories_of,
    open_log,
    run_vm,
)
from host_tools.sim.world import FIFO_FILE
from host_tools.storm.machine import fence
from host_tools.storm.machine.clocks import Clocks

STORM_HEAP_KIB = 16
"""What takes the place of sockets and poll, which are C on a board."""
WIRE_FD = 4
SOCKETS_A_LIFE = 100_000
START = "_storm"
NOTE = "note"
"""The boot prints what it imports (vm/_image.py) in lines with IMPORTS in front; BEGINS comes first."""
IMPORTS = "imports: "
BEGINS = "begins"
NOT_BORN = 97
"""The status of a process that did not become a VM."""
_MEMORIES: list[mmap.mmap] = []
"""Of this process, once it is one: they last as long as it does."""


class Birth(NamedTuple):
    """What a life begins with. `number` and `seed` make its random numbers; `leaps`: vm/_leap.py; `imports`:
    NOTE or nothing."""

    folder: Path
    shims: Path
    clocks: Clocks
    now_us: int
    horizon_us: int
    number: int
    seed: str
    leaps: bool
    imports: str = ""


def begin(birth: Birth) -> tuple[int, socket.socket]:
    """The next life of a board: its process id, and the director's end of its line."""
    set_clock(birth)
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _live(birth, theirs)
    theirs.close()
    return pid, ours


def set_clock(birth: Birth) -> None:
    first = birth.number * SOCKETS_A_LIFE
    birth.clocks.begin(birth.now_us, birth.horizon_us, first, birth.leaps)


def chance(seed: str, number: int) -> random.Random:
    """The random numbers of the chip."""
    return random.Random(f"{seed}/chip/{number}")


def _live(birth: Birth, line: socket.socket) -> NoReturn:
    status = NOT_BORN
    try:
        die_with_parent(signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        birth.clocks.draw_from(chance(birth.seed, birth.number).randbytes)
        take_streams(birth.folder, line.fileno())
        os.closerange(WIRE_FD + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        arguments = arguments_of(birth.folder, birth.shims, birth.clocks, birth.imports)
        fence.shut()
        status = run_vm(arguments)
    except BaseException as e:  # whatever happens, this process must not go on as the director
        os.write(2, f"--- the VM did not start: {type(e).__name__}: {e}\n".encode())
    finally:
        os._exit(status)


def take_streams(folder: Path, line: int) -> None:
    """Console, doorbell and line of a board, where its VM expects them."""
    streams = (os.open(os.devnull, os.O_RDONLY), log := open_log(folder), log)
    doorbell = os.open(folder / FIFO_FILE, os.O_RDWR | os.O_NONBLOCK)
    opened = [*streams, doorbell, line]
    high = [os.dup(fd) for fd in opened]  # above what is replaced below
    for fd, wanted in zip(high, (0, 1, 2, FIFO_FD, WIRE_FD), strict=True):
        os.dup2(fd, wanted, inheritable=True)
    for fd in {*opened, *high}:
        if fd > WIRE_FD:
            os.close(fd)


def arguments_of(folder: Path, shims: Path, clocks: Clocks, imports: str) -> list[str]:
    """With which the VM is started, in a process that has become it otherwise."""
    world, flash, rom = _MEMORIES[:] = memories_of(folder, shims)
    clocks.reading.begin(address_of(flash), len(flash))
    os.environ["MICROPYPATH"] = f"{shims}:.frozen"
    os.environ["TZ"] = "UTC0"
    os.environ.pop("HOME", None)
    places = [address_of(world), address_of(flash), len(flash), FIFO_FD, address_of(rom), len(rom)]
    places += [layout.CONSOLE_LOG, clocks.address, WIRE_FD]
    heap = f"heapsize={FIRMWARE_HEAP_KIB + SHIMS_HEAP_KIB + STORM_HEAP_KIB}k"
    return ["micropython", "-X", heap, "-m", START, *map(str, places), imports]
