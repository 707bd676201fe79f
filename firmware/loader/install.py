"""Unpacks a bundle that has come as a whole into the slot that does not run (docs/updates.md).

It runs right after a restart, while the heap is empty: unpacking takes 16 KiB of it in one piece. What is cut
off is done again from the beginning, for the bundle stays until the end of the update was told. `base` is the
folder that stands for `/` in tests.
"""

import binascii
import hashlib
import json
import os
import struct

import deflate
from micropython import const
from sportbox.store import record, slots

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_TRIES = const(5)
_HEADER = const(48)
_WINDOW_MAX = const(14)
_BLOCK_DIGEST = const(8)
_PATH_MAX = const(64)
_FILE_MAX = const(65536)
_PIECE = const(512)
_FOLDER = const(0x4000)
_ENOENT, _EINVAL, _ENOSPC = const(2), const(22), const(28)
_LIST = "/list.tmp"  # no path of a bundle can be this one
_NEW = ".tmp"
_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789_"


def install(feed: "Callable[[], None]", bitten: bool = False, base: str = "") -> None:
    """Ends with `trial` or `failed` in the record; raises OSError where that cannot be written. `feed` feeds
    the watchdog, `bitten`: it was the watchdog that ended the last start."""
    state = slots.read(base)
    update = state["update"]
    work = _Work(feed, base + slots.BUNDLE, base + "/" + slots.other(state["slot"]))
    reason = work.check(update["sha256"])
    if not reason and update["boots"] >= _TRIES:
        reason = "watchdog" if bitten else "power"
    if not reason:
        update["boots"] += 1
        state["spare"] = False
        slots.write(state, base)
        reason = work.fill()
    update["boots"] = 0
    update["state"] = "failed" if reason else "trial"
    update["reason"] = reason or None
    slots.write(state, base)


class _Work:
    def __init__(self, feed: "Callable[[], None]", bundle: str, slot: str) -> None:
        self._feed = feed
        self._bundle = bundle
        self._slot = slot
        self._piece = memoryview(bytearray(_PIECE))

    def check(self, sha256: str) -> str:
        """Is it still what was ordered? The reason against it, or an empty string."""
        try:
            return "" if self._digest(self._bundle) == sha256 else "hash"
        except OSError as error:
            print("sportbox: bundle:", error)
            return "flash"

    def fill(self) -> str:
        """The slot anew. The reason why that failed, or an empty string."""
        try:
            self._empty()
            with open(self._bundle, "rb") as file:
                self._unpack(file)
            return ""
        except OSError as error:
            told: "Exception" = error
            reason = {_EINVAL: "damaged", _ENOSPC: "space"}.get(error.errno or 0, "flash")
        except MemoryError as error:
            told, reason = error, "space"
        except (AttributeError, EOFError, KeyError, TypeError, ValueError) as error:
            told, reason = error, "damaged"
        print("sportbox: update:", reason, repr(told))
        return reason

    def _empty(self) -> None:
        """The mark goes first: without a record that can be read, it tells which slot is whole."""
        try:
            os.remove(self._slot + slots.MARK)
        except OSError as error:
            if error.errno != _ENOENT:
                raise
        if record.exists(self._slot):
            self._remove(self._slot)
        os.mkdir(self._slot)

    def _remove(self, folder: str) -> None:
        for entry in list(os.ilistdir(folder)):
            path = folder + "/" + entry[0]
            if entry[1] == _FOLDER:
                self._remove(path)
            else:
                os.remove(path)
            self._feed()
        os.rmdir(folder)

    def _unpack(self, file: "Any") -> None:
        """Raises ValueError, and what comes of damaged data."""
        magic, form, bits, manifest, packed, block = struct.unpack("<4sBBHII", file.read(16))
        if magic != b"SPBU" or form != 1 or not 8 <= bits <= _WINDOW_MAX:
            raise ValueError("form")
        file.seek(_HEADER)
        listed = json.loads(file.read(manifest))["index"]
        file.seek(_HEADER + manifest + (packed + block - 1) // block * _BLOCK_DIGEST)
        stream = deflate.DeflateIO(file, deflate.RAW, bits)
        listing, mark = self._slot + _LIST, self._slot + slots.MARK
        self._copy(stream, listed, listing)
        last = ""
        with open(listing) as lines:
            for line in lines:
                entry = json.loads(line)
                if not _is_path(entry["path"]) or entry["path"] <= last:
                    raise ValueError("path")
                last = entry["path"]
                path = self._slot + "/" + last
                record.make_dir(path[: path.rindex("/")])
                if path == mark:
                    path += _NEW
                self._copy(stream, entry["size"], path)
                if self._digest(path) != entry["sha256"]:
                    raise ValueError(last)
        if stream.read(1):
            raise ValueError("longer")
        os.remove(listing)
        if not record.exists(mark + _NEW):
            raise ValueError("no firmware")
        os.rename(mark + _NEW, mark)

    def _copy(self, stream: "Any", size: int, path: str) -> None:
        if not 0 <= size <= _FILE_MAX:
            raise ValueError("size")
        with open(path, "wb") as file:
            while size:
                count = stream.readinto(self._piece[: min(size, _PIECE)])
                if not count:
                    raise ValueError("short")
                file.write(self._piece[:count])
                size -= count
                self._feed()

    def _digest(self, path: str) -> str:
        """Of what is on flash: that finds what a write did to it, too."""
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while True:
                count = file.readinto(self._piece)
                if not count:
                    return binascii.hexlify(digest.digest()).decode()
                digest.update(self._piece[:count])
                self._feed()


def _is_path(path: str) -> bool:
    """The grammar of docs/updates.md: nothing leads out of the slot."""
    stem = path[:-4] if path.endswith(".mpy") else path[:-3] if path.endswith(".py") else ""
    if len(path) > _PATH_MAX:
        return False
    return all([part and all([char in _CHARS for char in part]) for part in stem.split("/")])
