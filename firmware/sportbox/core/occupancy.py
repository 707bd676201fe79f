"""Is somebody there? Counts, never identities.

`Presence` reads one motion sensor of a court, `Gate` two light barriers in a row. Both say `unknown`
where the sensor cannot be trusted, never a false `free`. `fusion` has the other sensors, and all together.
"""

from micropython import const

FREE = "free"
OCCUPIED = "occupied"
UNKNOWN = "unknown"

_PASS_MS = const(3000)  # a person takes at most this long through both beams


class Presence:
    """A motion sensor: occupied on motion, free after `hold_ms` without, unknown when it has shown
    motion for `stuck_ms` without a pause (people pause; a broken output does not), or cannot be read."""

    def __init__(self, hold_ms: int, stuck_ms: int) -> None:
        self._hold_ms = hold_ms
        self._stuck_ms = stuck_ms
        self._level: bool | None = None
        self._changed_ms = 0
        self.state = UNKNOWN
        self.lost = False  # stuck, or not to be read
        self.deadline: int | None = None

    def step(self, motion: bool | None, now_ms: int) -> bool:
        """True if the state changed. `motion` is None while nobody can read it."""
        if motion != self._level:
            self._level = motion
            self._changed_ms = now_ms
        steady_ms = now_ms - self._changed_ms
        before = self.state
        if motion is None:
            self.state = UNKNOWN
            self.deadline = None
        elif motion:
            self.state = UNKNOWN if steady_ms >= self._stuck_ms else OCCUPIED
            self.deadline = None if self.state == UNKNOWN else self._changed_ms + self._stuck_ms
        elif steady_ms >= self._hold_ms:
            self.state = FREE
            self.deadline = None
        else:
            self.deadline = self._changed_ms + self._hold_ms
        self.lost = motion is None or (motion and self.state == UNKNOWN)
        return self.state != before


class Gate:
    """Two beams, A on the street side and B on the ground side. Both must break, one after the other
    and for a moment together, and clear again: A first is `in`, B first is `out`.

    How many are inside is None until it is known: from `set`, or from a night of `empty_ms` in which no beam
    was broken, after which nobody can be there. Between such nights the count drifts. Where that shows (one
    leaves who was never counted in, a beam was covered or could not be read for a while, somebody took long)
    it is noted in `drift`; a nought is not known any more if somebody may have come in unseen."""

    def __init__(self, stuck_ms: int, empty_ms: int) -> None:
        self._stuck_ms = stuck_ms
        self._empty_ms = empty_ms
        self._first = ""  # which beam broke first in the running passage; "ab": that moment was missed
        self._both = False
        self._last = ""  # the beam that stayed broken last
        self._start_ms = 0
        self._clear_ms: int | None = None  # since when both beams have been clear
        self.inside: int | None = None
        self.drift = 0
        self.lost = False  # a beam stays broken
        self.state = UNKNOWN
        self.deadline: int | None = None

    def set(self, inside: int | None, drift: int = 0) -> None:
        """The count is known from elsewhere."""
        self.inside = inside
        self.drift = drift
        self._show()

    def count(self) -> int | None:
        return None if self.state == UNKNOWN else self.inside

    def confidence(self) -> float:
        return 0.0 if self.state == UNKNOWN else max(3, 8 - self.drift) / 10

    def step(self, a: bool | None, b: bool | None, now_ms: int) -> str:
        """The direction `in` or `out` when a passage ends, `empty` after an empty night that corrects the
        count, else an empty string. A beam is None while nobody can read it: then nobody was seen to pass,
        and nobody was seen not to."""
        if a is None or b is None:
            self._first = ""
            self._clear_ms = self.deadline = None
            self._lose()
            return ""
        if not a and not b:
            found = self._finish(now_ms)
            self._first = ""
            if self._clear_ms is None:
                self._clear_ms = now_ms
            if now_ms - self._clear_ms >= self._empty_ms:
                self.drift = 0
                if self.inside != 0:
                    self.inside = 0
                    found = "empty"
            self.deadline = None if self.inside == 0 else self._clear_ms + self._empty_ms
            self._show()
            return found
        self._clear_ms = None
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
            self._lose()  # a beam that stays broken is dirt, a leaf or a fault
            self.deadline = None
        return ""

    def _lose(self) -> None:
        if not self.lost:
            self._doubt()
        self.lost = True
        self.state = UNKNOWN

    def _doubt(self) -> None:
        """Somebody may pass, or has passed, who is not counted."""
        if self.inside == 0:
            self.inside = None
        elif self.inside is not None:
            self.drift += 1

    def _show(self) -> None:
        self.lost = False
        self.state = UNKNOWN if self.inside is None else OCCUPIED if self.inside else FREE

    def _finish(self, now_ms: int) -> str:
        if not self._first or not self._both or self._last in ("", self._first):
            return ""
        if now_ms - self._start_ms > _PASS_MS:
            if not self.lost:
                self._doubt()
            return ""
        if self._last == "b":
            if self.inside is not None:
                self.inside += 1
            return "in"
        if self.inside == 0:
            self.drift += 1
        elif self.inside is not None:
            self.inside -= 1
        return "out"
