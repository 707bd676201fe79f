"""What the clocks on the wall show in virtual time."""

from host_tools.sim import times
from host_tools.storm.agenda import BEGIN_US, Agenda

WALL_BEGIN_S = 1_790_000_000
"""Unix time when a run begins, 2026-09-21."""


def wall_us(us: int) -> int:
    """Microseconds since 1970 at a moment of virtual time."""
    return WALL_BEGIN_S * 1_000_000 + us - BEGIN_US


class VirtualClock(times.Clock):
    """For `times.use`: the world of a simulated board reads the agenda's time."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda

    def now_us(self) -> int:
        return self._agenda.now_us

    def wall_ns(self) -> int:
        return wall_us(self._agenda.now_us) * 1000
