"""A power supply that feeds several locks: one of them runs at a time, the others wait in line."""


class Supply:
    """`ask`, then `grant` until it is True, then `give_back`. Each lock stands in line at most once, so the
    line is no longer than there are locks."""

    def __init__(self) -> None:
        self._line: list[str] = []
        self._holder = ""
        self._free_ms = 0

    def ask(self, name: str) -> None:
        if name != self._holder and name not in self._line:
            self._line.append(name)

    def grant(self, name: str, now_ms: int) -> bool:
        """True if it is this lock's turn; then it holds the supply."""
        if self._holder or not self._line or self._line[0] != name or now_ms < self._free_ms:
            return False
        self._holder = self._line.pop(0)
        return True

    def give_back(self, name: str, free_ms: int) -> None:
        """The holder has done, or one that waits no longer wants it. `free_ms`: when the next may begin, for
        a pulse that cannot be ended early still runs until then."""
        if name in self._line:
            self._line.remove(name)
        if name == self._holder:
            self._holder = ""
            self._free_ms = free_ms

    def deadline(self, name: str) -> int | None:
        """When this lock's turn comes, None while that is not known."""
        return self._free_ms if not self._holder and self._line and self._line[0] == name else None
