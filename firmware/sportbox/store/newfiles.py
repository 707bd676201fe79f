"""How the new files of a renewal come into being, and how it begins. Apart from store/renewal.py, which every
start needs for a moment: what is loaded then leaves holes."""

import binascii
import hashlib
import os

from micropython import const

from sportbox.store import record
from sportbox.store.renewal import FILES, NEXT

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from sportbox.store.renewal import State

_PIECE = const(512)


def new(state: str, id: str, jti: str) -> "State":
    return {"state": state, "id": id, "jti": jti, "boots": 0, "reason": None, "keep": {}}


def digests(base: str) -> "dict[str, str]":
    """Of the new files, by path. Raises OSError."""
    there = [path for path in FILES if record.exists(base + NEXT + path)]
    return {path: digest(base + NEXT + path) for path in there}


def digest(path: str) -> str:
    """SHA-256 in hexadecimal digits. Raises OSError."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while True:
            piece = file.read(_PIECE)
            if not piece:
                return binascii.hexlify(found.digest()).decode()
            found.update(piece)


def copy_over(base: str, path: str) -> None:
    """A file that stays as it is, to the new ones. Raises OSError."""
    with open(base + path, "rb") as file:
        copy(file, base + NEXT + path, size(base + path))


def copy(source: "Any", path: str, left: int) -> None:
    """So many bytes into a new file; none makes none. Raises OSError."""
    if left == 0:
        return
    with open(path, "wb") as file:
        while left > 0:
            piece = source.read(min(left, _PIECE))
            file.write(piece)
            left -= len(piece)


def size(path: str) -> int:
    """0 for a file that is not there. Raises OSError."""
    try:
        return int(os.stat(path)[6])
    except OSError as error:
        if error.errno != 2:  # ENOENT
            raise
        return 0
