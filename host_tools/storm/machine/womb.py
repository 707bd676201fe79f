"""The process of which lives are forked (image.py), with no more in its memory than that takes: each fork
copies the page tables.

    python -m host_tools.storm.machine.womb FOLDER SHIMS CLOCKS CONTROL

Lives are children of the director, as those that it forks itself. The image waits for orders, one JSON object
each that comes with the life's end of its line; its answer is the life's process id.
"""

import ctypes
import fcntl
import json
import mmap
import os
import random
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from host_tools.sim import layout
from host_tools.sim.pins import WORLD_FILE
from host_tools.sim.vm_process import die_with_parent, run_vm
from host_tools.sim.world import FLASH_FILE
from host_tools.storm.machine import fence, life
from host_tools.storm.machine.clocks import shared_clocks
from host_tools.storm.machine.life import NOT_BORN

CONTROL_FD = 5
IMPORTS_FILE = "imports"
PID_BYTES = 4
_ORDER_BYTES = 4096
_CLONE = 56
_CLONE_PARENT = 0x8000
_MAP_SHARED_FIXED = mmap.MAP_SHARED | 0x10


def command(folder: Path, shims: Path, clocks_fd: int, control_fd: int) -> list[str]:
    """The process inherits the two descriptors: of the clocks' memory, and where it gets its orders."""
    places = [str(folder.absolute()), str(shims.absolute()), str(clocks_fd), str(control_fd)]
    return [sys.executable, "-m", __name__, *places]


def main() -> NoReturn:
    """Never returns, never raises."""
    status = NOT_BORN
    try:
        die_with_parent(signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        folder, shims = map(Path, sys.argv[1:3])
        clocks_fd, control_fd = map(int, sys.argv[3:])
        clocks = shared_clocks(clocks_fd)
        held = fcntl.fcntl(control_fd, fcntl.F_DUPFD, CONTROL_FD + 1)
        life.take_streams(folder, os.open(os.devnull, os.O_RDWR))
        os.dup2(held, CONTROL_FD)
        os.closerange(CONTROL_FD + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        arguments = life.arguments_of(folder, shims, clocks, str(folder / IMPORTS_FILE))
        world, flash, flash_bytes = map(int, arguments[5:8])
        womb = _Womb(socket.socket(fileno=CONTROL_FD), world, flash, flash_bytes)
        clocks.draw_from(womb.draw)
        status = run_vm(arguments)
    except BaseException as e:
        os.write(2, f"--- the image did not start: {type(e).__name__}: {e}\n".encode())
    finally:
        os._exit(status)


class _Womb:
    """Where the VM's random numbers come from. For none at all it is asked once (vm/_image.py)."""

    def __init__(self, control: socket.socket, world: int, flash: int, flash_bytes: int) -> None:
        self._control = control
        self._places = (world, layout.SIZE), (flash, flash_bytes)
        self._chance = random.Random(0)
        self._is_born = False

    def draw(self, size: int) -> bytes:
        if size or self._is_born:
            return self._chance.randbytes(size)
        said = 0
        while True:
            data, fds = self._ask(said)
            if not data:
                os._exit(0)
            said = ctypes.PyDLL(None).syscall(_CLONE, _CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
            if said == 0:
                self._be_born(json.loads(data), fds[0])
                return b""
            os.close(fds[0])

    def _ask(self, said: int) -> tuple[bytes, list[int]]:
        """The next order, after the answer to the last one; nothing where the director is gone."""
        with suppress(ConnectionError):
            self._control.sendall(said.to_bytes(PID_BYTES, "little"))
            data, fds, _, _ = socket.recv_fds(self._control, _ORDER_BYTES, 1)
            return data, fds
        return b"", []

    def _be_born(self, order: dict[str, Any], line: int) -> None:
        """This process is a life from here on."""
        try:
            die_with_parent(signal.SIGKILL)
            self._control.close()
            folder = Path(order["folder"])
            life.take_streams(folder, line)
            for place, name, offset in zip(
                self._places, (WORLD_FILE, FLASH_FILE), (0, layout.VFS_OFFSET), strict=True
            ):
                _map(place, folder / name, offset)
            self._chance = life.chance(order["seed"], order["number"])
            self._is_born = True
            fence.shut()
        except BaseException as e:
            os.write(2, f"--- the VM did not start: {type(e).__name__}: {e}\n".encode())
            os._exit(NOT_BORN)


def _map(place: tuple[int, int], path: Path, offset: int) -> None:
    """A board's file where the image had its own."""
    address, size = place
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.mmap.restype = ctypes.c_void_p
    fd = os.open(path, os.O_RDWR)
    found = libc.mmap(address, size, mmap.PROT_READ | mmap.PROT_WRITE, _MAP_SHARED_FIXED, fd, offset)
    os.close(fd)
    if found != address:
        raise OSError(ctypes.get_errno(), "cannot map", str(path))


if __name__ == "__main__":
    main()
