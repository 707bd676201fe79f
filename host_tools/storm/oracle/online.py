"""The board comes back online within a bound, and stays so when all is calm."""

from collections.abc import Iterator

from host_tools.storm.oracle.broken import SECOND_US, Broken, at, lasting
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.stretches import STARTS_US, Stretches, back_online_us, offline

LINK_US = 10 * SECOND_US
"""Of real hardware: a link that joins again, where no start has to be waited for."""


def comes_back(run: Run) -> Iterator[Broken]:
    """It is never offline for longer than the bound with nothing in the way."""
    if run.sleeps:
        return
    free = Stretches(run).undisturbed
    for away in offline(run):
        for stretch in free:
            if not stretch.meets(away.begin_us, away.end_us):
                continue
            begin_us = max(away.begin_us, stretch.begin_us)
            bound_us = _bound_us(run, begin_us)
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


def _bound_us(run: Run, begin_us: int) -> int:
    """After a start no dead connection has to be noticed, and without one nothing has to start: 44 s and 59 s
    with the defaults."""
    mqtt = run.config["mqtt"]
    tries_us: int = (mqtt["backoff_cap_ms"] + 2 * mqtt["connect_ms"]) * 1000
    if run.lives.begun_within(begin_us - 2, begin_us):
        return tries_us + STARTS_US
    noticed_us: int = (mqtt["keepalive_s"] * 1000 + mqtt["ack_ms"]) * 1000
    return noticed_us + tries_us + LINK_US
