"""Reads a bundle as a board could: block by block, unpacked as a stream, never more than a little in memory.

test_update_bundle.py runs it in the VM, in a folder with given.update and slot/."""

import binascii
import hashlib
import json
import os
import struct

import deflate

HEAD = "<4sBBHII"
HEADER_BYTES = 48
DIGEST_BYTES = 8
CHUNK = bytearray(512)


def read_head(file):
    fields = file.read(16)
    magic, form, bits, manifest_bytes, packed_bytes, block_bytes = struct.unpack(HEAD, fields)
    if magic != b"SPBU" or form != 1:
        raise ValueError("no bundle")
    digest = file.read(32)
    line = file.read(manifest_bytes)
    table = file.read((packed_bytes + block_bytes - 1) // block_bytes * DIGEST_BYTES)
    found = hashlib.sha256(fields)
    found.update(line)
    found.update(table)
    if found.digest() != digest:
        raise ValueError("head")
    return json.loads(line), table, bits, packed_bytes, block_bytes


def check_blocks(file, table, packed_bytes, block_bytes):
    block = bytearray(block_bytes)
    for number in range(len(table) // DIGEST_BYTES):
        size = file.readinto(block, min(block_bytes, packed_bytes - number * block_bytes))
        found = hashlib.sha256(memoryview(block)[:size]).digest()[:DIGEST_BYTES]
        if found != table[number * DIGEST_BYTES : (number + 1) * DIGEST_BYTES]:
            raise ValueError("block %d" % number)


def digest_of(path):
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while size := file.readinto(CHUNK):
            found.update(memoryview(CHUNK)[:size])
    return binascii.hexlify(found.digest()).decode()


def copy(stream, size, path):
    found = hashlib.sha256()
    with open(path, "wb") as out:
        while size:
            got = stream.readinto(CHUNK, min(size, len(CHUNK)))
            if not got:
                raise ValueError("short")
            part = memoryview(CHUNK)[:got]
            found.update(part)
            out.write(part)
            size -= got
    return binascii.hexlify(found.digest()).decode()


def make_folders(path):
    at = path.find("/")
    while at >= 0:
        try:
            os.mkdir(path[:at])
        except OSError as error:
            if error.errno != 17:  # EEXIST
                raise
        at = path.find("/", at + 1)


def main():
    with open("given.update", "rb") as file:
        manifest, table, bits, packed_bytes, block_bytes = read_head(file)
        start = file.tell()
        check_blocks(file, table, packed_bytes, block_bytes)
        if file.read(1):
            raise ValueError("longer")
        del table
        file.seek(start)
        stream = deflate.DeflateIO(file, deflate.RAW, bits)
        copy(stream, manifest["index"], "index")
        count = 0
        with open("index") as index:
            for line in index:
                entry = json.loads(line)
                path = "slot/" + entry["path"]
                make_folders(path)
                if copy(stream, entry["size"], path) != entry["sha256"]:
                    raise ValueError(entry["path"])
                count += 1
        if stream.read(1):
            raise ValueError("more")
    print(json.dumps({"sha256": digest_of("given.update"), "version": manifest["version"], "files": count}))


main()
