"""A contact's level is believed once it has stood still for a while."""


class Debounce:
    """`step(level, now_ms)` gives the stable level, None before the first, while nobody can read it (level
    None), and from then until one has stood still; `deadline` says when to look again."""

    def __init__(self, stable_ms: int) -> None:
        self._stable_ms = stable_ms
        self._candidate: bool | None = None
        self._since_ms = 0
        self.stable: bool | None = None
        self.deadline: int | None = None

    def step(self, level: bool | None, now_ms: int) -> bool | None:
        if level is None:  # it may be another one afterwards
            self._candidate = self.stable = self.deadline = None
            return None
        if level != self._candidate:
            self._candidate = level
            self._since_ms = now_ms
        if level == self.stable:
            self.deadline = None
        elif now_ms - self._since_ms >= self._stable_ms:
            self.stable = level
            self.deadline = None
        else:
            self.deadline = self._since_ms + self._stable_ms
        return self.stable


def earliest(times: "list[int | None]") -> int | None:
    """The first of some deadlines, None if there is none."""
    first = None
    for at_ms in times:
        if at_ms is not None and (first is None or at_ms < first):
            first = at_ms
    return first
