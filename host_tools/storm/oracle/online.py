"""The board comes back online within a bound, and stays so when all is calm."""

from collections.abc import Iterator

from host_tools.storm.oracle.broken import Broken, at, lasting
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.stretches import Stretches, back_online_us, offline


def comes_back(run: Run) -> Iterator[Broken]:
    """It is never offline for longer than the bound with nothing in the way."""
    if run.sleeps:
        return
    bound_us, free = back_online_us(run), Stretches(run).undisturbed
    for away in offline(run):
        for stretch in free:
            if not stretch.meets(away.begin_us, away.end_us):
                continue
            begin_us = max(away.begin_us, stretch.begin_us)
            long_us = min(away.end_us, stretch.end_us) - begin_us
            if long_us > bound_us:
                text = f"offline for {lasting(long_us)} from {at(begin_us)} on, with nothing in the way"
                yield Broken("online", begin_us + bound_us, f"{text}; {lasting(bound_us)} are the bound")


def stays(run: Run) -> Iterator[Broken]:
    """In the calm phase it is online after the bound, and no connection goes."""
    if run.calm_us is None or run.sleeps:
        return
    from_us = run.calm_us + back_online_us(run)
    for record in run.records_of("gone"):
        if record["us"] > from_us:
            text = f"the connection went in the calm phase ({record.get('why')})"
            yield Broken("online", record["us"], text, (record,))
    if run.end_us > from_us and any(span.end_us == run.end_us for span in offline(run)):
        yield Broken("online", run.end_us, "offline at the end of the calm phase")
