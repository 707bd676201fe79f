"""Scripts of ours on a board: sent small, and run only when they came whole."""

import ast
import base64
import zlib
from functools import cache
from pathlib import Path
from threading import Lock

from host_tools.port.console import RUN_S, Console, DeviceError, checked
from host_tools.port.trouble import Lost

FOLDER = Path(__file__).with_name("board")
WINDOW_BITS = 12  # a window of 4 KiB on the board
TRIES = 6
PIECE_BYTES = 180
PIECE_TRIES = 8
PIECE_S = 4.0

_one_at_a_time = Lock()  # two threads in `ast` disturb each other before Python 3.11.8 and 3.12.2: gh-106905

_LOADER = """\
import binascii,deflate,io
d=binascii.a2b_base64('{text}')
if binascii.crc32(d)!={crc}:raise ValueError('garbled')
exec(deflate.DeflateIO(io.BytesIO(d),deflate.ZLIB).read(),{{}})
"""
_PIECE = """\
import binascii
_p[{number}]=binascii.a2b_base64('{text}')
print(binascii.crc32(_p[{number}]))
"""
_JOINED = """\
import deflate,io
exec(deflate.DeflateIO(io.BytesIO(b''.join([_p[i] for i in range({count})])),deflate.ZLIB).read(),{{}})
"""


def source(name: str) -> str:
    """A script of the folder board/ without its comments. Any thread may ask; a station has one a board."""
    with _one_at_a_time:
        return _stripped(name)


@cache
def _stripped(name: str) -> str:
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            first = body[0].value
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                body[0] = ast.copy_location(ast.Pass(), body[0])
    return ast.unparse(tree)


def code_for(console: Console, name: str, call: str, careful: bool = False) -> str:
    """Code for the raw REPL that loads the script `name` and runs `call`. `careful`: it goes to the board in
    small pieces, each checked there, for a line that loses bytes; what is left to be sent is short."""
    data = deflated(f"{source(name)}\n{call}\n".encode())
    if not careful:
        return _LOADER.format(text=_base64(data), crc=zlib.crc32(data))
    pieces = [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]
    console.sure("_p={}")
    for number, piece in enumerate(pieces):
        _told_crc(console, _PIECE.format(text=_base64(piece), number=number), zlib.crc32(piece))
    return checked(_JOINED.format(count=len(pieces)))


def _told_crc(console: Console, code: str, crc: int) -> None:
    for _ in range(PIECE_TRIES):
        try:
            if console.run(code, PIECE_S).strip() == str(crc):
                return
        except (Lost, DeviceError):
            continue
    raise console.garbled()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def deflated(data: bytes, window_bits: int = WINDOW_BITS) -> bytes:
    """As `deflate` reads it on the board, which needs memory for the window."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, window_bits, 9)
    return compressor.compress(data) + compressor.flush()


def run_script(console: Console, name: str, call: str, timeout_s: float = RUN_S) -> str:
    """What it prints. Sent again when it came damaged; raises DeviceError, Lost or Unreachable."""
    for attempt in range(TRIES):
        try:
            return console.run(code_for(console, name, call, careful=attempt > 0), timeout_s)
        except Lost:
            if attempt == TRIES - 1:
                raise
        except DeviceError as error:
            if not is_damage(error):
                raise
    raise console.garbled()


def is_damage(error: DeviceError) -> bool:
    """Code that lost bytes on its way: it fails before the script, which is a <string>. Or a Ctrl-C that came
    from nowhere."""
    return "<string>" not in error.trace or "KeyboardInterrupt" in error.trace
