"""The board's clock does not lie without a cause.

How the protocol was read: `time` of an event is when it was made, to the second, and left out while the clock
is not to be trusted. The leeway for tokens, 60 s, is taken as the error that a trusted clock may have.
"""

from collections.abc import Iterator
from datetime import datetime

from host_tools.storm.oracle.broken import Broken, at, lasting
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.reasons import CLOCK_FAULT_US, LEEWAY_S, SPARE_S


def times_are_true(run: Run) -> Iterator[Broken]:
    for event in run.first_events:
        text = event.body.get("time")
        spans = run.lives.made(event.body)
        if text is None or not spans:
            continue
        told_s = _unix_s(str(text))
        if told_s is None:
            yield Broken("clock", event.us, f"event {event.seq} has the time {text!r}", (event.record,))
            continue
        most_s = LEEWAY_S + SPARE_S
        wrong_s = min((_distance_s(run, told_s, s.begin_us, s.end_us) for s in spans), key=abs)
        if abs(wrong_s) <= most_s or run.faults.explain(spans[-1].end_us, "clock", after_us=CLOCK_FAULT_US):
            continue
        how = "ahead" if wrong_s > 0 else "behind"
        what = f"event {event.seq} ({event.type}) was made about {at(spans[0].begin_us)}"
        yield Broken(
            "clock",
            event.us,
            f"{what}, and its time is {lasting(int(abs(wrong_s) * 1e6))} {how}",
            (event.record,),
        )


def _distance_s(run: Run, told_s: float, begin_us: int, end_us: int) -> float:
    """0 within."""
    begin_s, end_s = run.unix_s(begin_us), run.unix_s(end_us)
    return min(told_s - begin_s, 0.0) if told_s < begin_s else max(told_s - end_s, 0.0)


def _unix_s(text: str) -> float | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.timestamp() if found.tzinfo is not None else None
