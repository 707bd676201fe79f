"""A power supply that feeds several locks: one of them runs at a time, the others wait in line."""

from micropython import const

_HOLD_MS = const(120000)  # two tries of the slowest motor there and back: who holds it for longer has failed
_CLAIM_MS = const(10000)  # who is first in line and does not claim it has failed


class Supply:
    """`ask`, then `grant` until it is True, then `give_back`. Each lock stands in line at most once, so the
    line is no longer than there are locks. One that fails does not keep the others waiting for ever."""

    def __init__(self) -> None:
        self._line: list[str] = []
        self._holder = ""
        self._free_ms = 0
        self._since_ms = 0  # when it was granted; while nobody holds it, when the first could have claimed it

    def ask(self, name: str, now_ms: int) -> None:
        if name == self._holder or name in self._line:
            return
        if not self._line and not self._holder:
            self._since_ms = now_ms
        self._line.append(name)

    def grant(self, name: str, now_ms: int) -> bool:
        """True if it is this lock's turn; then it holds the supply."""
        if self._holder and name in self._line and now_ms - self._since_ms >= _HOLD_MS:
            self._leave(now_ms)
        if self._holder or not self._line or now_ms < self._free_ms:
            return False
        if self._line[0] != name:
            if name in self._line and now_ms - max(self._since_ms, self._free_ms) >= _CLAIM_MS:
                self._line.pop(0)
                self._since_ms = now_ms
            return False
        self._holder = self._line.pop(0)
        self._since_ms = now_ms
        return True

    def holds(self, name: str) -> bool:
        return self._holder == name

    def give_back(self, name: str, free_ms: int, now_ms: int) -> None:
        """The holder has done, or one that waits no longer wants it. `free_ms`: when the next may begin, for
        a pulse that cannot be ended early still runs until then."""
        if name in self._line:
            self._line.remove(name)
            if not self._holder:
                self._since_ms = now_ms
        if name == self._holder:
            self._free_ms = free_ms
            self._leave(now_ms)

    def deadline(self, name: str) -> int | None:
        """When this lock's turn comes, None while that is not known."""
        return self._free_ms if not self._holder and self._line and self._line[0] == name else None

    def _leave(self, now_ms: int) -> None:
        self._holder = ""
        self._since_ms = now_ms
