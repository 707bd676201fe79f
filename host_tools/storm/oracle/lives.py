"""The lives of a board, from a boot to the end of it, and in which of them an event was made.

An event says `bootid` and `uptime` of its making, and no clock can falsify these. The trace says when each
life began. Which `bootid` belongs to which life follows from what was published live; what comes only after
further boots lies between its neighbours in the order of `seq`. A deep sleep is a pause within a life,
for which `uptime` goes by the wall clock of the chip: where that jumped or drifted nothing is known.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from host_tools.storm.oracle.broken import SECOND_US, Record
from host_tools.storm.oracle.spans import FOREVER_US, Span

SLACK_US = 1_500_000
"""`uptime` is cut to whole seconds, and a start takes a moment before it counts."""
SLEPT_US = 20 * SECOND_US
"""What many sleeps lose: a chip does not count while it wakes up."""
ASLEEP_PPM = 2000
"""A clock asleep may be off by so much: its rate was measured in whole seconds, over ten minutes at least."""
AHEAD_US = 3 * SECOND_US
SETTLES_US = SECOND_US // 5
"""What arrives so soon after a boot was sent by the life before."""


SLEEP = ("4", "deep_sleep")


@dataclass(frozen=True)
class Life(Span):
    n: int = 0
    cause: str = ""


class Ends:
    """When lives ended."""

    def __init__(self, times: Iterable[int]) -> None:
        self._times = sorted(times)

    def after(self, us: int) -> int:
        place = bisect_left(self._times, us)
        return self._times[place] if place < len(self._times) else FOREVER_US

    def within(self, begin_us: int, end_us: int) -> bool:
        return self.after(begin_us) <= end_us


class Lives:
    def __init__(
        self,
        boots: Sequence[Record],
        powers: Sequence[Record],
        deaths: Sequence[Record],
        connects: Sequence[Record],
        end_us: int,
    ) -> None:
        boots = [r for r in boots if str(r.get("cause")) not in SLEEP]
        over = [r["us"] for r in powers if r["what"] != "on"]
        over += [r["us"] for r in deaths if str(r.get("cause")) not in SLEEP]
        over += [r["us"] for r in boots[1:]]
        self.ends = Ends(over)
        self.all = [
            Life(r["us"], min(self.ends.after(r["us"] + 1), end_us), r["n"], str(r.get("cause")))
            for r in boots
        ]
        self._begins = [life.begin_us for life in self.all]
        self._connected: dict[Any, int] = {r["conn"]: r["us"] for r in connects}
        self._known: dict[str, range] = {}
        self.late_us = 0
        """By how much `uptime` may be behind."""
        self.off_ppm = 0
        """And by which part of it it may be wrong, either way."""
        self.blind: list[Span] = []
        """When `uptime` was wrong, or may have been."""

    def at(self, us: int) -> Life | None:
        """The life that is on then, or the last one."""
        place = bisect_right(self._begins, us)
        return self.all[place - 1] if place else None

    def sender(self, record: Record) -> Life | None:
        """Which one has sent what arrived then. Over a slow line it may be long on its way, but a connection
        is of one life."""
        known = record.get("conn") in self._connected
        return self.at(self.connected_us(record) if known else record["us"] - SETTLES_US)

    def connected_us(self, record: Record) -> int:
        """When the connection was begun on which it came."""
        return self._connected.get(record.get("conn"), int(record["us"]))

    def begun_within(self, begin_us: int, end_us: int) -> bool:
        return bisect_right(self._begins, end_us) > bisect_left(self._begins, begin_us)

    def learn(
        self, infos: list[tuple[dict[str, Any], Record]], events: list[tuple[dict[str, Any], Record]]
    ) -> None:
        """Which bootid is which life."""
        sure: dict[str, int] = {}
        for body, record in [*infos, *(e for e in events if not e[0].get("historical"))]:
            life, bootid = self.sender(record), body.get("bootid")
            if isinstance(bootid, str) and life is not None:
                place = self.all.index(life)
                sure[bootid] = min(place, sure.get(bootid, place))
        order: list[str] = []
        for body, _ in sorted(events, key=lambda e: int(e[0]["seq"])):
            bootid = str(body.get("bootid"))
            if bootid not in order[-1:]:
                order.append(bootid)
        self._known = {bootid: range(place, place + 1) for bootid, place in sure.items()}
        for place, bootid in enumerate(order):
            if bootid in sure:
                continue
            before = next((sure[b] for b in reversed(order[:place]) if b in sure), -1)
            after = next((sure[b] for b in order[place:] if b in sure), len(self.all))
            self._known[bootid] = range(before + 1, max(after, before + 1))

    def lives_of(self, body: dict[str, Any]) -> list[Life]:
        """In which an event can have been made."""
        return [self.all[place] for place in self._known.get(str(body.get("bootid")), range(0))]

    def weigh_uptimes(
        self, told: Iterable[tuple[Record, int]], wrong: Sequence[Span]
    ) -> list[tuple[Record, int]]:
        """Of live telemetry, with its `uptime`: by how much it is ahead of the life that sent it, where it is
        so for the first time. Behind says nothing, it may have been long on its way. From then on nothing is
        known. Nor is it in a life in which the clock went wrong that uptime goes by."""
        found: list[tuple[Record, int]] = []
        right_us = 0
        for record, uptime_s in told:
            life = self.sender(record)
            if life is None:
                continue
            us = min(record["us"], life.end_us)
            ahead_us = uptime_s * SECOND_US - (us - life.begin_us)
            if ahead_us <= AHEAD_US + uptime_s * self.off_ppm:
                right_us = us
            elif not self._is_blind(life, us) and not any(s.meets(life.begin_us, us) for s in wrong):
                found.append((record, ahead_us))
                self.blind.append(Span(max(right_us, life.begin_us), life.end_us))
        self.blind += [x for x in self.all if any(x.meets(s.begin_us, s.end_us) for s in wrong)]
        return found

    def made(self, body: dict[str, Any]) -> list[Span]:
        """When an event can have been made, by its bootid and uptime; empty if nothing is known of it, and
        if it may be of a life of which nothing is."""
        uptime_us = int(body["uptime"]) * SECOND_US
        off_us = int(body["uptime"]) * self.off_ppm
        spans = []
        for life in self.lives_of(body):
            about_us = life.begin_us + uptime_us
            if about_us > life.end_us + SLACK_US + off_us:
                continue
            end_us = about_us + SECOND_US + SLACK_US + self.late_us + off_us
            if self._is_blind(life, end_us):
                return []
            spans.append(Span(about_us - SLACK_US - off_us, end_us))
        return spans

    def _is_blind(self, life: Life, us: int) -> bool:
        """By then `uptime` says nothing any more in this life."""
        return any(s.meets(life.begin_us, us) for s in self.blind)
