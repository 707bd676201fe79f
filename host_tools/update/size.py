"""`make size`: how large the firmware's bundle and safe mode are against their limits, and what is large."""

import sys
from collections.abc import Iterable

from host_tools.build.firmware import FIRMWARE, Firmware, compile_firmware
from host_tools.errors import ToolError
from host_tools.output import report
from host_tools.update.build import build
from host_tools.update.limits import BUNDLE_BYTES_MAX, LOADER_BYTES_MAX

LARGEST = 10


def size_line(size: int) -> str:
    """The bundle against its limit."""
    return _against("bundle", size, BUNDLE_BYTES_MAX)


def loader_bytes(firmware: Firmware) -> int:
    """Of safe mode: what is on every board beside the slots, and never comes over the air."""
    return sum(map(len, firmware.loader.values()))


def _against(what: str, size: int, limit: int) -> str:
    left = limit - size
    rest = f"{left:,} left" if left >= 0 else f"{-left:,} TOO MANY"
    return f"{what}: {size:,} of {limit:,} bytes, {rest}"


def largest_lines(sizes: Iterable[tuple[str, int]]) -> list[str]:
    """The largest of files by path and size, unpacked."""
    found = sorted(sizes, key=lambda one: (-one[1], one[0]))[:LARGEST]
    return [f"{size:9,}  {path}" for path, size in found]


def lines(firmware: Firmware, bundle_bytes: int) -> list[str]:
    slot = {path: len(content) for path, content in firmware.slot.items()}
    loader = {path: len(content) for path, content in firmware.loader.items()}
    return [
        size_line(bundle_bytes),
        f"unpacked: {sum(slot.values()):,} bytes in {len(slot)} files; the largest:",
        *largest_lines(slot.items()),
        _against("safe mode", loader_bytes(firmware), LOADER_BYTES_MAX),
        f"{len(loader)} files; the largest:",
        *largest_lines(loader.items()),
    ]


def main() -> int:
    try:
        told = lines(compile_firmware(FIRMWARE), len(build()))
    except ToolError as error:
        report(error.message, error.hint, error.details)
        return error.status
    sys.stdout.write("\n".join([*told, ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
