"""A VM that says nothing: it works, it hangs, or it waits for something of the real world.

It is judged by the processor time that it takes, so that a busy machine changes nothing.
"""

import time
from pathlib import Path

LOOK_S = 0.1
"""Of real time, from one look to the next."""
HANGS_S = 1.5
"""Of processor time without a word, which is many times what a board ever needs: it goes round without
sleeping, until its watchdog bites."""
LOOKS_ASLEEP = 20
_SLEEPS = "S"


class Hangs(Exception):
    pass


class Stalled(Exception):
    """The simulator has failed: real time may not pass for a VM."""


class Silence:
    """Since the last word of a VM; `look` is called each LOOK_S of it."""

    def __init__(self, pid: int, hangs_s: float) -> None:
        self._pid = pid
        self._hangs_s = hangs_s
        self._begun_s = self._last_s = self._cpu_s()
        self._looks_asleep = 0

    def look(self) -> None:
        """Raises Hangs, Stalled."""
        before_s, self._last_s = self._last_s, self._cpu_s()
        if self._last_s - self._begun_s >= self._hangs_s:
            raise Hangs
        is_asleep = self._last_s == before_s and self._state() == _SLEEPS
        self._looks_asleep = self._looks_asleep + 1 if is_asleep else 0
        if self._looks_asleep >= LOOKS_ASLEEP:
            raise Stalled("the VM waits in real time, and nothing there will wake it")

    def _cpu_s(self) -> float:
        return time.clock_gettime(~self._pid << 3 | 2)  # as clock_getcpuclockid(3) makes it

    def _state(self) -> str:
        return Path(f"/proc/{self._pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
