"""A forked process becomes the VM of a board on virtual time; when the process ends, that life has ended."""

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
from host_tools.storm.machine.denial import NEVER

STORM_HEAP_KIB = 12
"""What takes the place of sockets and poll, which are C on a board."""
WIRE_FD = 4
SOCKETS_A_LIFE = 100_000
START = "_storm"
NOT_BORN = 97
"""The status of a process that did not become a VM."""


class Birth(NamedTuple):
    """What a life begins with. `number` and `seed` make its random numbers; `leaps`: vm/_leap.py."""

    folder: Path
    shims: Path
    clocks: Clocks
    now_us: int
    horizon_us: int
    number: int
    seed: str
    leaps: bool


def begin(birth: Birth) -> tuple[int, socket.socket]:
    """The next life of a board: its process id, and the director's end of its line."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _live(birth, theirs)
    theirs.close()
    return pid, ours


def _live(birth: Birth, line: socket.socket) -> NoReturn:
    folder, shims, clocks = birth.folder, birth.shims, birth.clocks
    status = NOT_BORN
    try:
        die_with_parent(signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        clocks.set(birth.now_us)
        clocks.denial.set(0, NEVER, 0)
        clocks.draw_from(random.Random(f"{birth.seed}/chip/{birth.number}").randbytes)
        streams = (os.open(os.devnull, os.O_RDONLY), log := open_log(folder), log)
        doorbell = os.open(folder / FIFO_FILE, os.O_RDWR | os.O_NONBLOCK)
        world, flash, rom = memories_of(folder, shims)
        high = [os.dup(fd) for fd in (*streams, doorbell, line.fileno())]
        for fd, wanted in zip(high, (0, 1, 2, FIFO_FD, WIRE_FD), strict=True):
            os.dup2(fd, wanted, inheritable=True)
        os.closerange(WIRE_FD + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        os.environ["MICROPYPATH"] = f"{shims}:.frozen"
        os.environ["TZ"] = "UTC0"
        os.environ.pop("HOME", None)
        places = [address_of(world), address_of(flash), len(flash), FIFO_FD, address_of(rom), len(rom)]
        places += [layout.CONSOLE_LOG, clocks.address, WIRE_FD, birth.number * SOCKETS_A_LIFE]
        places += [birth.horizon_us, int(birth.leaps)]
        heap = f"heapsize={FIRMWARE_HEAP_KIB + SHIMS_HEAP_KIB + STORM_HEAP_KIB}k"
        fence.shut()
        status = run_vm(["micropython", "-X", heap, "-m", START, *map(str, places)])
    except BaseException as e:  # whatever happens, this process must not go on as the director
        os.write(2, f"--- the VM did not start: {type(e).__name__}: {e}\n".encode())
    finally:
        os._exit(status)
