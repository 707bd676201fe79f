"""The filesystem's part of the board's flash: a block device over the shared mapping of flash.bin, with NOR
flash's erase."""

import uctypes
from _layout import EXIT_CUT as _CUT
from _layout import FLASH_BLOCK as BLOCK
from _world import page as _page


class Flash:
    def __init__(self, address, size, first):
        """`first`: the number of the filesystem's first sector in the whole flash."""
        self._memory = memoryview(uctypes.bytearray_at(address, size))
        self._blocks = size // BLOCK
        self._erased = b"\xff" * BLOCK
        bad = (_page.bad_sector_0, _page.bad_sector_1, _page.bad_sector_2, _page.bad_sector_3)
        self._bad = [number - first for number in bad[: _page.bad_sectors]]

    def readblocks(self, block, buf, offset=0):
        at = block * BLOCK + offset
        buf[:] = self._memory[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        at = block * BLOCK + offset
        if _page.cut_at_op:
            self._count(at, buf)
        if self._bad and block in self._bad:
            return
        self._memory[at : at + len(buf)] = buf
        _page.flash_programmed_bytes += len(buf)

    def ioctl(self, op, arg):
        if op == 4:
            return self._blocks
        if op == 5:
            return BLOCK
        if op == 6:
            at = arg * BLOCK
            if _page.cut_at_op:
                self._count(at, self._erased)
            if self._bad and arg in self._bad:
                return 0
            self._memory[at : at + BLOCK] = self._erased
            _page.flash_erases += 1
            return 0
        return 0  # init, deinit, sync

    def is_blank(self):
        """Nothing was ever written to the filesystem's first two sectors."""
        return all(self._memory[at : at + BLOCK] == self._erased for at in (0, BLOCK))

    def _count(self, at, data):
        """One operation nearer to the power cut, which tears that one in half."""
        left = _page.cut_at_op - 1
        _page.cut_at_op = left
        if not left:
            half = len(data) // 2
            self._memory[at : at + half] = data[:half]
            from machine import _end

            _end(_CUT)
