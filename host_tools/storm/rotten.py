"""Which files bit rot has hit, for the oracle: what it may excuse depends on that."""

import hashlib
from collections.abc import Iterator

from littlefs import LittleFS, LittleFSError
from littlefs.context import UserContext

BLOCK_BYTES = 4096
ALL = "/"
"""Instead of a path: the filesystem itself cannot be read any more."""


def hit(before: bytes, after: bytes) -> list[str]:
    """Paths of a littlefs whose content is another one after the rot, or that cannot be read any more.
    What rots in free blocks hits none."""
    was, now = _contents(before), _contents(after)
    return sorted(path for path in {**was, **now} if was.get(path) != now.get(path))


def _contents(image: bytes) -> dict[str, str]:
    """Digests by path."""
    context = UserContext(len(image))
    context.buffer[:] = image
    blocks = len(image) // BLOCK_BYTES
    size = BLOCK_BYTES  # in small pieces it takes half a second
    fs = LittleFS(
        context,
        mount=False,
        block_size=size,
        block_count=blocks,
        read_size=size,
        prog_size=size,
        cache_size=size,
    )
    found: dict[str, str] = {}
    try:
        fs.mount()
        for path in _files(fs, "/"):
            found[path] = _digest(fs, path)
    except LittleFSError:
        found[ALL] = "unreadable"
    return found


def _files(fs: LittleFS, folder: str) -> Iterator[str]:
    for name in sorted(fs.listdir(folder)):
        path = f"{folder.rstrip('/')}/{name}"
        if fs.stat(path).type == 2:
            yield from _files(fs, path)
        else:
            yield path


def _digest(fs: LittleFS, path: str) -> str:
    try:
        with fs.open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except LittleFSError:
        return "unreadable"
