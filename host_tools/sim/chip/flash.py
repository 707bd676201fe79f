"""The whole flash of a simulated chip: one file, read and written as a NOR flash is.

Programming only clears bits, erasing sets whole sectors of 4 KiB to 0xFF (GD25Q32C datasheet, "Page Program"
and "Sector Erase"). Two faults can be had: sectors that do not take (what is written to them is lost, as with
a broken or write-protected sector) and a chip that resets at the n-th programmed byte.
"""

import mmap
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from host_tools.errors import BadInput

SECTOR_BYTES = 0x1000
MIB = 1024 * 1024
SIZES_MIB = (4, 8)
ERASED_SECTOR = b"\xff" * SECTOR_BYTES


class OutOfFlash(Exception):
    """An address or a length that this flash does not have."""


class ChipReset(Exception):
    """The injected reset: everything up to the n-th byte is on the flash, nothing after it."""


class Flash:
    """A chip's flash over a file. Close it, or use it in a `with`."""

    def __init__(
        self, path: Path, dead_sectors: Iterable[int] = (), reset_at_byte: int | None = None
    ) -> None:
        """Open the flash file at `path`, whose size is the chip's: 4 or 8 MiB.

        `dead_sectors`: numbers of the sectors that do not take. `reset_at_byte`: ChipReset is raised once, as
        soon as so many bytes were programmed in all since the file was opened.
        """
        self.path = path
        try:
            with path.open("r+b") as file:
                size = file.seek(0, 2)
                if size not in [mib * MIB for mib in SIZES_MIB]:
                    raise BadInput(
                        f"{path} is no flash of a simulated chip: it has {size} bytes, not 4 or 8 MiB",
                        hint=f"rm {path} gives the board a blank flash",
                    )
                self.memory = mmap.mmap(file.fileno(), size)
        except OSError as error:
            raise BadInput(f"cannot open the flash {path}: {error.strerror}") from None
        self.size = size
        self.dead_sectors = set(dead_sectors)
        self.reset_at_byte = reset_at_byte
        self.programmed_bytes = 0
        self.erased_sectors = 0

    @classmethod
    def create(cls, path: Path, size_mib: int = 4, content: bytes = b"", at: int = 0) -> "Flash":
        """Make the flash file: all 0xFF, with `content` at address `at`. An existing file is replaced."""
        if size_mib not in SIZES_MIB:
            raise BadInput(f"a simulated flash has 4 or 8 MiB, not {size_mib}")
        if at + len(content) > size_mib * MIB:
            raise BadInput(f"{len(content)} bytes at {at:#x} do not fit into a flash of {size_mib} MiB")
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".tmp")
        with fresh.open("wb") as file:
            for _ in range(size_mib):
                file.write(b"\xff" * MIB)
            file.seek(at)
            file.write(content)
        fresh.chmod(0o600)  # a provisioned flash holds keys
        fresh.replace(path)
        return cls(path)

    def close(self) -> None:
        self.memory.close()

    def __enter__(self) -> "Flash":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, address: int, length: int) -> bytes:
        self._check(address, length)
        return self.memory[address : address + length]

    def program(self, address: int, data: bytes) -> None:
        """Clear the bits that are 0 in `data`; what was 0 stays 0. Raises OutOfFlash, ChipReset."""
        self._check(address, len(data))
        cut = self.reset_at_byte is not None and self.programmed_bytes + len(data) >= self.reset_at_byte
        if cut and self.reset_at_byte is not None:
            data = data[: max(0, self.reset_at_byte - self.programmed_bytes)]
        end = address + len(data)
        start = address
        while start < end:  # sector by sector
            stop = min(end, (start // SECTOR_BYTES + 1) * SECTOR_BYTES)
            if start // SECTOR_BYTES not in self.dead_sectors:
                self._and(start, data[start - address : stop - address])
            start = stop
        self.programmed_bytes += len(data)
        if cut:
            self.reset_at_byte = None
            raise ChipReset

    def erase(self, address: int, length: int) -> None:
        """Erase every sector that the `length` bytes from `address` touch. Raises OutOfFlash."""
        self._check(address, length)
        first = address // SECTOR_BYTES
        for sector in range(first, -(-(address + length) // SECTOR_BYTES) if length else first):
            self.erased_sectors += 1
            if sector not in self.dead_sectors:
                self.memory[sector * SECTOR_BYTES : (sector + 1) * SECTOR_BYTES] = ERASED_SECTOR

    def _and(self, address: int, data: bytes) -> None:
        end = address + len(data)
        old = self.memory[address:end]
        if old.count(0xFF) != len(old):  # not freshly erased
            both = int.from_bytes(old, "little") & int.from_bytes(data, "little")
            data = both.to_bytes(len(old), "little")
        self.memory[address:end] = data

    def _check(self, address: int, length: int) -> None:
        if address < 0 or length < 0 or address + length > self.size:
            raise OutOfFlash(f"{length} bytes at {address:#x} are not in a flash of {self.size} bytes")
