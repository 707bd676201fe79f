"""A download to flash: FLASH_BEGIN or FLASH_DEFL_BEGIN, data blocks, the end.

The ROM erases the whole region at the beginning; the stub erases sector by sector as it writes (Espressif's
serial protocol document and stub sources say so; the result on the flash is the same).
"""

import zlib

from host_tools.sim.chip.flash import SECTOR_BYTES, Flash, OutOfFlash
from host_tools.sim.chip.protocol import BAD_DEFLATE, FAILED, TOO_LITTLE, TOO_MUCH, CommandError

INFLATE_BYTES = 0x8000  # at a time, so that a small block cannot ask for much memory


class Writing:
    """One region that is being written. Raises CommandError."""

    def __init__(
        self, flash: Flash, limit: int, address: int, size: int, *, deflated: bool, stub: bool
    ) -> None:
        """`size` bytes from `address`; neither may lie past `limit`, the size that SPI_SET_PARAMS has set."""
        if address + size > limit:
            raise CommandError(FAILED)
        self._flash = flash
        self._at = address
        self._end = address + size
        self._stub = stub
        self._erased_to = address // SECTOR_BYTES * SECTOR_BYTES
        self._inflate = zlib.decompressobj() if deflated else None
        self._next_block = 0
        self.deflated = deflated
        if not stub:
            flash.erase(address, size)

    @property
    def missing(self) -> int:
        """Bytes that are still to come."""
        return self._end - self._at

    def block(self, sequence: int, data: bytes) -> None:
        """Write one data block. A repeated or a lost one is an error.

        The real stub does not look at the number: there it is the MD5 at the end that is wrong.
        """
        if sequence != self._next_block:
            raise CommandError(FAILED)
        self._next_block += 1
        if self._inflate is None:
            # The host fills its last block up with 0xFF.
            if len(data) > self.missing and data[self.missing :].strip(b"\xff"):
                raise CommandError(TOO_MUCH)
            self._write(data[: self.missing])
            return
        # Output that one block leaves behind comes with the next one: a stream ends with a checksum.
        while data:
            try:
                out = self._inflate.decompress(data, INFLATE_BYTES)
            except zlib.error:
                raise CommandError(BAD_DEFLATE) from None
            if len(out) > self.missing or self._inflate.unused_data:
                raise CommandError(TOO_MUCH)
            self._write(out)
            data = self._inflate.unconsumed_tail

    def end(self) -> None:
        """All of it must have come."""
        if self.missing:
            raise CommandError(TOO_LITTLE)

    def _write(self, data: bytes) -> None:
        end = self._at + len(data)
        try:
            if self._stub and end > self._erased_to:
                self._flash.erase(self._erased_to, end - self._erased_to)
                self._erased_to = -(-end // SECTOR_BYTES) * SECTOR_BYTES
            self._flash.program(self._at, data)
        except OutOfFlash:
            raise CommandError(FAILED) from None
        self._at = end
