"""SLIP frames, and the SYNC frame in a stream of bytes.

Source: Espressif's esptool documentation, "Serial Protocol": a packet begins and ends with 0xC0; within it
0xC0 becomes 0xDB 0xDC and 0xDB becomes 0xDB 0xDD. A SYNC command is 0x00, 0x08, length 36, checksum, and the
bytes 0x07 0x07 0x12 0x20 followed by 32 times 0x55.
"""

import re

END = b"\xc0"
ESCAPE = b"\xdb"
ESCAPED_END = b"\xdb\xdc"
ESCAPED_ESCAPE = b"\xdb\xdd"

# The largest frame that esptool sends is a data block of the stub: 8 + 16 + 0x4000 bytes, twice that when
# every byte of it is escaped.
FRAME_BYTES_MAX = 0x4000 + 0x100
RAW_BYTES_MAX = 2 * FRAME_BYTES_MAX

SYNC_BYTES = 1 + 8 + 36 + 1
SYNC = re.compile(rb"\xc0\x00\x08\x24\x00.{4}\x07\x07\x12\x20\x55{32}\xc0", re.DOTALL)
BAD_ESCAPE = re.compile(rb"\xdb(?![\xdc\xdd])")


def encode(frame: bytes) -> bytes:
    """`frame` as it goes over the wire."""
    return END + frame.replace(ESCAPE, ESCAPED_ESCAPE).replace(END, ESCAPED_END) + END


def decode(raw: bytes) -> bytes | None:
    """What stands between two ends, without the escapes; None if an escape is wrong or it is too long."""
    if BAD_ESCAPE.search(raw):
        return None
    frame = raw.replace(ESCAPED_END, END).replace(ESCAPED_ESCAPE, ESCAPE)
    return frame if len(frame) <= FRAME_BYTES_MAX else None


class Decoder:
    """Takes bytes as they come and gives whole frames.

    Every 0xC0 ends a frame and may begin the next one, so a lost one costs two frames at most. What is
    between two frames comes out as a frame, too; the command header tells it apart. `dropped` counts what was
    thrown away because it was too long or badly escaped.
    """

    def __init__(self) -> None:
        self._raw = bytearray()
        self._overflow = False
        self.dropped = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes, without the empty ones."""
        frames = []
        *ended, rest = data.split(END)
        for part in ended:
            self._add(part)
            frame = None if self._overflow else decode(bytes(self._raw))
            if frame is None:
                self.dropped += 1
            elif frame:
                frames.append(frame)
            self._raw.clear()
            self._overflow = False
        self._add(rest)
        return frames

    def _add(self, part: bytes) -> None:
        if len(self._raw) + len(part) > RAW_BYTES_MAX:
            self._overflow = True
            self._raw.clear()
        if not self._overflow:
            self._raw += part


def is_sync(data: bytes) -> bool:
    """Whether `data` holds a whole SYNC frame."""
    return SYNC.search(data) is not None


class SyncWatch:
    """Looks for SYNC in bytes that come in pieces: how a host without DTR and RTS asks for the ROM."""

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, data: bytes) -> bytes | None:
        """From the SYNC frame on, everything that came (to be fed to the ROM); None while there is none."""
        seen = self._tail + data
        found = SYNC.search(seen)
        if found is None:
            self._tail = seen[-(SYNC_BYTES - 1) :]
            return None
        self._tail = b""
        return seen[found.start() :]
