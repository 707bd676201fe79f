"""Allocations of a board's VM that fail: machine code (x86-64) in place of three functions of MicroPython's
py/malloc.c, which asks five numbers in memory first.

Whether one fails hangs on its size, the virtual time and a seed: not on how much happens to be free, nor on
what was asked for before, so a run is the same each time. What grows (gc_realloc) is not asked about, for
whether it has to move depends on what the collector took for a pointer.
"""

import ctypes
import mmap
import struct
from collections.abc import Callable

NEVER = 0
ALWAYS = 1 << 16
"""Shares of those allocations that fail."""
_HUGE = 1 << 63
_MIX = 0x9E3779B97F4A7C15
_NUMBERS = struct.Struct("<QQQQ")
_KINDS = {"m_malloc": (0, True), "m_malloc_with_finaliser": (1, True), "m_malloc_maybe": (0, False)}
"""By name: flags for gc_alloc, and whether a failure raises MemoryError."""
PlaceOf = Callable[[str], int]
Jump = Callable[[str, int], None]
"""Where a function of the VM is; lets it go on at another place."""


class Denial:
    def __init__(self, memory: mmap.mmap, address: int, place_of: PlaceOf, jump: Jump) -> None:
        """`memory`, which begins at `address`: the clock, and then least size, share, seed, and whether what
        runs is none of the board's own."""
        self._memory = memory
        self._code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        begin = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
        at = 0
        for name, (flags, raises) in _KINDS.items():
            code = _code(address, place_of("gc_alloc"), place_of("m_malloc_fail") if raises else 0, flags)
            self._code[at : at + len(code)] = code
            jump(name, begin + at)
            at += len(code)

    def set(self, least_bytes: int, share: int, seed: int) -> None:
        """Of allocations of at least that size this share fails, of ALWAYS; NEVER ends it."""
        self._put(least_bytes, share, seed, 0)

    def change(self, least_bytes: int, share: int, seed: int) -> None:
        """While a VM stands still: whether that was the board's own code stays so."""
        self._put(least_bytes, share, seed, self._memory[32])

    def _put(self, least_bytes: int, share: int, seed: int, is_not_own: int) -> None:
        least = least_bytes if share else _HUGE  # the shortest way through the code
        _NUMBERS.pack_into(self._memory, 8, least, share, seed, is_not_own)


def _code(address: int, gc_alloc: int, fail: int, flags: int) -> bytes:
    """The size is in rdi, and kept in rbx. Denied: `fail` is called, and does not return; else 0."""
    denied = b"\x31\xc0"  # xor eax, eax
    if fail:
        denied = b"\x48\x89\xdf" + _load(0xB8, fail) + b"\xff\xd0"  # mov rdi, rbx; call fail
    nothing = b"\x48\x85\xdb\x74" + _over(denied)  # test rbx, rbx; jz end
    allocate = b"\xbe" + struct.pack("<I", flags)  # mov esi, flags
    allocate += _load(0xB8, gc_alloc) + b"\xff\xd0"  # call gc_alloc
    allocate += b"\x48\x85\xc0\x75" + _over(nothing + denied)  # test rax, rax; jnz end
    asks = b"\x48\x8b\x10\x48\x31\xfa\x48\x33\x50\x18"  # rdx = [rax] ^ rdi ^ [rax+24]
    asks += _load(0xB9, _MIX) + b"\x48\x0f\xaf\xd1\x48\xc1\xea\x30"  # rdx = rdx * _MIX >> 48
    asks += b"\x48\x3b\x50\x10\x72" + _over(allocate + nothing)  # cmp rdx, [rax+16]; jb denied
    asks = b"\x48\x3b\x78\x08\x72" + _over(asks) + asks  # cmp rdi, [rax+8]; jb allocate
    asks = b"\x48\x83\x78\x20\x00\x75" + _over(asks) + asks  # cmp qword [rax+32], 0; jne allocate
    begin = b"\x53\x48\x89\xfb" + _load(0xB8, address)  # push rbx; mov rbx, rdi
    return begin + asks + allocate + nothing + denied + b"\x5b\xc3"  # end: pop rbx; ret


def _load(register: int, value: int) -> bytes:
    return bytes((0x48, register)) + struct.pack("<Q", value)


def _over(code: bytes) -> bytes:
    """How far a short jump goes."""
    return bytes((len(code),))
