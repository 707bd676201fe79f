"""Numbers of the serial protocol.

Sources: Espressif's esptool documentation, "Serial Protocol" (commands, packet, error values of the ROM and
of the stub); names are those of the document.
"""

import struct
from enum import IntEnum
from typing import NamedTuple

HEADER = struct.Struct("<BBHI")
REQUEST = 0
RESPONSE = 1
CHECKSUM_SEED = 0xEF


class Op(IntEnum):
    """Commands."""

    FLASH_BEGIN = 0x02
    FLASH_DATA = 0x03
    FLASH_END = 0x04
    MEM_BEGIN = 0x05
    MEM_END = 0x06
    MEM_DATA = 0x07
    SYNC = 0x08
    WRITE_REG = 0x09
    READ_REG = 0x0A
    SPI_SET_PARAMS = 0x0B
    SPI_ATTACH = 0x0D
    READ_FLASH_SLOW = 0x0E  # ROM alone
    CHANGE_BAUDRATE = 0x0F
    FLASH_DEFL_BEGIN = 0x10
    FLASH_DEFL_DATA = 0x11
    FLASH_DEFL_END = 0x12
    SPI_FLASH_MD5 = 0x13
    GET_SECURITY_INFO = 0x14
    ERASE_FLASH = 0xD0  # from here on: stub alone
    ERASE_REGION = 0xD1
    READ_FLASH = 0xD2
    RUN_USER_CODE = 0xD3


STUB_ALONE = frozenset({Op.ERASE_FLASH, Op.ERASE_REGION, Op.READ_FLASH, Op.RUN_USER_CODE})
ROM_ALONE = frozenset({Op.READ_FLASH_SLOW})


class Fault(NamedTuple):
    """The ROM's and the stub's number for the same thing."""

    rom: int
    stub: int

    def status(self, *, stub: bool) -> bytes:
        """As it stands in an answer: the ROM says 1 and the number, the stub the number and 0."""
        return bytes([self.stub, 0]) if stub else bytes([1, self.rom])


INVALID = Fault(0x05, 0xFF)  # "received message is invalid", "command not implemented"
BAD_LENGTH = Fault(0x05, 0xC0)
BAD_CHECKSUM = Fault(0x07, 0xC1)
BAD_BLOCK_SIZE = Fault(0x06, 0xC2)
FAILED = Fault(0x06, 0xC4)  # "failed to act on received message", "failed SPI operation"
NOT_WRITING = Fault(0x06, 0xC6)  # data without a begin
BAD_DEFLATE = Fault(0x0B, 0xC7)
TOO_LITTLE = Fault(0x06, 0xC8)
TOO_MUCH = Fault(0x06, 0xC9)
READ_FAILED = Fault(0x09, 0xC4)
READ_TOO_LONG = Fault(0x0A, 0xC4)


class CommandError(Exception):
    """A command that cannot be done; the host gets its fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


def words(payload: bytes, count: int) -> tuple[int, ...]:
    """The first `count` 32-bit words of a payload. Raises CommandError if it has fewer."""
    if len(payload) < 4 * count:
        raise CommandError(BAD_LENGTH)
    return struct.unpack_from(f"<{count}I", payload)


def checksum(data: bytes) -> int:
    """XOR of all bytes with 0xEF, which the host puts into the header of a data block."""
    # XOR of a number's two halves, again and again, leaves the XOR of its bytes: faster than one by one.
    length = 1 << max(0, len(data) - 1).bit_length()
    folded = int.from_bytes(data, "little")
    while length > 1:
        length //= 2
        folded = folded >> 8 * length ^ folded & (1 << 8 * length) - 1
    return folded ^ CHECKSUM_SEED


def block(payload: bytes, expected_checksum: int, block_bytes_max: int) -> tuple[int, bytes]:
    """Sequence number and data of a data block: four words (length, sequence, 0, 0), then the data."""
    length, sequence, _, _ = words(payload, 4)
    data = payload[16:]
    if length != len(data):
        raise CommandError(BAD_LENGTH)
    if length > block_bytes_max:
        raise CommandError(BAD_BLOCK_SIZE)
    if checksum(data) != expected_checksum & 0xFF:
        raise CommandError(BAD_CHECKSUM)
    return sequence, data
