"""A board's flash: a sparse file that is the whole chip, with a littlefs in it that the VM's VfsLfs2 mounts.

    0x0 or 0x1000  bootloader, partition table (0x8000) and MicroPython: what `chip/image.py` simulates
    0x220000       the filesystem, up to the end

One template with the firmware serves all boards; a board's copy gets its config.json, secrets.json and
certificates. When a board has a flash already, only what the host put there before is brought up to date:
/data is the board's, and so are its slots once it has updated itself.
"""

import functools
import json
import mmap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from littlefs import LittleFS, LittleFSError, UserContext
from littlefs.lfs import LFSConfig

from host_tools.errors import BadInput
from host_tools.sim import layout
from host_tools.sim.chip import partitions
from host_tools.sim.chip.image import sim_image
from host_tools.sim.chip.targets import target
from host_tools.sim.world import FLASH_FILE

BLOCK_BYTES = layout.FLASH_BLOCK
FLASH_BYTES = layout.FLASH_SIZE
VFS_OFFSET = layout.VFS_OFFSET
VFS_BYTES = FLASH_BYTES - VFS_OFFSET
ANY_CHIP = "esp32s3"  # whose image the simulator's own board carries
CONFIG = "/config.json"
SECRETS = "/secrets.json"
SLOTS = ("/a", "/b")
SLOTS_RECORD = "/slots"
OWNED_FOLDERS = ("/loader", "/selftest", "/sportbox", "/lib", "/certs")
ERASED = b"\xff" * BLOCK_BYTES
_ROOT_BLOCKS = 2
NOTHING: Mapping[str, bytes] = MappingProxyType({})

Json = dict[str, Any]


class _Memory(UserContext):
    """The block device of littlefs-python over any writable memory."""

    def __init__(self, memory: bytearray | mmap.mmap) -> None:
        self._memory = memory

    def read(self, _config: LFSConfig, block: int, off: int, size: int) -> bytearray:
        at = block * BLOCK_BYTES + off
        return bytearray(self._memory[at : at + size])

    def prog(self, _config: LFSConfig, block: int, off: int, data: bytes) -> int:
        at = block * BLOCK_BYTES + off
        self._memory[at : at + len(data)] = data
        return 0

    def erase(self, _config: LFSConfig, block: int) -> int:
        self._memory[block * BLOCK_BYTES : (block + 1) * BLOCK_BYTES] = ERASED
        return 0

    def sync(self, _config: LFSConfig) -> int:
        return 0


def _filesystem(memory: bytearray | mmap.mmap, *, fresh: bool) -> LittleFS:
    """The littlefs that fills `memory`."""
    fs = LittleFS(
        context=_Memory(memory),
        mount=False,
        block_size=BLOCK_BYTES,
        block_count=len(memory) // BLOCK_BYTES,
        read_size=128,
        prog_size=128,
        cache_size=BLOCK_BYTES,
    )
    if fresh:
        fs.format()
    fs.mount()
    return fs


def _put(fs: LittleFS, path: str, data: bytes) -> None:
    parent = str(Path(path).parent)
    if parent != "/":
        fs.makedirs(parent, exist_ok=True)
    with fs.open(path, "wb") as f:
        f.write(data)


def _get(fs: LittleFS, path: str) -> bytes | None:
    try:
        with fs.open(path, "rb") as f:
            return bytes(f.read())
    except FileNotFoundError:
        return None


