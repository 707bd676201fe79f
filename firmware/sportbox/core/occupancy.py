"""Is somebody there? Counts, never identities.

`Presence` reads one motion sensor of a court, `Gate` two light barriers in a row. Both say `unknown`
where the sensor cannot be trusted, never a false `free`.
"""

from micropython import const

FREE = "free"
OCCUPIED = "occupied"
UNKNOWN = "unknown"

_PASS_MS = const(3000)  # a person takes at most this long through both beams


class Presence:
    """A motion sensor: occupied on motion, free after `hold_ms` without, unknown when it has shown
    motion for `stuck_ms` without a pause (people pause; a broken output does not)."""

    def __init__(self, hold_ms: int, stuck_ms: int) -> None:
        self._hold_ms = hold_ms
        self._stuck_ms = stuck_ms
        self._level: bool | None = None
        self._changed_ms = 0
        self.state = UNKNOWN
        self.deadline: int | None = None

    def count(self) -> int | None:
        """How many people: a motion sensor knows nought or at least one, which is no count."""
        return 0 if self.state == FREE else None

    def confidence(self) -> float:
        return {FREE: 0.7, OCCUPIED: 0.9}.get(self.state, 0.0)

    def step(self, motion: bool, now_ms: int) -> bool:
        """True if the state changed."""
        if motion != self._level:
            self._level = motion
            self._changed_ms = now_ms
        steady_ms = now_ms - self._changed_ms
        before = self.state
        if motion:
            self.state = UNKNOWN if steady_ms >= self._stuck_ms else OCCUPIED
            self.deadline = None if self.state == UNKNOWN else self._changed_ms + self._stuck_ms
        elif steady_ms >= self._hold_ms:
            self.state = FREE
            self.deadline = None
        else:
            self.deadline = self._changed_ms + self._hold_ms
        return self.state != before


class Gate:
    """Two beams, A on the street side and B on the ground side. Both must break, one after the other
    and for a moment together, and clear again: A first is `in`, B first is `out`."""

    def __init__(self, stuck_ms: int) -> None:
        self._stuck_ms = stuck_ms
        self._first = ""  # which beam broke first in the running passage; "ab": that moment was missed
        self._both = False
        self._last = ""  # the beam that stayed broken last
        self._start_ms = 0
        self.inside = 0
        self.state = FREE
        self.deadline: int | None = None

    def count(self) -> int | None:
        return None if self.state == UNKNOWN else self.inside

    def confidence(self) -> float:
        return 0.0 if self.state == UNKNOWN else 0.8

    def step(self, a: bool, b: bool, now_ms: int) -> str:
        """The direction `in` or `out` when a passage ends, else an empty string."""
        if not a and not b:
            direction = self._finish(now_ms)
            self._first = ""
            self.deadline = None
            self.state = OCCUPIED if self.inside else FREE
            return direction
        if not self._first:
            self._first = ("a" if a else "") + ("b" if b else "")
            self._last = ""
            self._both = False
            self._start_ms = now_ms
            self.deadline = now_ms + self._stuck_ms
        if a and b:
            self._both = True
        else:
            self._last = "a" if a else "b"
        if now_ms - self._start_ms >= self._stuck_ms:
            self.state = UNKNOWN  # a beam that stays broken is dirt, a leaf or a fault
            self.deadline = None
        return ""

    def _finish(self, now_ms: int) -> str:
        if not self._first or not self._both or self._last in ("", self._first):
            return ""
        if now_ms - self._start_ms > _PASS_MS:
            return ""
        if self._last == "b":
            self.inside += 1
            return "in"
        self.inside = max(0, self.inside - 1)
        return "out"
