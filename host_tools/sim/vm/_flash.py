"""The board's flash: a block device over the shared mapping of flash.bin, with NOR flash's erase."""

import uctypes
from _layout import FLASH_BLOCK as BLOCK
from _world import page as _page


class Flash:
    def __init__(self, address, size):
        self._memory = memoryview(uctypes.bytearray_at(address, size))
        self._blocks = size // BLOCK
        self._erased = b"\xff" * BLOCK

    def readblocks(self, block, buf, offset=0):
        at = block * BLOCK + offset
        buf[:] = self._memory[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        at = block * BLOCK + offset
        self._memory[at : at + len(buf)] = buf
        _page.flash_programmed_bytes += len(buf)

    def ioctl(self, op, arg):
        if op == 4:
            return self._blocks
        if op == 5:
            return BLOCK
        if op == 6:
            at = arg * BLOCK
            self._memory[at : at + BLOCK] = self._erased
            _page.flash_erases += 1
            return 0
        return 0  # init, deinit, sync
