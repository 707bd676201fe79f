"""Bundles as `sportbox update build` makes them, small enough for a board's tests; what is packed is any
bytes."""

import binascii
import hashlib
import json
import struct
import sys

MPY = getattr(sys.implementation, "_mpy", 6) & 255
BLOCK = 1024


def manifest(**changes):
    facts = {
        "boards": ["box-esp32", "sim"],
        "files": 3,
        "flash": 12288,
        "index": 300,
        "micropython": {"first": "1.29.0", "below": "1.30.0"},
        "mpy": MPY,
        "sha256": "0" * 64,
        "size": 9000,
        "version": "0.2.0",
    }
    facts.update(changes)
    return facts


def packed(size, mark=0):
    content = bytearray(size)
    for at in range(size):
        content[at] = (at * 7 + at // 251 + mark) % 256
    return bytes(content)


def table_of(content):
    blocks = [content[at : at + BLOCK] for at in range(0, len(content), BLOCK)]
    return b"".join([hashlib.sha256(block).digest()[:8] for block in blocks])


def bundle(facts=None, content=None, line=None):
    """Digests are right whatever stands in it."""
    content = packed(5000) if content is None else content
    line = json.dumps(facts or manifest()).encode() + b"\n" if line is None else line
    fields = struct.pack("<4sBBHII", b"SPBU", 1, 14, len(line), len(content), BLOCK)
    table = table_of(content)
    digest = hashlib.sha256(fields + line + table).digest()
    return fields + digest + line + table + content


def sha256(data):
    return binascii.hexlify(hashlib.sha256(data).digest()).decode()


def start_of(data):
    """Where the blocks begin."""
    content = struct.unpack("<I", data[8:12])[0]
    return len(data) - content


def give(incoming, data, pieces=1000):
    """Answers what is asked for, at most so often: how many pieces were given."""
    count = 0
    while count < pieces:
        wanted = incoming.wanted()
        if wanted is None:
            break
        at, size = wanted
        if incoming.take(at, memoryview(data)[at : at + size]):
            raise ValueError("piece at %d" % at)
        count += 1
    return count


def whole(incoming):
    """The outcome of the whole digest."""
    while True:
        outcome = incoming.hash_step()
        if outcome is not None:
            return outcome
