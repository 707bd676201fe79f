"""How late this machine is: a bound of seconds in a test is for the firmware and the tools, not for a machine
that stands still now and then or has other things to do.

A thread asks again and again to be woken after a moment. By how much later it is woken, by so much are bounds
longer. A machine that stands still is late for everybody alike; on a busy one this process, which polls and
listens, waits for a processor about as long as the boards beside it.
"""

import bisect
import functools
import threading
import time
from dataclasses import dataclass

ASK_S = 0.02


@dataclass(frozen=True)
class Waking:
    at_s: float
    late_s: float
    sum_s: float
    """Of this one and all before."""


class Monitor:
    def __init__(self) -> None:
        self._wakings = [Waking(time.monotonic(), 0.0, 0.0)]
        threading.Thread(target=self._watch, name="lateness", daemon=True).start()

    def sum_s(self, from_s: float, to_s: float) -> float:
        """What was late at an edge counts as a whole, for nobody knows when it stood still."""
        noted = self._wakings[self._first_after(from_s) - 1 : self._first_after(to_s) + 1]
        return noted[-1].sum_s - noted[0].sum_s + self._not_noted_s(to_s)

    def worst_s(self, from_s: float, to_s: float) -> float:
        noted = self._wakings[self._first_after(from_s) : self._first_after(to_s) + 1]
        return max([self._not_noted_s(to_s), *(waking.late_s for waking in noted)])

    def _first_after(self, at_s: float) -> int:
        return max(1, bisect.bisect_right(self._wakings, at_s, key=lambda waking: waking.at_s))

    def _not_noted_s(self, to_s: float) -> float:
        """Another thread may be woken before the one below."""
        return max(0.0, to_s - self._wakings[-1].at_s - ASK_S)

    def _watch(self) -> None:
        while True:
            before = self._wakings[-1]
            asked_s = time.monotonic()
            time.sleep(ASK_S)
            woken_s = time.monotonic()
            late_s = woken_s - asked_s - ASK_S
            self._wakings.append(Waking(woken_s, late_s, before.sum_s + late_s))


@functools.cache
def monitor() -> Monitor:
    """One in a process, from the first time that somebody asks for it."""
    return Monitor()


def late_s(from_s: float, to_s: float | None = None) -> float:
    """How late it was in all between two moments of time.monotonic()."""
    return monitor().sum_s(from_s, time.monotonic() if to_s is None else to_s)


def worst_late_s(from_s: float, to_s: float) -> float:
    """The longest that it stood still at a time."""
    return monitor().worst_s(from_s, to_s)


def rest(for_s: float) -> None:
    """So long, and without a standstill: after one, things happen at once that are meant to be apart."""
    monitor()
    while True:
        began_s = time.monotonic()
        time.sleep(for_s)
        if worst_late_s(began_s, time.monotonic()) < for_s / 2:
            return


class Stopwatch:
    """Begins now, and leaves out how late the machine was."""

    def __init__(self) -> None:
        monitor()
        self._began_s = time.monotonic()

    def took_s(self) -> float:
        now_s = time.monotonic()
        return now_s - self._began_s - late_s(self._began_s, now_s)


class Patience:
    """A bound that begins now: `while not condition(): assert not patience.is_over()`."""

    def __init__(self, bound_s: float) -> None:
        self._bound_s = bound_s
        self._watch = Stopwatch()

    def left_s(self) -> float:
        return self._bound_s - self._watch.took_s()

    def is_over(self) -> bool:
        return self.left_s() <= 0
