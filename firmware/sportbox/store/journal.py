"""A bounded, append-only queue of records on flash, in segments: one class of the outbox.

A segment is a file named after its first sequence number. A record is a header
`<length u16, kind u8, zero u8, seq u32, crc u32>` and its payload; the CRC covers what is before it and
the payload. After a failed write, and after a boot that finds a torn end, a new segment is begun, so
nothing is ever written behind one. Positions count bytes through all segments.
"""

import os
import struct

from micropython import const

from sportbox.store.record import crc32

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import BinaryIO

    from sportbox.store.wear import Wear

RECORD_OVERHEAD = 12
PAYLOAD_MAX = 2048

SEGMENT_BYTES = const(4096)  # a block of the flash
_KIND_EVENT = const(1)
SEGMENT = "<II"  # the number in its name, and how many bytes it has
_SEGMENT_SIZE = const(8)


class Record:
    def __init__(self, seq: int, payload: bytes, end: int) -> None:
        self.seq = seq
        self.payload = payload
        self.end = end  # the position behind it


class Journal:
    """First in, first out. `head` is before the oldest record still needed, `cursor` before the next to
    send; both are positions."""

    def __init__(self, folder: str, prefix: str, wear: "Wear | None" = None) -> None:
        self._folder = folder
        self._wear = wear
        self._prefix = prefix
        self._segments = b""  # oldest first, as SEGMENT: an object each would take 160 bytes
        self._base = 0  # the position where the oldest begins
        self._end = 0
        self._fresh = True  # the next append begins a segment
        self._failed = 0  # the number of a segment that could not be written: the next one takes its place
        self._reader: "BinaryIO | None" = None
        self._reading = 0  # the number of its segment
        self._peeked: Record | None = None
        self._peeked_at = 0
        self.head = 0
        self.cursor = 0
        self.last_seq = 0
        self.gone_seq = 0  # dropped up to here
        self.damaged = 0  # segments of which a rest could not be read

    def live_bytes(self) -> int:
        return self._end - self.head

    def append(self, records: "list[tuple[int, bytes]]") -> None:
        """Writes (seq, payload) pairs, no more than a segment, and closes the file: on return they are on
        flash. Raises OSError; then none of them counts as written."""
        buffer = bytearray()
        for seq, payload in records:
            header = struct.pack("<HBBI", len(payload), _KIND_EVENT, 0, seq)
            buffer += header
            buffer += struct.pack("<I", crc32(header + payload))
            buffer += payload
        table, number, size = self._segments, 0, 0
        if table:
            number, size = struct.unpack_from(SEGMENT, table, len(table) - _SEGMENT_SIZE)
        # littlefs copies the block that an append goes on in: worth it only for the sake of what still waits.
        # A file that ends beyond its first block takes a second one.
        begins = self._fresh or size + len(buffer) > SEGMENT_BYTES or self.head == self._end
        if begins:
            number, size = self._failed or records[0][0], 0
            if self._knows(number):
                raise OSError("segment name in use")  # never write over what is still needed
            self._failed = number
        else:
            table = table[:-_SEGMENT_SIZE]
        table += struct.pack(SEGMENT, number, size + len(buffer))
        self._fresh = True  # and stays so if writing fails
        with open(self._path(number), "wb" if begins else "ab") as file:
            file.write(buffer)
        if self._wear is not None:
            self._wear.wrote(len(buffer))
        self._fresh = False
        self._failed = 0
        self._segments = table
        self._end += len(buffer)
        self._close_reader()
        self.last_seq = records[-1][0]

    def peek(self) -> Record | None:
        """The record at the cursor, None at the end."""
        if self._peeked is None or self._peeked_at != self.cursor:
            self._peeked = self.read(self.cursor)
            self._peeked_at = self.cursor
        return self._peeked

    def read(self, at: int) -> Record | None:
        """The first readable record at or behind a position; a segment's damaged rest is passed over."""
        begin = self._base
        for i in range(0, len(self._segments), _SEGMENT_SIZE):
            number, size = struct.unpack_from(SEGMENT, self._segments, i)
            if at < begin + size:
                record = self._read(number, begin, max(at, begin))
                if record is not None:
                    return record
                self.damaged += 1
            begin += size
        return None

    def drop_head(self) -> int | None:
        """Gives up the oldest record and returns its seq, None if there is none."""
        record = self.read(self.head)
        if record is None:
            return None
        self.head = record.end
        self.gone_seq = record.seq
        self.cursor = max(self.cursor, self.head)
        return record.seq

    def purge(self) -> None:
        """Deletes segments that lie before the head; the last one stays, for its name keeps the sequence.
        To be called when the outbox's mark is written: before that the deleted would look lost."""
        while len(self._segments) > _SEGMENT_SIZE:
            number, size = struct.unpack_from(SEGMENT, self._segments, 0)
            if self.head < self._base + size:
                return
            self._close_reader()
            os.remove(self._path(number))
            self._segments = self._segments[_SEGMENT_SIZE:]
            self._base += size

    def _knows(self, number: int) -> bool:
        for i in range(0, len(self._segments), _SEGMENT_SIZE):
            if struct.unpack_from(SEGMENT, self._segments, i)[0] == number:
                return True
        return False

    def _read(self, number: int, begin: int, at: int) -> Record | None:
        """From a segment that begins at `begin`."""
        try:
            if self._reader is None or self._reading != number:
                self._close_reader()
                self._reader = open(self._path(number), "rb")  # noqa: SIM115  # stays open from record to record
                self._reading = number
            reader = self._reader
            reader.seek(at - begin)
            header = reader.read(RECORD_OVERHEAD)
            if len(header) < RECORD_OVERHEAD:
                return None
            length, kind, _, seq, crc = struct.unpack("<HBBII", header)
            if kind != _KIND_EVENT or length > PAYLOAD_MAX:
                return None
            payload = reader.read(length)
        except OSError:
            return None  # counted as damage by the caller
        if len(payload) < length or crc32(header[:8] + payload) != crc:
            return None
        return Record(seq, payload, at + RECORD_OVERHEAD + length)

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = None

    def _path(self, number: int) -> str:
        return "%s/%s%08x" % (self._folder, self._prefix, number)
