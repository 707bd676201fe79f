"""A folder for targets that need flash, on both interpreters: emptied before each input, gone at the end."""

import os

try:
    import atexit
    import shutil
    import tempfile
except ImportError:  # MicroPython: its runner removes the folder in which the VM runs
    tempfile = None  # type: ignore[assignment]

_made: "list[str]" = []


def fresh() -> str:
    """The folder, empty."""
    if not _made:
        _made.append(_make())
    empty(_made[0])
    return _made[0]


def empty(folder: str) -> None:
    for name in os.listdir(folder):
        path = folder + "/" + name
        if os.stat(path)[0] & 0x4000:
            empty(path)
            os.rmdir(path)
        else:
            os.remove(path)


def read(path: str) -> "bytes | None":
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def _make() -> str:
    if tempfile is None:
        os.mkdir("fuzz")
        return "fuzz"
    memory = "/dev/shm"  # an input more costs no write to a disk
    path = tempfile.mkdtemp(prefix="sportbox-fuzz-", dir=memory if os.path.isdir(memory) else None)
    atexit.register(shutil.rmtree, path, True)
    return path
