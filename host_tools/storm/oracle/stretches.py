"""When a board can be held to what it promises: it is on, online, and nothing is in the way."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from host_tools.storm.oracle.broken import SECOND_US
from host_tools.storm.oracle.changes import changes
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.spans import Span

STARTS_US = 30 * SECOND_US
"""Of real hardware: boot, Wi-Fi join with DHCP, and what waits at the start."""


GREETS_US = 20 * SECOND_US
"""After a connect, until it has said all that it says then."""


def back_online_us(run: Run) -> int:
    """The bound for being online again: that a dead connection is noticed (a keepalive, the deadline of its
    answer), the longest wait before a reconnect, two deadlines of a connect, and a start with its Wi-Fi join.
    79 s with the defaults."""
    mqtt = run.config["mqtt"]
    ms = mqtt["keepalive_s"] * 1000 + mqtt["ack_ms"] + mqtt["backoff_cap_ms"] + 2 * mqtt["connect_ms"]
    return int(ms) * 1000 + STARTS_US


def merged(spans: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for span in sorted(spans, key=lambda s: s.begin_us):
        if found and span.begin_us <= found[-1].end_us:
            if span.end_us > found[-1].end_us:
                found[-1] = Span(found[-1].begin_us, span.end_us)
        else:
            found.append(Span(span.begin_us, span.end_us))
    return found


def gaps(spans: Iterable[Span], begin_us: int, end_us: int) -> list[Span]:
    """What lies between them."""
    found, us = [], begin_us
    for span in merged(spans):
        if span.begin_us > us:
            found.append(Span(us, min(span.begin_us, end_us)))
        us = max(us, span.end_us)
    if us < end_us:
        found.append(Span(us, end_us))
    return [span for span in found if span.begin_us < span.end_us]


def offline(run: Run) -> list[Span]:
    """By the broker: no connection of the board is up."""
    changes = sorted(
        [(r["us"], 1, r["conn"]) for r in run.records_of("up")]
        + [(r["us"], 0, r["conn"]) for r in run.records_of("gone")]
    )
    up: set[object] = set()
    found, since_us = [], run.begin_us
    for us, is_up, conn in changes:
        was_up = bool(up)
        if is_up:
            up.add(conn)
        else:
            up.discard(conn)
        if up and not was_up:
            found.append(Span(since_us, us))
        elif was_up and not up:
            since_us = us
    if not up:
        found.append(Span(since_us, run.end_us))
    return found


@dataclass
class Stretches:
    run: Run

    @cached_property
    def dead(self) -> list[Span]:
        """Without a life."""
        return gaps(self.run.lives.all, self.run.begin_us, self.run.end_us)

    @cached_property
    def faults(self) -> list[Span]:
        """That are in the way of being online; a change of the configuration on trial is, too."""
        return [*self.run.faults.of("network", "power", "heap", "flash"), *changes(self.run)]

    @cached_property
    def undisturbed(self) -> list[Span]:
        """It is on, and could be online after a while."""
        starts = [Span(life.begin_us, life.begin_us + 1) for life in self.run.lives.all]
        return gaps([*self.dead, *starts, *self.faults], self.run.begin_us, self.run.end_us)

    @cached_property
    def good(self) -> list[Span]:
        """It is online, and nothing has been in the way for as long as it may take to be so."""
        bound_us = back_online_us(self.run)
        after = [Span(s.begin_us, s.end_us + bound_us) for s in (*self.dead, *self.faults)]
        away = [Span(s.begin_us, s.end_us + GREETS_US) for s in offline(self.run)]
        return gaps([*after, *away], self.run.begin_us, self.run.end_us)

    def good_without(self, spans: Iterable[Span]) -> list[Span]:
        """Good ones, less of these."""
        return [
            piece
            for good in self.good
            for piece in gaps(
                [s for s in spans if s.meets(good.begin_us, good.end_us)], good.begin_us, good.end_us
            )
        ]
