"""What the board knows of the time, and how far it may be trusted.

The ladder: `unknown` -> `floor` (the newest time that flash remembers, a lower bound) -> `rtc` (a
battery-backed chip) -> `ntp`. All times are Unix seconds as integers: a board's floats have 32 bits.
"""

from micropython import const

UNKNOWN = "unknown"
FLOOR = "floor"
RTC = "rtc"
NTP = "ntp"

_JUMP_S = const(60)  # a wall clock that moved this far against the tick counter has lost its time


class Clock:
    """The best time so far. `now_ms` is always the board's monotonic uptime in ms."""

    def __init__(self) -> None:
        self.trust = UNKNOWN
        self.floor_s = 0  # certainly past: what flash remembers
        self._unix_s = 0  # the time at _at_ms
        self._at_ms = 0
        self._wall_offset_s: int | None = None

    def set_floor(self, unix_s: int, now_ms: int) -> None:
        """A time that is certainly past. Never lowers what is known already."""
        self.floor_s = max(self.floor_s, unix_s)
        if self.trust in (UNKNOWN, FLOOR) and unix_s > self.now(now_ms):
            self._set(FLOOR, unix_s, now_ms)

    def set_rtc(self, unix_s: int, now_ms: int) -> bool:
        """The time of a battery-backed chip. False if it is refused: below the floor, or once `ntp` is
        reached."""
        if self.trust == NTP or unix_s < self.floor_s:
            return False
        self._set(RTC, unix_s, now_ms)
        return True

    def set_ntp(self, unix_s: int, now_ms: int) -> bool:
        """Network time. False if it is refused: a server that is below the floor is wrong on any rung."""
        if unix_s < self.floor_s - _JUMP_S:
            return False
        self._set(NTP, unix_s, now_ms)
        return True

    def correct(self, unix_s: int, now_ms: int) -> None:
        """What a better clock than the tick counter shows; taken while it is near what is known."""
        if self.trusted() and abs(unix_s - self.now(now_ms)) < _JUMP_S:
            self._set(self.trust, unix_s, now_ms)

    def forget(self) -> None:
        """An `ops` order: the floor was wrong. Back to the lowest rung."""
        self.trust = UNKNOWN
        self.floor_s = 0

    def moment(self, now_ms: int) -> "tuple[int, int]":
        """The time as (Unix seconds, ms to be added): nothing is lost by rounding."""
        return self._unix_s, now_ms - self._at_ms

    def now(self, now_ms: int) -> int:
        """Unix seconds, 0 while unknown; on the `floor` rung a lower bound."""
        if self.trust == UNKNOWN:
            return 0
        return self._unix_s + (now_ms - self._at_ms) // 1000

    def trusted(self) -> bool:
        """True if the time can prove that a token is current."""
        return self.trust in (RTC, NTP)

    def watch_wall(self, wall_s: int, now_ms: int) -> bool:
        """Compares the chip's wall clock (any epoch) with the tick counter.

        True if the wall clock jumped: then the time is only a floor until a source confirms it again.
        """
        offset_s = wall_s - now_ms // 1000
        before_s = self._wall_offset_s
        self._wall_offset_s = offset_s
        if before_s is None or abs(offset_s - before_s) < _JUMP_S or not self.trusted():
            return False
        self._set(FLOOR, self.now(now_ms), now_ms)
        return True

    def wall_was_set(self) -> None:
        """The firmware itself set the wall clock: the next reading is the new reference."""
        self._wall_offset_s = None

    def _set(self, trust: str, unix_s: int, now_ms: int) -> None:
        self.trust = trust
        self._unix_s = unix_s
        self._at_ms = now_ms


def rfc3339(unix_s: int) -> str:
    """`2026-11-22T13:05:00Z` of Unix seconds; the calendar is worked out here, for the epoch of
    `time.gmtime` differs between ports. Days to date: the civil-from-days method with March as the
    first month (proleptic Gregorian calendar)."""
    days, rest = divmod(unix_s, 86400)
    days += 719468  # 0000-03-01 to 1970-01-01
    era, day_of_era = divmod(days, 146097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    return f"{year:04d}-{month:02d}-{day:02d}T{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}Z"


def unix_of(year: int, month: int, day: int) -> int:
    """Unix seconds at the beginning of a day, UTC; the way back of rfc3339()."""
    year -= 1 if month <= 2 else 0
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return (era * 146097 + day_of_era - 719468) * 86400
