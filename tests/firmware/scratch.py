"""An empty folder for a test, and flash that fails, on both interpreters."""

import os

try:
    import shutil
    import tempfile
except ImportError:  # MicroPython: the runner starts the VM in a folder that it removes afterwards
    tempfile = None

_used = []


def folder(test):
    """A fresh folder that is gone when the test is over."""
    if tempfile is not None:
        path = tempfile.mkdtemp(prefix="sportbox-")
        test.addCleanup(shutil.rmtree, path)
        return path
    _used.append(None)
    path = "scratch-%d" % len(_used)
    os.mkdir(path)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def flip(path, at):
    """Changes a bit of the file's byte at `at` (from the end if negative)."""
    data = bytearray(read(path))
    data[at] ^= 0x10
    write(path, data)


class _FailingFile:
    """A file that takes `left` more bytes and then gives an I/O error."""

    def __init__(self, file, left):
        self._file = file
        self._left = left

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self._file.close()

    def write(self, data):
        part = bytes(data[: self._left])
        self._left -= len(part)
        self._file.write(part)
        if len(part) < len(data):
            raise OSError(5)
        return len(part)


class Flash:
    """Stands in for `open` within modules of the firmware: while `broken`, every write fails, after
    `takes` bytes; below `unreadable` nothing can be read."""

    def __init__(self, test, *modules):
        self.broken = False
        self.takes = 0
        self.unreadable = None
        self.refused = 0
        for module in modules:
            module.open = self.open
            test.addCleanup(delattr, module, "open")

    def open(self, path, mode="r"):
        if "w" not in mode and "a" not in mode:
            if self.unreadable is not None and path.startswith(self.unreadable):
                raise OSError(5)
            return open(path, mode)
        if not self.broken:
            return open(path, mode)
        self.refused += 1
        if self.takes == 0:
            raise OSError(5)
        return _FailingFile(open(path, mode), self.takes)
