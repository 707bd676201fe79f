"""A board's flash: a sparse file with a littlefs that the VM's VfsLfs2 mounts, and the other way round.

One template with the firmware serves all boards; a board's copy gets its config.json and secrets.json. When
a board has a flash already, only what the host put there before is brought up to date: /data is the board's.
"""

import json
import mmap
from pathlib import Path
from typing import Any

from littlefs import LittleFS, LittleFSError, UserContext
from littlefs.lfs import LFSConfig

from host_tools.errors import BadInput
from host_tools.sim import layout
from host_tools.sim.world import FLASH_FILE

BLOCK_BYTES = layout.FLASH_BLOCK
BLOCKS = layout.FLASH_BLOCKS
FLASH_BYTES = layout.FLASH_SIZE
CONFIG = "/config.json"
SECRETS = "/secrets.json"
OWNED_FOLDERS = ("/sportbox", "/lib")
ERASED = b"\xff" * BLOCK_BYTES

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
    fs = LittleFS(
        context=_Memory(memory),
        mount=False,
        block_size=BLOCK_BYTES,
        block_count=BLOCKS,
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


class Template:
    """A flash with the firmware and nothing else, in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        memory = bytearray(b"\xff" * FLASH_BYTES)
        fs = _filesystem(memory, fresh=True)
        for path, data in sorted(files.items()):
            _put(fs, path, data)
        fs.unmount()
        spans = ((i, memory[i : i + BLOCK_BYTES]) for i in range(0, FLASH_BYTES, BLOCK_BYTES))
        self._blocks = [(at, bytes(block)) for at, block in spans if block != ERASED]

    def install(self, folder: Path, config: Json, secrets: Json) -> None:
        """Make or update the flash of the board in `folder`. The board must be off."""
        path = folder / FLASH_FILE
        fresh = not path.exists()
        target = path.with_suffix(".tmp") if fresh else path
        with target.open("w+b" if fresh else "r+b") as f:
            if fresh:
                f.truncate(FLASH_BYTES)
                for at, block in self._blocks:
                    f.seek(at)
                    f.write(block)
                f.flush()
            try:
                with mmap.mmap(f.fileno(), FLASH_BYTES) as memory:
                    self._refresh(memory, {CONFIG: _dump(config), SECRETS: _dump(secrets)}, fresh)
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
        wanted = own if fresh else {**self.files, **own}
        for path, data in wanted.items():
            if fresh or _get(fs, path) != data:
                _put(fs, path, data)
        if not fresh:
            for path in _firmware_files(fs):
                if path not in self.files:
                    fs.remove(path)
        fs.unmount()


def _firmware_files(fs: LittleFS) -> list[str]:
    found = []
    for folder in OWNED_FOLDERS:
        try:
            tree = list(fs.walk(folder))
        except LittleFSError:  # no such folder
            continue
        found += [f"{root}/{name}" for root, _, names in tree for name in names]
    return found


def read_files(folder: Path) -> dict[str, bytes]:
    """Every file on the flash of the board in `folder`, by its path there."""
    memory = bytearray((folder / FLASH_FILE).read_bytes())
    fs = _filesystem(memory, fresh=False)
    files = {}
    for root, _, names in fs.walk("/"):
        for name in names:
            path = f"{root.rstrip('/')}/{name}"
            files[path] = _get(fs, path) or b""
    return files
