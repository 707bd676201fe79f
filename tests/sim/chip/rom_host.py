"""What a host says to a simulated chip in download mode, written out by hand: not with esptool's code."""

import struct
import zlib

from host_tools.sim.chip.rom import SYNC_BYTES, Rom
from host_tools.sim.chip.slip import Decoder, encode

MAC = bytes.fromhex("3c8427112233")
STUB_AT = 0x40378000


def packet(op: int, payload: bytes = b"", checksum: int = 0, length: int | None = None) -> bytes:
    length = len(payload) if length is None else length
    return encode(struct.pack("<BBHI", 0, op, length, checksum) + payload)


def xor(data: bytes) -> int:
    value = 0xEF
    for byte in data:
        value ^= byte
    return value


class Host:
    """Sends commands and takes answers apart."""

    def __init__(self, rom: Rom) -> None:
        self.rom = rom

    def frames(self, data: bytes) -> list[bytes]:
        return Decoder().feed(self.rom.feed(data))

    def ask(self, op: int, payload: bytes = b"", checksum: int = 0) -> tuple[int, bytes, bytes]:
        """Value, data and the two bytes of status of the one answer."""
        frames = self.frames(packet(op, payload, checksum))
        assert len(frames) == 1, frames
        return self.taken_apart(op, frames[0])

    def taken_apart(self, op: int, frame: bytes) -> tuple[int, bytes, bytes]:
        direction, echoed, length, value = struct.unpack_from("<BBHI", frame)
        data = frame[8:]
        assert (direction, echoed, length) == (1, op, len(data))
        status_bytes = 2 if self.rom.stub else 4
        assert self.rom.stub or data[-2:] == b"\0\0"
        return value, data[:-status_bytes], data[-status_bytes:][:2]

    def words(self, op: int, *words: int) -> tuple[int, bytes, bytes]:
        return self.ask(op, struct.pack(f"<{len(words)}I", *words))

    def block(self, op: int, data: bytes, sequence: int = 0) -> bytes:
        payload = struct.pack("<IIII", len(data), sequence, 0, 0) + data
        return self.ask(op, payload, xor(data))[2]

    def sync(self) -> list[int]:
        """The values of all answers to SYNC."""
        return [self.taken_apart(8, frame)[0] for frame in self.frames(packet(8, SYNC_BYTES))]

    def start_stub(self) -> None:
        code = bytes(range(256)) * 8
        assert self.words(5, len(code), 2, 1024, STUB_AT)[2] == b"\0\0"
        for sequence in range(2):
            assert self.block(7, code[1024 * sequence : 1024 * (sequence + 1)], sequence) == b"\0\0"
        answer, greeting = self.frames(packet(6, struct.pack("<II", 0, STUB_AT + 4)))
        assert answer[8:] == bytes(4)  # still the ROM's
        assert greeting == b"OHAI"
        assert self.rom.stub

    def deflate(self, at: int, data: bytes) -> bytes:
        """Write `data` compressed; the status of the last block."""
        packed = zlib.compress(data)
        status = self.words(0x10, len(data), 1, len(packed), at, 0)[2]
        return status if any(status) else self.block(0x11, packed)
