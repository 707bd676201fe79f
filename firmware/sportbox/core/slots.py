"""Time slots of keypad codes, and when they open.

Slot `n` lasts from `n * slot_s` to `(n + 1) * slot_s` in Unix seconds. Its code opens in that time, as far as
it lies within the opening hours. These are local: seconds of the day and weekdays (Monday is 0). Hours over
midnight (`open_from_s > open_to_s`) belong to the day on which they begin; equal ones last a whole day.
`host_tools/site/codes.py` has the same rules. Integers only: a board's floats have 32 bits.
"""

from micropython import const

_DAY_S = const(86400)
_LEEWAY_S = const(60)  # how far the clocks of box and person may be apart


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
        days, second = divmod(unix_s + self._offset_s(unix_s), _DAY_S)
        if self._from_s < self._to_s:
            within = self._from_s <= second < self._to_s
        else:
            within = second >= self._from_s or second < self._to_s
            if second < self._from_s:
                days -= 1  # begun on the evening before
        return within and (days + 3) % 7 in self._days  # 1970-01-01 was a Thursday

    def begins_s(self, slot: int) -> int:
        """From when its codes count, Unix seconds."""
        return slot * self._slot_s - _LEEWAY_S

    def ends_s(self, slot: int) -> int:
        """Until when its codes count, Unix seconds."""
        return (slot + 1) * self._slot_s + _LEEWAY_S

    def _offset_s(self, unix_s: int) -> int:
        offset_s = 0
        for from_s, seconds in self._offsets:
            if from_s > unix_s:
                break
            offset_s = seconds
        return offset_s
