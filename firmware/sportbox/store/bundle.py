"""A bundle on its way in, `/update/bundle`: asked for piece by piece, each checked before it is kept.

First the head (header, manifest, table of blocks), then block after block; docs/updates.md has the form. The
file's length says how far it has come, so after a restart it goes on there. Both the loader and the firmware
have this module. `base` is the folder that stands for `/` in tests.
"""

import binascii
import hashlib
import json
import os
import struct
import sys

from micropython import const

from sportbox.store import record, slots

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    Data = bytes | bytearray | memoryview

_BLOCK = const(1024)
_HEAD = const(48)
_DIGEST = const(8)
_MANIFEST_MAX = const(1024)
_PIECE = const(512)
_PIECES = const(4)  # in one step of the whole digest
_SMALL = const(256)  # where a board goes on, its memory is split up
_FLASH_BLOCK = const(4096)
_INLINE = const(512)  # up to about here a file takes no block of its own
_FOLDER = const(0x4000)
_RESERVE = const(65536)  # bytes of flash for folders, and for what the board itself writes meanwhile


class Incoming:
    def __init__(self, sha256: str, size: int, base: str = "") -> None:
        """Raises OSError."""
        self._sha256 = sha256
        self._size = size
        self._base = base
        self._path = base + slots.BUNDLE
        self._table = self._start = 0  # where the table begins, where the blocks do
        self._at = 0  # up to there it is right
        self._hash: "Any" = None
        self._hashed = 0
        try:
            with open(self._path, "rb") as file:
                self._look(file)
        except OSError as error:
            if error.errno != 2:  # ENOENT
                raise

    def wanted(self) -> "tuple[int, int] | None":
        """The next piece to ask for, (at, bytes); None: all is there."""
        if self._at >= self._size:
            return None
        end = self._size if self._whole_head() else self._start or self._size
        return self._at, min(_BLOCK, end - self._at)

    def take(self, at: int, data: "Data") -> str:
        """Gives "" if it was taken, or is not what is wanted now; "block" if it is not what it should be:
        then nothing of it was kept. Raises OSError."""
        if self.wanted() is None or at != self._at:
            return ""
        if (at, len(data)) != self.wanted():
            return "block"
        if at == 0:
            if not self._read_header(data):
                return "block"
            data = data[: self._start]  # of a short bundle the first block comes along
            record.make_dir(self._base + slots.FOLDER)
        elif self._whole_head() and not self._is_right(at, hashlib.sha256(data)):
            return "block"
        with open(self._path, "r+b" if at else "wb") as file:
            file.seek(at)  # what a failed write left there is written over
            file.write(data)
        self._at = at + len(data)
        if self._at == self._start and self.manifest is None:
            self._at = self._start = 0
            return "block"
        return ""

    @property
    def manifest(self) -> "dict[str, Any] | None":
        """Once the head is whole: read each time, for a board has no memory to spare."""
        if not self._whole_head():
            return None
        with open(self._path, "rb") as file:
            digest = hashlib.sha256(file.read(16))
            expected = file.read(32)
            line = file.read(self._table - _HEAD)
            digest.update(line)
            digest.update(file.read(self._start - self._table))
        try:
            manifest = json.loads(line)
        except ValueError:
            return None
        return manifest if digest.digest() == expected and isinstance(manifest, dict) else None

    def refusal(self, board: str, micropython: str, own_version: str, down: bool) -> str:
        """Why this board cannot take it, or an empty string. Once the head is whole. Raises OSError."""
        try:
            manifest: "Any" = self.manifest
            if board not in manifest["boards"]:
                return "board"
            series = manifest["micropython"]
            if not _numbers(series["first"]) <= _numbers(micropython) < _numbers(series["below"]):
                return "micropython"
            if manifest["mpy"] != getattr(sys.implementation, "_mpy", manifest["mpy"]) & 255:
                return "micropython"
            if not down and _numbers(manifest["version"]) < _numbers(own_version):
                return "downgrade"
            needed = manifest["flash"] + self._size - self._at + _RESERVE
            # the slot that does not run is emptied first
            needed -= held(self._base + "/" + slots.other(slots.read(self._base)["slot"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            return "block"  # a manifest that no bundle has
        stat = os.statvfs(self._base or "/")
        return "space" if stat[1] * stat[4] < needed else ""

    def hash_step(self) -> "str | None":
        """The digest of the whole, a little at a time: None while it is not finished, then "" if it is that
        of the order, else "hash". Raises OSError."""
        if self._hash is None:
            self._hashed = 0
            self._piece = bytearray(_PIECE)
            self._hash = hashlib.sha256()  # last: it says that all is there
        with open(self._path, "rb") as file:
            file.seek(self._hashed)
            for _ in range(_PIECES):
                count = file.readinto(self._piece)
                if not count:
                    found = binascii.hexlify(self._hash.digest()).decode()
                    self._hash = None
                    return "" if found == self._sha256 and self._hashed == self._size else "hash"
                self._hash.update(memoryview(self._piece)[:count])
                self._hashed += count
        return None

    def _look(self, file: "Any") -> None:
        """How far it came before: `_at` is up to where everything is right."""
        if not self._read_header(file.read(_HEAD)) or file.seek(0, 2) > self._size:
            self._start = 0
            return
        end = file.seek(0, 2)
        self._at = self._start
        if end < self._start or self.manifest is None:
            self._at = self._start = 0
            return
        file.seek(self._start)
        wanted = self.wanted()
        while wanted is not None:
            digest, left = hashlib.sha256(), wanted[1]
            while left:
                piece = file.read(min(left, _SMALL))
                if not piece:
                    return
                digest.update(piece)
                left -= len(piece)
            if not self._is_right(self._at, digest):
                return
            self._at += wanted[1]
            wanted = self.wanted()

    def _whole_head(self) -> bool:
        return 0 < self._start <= self._at

    def _read_header(self, data: "Data") -> bool:
        """False if no bundle of this size begins so. It counts once the whole head fits its digest."""
        if len(data) < _HEAD:
            return False
        magic, form, window, manifest, packed, block = struct.unpack("<4sBBHII", data[:16])
        table = _HEAD + manifest
        start = table + (packed + _BLOCK - 1) // _BLOCK * _DIGEST
        if (magic, form, window, block) != (b"SPBU", 1, 14, _BLOCK) or manifest > _MANIFEST_MAX:
            return False
        if start + packed != self._size or not packed:
            return False
        self._table, self._start = table, start
        return True

    def _is_right(self, at: int, digest: "Any") -> bool:
        with open(self._path, "rb") as file:
            file.seek(self._table + (at - self._start) // _BLOCK * _DIGEST)
            return digest.digest()[:_DIGEST] == file.read(_DIGEST)


def _numbers(version: str) -> "list[int]":
    return [int(number) for number in version.split(".")]


def held(folder: str) -> int:
    """Bytes of flash that the files below `folder` take, at least. Raises OSError."""
    total = 0
    for name in os.listdir(folder) if record.exists(folder) else ():
        path = folder + "/" + name
        stat = os.stat(path)
        if stat[0] & _FOLDER:
            total += held(path)
        elif stat[6] > _INLINE:
            total += (stat[6] + _FLASH_BLOCK - 1) // _FLASH_BLOCK * _FLASH_BLOCK
    return total