def _dump(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _spans(memory: bytes | bytearray, at: int) -> list[tuple[int, bytes]]:
    """(address, content) of what is not erased, in whole blocks; `memory` begins at address `at`."""
    spans: list[tuple[int, bytearray]] = []
    for i in range(0, len(memory), BLOCK_BYTES):
        block = memory[i : i + BLOCK_BYTES]
        if block == ERASED[: len(block)]:
            continue
        if not spans or spans[-1][0] + len(spans[-1][1]) != at + i:
            spans.append((at + i, bytearray()))
        spans[-1][1].extend(block)
    return [(start, bytes(content)) for start, content in spans]


@functools.cache
def image_blocks(chip: str) -> list[tuple[int, bytes]]:
    """The simulated MicroPython of a chip, as _spans()."""
    return _spans(sim_image(chip), target(chip).bootloader_at)


class Template:
    """A flash with the firmware and nothing else, in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        memory = bytearray(b"\xff" * VFS_BYTES)
        fs = _filesystem(memory, fresh=True)
        for path, data in sorted(files.items()):
            _put(fs, path, data)
        fs.unmount()
        self._blocks = _spans(memory, VFS_OFFSET)

    def code(self) -> list[tuple[int, bytes]]:
        """(address, content) of what stays as it is while nobody writes to the firmware's files and folders:
        all but the filesystem's root."""
        end = VFS_OFFSET + _ROOT_BLOCKS * BLOCK_BYTES
        return [(max(at, end), block[max(0, end - at) :]) for at, block in self._blocks]

    def install(
        self, folder: Path, config: Json, secrets: Json, certificates: Mapping[str, bytes] = NOTHING
    ) -> None:
        """Make or update the flash of the board in `folder`. The board must be off."""
        own = {CONFIG: _dump(config), SECRETS: _dump(secrets), **certificates}
        path = folder / FLASH_FILE
        fresh = not path.exists()
        target = path.with_suffix(".tmp") if fresh else path
        with target.open("w+b" if fresh else "r+b") as f:
            if fresh:
                f.truncate(FLASH_BYTES)
                chip = config.get("chip")
                for at, block in [
                    *image_blocks(chip if chip in layout.CHIPS[1:] else ANY_CHIP),
                    *self._blocks,
                ]:
                    f.seek(at)
                    f.write(block)
                f.flush()
            try:
                offset, size = (VFS_OFFSET, VFS_BYTES) if fresh else vfs_place(path)
                with mmap.mmap(f.fileno(), size, offset=offset) as memory:
                    self._refresh(memory, own, fresh)
            except (LittleFSError, ValueError) as error:
                if fresh:
                    raise
                raise BadInput(
                    f"{path} is damaged: {error}", hint=f"rm {path} gives the board an empty flash"
                ) from None
        target.chmod(0o600)
        target.replace(path)

    def _refresh(self, memory: mmap.mmap, own: dict[str, bytes], fresh: bool) -> None:
        fs = _filesystem(memory, fresh=False)
        wanted = own if fresh else {**self.files, **own}  # a fresh one is made of the template
        owned: tuple[str, ...] = OWNED_FOLDERS
        if not fresh and _get(fs, SLOTS_RECORD) is not None:
            wanted = {path: data for path, data in wanted.items() if not path.startswith(f"{SLOTS[0]}/")}
        else:
            owned += SLOTS
        for path, data in wanted.items():
            if fresh or _get(fs, path) != data:
                _put(fs, path, data)
        if not fresh:
            for path in _owned_files(fs, owned):
                if path not in wanted:
                    fs.remove(path)
        fs.unmount()


def _owned_files(fs: LittleFS, folders: Sequence[str]) -> list[str]:
    found = []
    for folder in folders:
        try:
            tree = list(fs.walk(folder))
        except LittleFSError:  # no such folder
            continue
        found += [f"{root}/{name}" for root, _, names in tree for name in names]
    return found


def vfs_place(flash: Path) -> tuple[int, int]:
    """Where the filesystem lies in a flash file and how long it is, in bytes: where the partition table says
    so, else where MicroPython puts it. ValueError when there is no room for one."""
    with flash.open("rb") as f:
        size = f.seek(0, 2)
        f.seek(partitions.TABLE_AT)
        raw = f.read(partitions.TABLE_BYTES)
    try:
        table = partitions.parse(raw, size)
    except partitions.TableError:
        table = []
    offset, length = partitions.filesystem(table, size) if table else (VFS_OFFSET, size - VFS_OFFSET)
    end = offset + length
    if size % BLOCK_BYTES or end > size or length < 2 * BLOCK_BYTES:
        raise ValueError(f"a flash of {size} bytes has no room for a filesystem at {offset:#x}")
    return offset, length


@contextmanager
def mounted(flash: Path, *, fresh: bool = False) -> Iterator[LittleFS]:
    """The filesystem of a flash file, formatted anew if `fresh`; the board must be off. LittleFSError or
    ValueError when there is none."""
    offset, size = vfs_place(flash)
    with flash.open("r+b") as f, mmap.mmap(f.fileno(), size, offset=offset) as memory:
        fs = _filesystem(memory, fresh=fresh)
        try:
            yield fs
        finally:
            fs.unmount()


def remove_files(flash: Path, paths: Sequence[str]) -> None:
    """Files or whole folders, as far as they are there. The board must be off."""
    with mounted(flash) as fs:
        for path in paths:
            with suppress(FileNotFoundError):
                fs.remove(path, recursive=True)


def read_files(folder: Path) -> dict[str, bytes]:
    """Every file on the flash of the board in `folder`, by its path there."""
    offset, size = vfs_place(folder / FLASH_FILE)
    memory = bytearray((folder / FLASH_FILE).read_bytes()[offset : offset + size])
    fs = _filesystem(memory, fresh=False)
    files = {}
    for root, _, names in fs.walk("/"):
        for name in names:
            path = f"{root.rstrip('/')}/{name}"
            files[path] = _get(fs, path) or b""
    return files


def read_file(flash: Path, path: str) -> bytes | None:
    """One file on a flash that a board may be running from: None when it cannot be had just now."""
    try:
        offset, size = vfs_place(flash)
        with flash.open("rb") as f, mmap.mmap(f.fileno(), size, mmap.MAP_PRIVATE, offset=offset) as memory:
            return _get(_filesystem(memory, fresh=False), path)
    except (OSError, LittleFSError, ValueError):
        return None


def write_files(flash: Path, files: dict[str, bytes]) -> None:
    """Put files on a flash, formatting it when it has no filesystem. The board must be off."""
    try:
        with mounted(flash) as fs:
            for path, data in files.items():
                _put(fs, path, data)
    except LittleFSError:
        with mounted(flash, fresh=True) as fs:
            for path, data in files.items():
                _put(fs, path, data)
