"""Virtual time below the VM: its clocks read one number in memory, its random numbers come from a seed.

The VM is a shared library in this process. The first bytes of four of its functions are overwritten with
machine code (x86-64; other processors: `Unsupported`), so what the board runs is the very same code, the
event loop's timers in C included. Functions: MicroPython's ports/unix/unix_mphal.c.
"""

import ctypes
import functools
import mmap
import os
import platform
import struct
from collections.abc import Callable

from host_tools.storm.agenda import BEGIN_US
from host_tools.storm.machine.denial import NEVER, Denial
from host_tools.storm.machine.reading import Reading
from host_tools.storm.machine.silence import Stalled
from host_tools.storm.wall import WALL_BEGIN_S

NEVER_US = 1 << 50
"""No run lasts until then: that is 35 years."""
_PAGE = mmap.PAGESIZE
_BORN = struct.Struct("<QII")
_BORN_AT = 40  # behind the clock and denial.py's numbers
_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_size_t, ctypes.POINTER(ctypes.c_ubyte))


class Unsupported(Exception):
    """This machine cannot put the VM on virtual time."""


class Clocks:
    """Of this process and those that come of it, one VM at a time: they share the number. Once a process."""

    def __init__(self, begin_us: int, fd: int | None = None) -> None:
        """`begin_us` is the virtual time at WALL_BEGIN_S; `fd`: of those clocks that this process shares.
        Raises Unsupported."""
        if platform.machine() not in ("x86_64", "AMD64") or platform.system() != "Linux":
            raise Unsupported("a storm needs Linux on x86-64")
        import micropython_run

        if fd is None:
            fd = os.memfd_create("clocks")
            os.ftruncate(fd, _PAGE)
        self.fd = fd
        self._memory = mmap.mmap(fd, _PAGE)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self._library = ctypes.CDLL(micropython_run.__file__)
        self._kept: list[object] = []
        load = b"\x48\xb8" + struct.pack("<Q", self.address)  # mov rax, address
        load += b"\x48\xff\x00\x48\x8b\x00"  # inc qword [rax]; mov rax, [rax]
        to_ms = b"\x31\xd2\xb9" + struct.pack("<I", 1000) + b"\x48\xf7\xf1"  # rax /= 1000
        shift_ns = (WALL_BEGIN_S * 1_000_000 - begin_us) * 1000
        to_ns = b"\x48\x69\xc0" + struct.pack("<I", 1000)  # imul rax, rax, 1000
        to_ns += b"\x48\xb9" + struct.pack("<Q", shift_ns) + b"\x48\x01\xc8"  # add rax, shift
        for name, code in (
            ("mp_hal_ticks_us", load),
            ("mp_hal_ticks_ms", load + to_ms),
            ("mp_hal_time_ns", load + to_ns),
        ):
            self._replace(name, code + b"\xc3")
        self.denial = Denial(self._memory, self.address, self._place_of, self._jump)
        self.reading = Reading(self._jump)

    def begin(self, now_us: int, horizon_us: int, sock: int, leaps: bool) -> None:
        """Of a life; `sock` is the number of its first socket. Nothing is denied to it."""
        struct.pack_into("<Q", self._memory, 0, now_us)
        self.denial.set(0, NEVER, 0)
        _BORN.pack_into(self._memory, _BORN_AT, horizon_us, sock, leaps)

    def now_us(self) -> int:
        """How far the VM has come, or had when it ended. Raises Stalled."""
        now_us = int(struct.unpack_from("<Q", self._memory, 0)[0])
        if now_us > NEVER_US:
            raise Stalled(f"the VM's clock shows {now_us} us: it has misread a frame")
        return now_us

    def draw_from(self, draw: Callable[[int], bytes]) -> None:
        """`draw(n)` gives the VM's random bytes from now on, in this process."""

        def fill(size: int, buffer: "ctypes._Pointer[ctypes.c_ubyte]") -> None:
            ctypes.memmove(buffer, draw(size), size)

        callback = _CALLBACK(fill)
        self._kept.append(callback)
        target = ctypes.cast(callback, ctypes.c_void_p).value or 0
        self._jump("mp_hal_get_random", target)

    def _jump(self, name: str, target: int) -> None:
        self._replace(name, b"\x48\xb8" + struct.pack("<Q", target) + b"\xff\xe0")

    def _place_of(self, name: str) -> int:
        try:
            place = ctypes.cast(getattr(self._library, name), ctypes.c_void_p).value
        except AttributeError:
            place = None
        if place is None:
            raise Unsupported(f"this MicroPython has no {name}")
        return place

    def _replace(self, name: str, code: bytes) -> None:
        function = self._place_of(name)
        first = function // _PAGE * _PAGE
        length = function + len(code) - first
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        if libc.mprotect(first, length, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC):
            raise Unsupported(f"the VM's code cannot be changed here, error {ctypes.get_errno()}")
        ctypes.memmove(function, code, len(code))
        libc.mprotect(first, length, mmap.PROT_READ | mmap.PROT_EXEC)


@functools.cache
def clocks_of_this_process() -> Clocks:
    """Raises Unsupported."""
    return Clocks(BEGIN_US)


def shared_clocks(fd: int) -> Clocks:
    """Those that another process made."""
    return Clocks(BEGIN_US, fd)
