"""`make size`: how large the firmware's bundle is, and its largest files."""

import sys
from collections.abc import Iterable

from host_tools.errors import ToolError
from host_tools.output import report
from host_tools.update.build import build, firmware_files
from host_tools.update.limits import BUNDLE_BYTES_MAX

LARGEST = 10


def size_line(size: int) -> str:
    """The bundle against its limit."""
    left = BUNDLE_BYTES_MAX - size
    rest = f"{left:,} left" if left >= 0 else f"{-left:,} TOO MANY"
    return f"bundle: {size:,} of {BUNDLE_BYTES_MAX:,} bytes, {rest}"


def largest_lines(sizes: Iterable[tuple[str, int]]) -> list[str]:
    """The largest of files by path and size, unpacked."""
    found = sorted(sizes, key=lambda one: (-one[1], one[0]))[:LARGEST]
    return [f"{size:9,}  {path}" for path, size in found]


def main() -> int:
    try:
        files = firmware_files()
        size = len(build())
    except ToolError as error:
        report(error.message, error.hint, error.details)
        return error.status
    sizes = [(path, len(content)) for path, content in files.items()]
    total = sum(size for _, size in sizes)
    lines = [size_line(size), f"unpacked: {total:,} bytes in {len(sizes)} files; the largest:"]
    sys.stdout.write("\n".join([*lines, *largest_lines(sizes), ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
