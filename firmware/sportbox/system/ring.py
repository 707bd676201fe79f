"""The log on flash: two files of whole lines, `boot uptime level text`. When the newer is full, it takes the
place of the older one. In each file a line tells once a boot what time it was, if the board knows.
Loaded when lines are written, and forgotten again: it is one write in half a minute.

A file that is closed has all that was written to it, or nothing; so the lines are whole whenever the power
goes. Only flash that fails may leave half of one.
"""

import os

from micropython import const

from sportbox.core.clock import rfc3339

OLDER = "-old"  # behind the path of the newer file

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.system.log import Log

_FILE_BYTES = const(4096)
_LINE_MAX = const(160)  # characters
_WORD_MAX = const(39)  # keys, certificates and tokens are longer than any word


def append(log: "Log", now_ms: int) -> None:
    """Writes what waits. Raises OSError."""
    lines = [_clean(log, line) for line in log.waiting]
    at_ms = log.base_ms + now_ms
    uptime = "%d.%03d" % (at_ms // 1000, at_ms % 1000)
    if log.left_out:
        lines.append(_clean(log, "%s warning %d lines left out" % (uptime, log.left_out)))
    time = ""
    if log.clock.trusted():
        time = "%s info time %s" % (uptime, rfc3339(log.clock.now(now_ms)))
    size = _size(log.path)
    if size + sum([len(line) for line in lines]) + _LINE_MAX >= _FILE_BYTES:
        os.rename(log.path, log.path + OLDER)
        size = 0
    if time and not (size and log.dated):
        lines.append(_clean(log, time))
    fill = sum([len(line) for line in lines])
    with open(log.path, "a+b") as file:
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                file.write(b"\n")  # not behind half a line
        for line in lines:
            file.write(line)
    log.wear.wrote(fill)
    log.dated = bool(time) or (size > 0 and log.dated)


def _clean(log: "Log", line: str) -> bytes:
    """One line of the ring, without secrets: an error's text may repeat what it is about."""
    for secret in log.hidden:
        line = line.replace(secret, "***")
    words = [word if len(word) <= _WORD_MAX else "***" for word in line.split()]
    return ("%d %s\n" % (log.boot, " ".join(words)[:_LINE_MAX])).encode()


def _size(path: str) -> int:
    try:
        return os.stat(path)[6]
    except OSError:
        return 0  # it is not there yet
