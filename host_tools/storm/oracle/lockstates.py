"""Published states of strikes are true: without a pulse, its door closed, it is locked.

How the protocol was read: a strike holds when nothing drives it; while its door stands open it may be called
`unlocked`. `jammed` and `fault` have a cause in its mechanics or contacts. Of a motor lock no more is judged
than its pulses and its door: where its bolt rests depends on who is inside.
"""

from collections.abc import Iterator

from host_tools.storm.oracle.broken import MINUTE_US, SECOND_US, Broken, at
from host_tools.storm.oracle.madeup import sensor_was_broken
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.spans import Span, Timeline
from host_tools.storm.oracle.stretches import Stretches

RESTS_US = 20 * SECOND_US
"""After a pulse and after its door was closed, until the broker knows that it is locked."""
LONGEST_US = 15 * SECOND_US
LOOKS_US = 5 * SECOND_US
CAUSED_US = 10 * MINUTE_US


def strikes_are_true(run: Run) -> Iterator[Broken]:
    good = Stretches(run).good
    for lock in run.names("lock"):
        facts = run.components[lock]
        if facts["actuator"] == "motor":
            continue
        door = run.doors.get(facts["door"], Timeline())
        said = run.states.get(lock, [])
        ends = [*(us for us, _, _ in said[1:]), run.end_us] if said else []
        for (begin_us, state, record), end_us in zip(said, ends, strict=True):
            word = state["state"]
            if word == "locked":
                continue
            for stretch in good:
                first_us, last_us = max(begin_us, stretch.begin_us), min(end_us, stretch.end_us)
                us = _rested_us(run, lock, door, first_us, last_us)
                if us is not None and not sensor_was_broken(run, lock, Span(begin_us - CAUSED_US, us)):
                    text = f"{lock} was `{word}` at {at(us)}, with its door closed and without a pulse"
                    yield Broken("states", us, text, (record,))
                    break


def _rested_us(run: Run, lock: str, door: Timeline, begin_us: int, end_us: int) -> int | None:
    """The first time in this stretch at which it has been at rest for long enough."""
    us = begin_us + RESTS_US
    pulses = run.pulses_in(lock, begin_us - LONGEST_US, end_us)
    while us < end_us:
        busy_us = max((p.until_us for p in pulses if p.start_us <= us), default=0)
        is_open = True in door.within(us - RESTS_US, us, False)
        if not is_open and busy_us + RESTS_US <= us:
            return us
        us = max(busy_us + RESTS_US, us + LOOKS_US)
    return None
