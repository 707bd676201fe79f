"""What is dropped had to be: nothing goes while its journal has room, and each is counted as what it was.

How the protocol was read: passages and occupancy without an alarm are ordinary events, and have
`ordinary_bytes` of flash; all others are urgent, and have `reserve_bytes` for themselves. The oldest of a
full journal makes room. A record takes 12 bytes and what it says as a JSON list. Where flash, heap or power
failed meanwhile, records may be lost and the counters with them: then nothing is judged.
"""

import json
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from host_tools.storm.oracle.broken import Broken
from host_tools.storm.oracle.messages import Event
from host_tools.storm.oracle.reading import Run

ORDINARY = ("occupancy.changed", "gate.passed")
RECORD_BYTES = 12
NAMES = ("ordinary", "urgent")
SLACK_BYTES = 1024
"""What had just been dropped is not there any more."""
FLOAT_BYTES = 16
"""By so much more may a board have written a number on flash than it tells of it: 0.98999999999999999 is 0.99
when it has been read."""


@dataclass(frozen=True)
class Loss:
    """What a `device.dropped` says: by how much the totals of ordinary and urgent events have grown, also for
    gaps that are told later."""

    event: Event
    by: tuple[int, int]
    totals: tuple[int, int]
    numbers: list[int]
    in_doubt: bool


def drops_are_counted(run: Run) -> Iterator[Broken]:
    """No more is missing than the totals say, but for what was lost otherwise."""
    lost = 0
    for loss in _losses(run):
        missing = bisect_right(run.missing, loss.event.data["last"])
        if loss.in_doubt:
            lost = max(lost, missing - sum(loss.totals))
        elif missing > sum(loss.totals) + lost:
            text = f"{missing} events are missing, and {loss.totals} were dropped as the totals say"
            yield Broken("lost", loss.event.us, text, (loss.event.record,))


def drops_are_needed(run: Run) -> Iterator[Broken]:
    limits = run.config["outbox"]["ordinary_bytes"], run.config["outbox"]["reserve_bytes"]
    for loss in _losses(run):
        for urgent, by in enumerate(loss.by):
            if by <= 0 or not loss.numbers or loss.in_doubt:
                continue
            is_alone = not loss.totals[1 - urgent]
            oldest = max(loss.numbers) if is_alone else min(loss.numbers)
            there = [e for e in run.first_events if oldest < e.seq < loss.event.seq]
            sizes = [_bytes_at_most(e) for e in there if is_urgent(e) == bool(urgent)]
            waited = sum(sizes) + _dropped_later(run, oldest, loss.event.seq) * max(sizes, default=0)
            if waited < limits[urgent] - SLACK_BYTES:
                text = (
                    f"{by} {NAMES[urgent]} events were dropped, and {waited} of {limits[urgent]} bytes waited"
                )
                yield Broken("lost", loss.event.us, text, (loss.event.record,))


def _dropped_later(run: Run, oldest: int, seq: int) -> int:
    """How many waited when event `seq` was made, and are told to have been dropped since."""
    spans = [(e.data.get("first"), e.data.get("last")) for e in run.dropped if e.seq > seq]
    told = [(first, last) for first, last in spans if type(first) is int and type(last) is int]
    waiting = [n for n in run.missing if oldest < n < seq]
    return sum(any(first <= n <= last for first, last in told) for n in waiting)


def only_ordinary(run: Run) -> bool:
    """No urgent event can have been dropped: the ordinary ones are as many as are missing."""
    totals = [_totals(event) or (0, 1) for event in run.dropped]
    return not any(urgent for _, urgent in totals) and max(totals)[0] >= len(run.missing)


def is_urgent(event: Event) -> bool:
    return event.type not in ORDINARY or "alarm" in event.data


def _losses(run: Run) -> Iterator[Loss]:
    before = (0, 0)
    for event in sorted(run.dropped, key=lambda e: e.seq):
        first, last, totals = event.data.get("first"), event.data.get("last"), _totals(event)
        if type(first) is not int or type(last) is not int or totals is None:
            continue
        by = totals[0] - before[0], totals[1] - before[1]
        before = totals
        since_us = _made_us(run, max((e for e in run.first_events if e.seq < first), key=_seq, default=None))
        numbers = [n for n in run.missing if first <= n <= last]
        yield Loss(event, by, totals, numbers, min(by) < 0 or _was_in_doubt(run, since_us, event.us))


def _seq(event: Event) -> int:
    return event.seq


def _made_us(run: Run, event: Event | None) -> int:
    """It may have waited with those that were dropped."""
    if event is None:
        return run.begin_us
    return min([event.us, *(span.begin_us for span in run.lives.made(event.body))])


def _was_in_doubt(run: Run, begin_us: int, end_us: int) -> bool:
    faults = run.faults.of("flash", "full", "heap", "power")
    return any(s.meets(begin_us, end_us) for s in faults) or run.lives.ends.within(begin_us, end_us)


def _totals(event: Event) -> tuple[int, int] | None:
    ordinary, urgent = event.data.get("ordinary_total"), event.data.get("urgent_total")
    return (ordinary, urgent) if type(ordinary) is int and type(urgent) is int else None


def _bytes_at_most(event: Event) -> int:
    body = event.body
    unix_s = 1_790_000_000 if "time" in body else 0
    said = [event.component, event.type, unix_s, body["uptime"], body.get("bootid"), event.data]
    floats = sum(isinstance(value, float) for value in event.data.values())
    return RECORD_BYTES + len(json.dumps(said).encode()) + FLOAT_BYTES * floats
