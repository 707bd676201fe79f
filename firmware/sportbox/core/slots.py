"""Time slots of keypad codes, and when they open.

Slot `n` lasts from `n * slot_s` to `(n + 1) * slot_s` in Unix seconds. Its code opens in that time, as far as
it lies within the opening hours. These are local: seconds of the day and weekdays (Monday is 0). Hours over
midnight (`open_from_s > open_to_s`) belong to the day on which they begin; equal ones last a whole day.
`host_tools/site/codes.py` has the same rules. Integers only: a board's floats have 32 bits.
"""

from micropython import const

_DAY_S = const(86400)
_LEEWAY_S = const(60)  # how far the clocks of box and person may be apart


def local_s(unix_s: int, offsets: "list[list[int]]") -> int:
    """Seconds since 1970 as the clock on the wall shows them."""
    offset_s = 0
    for from_s, seconds in offsets:
        if from_s > unix_s:
            break
        offset_s = seconds
    return unix_s + offset_s


def within(here_s: int, from_s: int, to_s: int) -> int:
    """The day of the week (Monday is 0) on which the hours began in which this local time is, else -1."""
    days, second = divmod(here_s, _DAY_S)
    if from_s < to_s:
        if not from_s <= second < to_s:
            return -1
    elif second < from_s:
        if second >= to_s:
            return -1
        days -= 1  # begun on the evening before
    return (days + 3) % 7  # 1970-01-01 was a Thursday


class Slots:
    """`offsets` are [from unix_s, seconds to add for local time], ascending: the site's time zone."""

    def __init__(
        self, slot_s: int, open_from_s: int, open_to_s: int, days: "list[int]", offsets: "list[list[int]]"
    ) -> None:
        self._slot_s = slot_s
        self._from_s = open_from_s
        self._to_s = open_to_s
        self._days = days
        self._offsets = offsets

    def current(self, unix_s: int) -> "list[int]":
        """The slots whose codes open at this time: one, none, or two around the end of a slot."""
        found = []
        first = (unix_s - _LEEWAY_S) // self._slot_s
        for slot in range(first, (unix_s + _LEEWAY_S) // self._slot_s + 1):
            begin_s = slot * self._slot_s
            within_s = min(max(unix_s, begin_s), begin_s + self._slot_s - 1)  # the leeway is the slot's, too
            if self.is_open(within_s):
                found.append(slot)
        return found

    def is_open(self, unix_s: int) -> bool:
        """Whether this moment lies in the opening hours."""
        return within(local_s(unix_s, self._offsets), self._from_s, self._to_s) in self._days

    def begins_s(self, slot: int) -> int:
        """From when its codes count, Unix seconds."""
        return slot * self._slot_s - _LEEWAY_S

    def ends_s(self, slot: int) -> int:
        """Until when its codes count, Unix seconds."""
        return (slot + 1) * self._slot_s + _LEEWAY_S
