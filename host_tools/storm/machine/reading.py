"""Reads of a board's flash: machine code (x86-64) in place of the function of MicroPython's
extmod/vfs_blockdev.c that asks the block device of `vm/_flash.py`, which would copy the same bytes: thousands
of times while a board starts. Writes go on through the device, which counts them, tears them and has worn
blocks.
"""

import ctypes
import mmap
import struct
from collections.abc import Callable

from host_tools.sim import layout

_NAME = "mp_vfs_blockdev_read_ext"
_EIO = 5
_BLOCK_BITS = layout.FLASH_BLOCK.bit_length() - 1


class Reading:
    def __init__(self, jump: Callable[[str, int], None]) -> None:
        """`jump` lets a function of the VM go on at another place."""
        may = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        self._code = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=may)
        self._jump = jump

    def begin(self, address: int, size: int) -> None:
        """From now on, in this process: the filesystem's part of the flash lies there."""
        code = _code(address, size)
        self._code[: len(code)] = code
        self._jump(_NAME, ctypes.addressof(ctypes.c_char.from_buffer(self._code)))


def _code(address: int, size: int) -> bytes:
    """Block in rsi, offset in it in rdx, length in rcx, where to in r8; answers nought or an error."""
    copy = b"\x48\xbe" + struct.pack("<Q", address) + b"\x48\x01\xc6"  # mov rsi, address; add rsi, rax
    copy += b"\x4c\x89\xc7\xf3\xa4\x31\xc0\xc3"  # mov rdi, r8; rep movsb; xor eax, eax; ret
    begin = b"\x48\x89\xf0\x48\xc1\xe0" + bytes((_BLOCK_BITS,))  # mov rax, rsi; shl rax, bits
    begin += b"\x48\x01\xd0\x4c\x8d\x0c\x08"  # add rax, rdx; lea r9, [rax+rcx]
    begin += b"\x49\xba" + struct.pack("<Q", size)  # mov r10, size
    begin += b"\x4d\x39\xd1\x77" + bytes((len(copy),))  # cmp r9, r10; ja error
    return begin + copy + b"\xb8" + struct.pack("<i", -_EIO) + b"\xc3"  # error: mov eax, -EIO; ret
