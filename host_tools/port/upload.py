"""Many files to a board in one compressed stream, faster than one by one.

The receiver on the board (board/receiver.py, over mpremote's raw REPL) asks for the stream block by block, so
nothing comes while it writes flash and does not listen:

    board: 0x02, offset in the stream (6 hex digits), its complement (6), end of line
    host:  offset (u32), CRC-32 of offset and block (u32), block; all of it framed as in RFC 1662: 0x7e ends
           it, 0x7d escapes both and what a console or a ROM bootloader could take for its own

A block that came garbled, or not at all, is asked for again; the host makes blocks smaller then. The stream
is zlib of operations: kind (u8: 1 write, 2 remove, 0 end), length of the path (u16), size (u32), path,
content.
"""

import base64
import hashlib
import re
import struct
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from host_tools.errors import ToolError
from host_tools.port.console import Console, DeviceError
from host_tools.port.jobs import Progress
from host_tools.port.script import code_for, deflated, is_damage, run_script
from host_tools.port.trouble import Lost
from host_tools.port.wire import HEARD_BYTES_MAX, REPLY_S, shown
from host_tools.words import tr

BLOCK_BYTES = 2048  # as in board/receiver.py
BLOCK_BYTES_MIN = 64
TEMPORARY = "/.upload"
ASK_S = 8.0  # the receiver asks again after a second; then there is flash to be written
SURVEY_S = 15.0
RESUMES = 4
WINDOW_BITS = 14  # 16 KiB on the board
SPARE_BLOCKS = 8  # directories, and what littlefs copies before it lets go of the old
FLAG, ESCAPE, MASK = 0x7E, 0x7D, 0x20
# Ctrl-A to Ctrl-E of the REPL, XON and XOFF, the framing itself, 0xc0 that begins each frame for a ROM, and
# what ends a line: after a restart the rest of a frame comes to a prompt, which shall not execute it
ESCAPED = frozenset((0x01, 0x02, 0x03, 0x04, 0x05, 0x0A, 0x0D, 0x11, 0x13, FLAG, ESCAPE, 0xC0))
ENOSPC = 28

WRITE, REMOVE, END = 1, 2, 0
WIRE = [bytes((ESCAPE, byte ^ MASK)) if byte in ESCAPED else bytes((byte,)) for byte in range(256)]
TRIES = 4
FILES_MAX = 2_000
PAGE_FILES = 10
DAMAGED_MAX = 12
REPEATS_MAX = 200  # for one block: the receiver gives up much earlier

ASKS = re.compile(rb"\x02([0-9a-f]{6})([0-9a-f]{6})\r?\n")

SAID_ALL = re.compile(rb"done\r?\n|Traceback")
RESTARTED = re.compile(rb"sportbox: |rst:0x|soft reboot|>>> ")
ENDED = re.compile(rb"\x04([^\x04]*)\x04>")
Step = tuple[str, bytes | None]
"""A path and what is to be in the file; None: away with it, with all that is below."""


