"""Orders about the log (`act` is `log`): another level until the next restart, or the ring line by line on
the topic `log`. Loaded when one comes.

Each line of the ring goes out as `#<number> <line>`, counted from 0, after the last one `#<how many> end`.
"""

import os

from micropython import const

from sportbox.system.forget import forget
from sportbox.system.log import LEVELS
from sportbox.system.ring import OLDER

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.app import App
    from sportbox.core.lock import Order
    from sportbox.uplink import Uplink

_MODULES = ("sportbox.system.telling", "sportbox.system.ring")
_PIECE_BYTES = const(512)


def refusal(app: "App", order: "Order") -> str:
    reason = "busy" if app.uplink.more is not None else ""
    if order.args and (list(order.args) != ["level"] or order.args["level"] not in LEVELS):
        reason = "malformed"
    if reason:
        forget(*_MODULES)
    return reason


def take(app: "App", order: "Order") -> None:
    forget(*_MODULES)
    log, uplink = app.log, app.uplink
    assert log is not None
    if order.args:
        log.level = LEVELS.index(order.args["level"])
        app.desk.final(order, "done", None)
        return
    if log.waiting:
        log.flush()
    uplink.more = Telling(app, uplink, order, log.path).next


class Telling:
    """Reads a piece at a time, and keeps no file open, for the log goes on being written."""

    def __init__(self, app: "App", uplink: "Uplink", order: "Order", path: str) -> None:
        self._app = app
        self._uplink = uplink
        self._order = order
        self._files = [(path + OLDER, _size(path + OLDER)), (path, _size(path))]
        self._older = self._files[0]
        self._at = 0
        self._lines: list[bytes] = []
        self._count = 0

    def next(self) -> bytes | None:
        """The next line, None after the end, which is the order's end, too."""
        try:
            while not self._lines and self._files:
                self._read()
        except (OSError, MemoryError):
            return self._end("failed", "flash")
        if not self._lines:
            return self._end("done", None)
        line = self._lines.pop(0)
        self._count += 1
        return b"#%d %s" % (self._count - 1, line)

    def _read(self) -> None:
        """Whole lines of the next piece. Raises OSError, also when the older file is another one now."""
        path, size = self._files[0]
        if self._at >= size:
            self._files.pop(0)
            self._at = 0
            return
        if _size(self._older[0]) != self._older[1]:
            raise OSError("replaced")
        with open(path, "rb") as file:
            file.seek(self._at)
            piece = file.read(min(_PIECE_BYTES, size - self._at))
        end = piece.rfind(b"\n") + 1 or len(piece)
        if not piece:
            raise OSError("shorter")
        self._at += end
        self._lines = [line for line in piece[:end].split(b"\n") if line]

    def _end(self, result: str, reason: str | None) -> bytes | None:
        self._uplink.more = None
        self._app.desk.final(self._order, result, reason)
        return b"#%d end" % self._count if reason is None else None


def _size(path: str) -> int:
    try:
        return os.stat(path)[6]
    except OSError:
        return 0
