"""Files that are replaced in one step, and a lock on their folder for who reads, changes and writes them."""

import fcntl
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from host_tools.errors import ToolError
from host_tools.words import tr
from host_tools.words.system import reason

PRIVATE = 0o600
LOCK_WAIT_S = 20.0
LOCK_POLL_S = 0.01


def replace_file(path: Path, content: bytes, mode: int = PRIVATE) -> None:
    """Write `content` so that `path` is at any instant the old file or the new one. Raises OSError.

    The draft lies in the same folder, for a rename works only within a file system; it is on the disk before
    it takes the name. A symbolic link stays one: the file that it names is replaced. A device
    or a pipe (/dev/stdout) is written to, never replaced."""
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        path.write_bytes(content)
        return
    path = path.resolve()
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
    _sync_folder(path.parent)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """One at a time, of all processes and threads; for no longer than a write takes. Raises OSError, also
    when another one does not let go within LOCK_WAIT_S."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor, time.monotonic() + LOCK_WAIT_S)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_for(folder: Path, path: Path) -> Iterator[None]:
    """The folder locked to write `path`, a site file or what lies beside it; what the system refuses becomes
    a ToolError."""
    try:
        with locked_folder(folder):
            yield
    except OSError as error:
        raise ToolError(
            tr("cannot write {path}: {why}", path=path, why=reason(error)),
            tr("the folder of the site file must be yours, on a disk with room"),
        ) from error


def _lock(descriptor: int, until_s: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= until_s:
                raise
            time.sleep(LOCK_POLL_S)


def _sync_folder(folder: Path) -> None:
    """The rename, too, is on the disk then; file systems that cannot do that keep it in their own order."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
