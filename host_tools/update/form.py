"""The form of a bundle: header, manifest, table of blocks, packed files (byte by byte: docs/updates.md).

What a board needs to know before it stores anything comes first and is small: the header and the manifest.
The list of files is packed together with them, for its digests are a thirtieth of a bundle.
"""

import hashlib
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, StringConstraints

from host_tools.site.base import Model, Name
from host_tools.update.limits import (
    BUNDLE_BYTES_MAX,
    FILE_BYTES_MAX,
    FILES_BYTES_MAX,
    FILES_MAX,
    INDEX_BYTES_MAX,
    PATH_CHARS_MAX,
)

MAGIC = b"SPBU"
FORMAT = 1
WINDOW_BITS = 14  # 16 KiB on the board: with 8 KiB three more kilobytes, with 4 KiB over the limit
BLOCK_BYTES = 1024  # one fits into a packet as the firmware receives them
BLOCK_DIGEST_BYTES = 8  # of SHA-256: they find damage early, the whole bundle's digest decides
FLASH_BLOCK_BYTES = 4096

HEADER = struct.Struct("<4sBBHII")
"""Magic, format, window bits, bytes of the manifest, bytes of the packed files, bytes of a block."""
DIGEST_BYTES = 32
HEADER_BYTES = HEADER.size + DIGEST_BYTES

VERSION_PATTERN = r"^(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})$"
VERSION = re.compile(VERSION_PATTERN)
PATH = re.compile(r"([a-z0-9_]+/)*[a-z0-9_]+\.m?py")

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Version = Annotated[str, StringConstraints(pattern=VERSION_PATTERN)]


class Range(Model):
    """The first MicroPython that the files run on, and the first one after it that they may not run on."""

    first: Version
    below: Version


class Manifest(Model):
    """What a board checks before it takes anything. `files` counts, `size` is theirs together unpacked,
    `flash` what they take at most, `index` the bytes of the list before them, `sha256` of what is packed."""

    boards: Annotated[list[Name], Field(min_length=1, max_length=32)]
    files: Annotated[int, Field(ge=1, le=FILES_MAX)]
    flash: Annotated[int, Field(ge=0, le=FILES_MAX * FLASH_BLOCK_BYTES + FILES_BYTES_MAX)]
    index: Annotated[int, Field(ge=1, le=INDEX_BYTES_MAX)]
    micropython: Range
    mpy: Annotated[int, Field(ge=0, le=255)]
    sha256: Sha256
    size: Annotated[int, Field(ge=0, le=FILES_BYTES_MAX)]
    version: Version


class Entry(Model):
    """A line of the index."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=PATH_CHARS_MAX)]
    sha256: Sha256
    size: Annotated[int, Field(ge=0, le=FILE_BYTES_MAX)]


@dataclass(frozen=True)
class Bundle:
    """A bundle that is whole; `sha256` is that of the file."""

    manifest: Manifest
    index: Sequence[Entry]
    contents: Sequence[bytes]
    sha256: str
    size: int

    def facts(self) -> dict[str, object]:
        """For programs."""
        told = self.manifest.model_dump()
        told["packed_sha256"] = told.pop("sha256")
        told["files_size"] = told.pop("size")
        told["files"] = [entry.model_dump() for entry in self.index]
        return {"sha256": self.sha256, "size": self.size, "limit": BUNDLE_BYTES_MAX, **told}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def head_digest(fields: bytes, manifest: bytes, table: bytes) -> bytes:
    """Of all that comes before what is packed, but itself."""
    return hashlib.sha256(fields + manifest + table).digest()


def table_of(packed: bytes) -> bytes:
    """A short digest for each block; the last block is what is left."""
    return b"".join(
        hashlib.sha256(packed[at : at + BLOCK_BYTES]).digest()[:BLOCK_DIGEST_BYTES]
        for at in range(0, len(packed), BLOCK_BYTES)
    )


def table_bytes(packed_bytes: int) -> int:
    return -(-packed_bytes // BLOCK_BYTES) * BLOCK_DIGEST_BYTES


def flash_of(sizes: Sequence[int]) -> int:
    """Each file begins in a block of its own."""
    return sum(-(-size // FLASH_BLOCK_BYTES) * FLASH_BLOCK_BYTES for size in sizes)
