"""What a door contact says, put in words: closed, open, ajar, forced, unknown.

`step` takes the debounced contact and whether the lock allows the door to be open, and returns the
events to report as (type, data) pairs.
"""

CLOSED = "closed"
OPEN = "open"
AJAR = "ajar"
FORCED = "forced"
UNKNOWN = "unknown"


class Door:
    def __init__(self, ajar_ms: int) -> None:
        self._ajar_ms = ajar_ms
        self._opened_ms = 0
        self.state = UNKNOWN
        self.deadline: int | None = None

    def is_open(self) -> bool:
        return self.state in (OPEN, AJAR, FORCED)

    def first(
        self, closed: bool, was_closed: bool, expected: bool, now_ms: int
    ) -> "list[tuple[str, dict[str, object]]]":
        """The first reading after boot. A door that was closed before the power went and stands open
        now was forced, unless an order was running (`expected`)."""
        if closed:
            self.state = CLOSED
            if was_closed:
                return []
            return [("door.closed", {"while_off": True})]
        self._opened_ms = now_ms
        if was_closed and not expected:
            self.state = FORCED
            return [("door.forced", {"while_off": True})]
        self.state = OPEN
        self.deadline = now_ms + self._ajar_ms
        return [("door.opened", {"while_off": True})] if was_closed else []

    def step(self, closed: bool, allowed: bool, now_ms: int) -> "list[tuple[str, dict[str, object]]]":
        if closed:
            if self.state == CLOSED:
                return []
            open_ms = now_ms - self._opened_ms
            self.state = CLOSED
            self.deadline = None
            return [("door.closed", {"open_s": open_ms // 1000})]
        if self.state == CLOSED or self.state == UNKNOWN:
            self._opened_ms = now_ms
            if not allowed:
                self.state = FORCED
                return [("door.forced", {})]
            self.state = OPEN
            self.deadline = now_ms + self._ajar_ms
            return [("door.opened", {})]
        if self.state == OPEN and now_ms - self._opened_ms >= self._ajar_ms:
            self.state = AJAR
            self.deadline = None
            return [("door.ajar", {"open_s": (now_ms - self._opened_ms) // 1000})]
        return []
