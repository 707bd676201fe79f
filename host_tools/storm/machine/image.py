"""The image of a boot: a VM that has loaded the shims and what each boot of a board imports from its flash,
and then stands still. Lives are forked from it, and differ from others only in that they need not load that.

The code is the shipped one: a life is only made of the image while all that the flash has of it is byte for
byte what the image was made from (`fits`). What a boot imports is what another one noted (vm/_image.py).

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
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from host_tools.sim import layout
from host_tools.sim.flash import VFS_OFFSET, Template
from host_tools.sim.pins import WORLD_FILE
from host_tools.sim.vm_process import die_with_parent, run_vm
from host_tools.sim.world import FLASH_FILE, LOG_FILE
from host_tools.storm.machine import fence, life
from host_tools.storm.machine.clocks import Clocks
from host_tools.storm.machine.life import NOT_BORN, Birth

CONTROL_FD = 5
IMPORTS_FILE = "imports"
_ORDER_BYTES = 4096
_PID_BYTES = 4
_CLONE = 56
_CLONE_PARENT = 0x8000
_MAP_SHARED_FIXED = mmap.MAP_SHARED | 0x10


class Image:
    def __init__(self, folder: Path, shims: Path, clocks: Clocks, template: Template, imports: str) -> None:
        """`folder` has world and flash of such a board as it comes from the cable, and may go when this is
        made. `imports`: what boots import, by line. Raises ChildProcessError."""
        self._code = template.code()
        (folder / IMPORTS_FILE).write_text(imports, encoding="utf-8")
        self._end, theirs = socket.socketpair()
        clocks.begin(0, 0, 0, False)
        self._pid = os.fork()
        if self._pid == 0:
            self._end.close()
            _become(folder, shims, clocks, theirs)
        theirs.close()
        try:
            self._read_pid()
        except ChildProcessError as error:
            said = (folder / LOG_FILE).read_text(encoding="utf-8", errors="replace")
            raise ChildProcessError(f"{error}: {said}") from None

    def fits(self, flash: bytes | mmap.mmap) -> bool:
        """Whether a board with this flash would load what the image has. The first two blocks, where the
        filesystem begins, are not looked at: a boot reads them itself."""
        return all(flash[at : at + len(content)] == content for at, content in self._code)

    def begin(self, birth: Birth) -> tuple[int, socket.socket]:
        """As life.begin()."""
        life.set_clock(birth)
        ours, theirs = socket.socketpair()
        order = {"folder": str(birth.folder), "seed": birth.seed, "number": birth.number}
        socket.send_fds(self._end, [json.dumps(order).encode()], [theirs.fileno()])
        theirs.close()
        pid = self._read_pid()
        with suppress(ProcessLookupError):  # it has ended
            os.sched_setaffinity(pid, os.sched_getaffinity(0))  # the image was made before (core.py)
        return pid, ours

    def end(self) -> None:
        self._end.close()
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def _read_pid(self) -> int:
        answer = self._end.recv(_PID_BYTES)
        if len(answer) < _PID_BYTES:
            raise ChildProcessError("the image of a boot has ended")
        return int.from_bytes(answer, "little")


def _become(folder: Path, shims: Path, clocks: Clocks, control: socket.socket) -> NoReturn:
    status = NOT_BORN
    try:
        die_with_parent(signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        held = fcntl.fcntl(control, fcntl.F_DUPFD, CONTROL_FD + 1)
        life.take_streams(folder, os.open(os.devnull, os.O_RDWR))
        os.dup2(held, CONTROL_FD)
        os.closerange(CONTROL_FD + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        arguments = life.arguments_of(folder, shims, clocks, str(folder / IMPORTS_FILE))
        womb = _Womb(
            socket.socket(fileno=CONTROL_FD), int(arguments[5]), int(arguments[6]), int(arguments[7])
        )
        clocks.draw_from(womb.draw)
        status = run_vm(arguments)
    except BaseException as e:  # whatever happens, this process must not go on as the director
        os.write(2, f"--- the VM did not start: {type(e).__name__}: {e}\n".encode())
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
            self._control.sendall(said.to_bytes(_PID_BYTES, "little"))
            data, fds, _, _ = socket.recv_fds(self._control, _ORDER_BYTES, 1)
            if not data:
                os._exit(0)
            said = ctypes.PyDLL(None).syscall(_CLONE, _CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
            if said == 0:
                self._be_born(json.loads(data), fds[0])
                return b""
            os.close(fds[0])

    def _be_born(self, order: dict[str, Any], line: int) -> None:
        """This process is a life from here on."""
        try:
            die_with_parent(signal.SIGKILL)
            self._control.close()
            folder = Path(order["folder"])
            life.take_streams(folder, line)
            for place, name, offset in zip(
                self._places, (WORLD_FILE, FLASH_FILE), (0, VFS_OFFSET), strict=True
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
