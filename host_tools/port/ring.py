"""The log that a board keeps on its flash, read at its prompt."""

import binascii
import contextlib
from collections.abc import Callable
from functools import partial

from host_tools.errors import ToolError
from host_tools.output import printable
from host_tools.port.console import Console, DeviceError, checked
from host_tools.port.ports import Port
from host_tools.port.trouble import Lost
from host_tools.words import tr

FILES = ("/data/log-old", "/data/log")
PIECE_BYTES = 512  # a line that loses bytes lets short pieces through
TRIES = 3
AT_ONCE_S = 3.0  # a piece takes a tenth of it
PIECE_TRIES = 12

Ask = Callable[[str], str]

# Runs on the board: a piece of a file as hex, and its CRC. A file that is not there is empty.
_ASK = """\
def _():
 import binascii
 try:
  with open({path!r},'rb') as f:
   f.seek({at})
   d=f.read({size})
 except OSError as e:
  if e.errno!=2:return print('!',e.errno)
  d=b''
 print(binascii.hexlify(d).decode(),binascii.crc32(d)&0xffffffff)
_()
"""


def read_ring(port: Port) -> list[str]:
    """The board's firmware ends for that, and starts anew afterwards. Raises Unreachable, ToolError."""
    with Console.open(port) as console:
        try:
            return _read(console)
        finally:
            with contextlib.suppress(Lost):  # bitten by its watchdog, or gone: it starts by itself
                console.restart()


def _read(console: Console) -> list[str]:
    """At once, for the watchdog gives it some seconds; in hold mode if that is not enough."""
    for attempt in range(TRIES):
        try:
            if attempt:
                console.hold()
            ask = console.sure if attempt else partial(_once, console)
            data = b"".join(_file(console, ask, path) for path in FILES)
            return data.decode("utf-8", "replace").splitlines()
        except (Lost, DeviceError):
            if attempt == TRIES - 1:
                raise
    raise console.garbled()


def _once(console: Console, code: str) -> str:
    return console.run(checked(code), AT_ONCE_S)


def _file(console: Console, ask: Ask, path: str) -> bytes:
    data = b""
    while len(data) % PIECE_BYTES == 0:
        piece = _piece(console, ask, path, len(data))
        if not piece:
            break
        data += piece
    return data


def _piece(console: Console, ask: Ask, path: str, at: int) -> bytes:
    for _ in range(PIECE_TRIES):
        piece = _whole(ask(_ASK.format(path=path, at=at, size=PIECE_BYTES)))
        if piece is not None:
            return piece
    raise console.garbled()


def _whole(answer: str) -> bytes | None:
    """None if the line has damaged it. Raises ToolError if the board cannot read its file."""
    written, _, value = answer.removesuffix("\n").partition(" ")
    if written == "!":
        raise ToolError(
            tr("the board cannot read its log, error {errno}", errno=printable(value[:9])),
            tr("look at the board with `sportbox doctor --port P`"),
        )
    try:
        data = bytes.fromhex(written)
        return data if int(value) == binascii.crc32(data) else None
    except ValueError:
        return None
