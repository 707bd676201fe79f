"""A board's flash in memory, and the scripts of host_tools/port/board run here over it.

littlefs is the real one (littlefs-python), `os` and `open` are played over it as MicroPython has them. What
differs between MicroPython and CPython is tested over a port, in tests/sim.
"""

import binascii
import contextlib
import functools
import hashlib
import io
import random
import struct
import sys
import types
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from littlefs import LittleFS, LittleFSError, UserContext

from host_tools.port.ports import Port
from host_tools.port.script import FOLDER

BLOCK = 4096
BLOCKS = 64
ERASED = b"\xff" * BLOCK
WORD = 4
"""What the flash programs at a time."""
BEFORE, HALF, UNSETTLED = WAYS = ("before", "in the middle of", "with unsettled bits in")
ENOENT = 2
DIRECTORY, FILE = 0x4000, 0x8000


class Flash(UserContext):
    """littlefs-python's block device. `operations` takes down each: offset and data, None for an erase."""

    def __init__(self, image: bytes | None = None, blocks: int = BLOCKS) -> None:
        self.image = bytearray(image or ERASED * blocks)
        self.operations: list[tuple[int, bytes | None]] | None = None

    def read(self, _config: Any, block: int, off: int, size: int) -> bytearray:
        return self.image[block * BLOCK + off : block * BLOCK + off + size]

    def prog(self, _config: Any, block: int, off: int, data: bytes) -> int:
        return self._do(block * BLOCK + off, bytes(data))

    def erase(self, _config: Any, block: int) -> int:
        return self._do(block * BLOCK, None)

    def sync(self, _config: Any) -> int:
        return 0

    def _do(self, at: int, data: bytes | None) -> int:
        if self.operations is not None:
            self.operations.append((at, data))
        apply(self.image, at, data)
        return 0


def apply(image: bytearray, at: int, data: bytes | None, size: int | None = None) -> None:
    """Carries an operation out, or its first bytes. A program takes bits away and gives none back."""
    new = (ERASED if data is None else data)[:size]
    if data is not None:
        old = image[at : at + len(new)]
        new = bytes(a & b for a, b in zip(old, new, strict=True)) if old.strip(b"\xff") else new
    image[at : at + len(new)] = new


@functools.cache
def compiled(code: str) -> types.CodeType:
    return compile(code, "<stdin>", "exec")


