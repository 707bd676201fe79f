"""The flash chip's answers to SPI commands that esptool sends it through the controller's USR registers.

Sources: JEDEC JESD216 (SFDP: header, parameter headers) and the datasheets of the flash chips (RDID 0x9F,
RDSR 0x05, 0x35 and 0x15, SFDP 0x5A).
"""

import struct

READ_ID = 0x9F
READ_SFDP = 0x5A
READ_STATUS = (0x05, 0x35, 0x15)

SFDP_REVISION_1_0 = (0, 1)  # minor, major
BASIC_TABLE_AT = 0x30
BASIC_TABLE_WORDS = 9
VENDOR_TABLE_AT = 0x60
VENDOR_TABLE_WORDS = 3


def sfdp(vendor: int, size_bytes: int) -> bytes:
    """The chip's description of itself: header, two parameter headers, the basic table's first words."""
    minor, major = SFDP_REVISION_1_0
    header = b"SFDP" + bytes([minor, major, 1, 0xFF])  # two parameter headers
    basic = bytes([0x00, minor, major, BASIC_TABLE_WORDS]) + BASIC_TABLE_AT.to_bytes(3, "little") + b"\xff"
    own = bytes([vendor, minor, major, VENDOR_TABLE_WORDS]) + VENDOR_TABLE_AT.to_bytes(3, "little") + b"\xff"
    # Words 1 and 2 of the basic table: 4 KiB erase by 0x20, three address bytes; density in bits, less one.
    table = struct.pack("<II", 0xFFF120E5, size_bytes * 8 - 1)
    return (header + basic + own).ljust(BASIC_TABLE_AT, b"\xff") + table


class SpiFlash:
    """The flash chip at the end of the SPI lines, as far as commands other than read and write go."""

    def __init__(self, flash_id: int, size_bytes: int) -> None:
        """`flash_id`: vendor, type and capacity as RDID gives them, the vendor lowest."""
        self.flash_id = flash_id
        self._sfdp = sfdp(flash_id & 0xFF, size_bytes)

    def run(self, command: int, address: int, bits: int) -> int:
        """Up to 32 bits of answer, the first byte lowest. Commands that answer nothing (reset, write enable,
        power down) give 0; so do those that are not known."""
        if command == READ_ID:
            value = self.flash_id
        elif command == READ_SFDP:
            at = address & 0xFFFFFF
            value = int.from_bytes(self._sfdp[at : at + 4].ljust(4, b"\xff"), "little")
        elif command in READ_STATUS:
            value = 0  # idle, nothing protected
        else:
            value = 0
        return value & ((1 << min(bits, 32)) - 1)
