"""READ_FLASH of the stub: blocks as frames of their own, acknowledged by the host, then their MD5.

Source: Espressif's serial protocol document: four words (offset, length, block size, largest number of blocks
that may be on their way); the host answers each block with the number of bytes that it has by now; the last
frame is the MD5 of all.
"""

import hashlib
import struct

from host_tools.sim.chip.flash import Flash
from host_tools.sim.chip.protocol import BAD_BLOCK_SIZE, READ_FAILED, CommandError, words

BLOCK_BYTES_MAX = 0x1000
UNACKNOWLEDGED_MAX = 8  # blocks; the host allows 64, which no port of ours would need


class Reading:
    """A part of the flash on its way to the host."""

    def __init__(self, flash: Flash, payload: bytes) -> None:
        """Raises CommandError."""
        self._at, length, self._block_bytes, on_their_way = words(payload, 4)
        if not 0 < self._block_bytes <= BLOCK_BYTES_MAX or not on_their_way:
            raise CommandError(BAD_BLOCK_SIZE)
        if self._at + length > flash.size:
            raise CommandError(READ_FAILED)
        self._flash = flash
        self._length = length
        self._window_bytes = min(on_their_way, UNACKNOWLEDGED_MAX) * self._block_bytes
        self._sent = 0
        self._acknowledged = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.done = False

    def frames(self) -> list[bytes]:
        """What may be sent now: blocks, and the MD5 once all of them are acknowledged."""
        frames = []
        while self._sent < self._length and self._sent - self._acknowledged < self._window_bytes:
            count = min(self._block_bytes, self._length - self._sent)
            data = self._flash.read(self._at + self._sent, count)
            self._md5.update(data)
            self._sent += count
            frames.append(data)
        if self._acknowledged == self._length:
            frames.append(self._md5.digest())
            self.done = True
        return frames

    def acknowledge(self, frame: bytes) -> bool:
        """Take an acknowledgement; False if `frame` is none, which ends the reading."""
        if len(frame) != 4:
            return False
        (count,) = struct.unpack("<I", frame)
        if not self._acknowledged <= count <= self._sent:
            return False
        self._acknowledged = count
        return True
