"""A forked process becomes a board: its console, its memory, its doorbell, and then the VM."""

import ctypes
import mmap
import os
import resource
import shutil
import signal
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from host_tools.sim import layout
from host_tools.sim.pins import WORLD_FILE
from host_tools.sim.shims import ROM_FILE
from host_tools.sim.world import FIFO_FILE, FLASH_FILE, LOG_FILE

FIRMWARE_HEAP_KIB = 256
SHIMS_HEAP_KIB = 52
"""What stands in for a chip's ROM and hardware, and is not the firmware's: asyncio, the shims, and the
models of chips on the I2C bus."""
START = "_start"  # the first module of the shims
LOG_BYTES_MAX = 1 << 20
FIFO_FD = 3
INTERRUPT = signal.SIGUSR1  # Ctrl-C for a VM at a terminal
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Terminal:
    """What a board's VM talks to instead of its log: a pty in raw mode that `chip/relay.py` holds, too."""

    path: str
    is_raw: bool = False  # begin in the raw REPL

    def open(self) -> int:
        return os.open(self.path, os.O_RDWR | os.O_NOCTTY)


def trim_log(folder: Path) -> None:
    """Keep a full console as log.txt.1 and begin anew, so that a year of demo fits the disk. For the zygote
    alone: two at once would keep an empty one."""
    path = folder / LOG_FILE
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        shutil.copyfile(path, folder / f"{LOG_FILE}.1")
        os.truncate(path, 0)  # the VM appends: it goes on at the new end


def open_log(folder: Path) -> int:
    """The board's console."""
    path = folder / LOG_FILE
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def address_of(memory: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def become_board(folder: Path, shims: Path, terminal: Terminal | None = None) -> NoReturn:
    """Turn this forked process into the VM of a board, which ends with main.py or, on a terminal, goes on at
    the prompt. Never returns, never raises."""
    status = 1
    try:
        die_with_parent(signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if terminal is None:
            streams = (os.open(os.devnull, os.O_RDONLY), log := open_log(folder), log)
        else:
            streams = (tty := terminal.open(), tty, tty)
        # both ends, so that the FIFO never is at its end of file
        doorbell = os.open(folder / FIFO_FILE, os.O_RDWR | os.O_NONBLOCK)
        world, flash, rom = memories_of(folder, shims)
        high = [os.dup(fd) for fd in (*streams, doorbell)]  # above what is replaced below
        for fd, wanted in zip(high, (0, 1, 2, FIFO_FD), strict=True):
            os.dup2(fd, wanted, inheritable=True)
        os.closerange(FIFO_FD + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        os.environ["MICROPYPATH"] = f"{shims}:.frozen"
        os.environ["TZ"] = "UTC0"
        os.environ.pop("HOME", None)  # where the prompt would keep its history
        console = layout.CONSOLE_LOG
        if terminal is not None:
            console = layout.CONSOLE_RAW if terminal.is_raw else layout.CONSOLE_REPL
        places = [
            address_of(world),
            address_of(flash),
            len(flash),
            FIFO_FD,
            address_of(rom),
            len(rom),
            console,
        ]
        heap = f"heapsize={FIRMWARE_HEAP_KIB + SHIMS_HEAP_KIB}k"
        stay = ["-i"] if terminal is not None else []
        if terminal is not None:
            take_interrupts()
        status = run_vm(["micropython", *stay, "-X", heap, "-m", START, *map(str, places)])
    except BaseException as e:  # whatever happens, this process must not go on as a zygote
        os.write(2, f"--- the VM did not start: {type(e).__name__}: {e}\n".encode())
    finally:
        os._exit(status)


def memories_of(folder: Path, shims: Path) -> tuple[mmap.mmap, mmap.mmap, mmap.mmap]:
    """World page, the filesystem's part of the flash, and the ROM of the shims, mapped for a VM."""
    with (folder / WORLD_FILE).open("r+b") as w, (folder / FLASH_FILE).open("r+b") as f:
        world = mmap.mmap(w.fileno(), layout.SIZE)
        offset, size = filesystem_of(world, os.fstat(f.fileno()).st_size)
        flash = mmap.mmap(f.fileno(), size, offset=offset)
    with (shims / ROM_FILE).open("rb") as r:
        rom = mmap.mmap(r.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
    return world, flash, rom


def filesystem_of(world: mmap.mmap, flash_bytes: int) -> tuple[int, int]:
    """Where the board's filesystem lies in its flash, and its size in bytes, by the world page."""
    offset, size = (
        struct.unpack_from(code, world, at)[0]
        for at, code in (layout.FIELDS["vfs_offset"], layout.FIELDS["vfs_size"])
    )
    offset = offset or layout.VFS_OFFSET
    return offset, size or flash_bytes - offset


def take_interrupts() -> None:
    """Let INTERRUPT raise KeyboardInterrupt between two bytecodes, as Ctrl-C does on the ESP32. The VM's own
    handler of SIGINT jumps out of wherever it is, also out of the garbage collector, which then stays locked.
    A VM that does not export the function is left with that one."""
    import micropython_run

    handler = getattr(ctypes.CDLL(micropython_run.__file__), "mp_sched_keyboard_interrupt", None)
    if handler is not None:
        c = ctypes.CDLL(None)
        c.signal.argtypes, c.signal.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_void_p
        c.signal(INTERRUPT, ctypes.cast(handler, ctypes.c_void_p))
        c.siginterrupt(INTERRUPT, 1)


def run_vm(arguments: list[str]) -> int:
    import micropython_unix

    return int(micropython_unix.run_main(arguments) or 0)


def die_with_parent(how: signal.Signals) -> None:
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, how)
    if os.getppid() != parent or parent == 1:
        os._exit(1)
