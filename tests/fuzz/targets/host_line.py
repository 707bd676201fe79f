"""Noise on the serial line while a board is provisioned: on the way to its prompt, in what code prints, in an
upload. Input: what is done (`e` enter and hold, `s` survey, `u` upload, `g` nothing but garbage), then
what happens to the bytes of the board (tests/fuzz/serialboard.py).

It ends with what it shall, or with a message; never hangs, and never takes noise for an answer.
"""

import hashlib
from typing import Any

import mpremote.transport_serial

from host_tools.errors import ToolError
from host_tools.output import printable
from host_tools.port import console as console_module
from host_tools.port import upload, wire
from host_tools.port.console import Console
from host_tools.port.ports import Port
from tests.fuzz.serialboard import UNIQUE_ID, Board, Clock

PATIENCE_S = 900.0
WRITES_MAX = 20000
_WAITING = (wire, console_module, upload, mpremote.transport_serial)
_BYTES = b"".join(hashlib.sha256(bytes([at])).digest() for at in range(160))
_STEPS: list[upload.Step] = [("/main.py", _BYTES), ("/old", None), ("/config.json", b"{}")]

SEEDS = [
    b"e",
    b"s",
    b"u",
    b"e" + bytes([40, 0x25, 200, 0x61, 90, 0x80]),
    b"s" + bytes([255, 0x00, 255, 0x20, 120, 0xA0, 30, 0xE1]),
    b"u" + bytes([255, 0x00, 255, 0x21, 255, 0x00, 255, 0x41, 90, 0xA0]),
    b"g" + b"ets Jun  8 2016\r\nrst:0x1 (POWERON_RESET)\r\n>>> raw REPL; CTRL-B to exit\r\n>",
    b"g" + b"\x02000000ffffff\n\x04\x04>" * 5,
]


class Garbage(Board):
    """Nothing but what was given comes, a piece for each write."""

    def __init__(self, stream: bytes) -> None:
        super().__init__(b"")
        self._pieces = [stream[at : at + 60] for at in range(0, len(stream), 60)]

    def write(self, data: bytes) -> int:
        self.writes += 1
        if self._pieces:
            self._out += self._pieces.pop(0)
        return len(data)


def one(data: bytes) -> None:
    how, script = data[:1], data[1:]
    if how not in (b"e", b"s", b"u", b"g"):
        return
    clock: Any = Clock()
    for module in _WAITING:
        module.time = clock
    board = Garbage(script) if how == b"g" else Board(script)
    console = Console(Port("rfc2217://board"))
    console.transport = wire._Transport(board)
    try:
        console._enter()
        assert console.unique_id == UNIQUE_ID or how == b"g"
        console.hold()
        if how == b"s":
            assert upload.survey(console, ["/"]).free_blocks == 200
        if how == b"u":
            board.uploads = True
            upload._transfer(console, _STEPS, None, careful=False)
            assert board.stream.eof, "took noise for the end"
    except ToolError as error:
        assert error.message == printable(error.message), "reaches the terminal"
    assert clock.now < PATIENCE_S and board.writes < WRITES_MAX, (clock.now, board.writes)
