"""Commands about the flash: write, erase, read, MD5.

Source: Espressif's serial protocol document; what differs between ROM and stub is said where it does.
"""

import hashlib

from host_tools.sim.chip.flash import SECTOR_BYTES, Flash, OutOfFlash
from host_tools.sim.chip.protocol import (
    BAD_LENGTH,
    FAILED,
    NOT_WRITING,
    READ_FAILED,
    READ_TOO_LONG,
    CommandError,
    Op,
    block,
    words,
)
from host_tools.sim.chip.writing import Writing

ROM_FLASH_BYTES = 2 << 20  # what the ROM takes the flash for until SPI_SET_PARAMS
ROM_BLOCK_BYTES_MAX = 0x1800
STUB_BLOCK_BYTES_MAX = 0x4000
SLOW_READ_BYTES = 64
MD5_BYTES = 0x10000  # at a time

OPERATIONS = frozenset(
    {
        Op.FLASH_BEGIN, Op.FLASH_DATA, Op.FLASH_DEFL_BEGIN, Op.FLASH_DEFL_DATA, Op.SPI_SET_PARAMS,
        Op.SPI_FLASH_MD5, Op.READ_FLASH_SLOW, Op.ERASE_FLASH, Op.ERASE_REGION,
    }
)  # fmt: skip


class Storage:
    """The flash as the loader (ROM or stub) works on it. Raises CommandError and the flash's ChipReset."""

    def __init__(self, flash: Flash, begin_words: int, *, stub: bool) -> None:
        self._flash = flash
        self._stub = stub
        self._begin_words = 4 if stub else begin_words
        self._limit = flash.size if stub else min(ROM_FLASH_BYTES, flash.size)
        self._writing: Writing | None = None

    def run(self, op: int, payload: bytes, checksum: int) -> bytes:
        """Do one of OPERATIONS; the data of its answer."""
        match op:
            case Op.SPI_SET_PARAMS:
                self._set_params(payload)
            case Op.FLASH_BEGIN | Op.FLASH_DEFL_BEGIN:
                self._begin(payload, deflated=op == Op.FLASH_DEFL_BEGIN)
            case Op.FLASH_DATA | Op.FLASH_DEFL_DATA:
                self._data(payload, checksum, deflated=op == Op.FLASH_DEFL_DATA)
            case Op.SPI_FLASH_MD5:
                return self._md5(payload)
            case Op.READ_FLASH_SLOW:
                return self._read_slow(payload)
            case Op.ERASE_FLASH:
                self._flash.erase(0, self._flash.size)
            case Op.ERASE_REGION:
                self._erase_region(payload)
        return b""

    def _set_params(self, payload: bytes) -> None:
        """SPI_SET_PARAMS: id, size of the flash, of a block, a sector and a page, status mask."""
        _, size, _, sector, _, _ = words(payload, 6)
        if size == 0 or sector != SECTOR_BYTES:
            raise CommandError(FAILED)
        self._limit = min(size, self._flash.size)

    def _begin(self, payload: bytes, *, deflated: bool) -> None:
        """FLASH_BEGIN, FLASH_DEFL_BEGIN: size to erase and write, number and size of blocks, offset, and on
        newer chips whether it is encrypted (which a chip without keys refuses)."""
        size, _, _, address, *more = words(payload, self._begin_words)
        if any(more) or (self._stub and any(payload[16:20])):
            raise CommandError(FAILED)
        self._writing = None
        self._writing = Writing(self._flash, self._limit, address, size, deflated=deflated, stub=self._stub)

    def _data(self, payload: bytes, checksum: int, *, deflated: bool) -> None:
        """FLASH_DATA, FLASH_DEFL_DATA: one block."""
        writing = self._writing
        if writing is None or writing.deflated != deflated:
            raise CommandError(NOT_WRITING)
        writing.block(*block(payload, checksum, STUB_BLOCK_BYTES_MAX if self._stub else ROM_BLOCK_BYTES_MAX))

    def end(self, payload: bytes) -> bool:
        """FLASH_END, FLASH_DEFL_END: True if the chip is to reboot. The stub makes sure that all has come."""
        (stay,) = words(payload, 1)
        writing, self._writing = self._writing, None
        if self._stub:
            if writing is None:
                raise CommandError(NOT_WRITING)
            writing.end()
        return not stay

    def _md5(self, payload: bytes) -> bytes:
        """SPI_FLASH_MD5: 16 bytes from the stub, 32 hexadecimal digits from the ROM."""
        address, size, _, _ = words(payload, 4)
        if address + size > self._flash.size:
            raise CommandError(READ_FAILED)
        digest = hashlib.md5(usedforsecurity=False)
        for at in range(address, address + size, MD5_BYTES):
            digest.update(self._flash.read(at, min(MD5_BYTES, address + size - at)))
        return digest.digest() if self._stub else digest.hexdigest().encode()

    def _read_slow(self, payload: bytes) -> bytes:
        """READ_FLASH_SLOW: always 64 bytes, of which as many count as were asked for."""
        address, size = words(payload, 2)
        if size > SLOW_READ_BYTES:
            raise CommandError(READ_TOO_LONG)
        if address + size > self._limit:
            raise CommandError(READ_FAILED)
        return self._flash.read(address, size).ljust(SLOW_READ_BYTES, b"\0")

    def _erase_region(self, payload: bytes) -> None:
        """ERASE_REGION: whole sectors."""
        address, size = words(payload, 2)
        if address % SECTOR_BYTES or size % SECTOR_BYTES:
            raise CommandError(BAD_LENGTH)
        try:
            self._flash.erase(address, size)
        except OutOfFlash:
            raise CommandError(FAILED) from None
