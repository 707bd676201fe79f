"""A board behind a serial line that garbles what it says: MicroPython's raw REPL as far as provisioning needs
it, on time that passes only while somebody waits."""

import ast
import base64
import re
import struct
import zlib

from host_tools.port.upload import ESCAPE, FLAG, MASK

UNIQUE_ID = "001122334455"
WINDOW = 128
_NOTHING = "= 0 4096 200"  # a survey of an empty board
NOISE_STEP_S = 0.1
_CHECKED = re.compile(r"^c=(.*)$", re.MULTILINE)
_PIECE = re.compile(r"_p\[\d+\]=binascii\.a2b_base64\('([^']*)'\)")


class Clock:
    """Stands in for the module `time` in what waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 0.0005
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, NOISE_STEP_S)


class Noise:
    """What happens to the bytes of a board, from pairs (how many pass unharmed, what happens then)."""

    def __init__(self, script: bytes) -> None:
        self._script = script
        self._at = 0
        self._left = script[0] if script else 0

    def through(self, data: bytes) -> bytes:
        if self._at >= len(self._script):
            return data
        heard = bytearray()
        for byte in data:
            if self._left or self._at >= len(self._script):
                self._left -= 1
                heard.append(byte)
                continue
            heard += _harmed(byte, self._script[self._at + 1 : self._at + 2])
            self._at += 2
            self._left = self._script[self._at] if self._at < len(self._script) else 0
        return bytes(heard)


def _harmed(byte: int, how: bytes) -> bytes:
    """By the upper bits: lost, flipped, one more before it, control characters, twice."""
    kind, value = (how[0] >> 5, how[0] & 31) if how else (0, 0)
    if kind == 0:
        return b""
    if kind <= 2:
        return bytes([byte ^ (1 << (value & 7))])
    if kind == 3:
        return bytes([value, byte])
    if kind == 4:
        return bytes([0x04, 0x3E, byte])
    if kind == 5:
        return b"\r\nrst:0x1 (POWERON_RESET)\r\n" + bytes([byte])
    return bytes([byte]) * (1 + value % 4)


class Board:
    """As pyserial's port. `says(code)` is what code prints: (output, error)."""

    def __init__(self, script: bytes) -> None:
        self._noise = Noise(script)
        self._out = bytearray()
        self._code: bytearray | None = None  # while it comes, in raw paste mode
        self._typed = b""
        self._frames: bytearray | None = None  # while an upload runs
        self.stream = zlib.decompressobj()
        self._offset = 0
        self.writes = 0
        self.uploads = False  # else what it is sent in pieces is a survey
        self.dtr = self.rts = True
        self.timeout = self.write_timeout = 3.0

    # --- what pyserial has

    @property
    def in_waiting(self) -> int:
        return len(self._out)

    def inWaiting(self) -> int:  # as pyserial spells it
        return len(self._out)

    def read(self, size: int = 1) -> bytes:
        data = bytes(self._out[:size])
        del self._out[:size]
        return data

    def write(self, data: bytes) -> int:
        self.writes += 1
        for byte in data:
            self._take(byte)
        return len(data)

    def flush(self) -> None:
        pass

    close = flush

    # --- the board

    def _say(self, data: bytes) -> None:
        self._out += self._noise.through(data)

    def _take(self, byte: int) -> None:
        if self._frames is not None:
            self._take_frame(byte)
        elif self._code is not None:
            self._take_code(byte)
        else:
            self._typed = (self._typed + bytes([byte]))[-3:]
            if self._typed == b"\x05A\x01":
                self._typed = b""
                self._say(b"R\x01" + struct.pack("<H", WINDOW))
                self._code = bytearray()
            elif byte == 0x01 and self._typed[-2:] != b"A\x01":
                self._say(b"raw REPL; CTRL-B to exit\r\n>")
            elif byte in (0x02, 0x03):
                self._say(b"\r\n>>> ")

    def _take_code(self, byte: int) -> None:
        assert self._code is not None
        if byte == 0x03:  # as mp_reader_stdin_readbyte does it
            self._code = None
            self._say(b"\x04\x04KeyboardInterrupt: \r\n\x04>")
            return
        if byte != 0x04:
            self._code.append(byte)
            if len(self._code) % WINDOW == 0:
                self._say(b"\x01")
            return
        code, self._code = self._code.decode("utf-8", "replace"), None
        self._say(b"\x04")
        inner = _CHECKED.search(code)
        try:
            code = ast.literal_eval(inner[1]).decode() if inner else code
        except SyntaxError:  # noise that reads as the board's word that it has had enough
            self._say(b"\x04SyntaxError: invalid syntax\r\n\x04>")
            return
        if "machine.reset()" in code:
            self._say(b"sportbox: held for service\r\n")
        elif self.uploads and "DeflateIO" in code:
            self._frames = bytearray()
            self.stream, self._offset = zlib.decompressobj(), 0
            self._ask()
        else:
            self._say(self._output(code).encode() + b"\x04\x04>")

    def _output(self, code: str) -> str:
        if "unique_id" in code:
            return f"sportbox {UNIQUE_ID} {UNIQUE_ID}\r\n"
        if "/hold" in code and "foreign" in code:
            return "held\r\n"
        piece = _PIECE.search(code)
        if piece:
            return f"{zlib.crc32(base64.b64decode(piece[1]))}\r\n"
        return f"{_NOTHING} {zlib.crc32(_NOTHING.encode())}\r\n" if "DeflateIO" in code else ""

    def _ask(self) -> None:
        self._say(b"\x02%06x%06x\n" % (self._offset, self._offset ^ 0xFFFFFF))

    def _take_frame(self, byte: int) -> None:
        assert self._frames is not None
        if byte == 0x03:
            self._frames = None
            self._say(b"\x04KeyboardInterrupt: \r\n\x04>")
            return
        if byte != FLAG:
            self._frames.append(byte)
            return
        frame, self._frames = _unescaped(bytes(self._frames)), bytearray()
        if len(frame) > 8:
            offset, crc = struct.unpack_from("<II", frame)
            if offset == self._offset and zlib.crc32(frame[8:], zlib.crc32(frame[:4])) == crc:
                self._offset += len(frame) - 8
                self.stream.decompress(frame[8:])
        if self.stream.eof:
            self._frames = None
            self._say(b"done\r\n\x04\x04>")
        else:
            self._ask()


def _unescaped(data: bytes) -> bytes:
    found, mask = bytearray(), 0
    for byte in data:
        if byte == ESCAPE:
            mask = MASK
        else:
            found.append(byte ^ mask)
            mask = 0
    return bytes(found)
