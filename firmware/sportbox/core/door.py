"""What a door contact says, put in words: closed, open, ajar, forced, unknown.

`step` takes the debounced contact and whether the lock allows the door to be open, and returns the
events to report as (type, data) pairs.
"""

from micropython import const

CLOSED = "closed"
OPEN = "open"
AJAR = "ajar"
FORCED = "forced"
UNKNOWN = "unknown"

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    Events = list[tuple[str, dict[str, object]]]


class Door:
    """Open for `ajar_ms` is reported as a warning, open for `alarm_ms` as an alarm."""

    def __init__(self, ajar_ms: int, alarm_ms: int) -> None:
        self._ajar_ms = ajar_ms
        self._alarm_ms = alarm_ms
        self._opened_ms = 0
        self._unlatched = False
        self._lost = False
        self._before = UNKNOWN  # the state before the contact was lost
        self.state = UNKNOWN
        self.deadline: int | None = None

    def is_open(self) -> bool:
        return self.state in (OPEN, AJAR) or (self.state == FORCED and not self._unlatched)

    def first(self, closed: bool, was_closed: bool, expected: bool, now_ms: int) -> "Events":
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

    def step(self, closed: bool, allowed: bool, now_ms: int) -> "Events":
        if closed:
            if self.state == CLOSED or self._unlatched:
                return []
            open_ms = now_ms - self._opened_ms
            self.state = CLOSED
            self.deadline = None
            return [("door.closed", {"open_s": open_ms // 1000})]
        if not self.is_open():
            self._unlatched = False
            self._opened_ms = now_ms
            if not allowed:
                self.state = FORCED
                return [("door.forced", {})]
            self.state = OPEN
            self.deadline = now_ms + self._ajar_ms
            return [("door.opened", {})]
        if self.deadline is None or now_ms < self.deadline:
            return []
        open_s = (now_ms - self._opened_ms) // 1000
        if self.state == OPEN:
            self.state = AJAR
            self.deadline = self._opened_ms + self._alarm_ms
            return [("door.ajar", {"open_s": open_s, "level": "warning"})]
        self.deadline = None
        return [("door.ajar", {"open_s": open_s, "level": "alarm"})]

    def latch(self, lost: bool, now_ms: int) -> "Events":
        """The latch of a closed door let go without an order, or is back. It tells nothing of a door that
        nobody can see: that stays unknown."""
        unseen = self._lost and self.state == UNKNOWN
        if lost and (self._before if unseen else self.state) == CLOSED:
            self._unlatched = True
            self._opened_ms = now_ms
            if unseen:
                self._before = FORCED
            else:
                self.state = FORCED
            return [("door.forced", {"latch": True})]
        if not lost and self._unlatched:
            self._unlatched = False
            if unseen:
                self._before = UNKNOWN  # the contact will tell
                return []
            self.state = CLOSED
            return [("door.closed", {"open_s": (now_ms - self._opened_ms) // 1000})]
        return []

    def fault(self, what: str) -> "Events":
        """The contact cannot be believed, or not be read."""
        if self._lost:
            return []
        self._lost = True
        self._before = self.state
        self.state = UNKNOWN
        return [("door.fault", {"what": what})]

    def recovered(self) -> None:
        """The contact is believed again; the next step() tells what it says."""
        if self._lost and self.state == UNKNOWN:
            self.state = self._before
        self._lost = False
