"""From files to a bundle: nothing in it but what was given, so the same files give the same bytes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from host_tools.errors import BadInput
from host_tools.output import printable
from host_tools.update.deflate import deflate
from host_tools.update.form import (
    BLOCK_BYTES,
    FORMAT,
    HEADER,
    MAGIC,
    PATH,
    WINDOW_BITS,
    Entry,
    Manifest,
    Range,
    flash_of,
    head_digest,
    sha256,
    table_of,
)


def pack(files: Mapping[str, bytes], version: str, boards: Sequence[str], series: Range, mpy: int) -> bytes:
    """A bundle of files by their path. It may be over the limit: who writes it down looks."""
    index = [_entry(path, files[path]) for path in sorted(files)]
    listed = b"".join(line(entry.model_dump()) for entry in index)
    packed = deflate(listed + b"".join(files[entry.path] for entry in index), WINDOW_BITS)
    sizes = [entry.size for entry in index]
    try:
        manifest = Manifest(
            boards=sorted(boards),
            files=len(index),
            flash=flash_of(sizes),
            index=len(listed),
            micropython=series,
            mpy=mpy,
            sha256=sha256(packed),
            size=sum(sizes),
            version=version,
        )
    except ValidationError as error:
        raise BadInput(f"no bundle can hold this firmware: {_first(error)}") from None
    return assemble(line(manifest.model_dump()), packed)


def assemble(manifest: bytes, packed: bytes) -> bytes:
    """Header and table for a manifest and what is packed."""
    fields = HEADER.pack(MAGIC, FORMAT, WINDOW_BITS, len(manifest), len(packed), BLOCK_BYTES)
    table = table_of(packed)
    return fields + head_digest(fields, manifest, table) + manifest + table + packed


def line(value: Any) -> bytes:
    """JSON in one form: names in order, no spaces, ASCII, one line."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _entry(path: str, content: bytes) -> Entry:
    if PATH.fullmatch(path) is None:
        raise BadInput(
            f"`{printable(path)[:80]}` cannot go into a bundle: use a-z, 0-9 and _ in paths",
            "rename it",
        )
    try:
        return Entry(path=path, sha256=sha256(content), size=len(content))
    except ValidationError as error:
        raise BadInput(f"{path} cannot go into a bundle: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"
