"""`make size`: how large the firmware's bundle and safe mode are against their limits, and what is large."""

import ast
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from host_tools.build.firmware import FIRMWARE, LOADER, Firmware, compile_firmware
from host_tools.errors import ToolError
from host_tools.output import report
from host_tools.update.build import build
from host_tools.update.limits import BUNDLE_BYTES_MAX, SAFE_MODE_BYTES_MAX

LARGEST = 10
SAFE_MODE = "safe"


def size_line(size: int) -> str:
    """The bundle against its limit."""
    return _against("bundle", size, BUNDLE_BYTES_MAX)


def safe_mode_files(firmware: Firmware, folder: Path = FIRMWARE) -> dict[str, bytes]:
    """Of the loader, what safe mode is made of: its program, and all that this imports, wherever."""
    found: dict[str, bytes] = {}
    waiting = [SAFE_MODE]
    while waiting:
        module = waiting.pop()
        places = [f"{module}.py", f"{module}/__init__.py"]
        for place in places:
            path = f"/{LOADER}{place.removesuffix('.py')}.mpy"
            if path not in firmware.loader or path in found:
                continue
            found[path] = firmware.loader[path]
            sources = [source for top in (LOADER, "") if (source := folder / top / place).is_file()]
            waiting += imported(sources[0].read_text(encoding="utf-8")) if sources else []
    return found


def imported(source: str) -> list[str]:
    """The modules that a source may import, and the packages that they are in, with slashes."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    parts = [name.split(".") for name in names]
    return sorted({"/".join(part[:end]) for part in parts for end in range(1, len(part) + 1)})


def _against(what: str, size: int, limit: int) -> str:
    left = limit - size
    rest = f"{left:,} left" if left >= 0 else f"{-left:,} TOO MANY"
    return f"{what}: {size:,} of {limit:,} bytes, {rest}"


def largest_lines(sizes: Iterable[tuple[str, int]]) -> list[str]:
    """The largest of files by path and size, unpacked."""
    found = sorted(sizes, key=lambda one: (-one[1], one[0]))[:LARGEST]
    return [f"{size:9,}  {path}" for path, size in found]


def lines(firmware: Firmware, bundle_bytes: int) -> list[str]:
    slot, safe = _sizes(firmware.slot), _sizes(safe_mode_files(firmware))
    return [
        size_line(bundle_bytes),
        f"unpacked: {sum(slot.values()):,} bytes in {len(slot)} files; the largest:",
        *largest_lines(slot.items()),
        _against("safe mode", sum(safe.values()), SAFE_MODE_BYTES_MAX),
        *largest_lines(safe.items()),
        f"the whole loader: {sum(_sizes(firmware.loader).values()):,} bytes in {len(firmware.loader)} files",
    ]


def _sizes(files: Mapping[str, bytes]) -> dict[str, int]:
    return {path: len(content) for path, content in files.items()}


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
