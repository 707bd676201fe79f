"""Runs on the board: tells what is on its flash. Loads nothing of the firmware."""

import binascii
import hashlib
import os

CHUNK_BYTES = 512
TEMPORARY = "/.upload"
ENOENT = 2
KIND_DIR = 0x4000


def digest(path, view):
    hashed = hashlib.sha256()
    with open(path, "rb") as file:
        while count := file.readinto(view):
            hashed.update(view[:count])
    return hashed.digest()


def each(path, found):
    """Files below `path`, or `path` itself; what is not there has none."""
    try:
        status = os.stat(path)
        if status[0] & KIND_DIR:
            for name in sorted(os.listdir(path)):
                each(path + "/" + name, found)
        else:
            found.append((path, status[6]))
    except OSError as error:
        if error.errno != ENOENT:
            raise


def survey(paths, first, count, root=""):
    """Path, size and SHA-256 in base64, a line each, of `count` files from the `first` on. Then a line with
    `=`: how many files there are, the flash's block size, its free blocks, and a CRC-32 of all that.

    What an upload left behind goes first: until something is changed, littlefs may not list the name that
    follows a file whose rename the power cut off (lfs_fs_forceconsistency)."""
    found, crc, view = [], 0, memoryview(bytearray(CHUNK_BYTES))
    try:
        os.remove(root + TEMPORARY)
    except OSError as error:
        if error.errno != ENOENT:
            raise
    for path in paths:
        each(root + path, found)
    for path, size in found[first : first + count]:
        text = binascii.b2a_base64(digest(path, view)).decode().strip()
        line = "%s %d %s" % (path[len(root) :], size, text)
        crc = binascii.crc32(line, crc)
        print(line)
    space = os.statvfs(root or "/")
    line = "= %d %d %d" % (len(found), space[1], space[3])
    print("%s %d" % (line, binascii.crc32(line, crc)))


def whole(paths, root=""):
    """One SHA-256 of many files and their names, in that order."""
    hashed, view = hashlib.sha256(), memoryview(bytearray(CHUNK_BYTES))
    for path in paths:
        hashed.update(path)
        hashed.update(b"\0")
        try:
            hashed.update(digest(root + path, view))
        except OSError as error:
            if error.errno != ENOENT:
                raise
            hashed.update(b"missing")
    print("whole", binascii.hexlify(hashed.digest()).decode())
