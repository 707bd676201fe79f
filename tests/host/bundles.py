"""Small bundles for tests: as they are, and with something wrong in them."""

from collections.abc import Callable
from typing import Any

from host_tools.update.deflate import deflate
from host_tools.update.form import WINDOW_BITS, Range, sha256
from host_tools.update.pack import assemble, line, pack

BYTECODE = b"M\x06\x00\x1f"
SERIES = Range(first="1.29.0", below="1.30.0")
FILES = {"main.py": b"import sportbox\n", "sportbox/__init__.mpy": BYTECODE + bytes(range(200)) * 8}


def packed(files: dict[str, bytes] = FILES, version: str = "1.2.3") -> bytes:
    return pack(files, version, ["sim", "box-esp32"], SERIES, 6)


def made(
    change: Callable[[dict[str, Any]], None] = lambda _: None,
    entries: list[dict[str, Any]] | None = None,
    files: dict[str, bytes] = FILES,
    manifest_line: bytes | None = None,
    listed: bytes | None = None,
) -> bytes:
    """A bundle as it should be but for what a test wants; all digests are right for it."""
    if entries is None:
        entries = [{"path": p, "sha256": sha256(files[p]), "size": len(files[p])} for p in sorted(files)]
    listed = b"".join(map(line, entries)) if listed is None else listed
    stream = deflate(listed + b"".join(files[path] for path in sorted(files)), WINDOW_BITS)
    manifest: dict[str, Any] = {
        "boards": ["sim"],
        "files": len(entries),
        "flash": sum(-(-len(content) // 4096) * 4096 for content in files.values()),
        "index": len(listed),
        "micropython": {"first": "1.29.0", "below": "1.30.0"},
        "mpy": 6,
        "sha256": sha256(stream),
        "size": sum(map(len, files.values())),
        "version": "1.2.3",
    }
    change(manifest)
    return assemble(line(manifest) if manifest_line is None else manifest_line, stream)
