"""Whether a board in its boot loader is a provisioned one: read straight from its flash, a few blocks of it.

MicroPython's littlefs is the partition "vfs" (or "ffat" of old), or what the table leaves over at the end of
the flash. It is mounted here, read-only, over the serial line: a block is fetched when littlefs asks for it.
"""

from dataclasses import dataclass
from typing import Any

from littlefs import LittleFS, LittleFSError, UserContext
from pydantic import BaseModel, ConfigDict, ValidationError

from host_tools.errors import ToolError
from host_tools.output import printable
from host_tools.port.chip import SECTOR_BYTES, Loader
from host_tools.port.image import TABLE_ADDRESS, TABLE_BYTES, Broken, parse_table
from host_tools.strangers import read_json

MANIFEST = "manifest.json"
MANIFEST_MAX_BYTES = 65_536
BLOCKS_READ_MAX = 96  # about ten seconds; a sound filesystem needs a dozen
NAMES = ("vfs", "ffat")


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    site: str
    device: str


@dataclass(frozen=True)
class Tenant:
    site: str
    device: str


def tenant(loader: Loader) -> Tenant | None:
    """Who the board is, by its manifest; None: nobody, as far as can be read."""
    try:
        table = parse_table(loader.read(TABLE_ADDRESS, TABLE_BYTES))
    except Broken:
        return None
    if not table:
        return None
    named = next((part for part in table if part.name in NAMES), None)
    end = max(part.address + part.size for part in table)
    begin = named.address if named else end
    size = named.size if named else loader.chip.flash_bytes - end
    if size < 2 * SECTOR_BYTES or begin + size > loader.chip.flash_bytes:
        return None
    context = _Flash(loader, begin)
    text = _read(context, size // SECTOR_BYTES)
    if context.failed is not None:
        raise context.failed
    try:
        manifest = _Manifest.model_validate(read_json(text)) if text is not None else None
    except (ValueError, ValidationError):
        return None  # cut off: it was not provisioned
    return None if manifest is None else Tenant(printable(manifest.site), printable(manifest.device))


def _read(context: "_Flash", blocks: int) -> bytes | None:
    try:
        fs = LittleFS(
            context=context,
            mount=False,
            block_size=SECTOR_BYTES,
            block_count=blocks,
            read_size=128,
            prog_size=128,
            cache_size=SECTOR_BYTES,
        )
        fs.mount()
        if fs.stat(MANIFEST).size > MANIFEST_MAX_BYTES:
            return None
        with fs.open(MANIFEST, "rb") as file:
            return bytes(file.read())
    except (LittleFSError, OSError, ValueError):  # none there, or damaged
        return None


class _Flash(UserContext):
    def __init__(self, loader: Loader, begin: int) -> None:
        self.failed: ToolError | None = None
        self._loader = loader
        self._begin = begin
        self._blocks: dict[int, bytes] = {}

    def read(self, _config: Any, block: int, off: int, size: int) -> bytearray:
        return bytearray(self._block(block)[off : off + size])

    def _block(self, block: int) -> bytes:
        if block not in self._blocks:
            data = b"\xff" * SECTOR_BYTES
            if self.failed is None and len(self._blocks) < BLOCKS_READ_MAX:
                try:
                    data = self._loader.read(self._begin + block * SECTOR_BYTES, SECTOR_BYTES)
                except ToolError as error:  # littlefs would swallow it
                    self.failed = error
            self._blocks[block] = data
        return self._blocks[block]

    def prog(self, _config: Any, block: int, off: int, data: bytes) -> int:
        return -5  # EIO: read-only

    def erase(self, _config: Any, block: int) -> int:
        return -5

    def sync(self, _config: Any) -> int:
        return 0