class MemoryBoard:
    """Looks to the code under test like a Console whose board is at the prompt."""

    def __init__(self, flash: Flash, fresh: bool = False, cache_bytes: int = 128) -> None:
        """With as large a cache as a board's, littlefs programs as there; with a larger one it is quicker."""
        self.port = Port("memory")
        self.flash = flash
        self.fs = LittleFS(
            context=flash,
            mount=False,
            block_size=BLOCK,
            block_count=len(flash.image) // BLOCK,
            read_size=128,
            prog_size=32,
            cache_size=cache_bytes,
            lookahead_size=32,
        )
        if fresh:
            self.fs.format()
        self.fs.mount()

    def put(self, files: dict[str, bytes]) -> None:
        for path, data in files.items():
            self.fs.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
            with self.fs.open(path, "wb") as file:
                file.write(data)

    def files(self) -> dict[str, bytes]:
        found = {}
        for folder, _, names in self.fs.walk("/"):
            for name in names:
                path = f"{folder.rstrip('/')}/{name}"
                with self.fs.open(path, "rb") as file:
                    found[path] = file.read()
        return found

    # --- as Console ---

    def run(self, code: str, _timeout_s: float = 0) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compiled(code), self._names())
        return printed.getvalue()

    sure = run

    def feed(self) -> None:
        return None

    def receive(self, stream: bytes) -> None:
        """What board/receiver.py does with an uncompressed stream."""
        names = self._names()
        exec(compiled((FOLDER / "receiver.py").read_text()), names)
        names["Receiver"](io.BytesIO(stream)).run()

    def _names(self) -> dict[str, Any]:
        modules = self._modules()

        def load(name: str, *_: Any) -> Any:
            return modules[name]

        import builtins

        own = {**vars(builtins), "__import__": load, "open": self._open}
        return {"__builtins__": own, "__name__": "__main__"}

    def _modules(self) -> dict[str, Any]:
        def raw(data: Any) -> Any:
            return data.encode() if isinstance(data, str) else data  # MicroPython takes both

        class Sha256:
            def __init__(self) -> None:
                self._hash = hashlib.sha256()
                self.digest = self._hash.digest

            def update(self, data: Any) -> None:
                self._hash.update(raw(data))

        return {
            "binascii": types.SimpleNamespace(
                a2b_base64=binascii.a2b_base64,
                b2a_base64=binascii.b2a_base64,
                hexlify=binascii.hexlify,
                crc32=lambda data, crc=0: binascii.crc32(raw(data), crc),
            ),
            "deflate": types.SimpleNamespace(
                ZLIB=2, DeflateIO=lambda file, _: io.BytesIO(zlib.decompress(file.read()))
            ),
            "hashlib": types.SimpleNamespace(sha256=Sha256),
            "os": types.SimpleNamespace(
                stat=self._stat,
                listdir=self.fs.listdir,
                mkdir=self._told(self.fs.mkdir),
                rmdir=self._told(self.fs.remove),
                remove=self._told(self.fs.remove),
                rename=self._told(self.fs.rename),
                statvfs=self._statvfs,
            ),
            "io": io,
            "struct": struct,
            "select": types.SimpleNamespace(),
            "sys": sys,
        }

    def _told(self, call: Any) -> Any:
        """littlefs-python's errors as MicroPython has them, with an errno."""

        def work(*arguments: str) -> Any:
            try:
                return call(*arguments)
            except LittleFSError as error:
                raise OSError(-error.code, str(error)) from error
            except FileNotFoundError as error:
                raise OSError(ENOENT, "ENOENT") from error

        return work

    def _open(self, path: str, mode: str = "r") -> Any:
        return self._told(self.fs.open)(path, mode)

    def _stat(self, path: str) -> tuple[int, ...]:
        found = self._told(self.fs.stat)(path)
        return (DIRECTORY if found.type == 2 else FILE, 0, 0, 0, 0, 0, found.size, 0, 0, 0)

    def _statvfs(self, _path: str) -> tuple[int, ...]:
        free = self.fs.block_count - self.fs.used_block_count
        return (BLOCK, BLOCK, self.fs.block_count, free, free, 0, 0, 0, 0, 255)


def strike(way: str, image: bytearray, at: int, data: bytes | None, chance: random.Random) -> None:
    """What an operation has come to when the power goes. Unsettled is a word of a program of which some bits
    had their time, or a sector of which only the end is erased."""
    size = len(data or ERASED) // 2
    if way == HALF or (way == UNSETTLED and data is not None):
        apply(image, at, data, size)
    if way != UNSETTLED:
        return
    if data is None:
        image[at + size : at + BLOCK] = ERASED[size:]
    else:
        word = bytes(byte | chance.randrange(256) for byte in data[size : size + WORD])
        apply(image, at + size, word)


def cuts(
    start: bytes, operations: list[tuple[int, bytes | None]], turn: int | None = None
) -> Iterator[tuple[int, str, bytearray]]:
    """The flash at each cut: the number of the operation, how it was struck, and the image. With `turn`, each
    operation is struck in one way only, by turns."""
    image = bytearray(start)
    chance = random.Random(len(operations))
    for number, (at, data) in enumerate(operations):
        for way in WAYS if turn is None else (WAYS[(number + turn) % len(WAYS)],):
            struck = bytearray(image)
            strike(way, struck, at, data, chance)
            yield number, way, struck
        apply(image, at, data)
    yield len(operations), BEFORE, image
