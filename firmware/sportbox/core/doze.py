"""A court's motion sensor on a board that sleeps. While somebody plays, the sensor moves all the time, so it
may not wake the board each time: after motion it is not looked at for a while (`blind`), then it may wake
the board again (`watching`), and when it has not for as long, the court is free.

Times are ms of uptime, which goes on over deep sleep.
"""

from micropython import const

from sportbox.core.occupancy import FREE, OCCUPIED, UNKNOWN

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

_HOLD_MIN_MS = const(500)


class Doze:
    def __init__(self, hold_ms: int, stuck_ms: int) -> None:
        self._hold_ms = max(_HOLD_MIN_MS, hold_ms)
        self._stuck_ms = stuck_ms
        self.state = UNKNOWN
        self.since_ms = 0
        self.deadline: int | None = None  # when to look again at the latest
        self._blind = False
        self._moving_ms: int | None = None  # since when every look has seen motion
        self._off = False  # the battery is too low to look

    def count(self) -> int | None:
        return 0 if self.state == FREE else None

    def confidence(self) -> float:
        return {FREE: 0.7, OCCUPIED: 0.9}.get(self.state, 0.0)

    def armed(self) -> bool:
        """True if motion is worth waking up for."""
        return not self._off and not self._blind

    def step(self, motion: bool, now_ms: int) -> bool:
        """True if the state changed."""
        before = self.state
        due = self.deadline is not None and now_ms >= self.deadline
        if self._off:
            self._become(UNKNOWN, now_ms)
        elif motion and (not self._blind or due):
            self._saw_motion(now_ms)
        elif not motion:
            self._moving_ms = None
            if self._blind and due:
                self._blind = False
                self.deadline = now_ms + self._hold_ms
            elif not self._blind and due:
                self._become(FREE, now_ms)
                self.deadline = None
            elif self.state == UNKNOWN and self.deadline is None:
                self.deadline = now_ms + self._hold_ms
        return self.state != before

    def switch(self, on: bool, now_ms: int) -> bool:
        """Off: nothing is looked at, and the court is `unknown`. True if the state changed."""
        if on != self._off:
            return False
        self._off = not on
        self._blind = False
        self._moving_ms = self.deadline = None
        return self.step(False, now_ms)

    def _saw_motion(self, now_ms: int) -> None:
        if self._moving_ms is None:
            self._moving_ms = now_ms
        stuck = now_ms - self._moving_ms >= self._stuck_ms  # people pause; a broken output does not
        self._become(UNKNOWN if stuck else OCCUPIED, now_ms)
        self._blind = True
        self.deadline = now_ms + (self._stuck_ms if stuck else self._hold_ms)

    def _become(self, state: str, now_ms: int) -> None:
        if state != self.state:
            self.state = state
            self.since_ms = now_ms

    def memory(self) -> "list[Any]":
        return [self.state, self.since_ms, self.deadline, self._blind, self._moving_ms, self._off]

    def restore(self, memory: "list[Any]") -> None:
        self.state, self.since_ms, self.deadline, self._blind, self._moving_ms, self._off = memory
