"""How an order is said to have ended is how it ended.

How the protocol was read: `done` of an unlock means that the door's contact was seen open after the order was
accepted; `not_opened` that it was not, all the time; `power` that a life of the board ended meanwhile, or
that its lock had no turn at the supply; `jammed` and `contact` have a cause in mechanics or contacts (or an
order to lock, which tells of more).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from host_tools.storm.oracle.broken import MINUTE_US, SECOND_US, Broken, at
from host_tools.storm.oracle.madeup import sensor_was_broken
from host_tools.storm.oracle.messages import Ack, Event
from host_tools.storm.oracle.permits import EARLY_US, TURN_US, Permit, permits
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.spans import Span, Timeline

STAYS_US = 2 * SECOND_US
NOTICED_US = SECOND_US // 10
"""A door that was closed so shortly before counts as open still: its contact is debounced."""


def ends_are_true(run: Run) -> Iterator[Broken]:
    accepted = {p.jti: p for list_ in permits(run).values() for p in list_}
    for event in run.first_events:
        permit, spans = accepted.get(event.jti or ""), run.lives.made(event.body)
        is_end = event.type in ("access.done", "access.failed") and event.data.get("act") == "unlock"
        if permit is None or not is_end or len(spans) != 1:
            continue
        door = run.components[permit.lock]["door"]
        near = Span(permit.begin_us - MINUTE_US, spans[0].end_us)
        reason = event.data.get("reason")
        if sensor_was_broken(run, door, near) and reason != "power":
            continue
        text = _wrong(run, event, door, permit, spans[0])
        if text:
            jti, lock = event.jti, permit.lock
            yield Broken("orders", event.us, f"order {jti} for {lock} {text}", (event.record,))


def events_agree_with_answers(run: Run) -> Iterator[Broken]:
    """`access.*` of an order and what was answered say the same."""
    answers: dict[str | None, list[Ack]] = defaultdict(list)
    for ack in run.acks:
        answers[ack.jti].append(ack)
    handed = Counter(record.get("jti") for record in run.records_of("deliver"))
    for event in run.first_events:
        result = event.type.removeprefix("access.")
        if result == event.type or event.jti is None:
            continue
        group = ("done", "failed") if result in ("done", "failed") else ("accepted", "rejected")
        heard = [a for a in answers[event.jti] if a.result in group]
        reason = event.data.get("reason")
        if len(heard) < handed[event.jti] and group[0] == "accepted":
            continue  # it came more than once, and an answer was lost
        if heard and not any(a.result == result and a.reason == reason for a in heard):
            was = " and ".join(sorted({f"{a.result} ({a.reason})" for a in heard}))
            text = f"event {event.seq} says {result} ({reason}) of order {event.jti}, the answer was {was}"
            yield Broken("orders", event.us, text, (heard[0].record, event.record))


def _wrong(run: Run, event: Event, door: str, permit: Permit, made: Span) -> str:
    begin_us = permit.begin_us
    line, reason = run.doors.get(door, Timeline()), event.data.get("reason")
    if event.type == "access.done":
        if True not in line.within(begin_us - NOTICED_US, made.end_us, False):
            return f"is done about {at(made.begin_us)}, and {door} was not open"
    elif reason == "not_opened":
        if _was_open(line, begin_us + 2 * EARLY_US, made.begin_us):
            return f"failed with not_opened about {at(made.begin_us)}, and {door} was open"
    elif reason == "power":
        moved = bool(run.pulses_in(permit.lock, begin_us, made.end_us))
        waited = not moved and made.end_us - begin_us >= TURN_US
        if not waited and not run.lives.ends.within(begin_us, event.us):
            return "failed with power, and the power was there"
    elif reason == "jammed":
        return "is jammed, and nothing is wrong with it"
    return ""


def _was_open(line: Timeline, begin_us: int, end_us: int) -> bool:
    """For long enough to be seen."""
    return any(
        is_open and min(next_us, end_us) - max(us, begin_us) >= STAYS_US
        for us, next_us, is_open in line.pieces(end_us)
    )
