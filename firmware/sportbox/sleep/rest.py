"""What a board takes with it through deep sleep, in RTC memory. A sleep is a pause within one boot: its
number, `bootid`, nonce and uptime go on, and so do its courts and, with a bound on the error, its clock."""

import time

from micropython import const

from sportbox.core.clock import NTP, RTC, UNKNOWN
from sportbox.core.drift import Drift
from sportbox.drivers import chip, rtcmem, sleep

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from sportbox.core.clock import Clock

_KEY = "rest"
_KEPT = (
    "config_hash",
    "boot",
    "boot_id",
    "nonce",
    "wakes",
    "base_ms",
    "report_ms",
    "failures",
    "courts",
    "parts",
    "wear",
    "acked_seq",
    "seq",
    "_trust",
    "_unix_s",
    "_rest_ms",
)
_SHORTEST_MS = const(100)
_LATE_MS = const(10000)  # a timer may be so much late, beside the tenth that its oscillator may be off
_FAILURES_MAX = const(3)
_SLACK_MS = const(500)


def wall_ms() -> int:
    """The chip's wall clock, which goes on in deep sleep."""
    return time.time_ns() // 1000000


class Rest:
    def __init__(self, config_hash: str, boot: int, boot_id: str, nonce: str) -> None:
        self.config_hash = config_hash
        self.boot = boot
        self.boot_id = boot_id
        self.nonce = nonce
        self.wakes = 0
        self.base_ms = 0  # uptime when this start began
        self.report_ms = 0  # uptime at which to use the radio at the latest
        self.failures = 0  # times in a row that the broker was not reached
        self.seq = 0  # the newest event of the starts before: what is on flash may rot, and an older one show
        self.acked_seq = 0  # and up to where the broker had them
        self.by_timer = False
        self._slack_ms = 0
        self.courts: dict[str, Any] = {}
        self.parts: dict[str, Any] = {}
        self.drift = Drift()
        self.wear = [0, 0]
        self._trust = UNKNOWN
        self._unix_s = 0  # when this start began, plus _rest_ms
        self._rest_ms = 0

    @staticmethod
    def wake(config_hash: str) -> "Rest | None":
        """What was kept, None if this start is no wake, or if it cannot be believed."""
        if chip.reset_cause() != "deepsleep":
            return None
        kept = rtcmem.load().get(_KEY)
        if kept is None or kept["config_hash"] != config_hash:
            return None
        rest = Rest(config_hash, 0, "", "")
        for name in _KEPT:
            setattr(rest, name, kept[name])
        rest.drift.restore(kept["drift"])
        rest._woke(wall_ms() - kept["wall"], kept["planned"])
        return rest

    def _woke(self, counted_ms: int, planned_ms: int) -> None:
        self.wakes += 1
        self.by_timer = sleep.by_timer()
        least_ms, most_ms = 0, planned_ms + planned_ms // 10 + _LATE_MS
        if self.by_timer:  # it may be early: its oscillator is not exact
            self._slack_ms = planned_ms // 10 + _SLACK_MS
            least_ms = max(0, planned_ms - self._slack_ms)
        if not least_ms <= counted_ms <= most_ms:  # the wall clock was lost or moved
            counted_ms = planned_ms if self.by_timer else 0
            self._trust = UNKNOWN
            self.drift.lost()
        self.advance(self.drift.slept(counted_ms))

    def is_report_due(self) -> bool:
        return self.base_ms + self._slack_ms >= self.report_ms

    def advance(self, ms: int) -> None:
        """So much time has passed before the start that counts from nought."""
        self.base_ms += ms
        self._rest_ms += ms

    def set_clock(self, clock: "Clock") -> None:
        """Gives the clock of this start the time that was kept."""
        unix_s = self._unix_s + self._rest_ms // 1000
        at_ms = -(self._rest_ms % 1000)
        if self._trust in (RTC, NTP) and self.drift.good() and clock.set_rtc(unix_s, at_ms):
            return
        if self._trust != UNKNOWN:
            clock.set_floor(unix_s - self.drift.error_ms // 1000, at_ms)

    def synced(self, unix_s: int, now_ms: int) -> None:
        """Network time is there."""
        self.drift.synced(unix_s, self.base_ms + now_ms)

    def keep_clock(self, clock: "Clock", now_ms: int) -> None:
        """Before sleep: what the clock shows, to the millisecond, so that it does not lose some at each
        wake."""
        self._trust = clock.trust
        self._unix_s, self._rest_ms = clock.moment(now_ms)

    def pass_on(self, elapsed_ms: int) -> None:
        """As keep_clock() for a start that had no clock."""
        self._rest_ms += elapsed_ms

    def next_report(self, now_ms: int, every_ms: int, reached: bool) -> None:
        """A broker that cannot be reached is tried less and less often: the radio is what costs."""
        self.failures = 0 if reached else min(self.failures + 1, _FAILURES_MAX)
        self.report_ms = now_ms + (every_ms << self.failures)

    def sleep(self, uptime_ms: int, deadlines: "list[int | None]", pins: "list[tuple[int, int]]") -> None:
        """Saves, and sleeps until the earliest deadline, the next report, or one of the `(pin, level)`. Does
        not return: the board starts anew."""
        until_ms = min([self.report_ms] + [ms for ms in deadlines if ms is not None])
        planned_ms = max(_SHORTEST_MS, until_ms - uptime_ms)
        notes = rtcmem.load()
        kept = {name: getattr(self, name) for name in _KEPT}
        kept["base_ms"] = uptime_ms  # not of this start: without memory for the rest it goes on
        kept["drift"], kept["wall"], kept["planned"] = self.drift.memory(), wall_ms(), planned_ms
        notes[_KEY] = kept
        notes.pop("starts", None)  # of the loader: whoever gets to sleep is well
        rtcmem.save(notes)
        sleep.deep(planned_ms, pins)
