"""One small record a file, whole or not at all.

littlefs shows a rewritten file only once it is closed, so a power cut leaves the old content or the new
(littlefs DESIGN.md, "copy-on-write data structures"); a file cut off while it is first made is empty and
counts as absent. The CRC finds bit rot.
"""

import binascii
import os
import struct

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.store.wear import Wear


class Corrupt(Exception):
    """`args[0]` is the path of a file that cannot be believed."""


def crc32(data: "bytes | bytearray | memoryview") -> int:
    return binascii.crc32(data) & 0xFFFFFFFF


def write(path: str, payload: bytes, wear: "Wear | None" = None) -> None:
    data = (
        struct.pack("<I", crc32(payload)) + payload
    )  # before the file is touched: this may run out of memory
    with open(path, "wb") as file:
        file.write(data)
    if wear is not None:
        wear.wrote(len(data))


def read(path: str) -> bytes | None:
    """The payload, None if there is none. Raises Corrupt."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        if error.errno == 2:  # ENOENT
            return None
        raise Corrupt(path)
    if not data:
        return None
    if len(data) < 4 or struct.unpack("<I", data[:4])[0] != crc32(data[4:]):
        raise Corrupt(path)
    return data[4:]


def exists(path: str) -> bool:
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def make_dir(path: str) -> None:
    """Makes the folder and those above it."""
    at = ""
    for part in path.split("/"):
        at = at + part if not at or at.endswith("/") else at + "/" + part
        if not part:
            at = "/"
            continue
        try:
            os.mkdir(at)
        except OSError as error:
            if error.errno != 17:  # EEXIST
                raise
