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
        made_us = spans[-1].end_us
        if abs(wrong_s) <= most_s or run.faults.explain(made_us, "clock", after_us=CLOCK_FAULT_US):
            continue
        if _is_as_lied(run, wrong_s, made_us):
            continue
        how = "ahead" if wrong_s > 0 else "behind"
        what = f"event {event.seq} ({event.type}) was made about {at(spans[0].begin_us)}"
        yield Broken(
            "clock",
            event.us,
            f"{what}, and its time is {lasting(int(abs(wrong_s) * 1e6))} {how}",
            (event.record,),
        )


def _is_as_lied(run: Run, wrong_s: float, us: int) -> bool:
    """Ahead by as much as a time server once said, however long ago: that leaves a floor under the clock,
    which stands until an order takes it away. Whether one came before is not looked at."""
    lies = [span.args.get("lie_s", 0) for span in run.faults.of("clock") if span.begin_us <= us]
    return any(lie_s > 0 and abs(wrong_s - lie_s) <= LEEWAY_S for lie_s in lies)


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
