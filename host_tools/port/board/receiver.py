"""Runs on the board: takes files from the console and writes them. Loads nothing of the firmware.

The host's side, and what goes over the wire, is host_tools/port/upload.py. Ctrl-C ends it at any moment: 0x03
never occurs in a frame.
"""

import binascii
import io
import os
import select
import struct
import sys

import deflate

TEMPORARY = "/.upload"
BLOCK_BYTES = 2048
CHUNK_BYTES = 512
HEAD_BYTES = 8  # offset in the stream, CRC-32 of offset and payload
FLAG = 0x7E
ESCAPE = 0x7D
MASK = 0x20
FIRST_MS = 1000  # the host answers at once
NEXT_MS = 300
QUIET_MS = 50
TRIES = 24  # for one block: some 20 s of silence
OLD_MAX = 8
ENOENT = 2
ETIMEDOUT = 110
KIND_DIR = 0x4000


class Blocks(io.IOBase):
    """The compressed stream, asked for block by block: what comes twice or garbled does no harm."""

    def __init__(self, source, say):
        self.source = source
        self.say = say
        self.poll = select.poll()
        self.poll.register(source, select.POLLIN)
        self.one = bytearray(1)
        self.frame = bytearray(HEAD_BYTES + BLOCK_BYTES)
        self.view = memoryview(self.frame)
        self.offset = 0  # of the block that is wanted
        self.begin = self.end = 0

    def readinto(self, buffer):
        if self.begin == self.end:
            self.fetch()
        count = min(len(buffer), self.end - self.begin)
        buffer[:count] = self.view[self.begin : self.begin + count]
        self.begin += count
        return count

    def fetch(self):
        for _ in range(TRIES):
            self.say("\x02%06x%06x\n" % (self.offset, self.offset ^ 0xFFFFFF))
            length = self.wanted()
            if length:
                self.begin, self.end = HEAD_BYTES, length
                self.offset += length - HEAD_BYTES
                return
        raise OSError(ETIMEDOUT)

    def wanted(self):
        """The length of the frame that is wanted, 0 if none came whole."""
        for _ in range(OLD_MAX):
            length = self.receive()
            if length <= HEAD_BYTES:
                break
            offset, crc = struct.unpack_from("<II", self.frame)
            if binascii.crc32(self.view[HEAD_BYTES:length], binascii.crc32(self.view[:4])) != crc:
                break
            if offset == self.offset:
                return length
            if offset > self.offset:
                break
        self.drain()  # else: an answer to an older request
        return 0

    def receive(self):
        """One frame without its escapes, as RFC 1662 has them; its length, 0 if its end did not come."""
        length, mask, wait_ms = 0, 0, FIRST_MS
        while self.poll.poll(wait_ms):
            wait_ms = NEXT_MS
            if not self.source.readinto(self.one):
                break
            byte = self.one[0]
            if byte == FLAG:
                return length
            if byte == ESCAPE:
                mask = MASK
            elif length == len(self.frame):
                break
            else:
                self.frame[length] = byte ^ mask
                length, mask = length + 1, 0
        return 0

    def drain(self):
        for _ in range(2 * len(self.frame)):
            if not self.poll.poll(QUIET_MS):
                break
            self.source.readinto(self.one)


def make_parents(path):
    at = path.find("/", 1)
    while at > 0:
        try:
            os.mkdir(path[:at])
        except OSError:
            os.stat(path[:at])  # raises, unless it is there
        at = path.find("/", at + 1)


def remove(path):
    """A file or a whole folder; what is not there is removed."""
    try:
        if os.stat(path)[0] & KIND_DIR:
            for name in os.listdir(path):
                remove(path + "/" + name)
            os.rmdir(path)
        else:
            os.remove(path)
    except OSError as error:
        if error.errno != ENOENT:
            raise


class Receiver:
    """Performs the operations of a stream: kind, length of the path, size, path, content."""

    def __init__(self, stream, root=""):
        self.stream = stream
        self.root = root  # tests have the board's flash elsewhere
        self.view = memoryview(bytearray(CHUNK_BYTES))

    def take(self, size):
        """A piece of the stream, in full."""
        piece = self.view[:size]
        at = 0
        while at < size:
            count = self.stream.readinto(piece[at:])
            if not count:
                raise OSError(ETIMEDOUT)
            at += count
        return piece

    def run(self):
        while True:
            kind, path_bytes, size = struct.unpack("<BHI", self.take(7))
            if not kind:
                return
            path = self.root + bytes(self.take(path_bytes)).decode()
            if kind == 1:
                self.write(path, size)
            else:
                remove(path)

    def write(self, path, size):
        temporary = self.root + TEMPORARY
        with open(temporary, "wb") as file:
            while size:
                piece = self.take(min(size, CHUNK_BYTES))
                file.write(piece)
                size -= len(piece)
        make_parents(path)
        os.rename(temporary, path)  # littlefs: the old file or the new one, whatever happens


def receive():
    blocks = Blocks(sys.stdin.buffer, sys.stdout.write)
    Receiver(deflate.DeflateIO(blocks, deflate.ZLIB)).run()
    print("done")
