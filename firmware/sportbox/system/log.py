"""Short lines about what happens: to the console, at or over the level to the `log` topic, and into a ring on
flash (system/ring.py, docs/adr/0020-log.md).

Lines wait in RAM and are written together: a warning as soon as the last write is _PAUSE_MS ago, what only
informs with it or after _PATIENCE_MS. What finds no room meanwhile is counted.
"""

from micropython import const

from sportbox.system.forget import forget

LEVELS = ("debug", "info", "warning", "error")

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable

    from sportbox.core.clock import Clock
    from sportbox.store.wear import Wear

_WARNING = const(2)
_WAITING_MAX = const(8)
_INFO_MAX = const(4)  # of these: the rest is for warnings
_PAUSE_MS = const(30000)
_PATIENCE_MS = const(300000)


class Log:
    boot = 0  # until the flash is there
    base_ms = 0  # of before the deep sleep that this start ended
    dated = False  # the newer file tells what time it was at some uptime of this boot

    if TYPE_CHECKING:
        path: str
        wear: Wear
        clock: Clock
        hidden: list[str]

    def __init__(self, level: str, now_ms: "Callable[[], int]") -> None:
        self.level = LEVELS.index(level)
        self._now_ms = now_ms
        self._publish: "Callable[[str], None] | None" = None
        self.waiting: list[str] = []
        self._next_ms = self._due_ms = 0  # the earliest write, and the one that is due
        self.left_out = 0

    def to(self, publish: "Callable[[str], None]") -> None:
        self._publish = publish

    def write(self, level: str, text: str, soon: bool = False) -> None:
        """`text` holds no secrets: it goes to the network. `soon`: to flash like a warning."""
        rank = LEVELS.index(level)
        if rank < self.level:
            return
        now_ms = self._now_ms()
        at_ms = self.base_ms + now_ms
        line = "%d.%03d %s %s" % (at_ms // 1000, at_ms % 1000, level, text)
        print(line)
        if rank == 0:
            return
        if self._publish is not None:
            self._publish(line)
        soon = soon or rank >= _WARNING
        if len(self.waiting) >= (_WAITING_MAX if soon else _INFO_MAX):
            self.left_out += 1
            return
        due_ms = self._next_ms if soon else now_ms + _PATIENCE_MS
        if not self.waiting or due_ms < self._due_ms:
            self._due_ms = due_ms
        self.waiting.append(line)

    def tick(self, now_ms: int) -> None:
        """Once a second. Before deep sleep a later time is told, for what would not wait that long."""
        if self.boot and self.waiting and now_ms >= self._due_ms:
            self.flush()

    def flush(self) -> None:
        """To the ring. If that fails, it is tried again after the pause."""
        now_ms = self._now_ms()
        self._due_ms = self._next_ms = now_ms + _PAUSE_MS
        try:
            from sportbox.system.ring import append

            try:
                append(self, now_ms)
            finally:
                forget("sportbox.system.ring")
        except (OSError, MemoryError):
            return
        self.waiting.clear()
        self.left_out = 0
