"""How the battery does, and what is given up when it runs low: first the radars, then what only informs.
Locks are never given up.

A level is believed after several measurements, each the median of a few samples, so that the sag of one radio
burst is no alarm; going back takes a higher voltage than going down took.
"""

from micropython import const

OK = "ok"
LOW = "low"
CRITICAL = "critical"
UNKNOWN = "unknown"  # no battery there, or a divider that is broken

SHED = {OK: 0, UNKNOWN: 0, LOW: 1, CRITICAL: 2}  # the level that parts are told

_CONFIRM = const(3)


def median(samples: "list[int]") -> int:
    """Of an odd number of samples, which it puts in order."""
    samples.sort()
    return samples[len(samples) // 2]


def given_up(components: "dict[str, dict[str, object]]", level: str) -> "list[str]":
    """What is off at this level, in the order in which it went."""
    if SHED[level] == 0:
        return []
    radars = [name for name in sorted(components) if components[name].get("radar")]
    names = ["radar-" + name.split("-")[-1] for name in radars]
    return names + ["led", "telemetry"] if level == CRITICAL else names


class Battery:
    """Thresholds in mV, critical < low < ok."""

    def __init__(self, ok_mv: int, low_mv: int, critical_mv: int) -> None:
        self._ok_mv = ok_mv
        self._low_mv = low_mv
        self._critical_mv = critical_mv
        self._next = ""  # the level that the newest measurements agree on
        self._agreed = 0
        self.level = ""  # not measured yet
        self.mv: int | None = None

    def step(self, mv: int) -> bool:
        """Takes a measurement; True if the level changed. The first one counts at once."""
        found = self._level_at(mv)
        self.mv = None if found == UNKNOWN else mv
        if found == self.level:
            self._agreed = 0
            return False
        self._agreed = self._agreed + 1 if found == self._next else 1
        self._next = found
        if self.level and self._agreed < _CONFIRM:
            return False
        self._agreed = 0
        first, self.level = not self.level, found
        return not first or found != OK

    def undecided(self) -> bool:
        """True while a change of level waits for more measurements."""
        return self._agreed > 0

    def _level_at(self, mv: int) -> str:
        if not self._critical_mv // 2 <= mv <= 2 * self._ok_mv:
            return UNKNOWN
        if mv < self._critical_mv:
            return CRITICAL
        if mv < self._low_mv:
            return CRITICAL if self.level == CRITICAL else LOW
        if mv < self._ok_mv and self.level in (LOW, CRITICAL):
            return LOW
        return OK
