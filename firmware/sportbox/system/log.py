"""Short lines about what happens, to the console and, at or over the level, to the `log` topic."""

from micropython import const

LEVELS = ("debug", "info", "warning", "error")

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable


class Log:
    def __init__(self, level: str, now_ms: "Callable[[], int]") -> None:
        self._level = LEVELS.index(level)
        self._now_ms = now_ms
        self._publish: "Callable[[str], None] | None" = None

    def to(self, publish: "Callable[[str], None]") -> None:
        self._publish = publish

    def write(self, level: str, text: str) -> None:
        """`text` holds no secrets: it goes to the network."""
        if LEVELS.index(level) < self._level:
            return
        now_ms = self._now_ms()
        line = "%d.%03d %s %s" % (now_ms // 1000, now_ms % 1000, level, text)
        print(line)
        if self._publish is not None and level != "debug":
            self._publish(line)
