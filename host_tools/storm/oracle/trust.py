"""How far a board trusted its clock at a time, by what it said of it."""

from bisect import bisect_right
from itertools import pairwise

from host_tools.storm.oracle.broken import MINUTE_US
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.spans import Timeline

LOW = ("unknown", "floor")
MEASURED_US = 12 * MINUTE_US
"""Ten minutes of sleep between two network times tell how fast a clock runs asleep; less says nothing."""
NEAR_US = 2 * MINUTE_US
"""What was said of the clock reaches the broker a little before or after what it was so for."""


class Trust:
    """`unknown` from each boot on until the board says more."""

    def __init__(self, run: Run) -> None:
        said: list[tuple[int, str]] = [(life.begin_us, "unknown") for life in run.lives.all]
        said += [(us, str(info.get("clock"))) for us, info, _ in run.infos]
        for event in run.first_events:
            if event.type == "device.clock":
                made = run.lives.made(event.body)
                us = max(made[0].begin_us, 0) if len(made) == 1 else event.us
                said.append((us, str(event.data.get("trust"))))
        wrong = run.faults.of("clock")
        honest = sorted(
            us for us, trust in said if trust == "ntp" and not any(s.meets(us - NEAR_US, us) for s in wrong)
        )
        self._measured = [(a, b) for a, b in pairwise(honest) if b - a >= MEASURED_US]
        self._begin_us = run.begin_us
        self._line = Timeline()
        for us, trust in sorted(said, key=lambda s: s[0]):
            self._line.put(us, trust)

    def may_be_low(self, us: int) -> bool:
        """It may not have known the time then."""
        values = self._line.within(us - NEAR_US, us + NEAR_US, "unknown")
        return any(value in LOW for value in values)

    def measured_us(self, us: int) -> int:
        """Only what happened after this can make wrong what a sleeper's clock shows then: from this network
        time to the next one, neither of them a lie, it measured how fast the chip's clock runs."""
        place = bisect_right(self._measured, us, key=lambda pair: pair[1])
        return self._measured[place - 1][0] if place else self._begin_us

    def was_only(self, us: int, *trusts: str) -> bool:
        """It was surely one of these then."""
        return all(value in trusts for value in self._line.within(us - NEAR_US, us + NEAR_US, "unknown"))