@dataclass
class Survey:
    """What is on a board: size and SHA-256 (hex) of each file, and its free blocks."""

    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    count: int = 1  # of the files on the board, of which `files` may have a part
    block_bytes: int = 4096
    free_blocks: int = 0

    def changed(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """Those of `files` that are not on the board as they should be, in their order."""
        return {path: data for path, data in files.items() if self.files.get(path, (0, ""))[1] != sha(data)}


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def survey(console: Console, paths: Iterable[str]) -> Survey:
    """Every file at or below `paths`, hashed on the board."""
    found, names, page, damaged = Survey(), tuple(paths), FILES_MAX, 0
    while (before := len(found.files)) < found.count:
        try:
            call = f"survey({names!r},{len(found.files)},{page})"
            read_survey(run_script(console, "survey", call, SURVEY_S), found)
            if len(found.files) == before < found.count:
                raise ValueError("a survey that does not end")
        except ValueError as error:
            damaged += 1
            if damaged == DAMAGED_MAX:
                raise console.garbled() from error
            page = PAGE_FILES
    return found


def read_survey(text: str, found: Survey) -> None:
    """Adds what board/survey.py printed. ValueError when lines are missing or damaged: nothing is added."""
    files: dict[str, tuple[int, str]] = {}
    crc = 0
    for line in text.split("\n"):
        if line.startswith("= "):
            total, _, given = line.rpartition(" ")
            if zlib.crc32(total.encode(), crc) != int(given):
                break
            count, block_bytes, free_blocks = map(int, total.split(" ")[1:])
            if block_bytes < 1:
                break
            found.count, found.block_bytes, found.free_blocks = count, block_bytes, free_blocks
            found.files.update(files)
            return
        crc = zlib.crc32(line.encode(), crc)
        path, size, digest = line.rsplit(" ", 2)
        files[path] = int(size), base64.b64decode(digest, validate=True).hex()
    raise ValueError("a garbled survey")


def is_whole(console: Console, files: Mapping[str, str]) -> bool:
    """Reads back all `files` (path: SHA-256 in hex) at once."""
    wanted = hashlib.sha256()
    for path, digest in files.items():
        wanted.update(path.encode() + b"\0" + bytes.fromhex(digest))

    def read(text: str) -> str:
        word, digest = text.strip().split(" ")
        if word != "whole" or len(digest) != 64:
            raise ValueError("a garbled digest")
        return digest

    for _ in range(TRIES):
        try:
            return (
                read(run_script(console, "survey", f"whole({tuple(files)!r})", SURVEY_S))
                == wanted.hexdigest()
            )
        except ValueError:
            continue
    raise console.garbled()


def check_space(console: Console, found: Survey, steps: Sequence[Step]) -> None:
    """Raises ToolError unless the board has room for every step in its turn: the old file goes after the new
    one has come. Small files lie inside their directory and take less than is reckoned here."""
    free = found.free_blocks - SPARE_BLOCKS
    least = free
    for path, data in steps:
        if data is not None:
            free -= _blocks(len(data), found)
            least = min(least, free)
        free += sum(_blocks(size, found) for name, (size, _) in found.files.items() if _is_at(name, path))
    if least < 0:
        raise no_space(console, -least * found.block_bytes)


def _blocks(size: int, found: Survey) -> int:
    return -(-size // found.block_bytes)


def _is_at(name: str, path: str) -> bool:
    return name == path or name.startswith(path + "/")


def no_space(console: Console, missing_bytes: int | None = None) -> ToolError:
    kib = -(-(missing_bytes or 0) // 1024)
    cause = (
        tr("the board has no space: {kib} KiB are missing", kib=kib)
        if missing_bytes
        else tr("the board has no space left")
    )
    return ToolError(
        cause,
        tr("sportbox flash --port {port} empties it; then provision it again", port=shown(console.port)),
    )


def upload(console: Console, steps: Sequence[Step], progress: Progress | None = None) -> None:
    """Carries out `steps` in their order, and goes on where it was when the connection breaks."""
    left = list(steps)
    for resume in range(RESUMES + 1):
        try:
            return _transfer(console, left, progress, careful=resume > 0)
        except Lost:
            if resume == RESUMES:
                raise
        console.hold()  # the board may have restarted
        there = survey(console, [path for path, _ in left])
        wanted = there.changed({path: data for path, data in left if data is not None})
        left = [
            (path, data)
            for path, data in left
            if path in wanted or (data is None and any(_is_at(name, path) for name in there.files))
        ]


def _transfer(console: Console, steps: Sequence[Step], progress: Progress | None, careful: bool) -> None:
    if not steps:
        return
    records = [_record(path, data) for path, data in steps]
    stream = deflated(b"".join([*records, _record("", None, END)]), WINDOW_BITS)
    if progress is not None:
        progress.step(tr("writing {count} files", count=len(steps)), len(stream))
    console.feed()
    console.begin(code_for(console, "receiver", "receive()", careful))
    console.at_prompt = False
    said, error = _serve(console, stream, progress)
    console.at_prompt = True
    if not error and "done" in said:
        return
    problem = DeviceError(console.port, error)
    if f"Errno {ENOSPC}]" in error:
        raise no_space(console)
    if not error or is_damage(problem) or "ETIMEDOUT" in error:
        raise console.garbled()
    raise problem


def _record(path: str, data: bytes | None, kind: int | None = None) -> bytes:
    if kind is None:
        kind = REMOVE if data is None else WRITE
    name = path.encode()
    return struct.pack("<BHI", kind, len(name), len(data or b"")) + name + (data or b"")


def _serve(console: Console, stream: bytes, progress: Progress | None) -> tuple[str, str]:
    """Answers each request of the board; what it said at the end, and its error text."""
    heard, size, last, repeats = b"", BLOCK_BYTES, -1, 0
    end = time.monotonic() + ASK_S
    while True:
        data = console.read(max(0.0, end - time.monotonic()))
        if not data or time.monotonic() > end:
            raise console.garbled()
        heard += data
        if SAID_ALL.search(heard):  # what the prompt says then may be lost
            end = min(end, time.monotonic() + REPLY_S)
        if RESTARTED.search(heard):
            raise restarted()
        ended = ENDED.search(heard)
        if ended:
            return heard[: ended.start()].decode("utf-8", "replace"), ended.group(1).decode(
                "utf-8", "replace"
            )
        done = 0
        for request in ASKS.finditer(heard):
            done, end = request.end(), time.monotonic() + ASK_S
            offset = int(request.group(1), 16)
            if offset ^ int(request.group(2), 16) != 0xFFFFFF or offset > len(stream):
                continue
            if offset <= last:
                size = max(BLOCK_BYTES_MIN, size // 2)
                repeats += 1
                if repeats > REPEATS_MAX:
                    raise console.garbled()
            else:
                repeats = 0
                size = min(BLOCK_BYTES, 2 * size)
                if progress is not None:
                    progress.advance(offset - max(last, 0))
                last = offset
            console.write(frame(offset, stream[offset : offset + size]))
        heard = heard[done:][-HEARD_BYTES_MAX:]


def restarted() -> Lost:
    return Lost(
        tr("the board restarted in the middle of it"),
        tr("give it a better supply (another USB port, a hub with its own), then repeat the command"),
    )


def frame(offset: int, block: bytes) -> bytes:
    head = struct.pack("<I", offset)
    whole = head + struct.pack("<I", zlib.crc32(block, zlib.crc32(head))) + block
    return b"".join(WIRE[byte] for byte in whole) + bytes((FLAG,))
