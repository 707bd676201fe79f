"""A bounded, append-only queue of records on flash, in segments: one class of the outbox.

A segment is a file named after its first sequence number. A record is a header
`<length u16, kind u8, zero u8, seq u32, crc u32>` and its payload; the CRC covers what is before it and
the payload. After boot, and after a failed write, a new segment is begun, so nothing is ever written
behind a torn end. Positions count bytes through all segments.
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

_SEGMENT_BYTES = const(4096)
_KIND_EVENT = const(1)


class Segment:
    def __init__(self, name: str, base: int, size: int) -> None:
        self.name = name
        self.base = base
        self.size = size


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
        self._segments: list[Segment] = []
        self._fresh = True  # the next append begins a segment
        self._failed = ""  # a segment that could not be written: the next one takes its place
        self._reader: "BinaryIO | None" = None
        self._reading: Segment | None = None
        self._peeked: Record | None = None
        self._peeked_at = 0
        self.head = 0
        self.cursor = 0
        self.last_seq = 0
        self.gone_seq = 0  # dropped up to here
        self.damaged = 0  # segments of which a rest could not be read

    def end(self) -> int:
        return self._segments[-1].base + self._segments[-1].size if self._segments else self.head

    def live_bytes(self) -> int:
        return self.end() - self.head

    def append(self, records: "list[tuple[int, bytes]]") -> None:
        """Writes (seq, payload) pairs and closes the file: on return they are on flash. Raises OSError;
        then none of them counts as written."""
        buffer = bytearray()
        for seq, payload in records:
            header = struct.pack("<HBBI", len(payload), _KIND_EVENT, 0, seq)
            buffer += header
            buffer += struct.pack("<I", crc32(header + payload))
            buffer += payload
        end = self.end()
        # littlefs copies the block that an append goes on in: worth it only for the sake of what still waits
        if self._fresh or self._segments[-1].size >= _SEGMENT_BYTES or self.head == end:
            self._failed = self._failed or "%s%08x" % (self._prefix, records[0][0])
            segment = Segment(self._failed, end, 0)
            mode = "wb"
            if segment.name in [known.name for known in self._segments]:
                raise OSError("segment name in use")  # never write over what is still needed
        else:
            segment = self._segments[-1]
            mode = "ab"
        self._fresh = True  # and stays so if writing fails
        with open(self._path(segment.name), mode) as file:
            file.write(buffer)
        if self._wear is not None:
            self._wear.wrote(len(buffer))
        self._fresh = False
        if segment.size == 0:
            self._failed = ""
            self._segments.append(segment)
        segment.size += len(buffer)
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
        for segment in self._segments:
            if at >= segment.base + segment.size:
                continue
            at = max(at, segment.base)
            record = self._read(segment, at)
            if record is not None:
                return record
            self.damaged += 1
            at = segment.base + segment.size
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
        while len(self._segments) > 1 and self.head >= self._segments[0].base + self._segments[0].size:
            self._close_reader()
            os.remove(self._path(self._segments[0].name))
            self._segments.pop(0)

    def _read(self, segment: Segment, at: int) -> Record | None:
        try:
            if self._reading is not segment:
                self._close_reader()
                self._reader = open(self._path(segment.name), "rb")  # noqa: SIM115  # stays open from record to record
                self._reading = segment
            reader = self._reader
            assert reader is not None
            reader.seek(at - segment.base)
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
        self._reading = None

    def _path(self, name: str) -> str:
        return self._folder + "/" + name
