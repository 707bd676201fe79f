"""The partition table: built, read and checked as the second-stage bootloader does.

Source: ESP-IDF Programming Guide, "Partition Tables": at 0x8000, entries of 32 bytes (0xAA 0x50, type,
subtype, offset, size, label, flags), then 0xEB 0xEB with the MD5 of the entries, then an entry of 0xFF; 0xC00
bytes at most. The sentences are those of the bootloader on the console.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from host_tools.sim.chip.flash import SECTOR_BYTES

TABLE_AT = 0x8000
TABLE_BYTES = 0xC00
ENTRY = struct.Struct("<HBBII16sI")
MAGIC = 0x50AA
MD5_MAGIC = 0xEBEB
END_MAGIC = 0xFFFF
MD5_HEAD = b"\xeb\xeb" + b"\xff" * 14

VFS_LABEL = "vfs"
APP, DATA = 0x00, 0x01
FACTORY, OTA_0, OTA_15 = 0x00, 0x10, 0x1F
OTA_DATA, PHY, NVS = 0x00, 0x01, 0x02


class TableError(Exception):
    """The table cannot be used; the text is the bootloader's."""


@dataclass(frozen=True)
class Partition:
    """One entry; offset and size in bytes."""

    label: str
    kind: int
    subtype: int
    offset: int
    size: int
    flags: int = 0

    @property
    def end(self) -> int:
        return self.offset + self.size


# MicroPython 1.29's table for 4 MiB and more: what is behind the program becomes the filesystem at run time.
MICROPYTHON = (
    Partition("nvs", DATA, NVS, 0x9000, 0x6000),
    Partition("phy_init", DATA, PHY, 0xF000, 0x1000),
    Partition("factory", APP, FACTORY, 0x10000, 0x210000),
)


def filesystem(table: Sequence[Partition], flash_bytes: int) -> tuple[int, int]:
    """Where MicroPython's filesystem lies, and its length: its partition, else all behind the last one."""
    own = [p for p in table if p.kind == DATA and p.label == VFS_LABEL]
    if own:
        return own[0].offset, own[0].size
    start = -(-max(p.end for p in table) // SECTOR_BYTES) * SECTOR_BYTES
    return start, max(0, flash_bytes - start)


def build(partitions: Sequence[Partition]) -> bytes:
    """The table as it lies on the flash, filled up with 0xFF."""
    entries = b"".join(
        ENTRY.pack(MAGIC, p.kind, p.subtype, p.offset, p.size, p.label.encode(), p.flags) for p in partitions
    )
    if len(entries) > TABLE_BYTES - 2 * ENTRY.size:
        raise ValueError(f"{len(partitions)} partitions are too many for one table")
    digest = hashlib.md5(entries, usedforsecurity=False).digest()
    return (entries + MD5_HEAD + digest).ljust(TABLE_BYTES, b"\xff")


def parse(table: bytes, flash_bytes: int) -> list[Partition]:
    """The partitions of a table, checked. Raises TableError.

    `flash_bytes`: what the bootloader takes the flash for (the size in its image header).
    """
    partitions: list[Partition] = []
    checked = False
    for at in range(0, min(len(table), TABLE_BYTES) - ENTRY.size + 1, ENTRY.size):
        entry = table[at : at + ENTRY.size]
        magic, kind, subtype, offset, size, label, flags = ENTRY.unpack(entry)
        number = at // ENTRY.size
        if magic == MAGIC:
            if offset + size > flash_bytes:
                raise TableError(
                    f"partition {number} invalid - offset {offset:#x} size {size:#x}"
                    f" exceeds flash chip size {flash_bytes:#x}"
                )
            text = label.split(b"\0")[0].decode("ascii", "replace")
            partitions.append(Partition(text, kind, subtype, offset, size, flags))
        elif magic == MD5_MAGIC:
            if checked:
                raise TableError("Only one MD5 checksum is allowed")
            if hashlib.md5(table[:at], usedforsecurity=False).digest() != entry[16:]:
                raise TableError("Incorrect MD5 checksum")
            checked = True
        elif magic == END_MAGIC and checked:
            return partitions
        else:
            raise TableError(f"partition {number} invalid magic number {magic:#x}")
    raise TableError("partition table has no terminating entry, not valid")
