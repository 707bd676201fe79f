"""Hours of a week in local time: when a lock may be opened, when the ground is closed. Loaded only where the
site file has some. The rules of one pair of times are those of `slots`."""

from micropython import const

from sportbox.core.slots import local_s, within

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from sportbox.core.clock import Clock

_EACH = const(3)


def shared(openings: "list[Any]", index: int, offsets: "list[list[int]]", clock: "Clock") -> "Hours":
    """One of the opening hours of the configuration, which becomes an object when it is first asked for."""
    if not isinstance(openings[index], Hours):
        openings[index] = Hours(openings[index], offsets, clock)
    return openings[index]


class Hours:
    """`facts`: from, to (seconds since local midnight), days (bit 0 is Monday), and so on, in one list, for
    memory is small; `to` before `from` goes over midnight. `offsets`: as `slots` has them, shared."""

    def __init__(self, facts: "list[int]", offsets: "list[list[int]]", clock: "Clock") -> None:
        self._facts = facts
        self._offsets = offsets
        self._clock = clock

    def known(self) -> bool:
        """Whether the board can tell at all."""
        return self._clock.trusted()

    def contain(self, now_ms: int) -> bool:
        """Whether they are now."""
        facts = self._facts
        here_s = local_s(self._clock.now(now_ms), self._offsets)
        for i in range(0, len(facts), _EACH):
            day = within(here_s, facts[i], facts[i + 1])
            if day >= 0 and facts[i + 2] >> day & 1:
                return True
        return False
