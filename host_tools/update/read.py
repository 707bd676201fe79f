"""Reading a bundle: nothing in it is believed before its digest fits, and every fault has a name."""

import json
import zlib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from host_tools.errors import BadInput
from host_tools.output import printable
from host_tools.site.explain import explain
from host_tools.update.form import (
    BLOCK_BYTES,
    BLOCK_DIGEST_BYTES,
    FORMAT,
    HEADER,
    HEADER_BYTES,
    MAGIC,
    PATH,
    WINDOW_BITS,
    Bundle,
    Entry,
    Manifest,
    flash_of,
    head_digest,
    sha256,
    table_bytes,
    table_of,
)
from host_tools.update.limits import BUNDLE_BYTES_MAX, MANIFEST_BYTES_MAX
from host_tools.words.system import reason

M = TypeVar("M", bound=BaseModel)


class Damaged(BadInput):
    """What is wrong with a bundle."""

    def __init__(self, what: str, hint: str = "get it again, or make one: sportbox update build") -> None:
        super().__init__(what, hint)


def read_bundle(path: Path) -> Bundle:
    """The bundle in a file; BadInput says what is wrong with it."""
    if path.is_fifo():  # somebody might never write to it
        raise BadInput(f"{path} is a pipe, not a bundle", "save what it gives in a file, and name that")
    try:
        with path.open("rb") as file:
            data = file.read(BUNDLE_BYTES_MAX + 1)
    except OSError as error:
        raise BadInput(
            f"cannot read {path}: {reason(error)}", "sportbox update build makes a bundle"
        ) from error
    try:
        return unpack(data)
    except Damaged as error:
        raise BadInput(f"{path} {error.message}", error.hint) from None


def unpack(data: bytes) -> Bundle:
    """The bundle that these bytes are. Raises Damaged; its message is a clause without subject."""
    if not data:
        raise Damaged("is no bundle: it is empty")
    if not data.startswith(MAGIC):
        raise Damaged("is no bundle: it begins otherwise")
    if len(data) > BUNDLE_BYTES_MAX:
        raise Damaged(f"is too large for a board: it has more than {BUNDLE_BYTES_MAX} bytes")
    manifest, packed = _head(data)
    for number in range(-(-len(packed) // BLOCK_BYTES)):
        _check_block(data, packed, number)
    if sha256(packed) != manifest.sha256:
        raise Damaged("is damaged: what is packed has another SHA-256 than the manifest says")
    index, contents = _files(manifest, _inflate(packed, manifest.index + manifest.size))
    _check_files(manifest, index, contents)
    return Bundle(manifest, index, contents, sha256(data), len(data))


def _head(data: bytes) -> tuple[Manifest, bytes]:
    if len(data) < HEADER_BYTES:
        raise Damaged(f"is cut off: it has {len(data)} bytes, its header alone {HEADER_BYTES}")
    _, form, window_bits, manifest_bytes, packed_bytes, block_bytes = HEADER.unpack_from(data)
    if form > FORMAT:
        raise Damaged(f"has form {form}, this sportbox reads up to {FORMAT}", "update sportbox")
    if (form, window_bits, block_bytes) != (FORMAT, WINDOW_BITS, BLOCK_BYTES):
        raise Damaged("is damaged: its header has values that no bundle has")
    if manifest_bytes > MANIFEST_BYTES_MAX:
        raise Damaged(f"has a manifest of {manifest_bytes} bytes; {MANIFEST_BYTES_MAX} are allowed")
    table = HEADER_BYTES + manifest_bytes
    start = table + table_bytes(packed_bytes)
    whole = start + packed_bytes
    if len(data) < whole:
        raise Damaged(f"is cut off: it has {len(data)} bytes of {whole}")
    if len(data) > whole:
        raise Damaged(f"is damaged: {len(data) - whole} bytes follow its end")
    fields, line = data[: HEADER.size], data[HEADER_BYTES:table]
    if head_digest(fields, line, data[table:start]) != data[HEADER.size : HEADER_BYTES]:
        raise Damaged("is damaged: header, manifest or table of blocks have another SHA-256 than they should")
    return _model(Manifest, line, "manifest"), data[start:]


def _check_block(data: bytes, packed: bytes, number: int) -> None:
    """The table is known to be whole."""
    start = len(data) - len(packed)
    at = start - table_bytes(len(packed)) + number * BLOCK_DIGEST_BYTES
    first = number * BLOCK_BYTES
    block = packed[first : first + BLOCK_BYTES]
    if table_of(block) != data[at : at + BLOCK_DIGEST_BYTES]:
        where = f"bytes {start + first} to {start + first + len(block) - 1}"
        raise Damaged(f"is damaged: block {number} ({where}) is not what the table of blocks says")


def _inflate(packed: bytes, size: int) -> bytes:
    """Never more than is wanted, whatever the stream holds."""
    stream = zlib.decompressobj(-WINDOW_BITS)
    try:
        content = stream.decompress(packed, size + 1)
    except zlib.error as error:
        raise Damaged("is damaged: what is packed cannot be unpacked") from error
    if len(content) != size or not stream.eof or stream.unused_data:
        raise Damaged("is wrong: what is packed has another size than the manifest says")
    return content


def _files(manifest: Manifest, content: bytes) -> tuple[list[Entry], list[bytes]]:
    lines = content[: manifest.index].splitlines(keepends=True)
    if len(lines) != manifest.files:
        raise Damaged(f"is wrong: it lists {len(lines)} files, and its manifest says {manifest.files}")
    index, contents, at = [], [], manifest.index
    for number, line in enumerate(lines, start=1):
        entry = _model(Entry, line, f"line {number} of the list of files")
        index.append(entry)
        contents.append(content[at : at + entry.size])
        at += entry.size
    if at != len(content):
        raise Damaged("is wrong: the sizes of its files are not those that the manifest says")
    return index, contents


def _check_files(manifest: Manifest, index: list[Entry], contents: list[bytes]) -> None:
    before = ""
    for entry, content in zip(index, contents, strict=True):
        shown = printable(entry.path)
        if PATH.fullmatch(entry.path) is None:
            raise Damaged(f"holds `{shown}`, which is no path of a firmware file")
        if entry.path == before:
            raise Damaged(f"holds {shown} twice")
        if entry.path < before:
            raise Damaged(f"is wrong: {shown} comes after {before}")
        if sha256(content) != entry.sha256:
            raise Damaged(f"is damaged: {shown} has another SHA-256 than the list of files says")
        if entry.path.endswith(".mpy") and content[:3] != bytes((ord("M"), manifest.mpy, 0)):
            raise Damaged(f"is wrong: {shown} is no bytecode of .mpy version {manifest.mpy}")
        before = entry.path
    if manifest.flash != flash_of([entry.size for entry in index]):
        raise Damaged("is wrong: its files take another part of the flash than the manifest says")


def _model(model: type[M], line: bytes, what: str) -> M:
    """A line of JSON as a model."""
    if not line.endswith(b"\n") or line.count(b"\n") != 1:
        raise Damaged(f"is wrong: the {what} is not one line")
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        raise Damaged(f"is wrong: the {what} is no JSON") from None
    if not isinstance(data, dict):
        raise Damaged(f"is wrong: the {what} is no JSON object")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = explain(error, model, data)[0]
        place = printable(".".join(map(str, found.loc)))
        raise Damaged(f"is wrong: the {what}: {place}: {printable(found.message)}") from None
