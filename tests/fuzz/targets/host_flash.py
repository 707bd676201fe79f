"""Flash as a board's boot loader reads it out, and images of MicroPython. Input: `i` an image, `t` a
partition table, `e` one whose sum is put right, `v` littlefs as it may stand there: (block u8, place u16,
length u8, bytes) are written over a sound one, `m` its file that says who the board is.
"""

import hashlib
import json
import struct
from typing import cast

from littlefs import LittleFS

from host_tools.errors import BadInput, ToolError
from host_tools.output import printable
from host_tools.port import image, inhabited
from host_tools.port.chip import Loader
from host_tools.sim.chip.image import sim_image

BLOCK = 4096
BLOCKS = 16
_VFS = 0x10000


def _entry(name: bytes, kind: int, address: int, size: int) -> bytes:
    return struct.pack("<HBBII16sI", 0x50AA, kind, 2, address, size, name, 0)


def _table(entries: bytes) -> bytes:
    return entries + b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(entries, usedforsecurity=False).digest()


def _files(manifest: bytes) -> bytes:
    fs = LittleFS(block_size=BLOCK, block_count=BLOCKS, read_size=128, prog_size=128, cache_size=BLOCK)
    fs.mkdir("data")
    with fs.open("manifest.json", "wb") as file:
        file.write(manifest)
    return bytes(fs.context.buffer)


_ENTRIES = _entry(b"nvs", 1, 0x9000, 0x6000) + _entry(b"vfs", 1, _VFS, BLOCK * BLOCKS)
_MANIFEST = json.dumps({"site": "s", "device": "box-1", "fill": "x" * 500}).encode()
_FLASH = _files(_MANIFEST)
_IMAGE = sim_image("esp32s3")
SEEDS = [
    b"t" + _table(_ENTRIES),
    b"e" + _ENTRIES,
    b"e" + _entry(b"factory", 0, 0x10000, 0x1F0000),
    b"i" + _IMAGE[:2500],
    b"m" + _MANIFEST,
    b"m" + b"[" * 2000,
    b"v" + struct.pack("<BHB", 0, 8, 8) + b"littlefs",
    b"v" + struct.pack("<BHB", 1, 0, 4) + b"\xff" * 4 + struct.pack("<BHB", 0, 60, 3) + b"abc",
]


class Chip:
    """As a Loader: a chip of 2 MiB."""

    flash_bytes = 0x200000

    def __init__(self, table: bytes, files: bytes) -> None:
        self.chip = self
        self._table = table
        self._files = files

    def read(self, address: int, size: int) -> bytes:
        assert address >= 0 and address + size <= self.flash_bytes, "behind the end of the flash"
        if address == image.TABLE_ADDRESS:
            return self._table.ljust(size, b"\xff")[:size]
        at = address - _VFS
        return (self._files[at : at + size] if at >= 0 else b"").ljust(size, b"\xff")


def one(data: bytes) -> None:
    how, content = data[:1], data[1:]
    if how == b"i":
        try:
            image.check(content + _IMAGE[len(content) :], "a.bin")
        except BadInput as error:
            assert str(error) == printable(str(error)), "reaches the terminal"
        return
    table = content if how == b"t" else _table(content[:3000]) if how == b"e" else _table(_ENTRIES)
    files = _written(content) if how == b"v" else _files(content) if how == b"m" else _FLASH
    try:
        found = inhabited.tenant(cast(Loader, Chip(table, files)))
    except ToolError as error:
        raise AssertionError("an unreadable board is one without a tenant") from error
    assert found is None or (found.site == printable(found.site) and found.device == printable(found.device))


def _written(content: bytes) -> bytes:
    files, at = bytearray(_FLASH), 0
    while at + 4 <= len(content):
        block, place, size = struct.unpack_from("<BHB", content, at)
        begin = block % BLOCKS * BLOCK + place % BLOCK
        piece = content[at + 4 : at + 4 + size][: len(files) - begin]
        files[begin : begin + len(piece)] = piece
        at += 4 + size
    return bytes(files)
