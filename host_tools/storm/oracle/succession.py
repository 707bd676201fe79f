"""Events of a component follow one another as what they tell of can: nothing opens twice, counts go by one,
and a door that was opened was opened by something.

How the protocol was read: within a boot each event names a change, so that a door is closed before it opens
again; after `fault`, and where the boot is another one, nothing is known of what was before. A dropped event
would leave a gap: then nothing is judged. A motor's bolt may be moved by the inside release without a word of
its lock.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from host_tools.storm.oracle.agreement import moved_by_hand
from host_tools.storm.oracle.broken import MINUTE_US, SECOND_US, Broken
from host_tools.storm.oracle.madeup import sensor_was_broken
from host_tools.storm.oracle.messages import Event
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.spans import Span
from host_tools.storm.oracle.told import is_complete

NEVER_AFTER = {
    "door.opened": ("door.opened", "door.ajar"),
    "door.closed": ("door.closed",),
    "door.ajar": ("door.closed",),
    "door.forced": ("door.opened", "door.ajar"),
    "lock.locked": ("lock.locked",),
    "release.pressed": ("release.pressed",),
    "release.cleared": ("release.cleared",),
}
"""What cannot be told right after one of these."""
RELEASED_US = 30 * SECOND_US
"""So long after the inside release was let go a door may be told as opened by it."""


def events_follow(run: Run) -> Iterator[Broken]:
    for event, before in _pairs(run):
        is_motor = run.components.get(event.component, {}).get("actuator") == "motor"
        wrong = before.type in NEVER_AFTER.get(event.type, ()) and not (
            is_motor and event.type == "lock.locked"
        )
        wrong = wrong or (event.type == before.type == "occupancy.changed" and _same(event, before))
        wrong = wrong or (event.type == before.type == "device.tamper" and _same(event, before))
        wrong = wrong or (event.type == before.type == "gate.passed" and not _counts(event, before))
        if wrong:
            told = f"{before.type} {before.data} and then {event.type} {event.data}"
            text = f"{event.component} told {told}, events {before.seq} and {event.seq}"
            yield Broken("made up", event.us, text, (before.record, event.record))


def strikes_open_by_order(run: Run) -> Iterator[Broken]:
    """A strike is released by nothing else but an order, or by hand from inside: `door.opened` of its door
    names what it was, whatever its contact says."""
    for event in run.first_events:
        lock = run.components.get(event.component, {}).get("lock")
        if event.type != "door.opened" or lock is None or run.components[lock]["actuator"] != "strike":
            continue
        if any(event.data.get(name) for name in ("jti", "release", "while_off")):
            continue
        spans = run.lives.made(event.body) or [Span(run.begin_us, event.us)]
        faults = [f for f in run.faults.of("sensor", "mechanics") if f.concerns(lock)]
        if not any(f.meets(s.begin_us - MINUTE_US, s.end_us) for f in faults for s in spans):
            text = f"{event.component} told {event.type}, and nothing that released its lock"
            yield Broken("told", event.us, text, (event.record,))


@dataclass
class Known:
    """Of a lock within a boot: its newest event, and whose orders it has taken since it was locked."""

    since_seq: int
    """What was told from here on is all that there was."""
    lock: Event | None = None
    orders: set[str | None] = field(default_factory=set)


def openings_have_a_cause(run: Run) -> Iterator[Broken]:
    """A door with a lock says what opened it, and that was so; `forced` is one that was locked."""
    known: dict[tuple[str, str], Known] = {}
    begins: dict[str, int] = {}
    before_seq = 0
    for event in sorted(run.first_events, key=lambda e: e.seq):
        boot = str(event.body.get("bootid"))
        begin_seq = begins.setdefault(boot, before_seq)
        before_seq = event.seq
        here = known.setdefault((boot, event.component), Known(begin_seq))
        if event.type.startswith("lock."):
            here.lock = event
        if event.type == "lock.locked":
            here.orders.clear()
            here.since_seq = event.seq
        elif event.type in ("access.accepted", "lock.unlocked"):
            here.orders.add(event.jti)
        lock = run.components.get(event.component, {}).get("lock")
        if lock is None or event.type not in ("door.opened", "door.forced"):
            continue
        of_lock = known.setdefault((boot, lock), Known(begin_seq))
        if bisect_left(run.missing, of_lock.since_seq) != bisect_left(run.missing, event.seq):
            continue  # what tells more may have been dropped
        text = _wrong(run, event, of_lock)
        if text:
            told = f"{event.component} told {event.type} {event.data}"
            yield Broken("told", event.us, f"{told}, and {text}", (event.record,))


def _wrong(run: Run, event: Event, known: Known) -> str:
    lock = known.lock
    if event.data.get("while_off") or event.data.get("latch"):
        return ""
    if event.type == "door.forced":
        return "its lock was told unlocked" if lock is not None and lock.type == "lock.unlocked" else ""
    spans = run.lives.made(event.body)
    if event.data.get("release"):
        wrong = spans and not any(_by_hand(run, event, span) for span in spans)
        return "nobody had pressed the release" if wrong else ""
    jti = event.data.get("jti")
    if jti is None:
        if lock is None or lock.type != "lock.locked":
            return ""
        spans = _between(run, lock, event)
        hands = moved_by_hand(run, lock.component, lock.component)
        return "" if any(s.has(us) for s in spans for us in hands) else "its lock was told locked"
    return "no such order was for its lock, or it was locked again" if jti not in known.orders else ""


def _between(run: Run, lock: Event, event: Event) -> list[Span]:
    """From when the lock may have been locked until the door was open: one for each life of the board in
    which that can have been."""
    opened = run.lives.made(event.body)
    since_us = (int(event.body["uptime"]) - int(lock.body["uptime"]) + 1) * SECOND_US
    spans = [Span(span.begin_us - since_us, span.end_us) for span in opened]
    return spans or [Span(lock.us - MINUTE_US, event.us)]


def _by_hand(run: Run, event: Event, span: Span) -> bool:
    release = run.components[event.component].get("release")
    if release is None:
        return False
    if sensor_was_broken(run, release, span, RELEASED_US):
        return True
    is_pressed, at_us = False, run.begin_us
    for record in run.records_of("release"):
        if record.get("component", release) == release and record["us"] <= span.end_us:
            is_pressed, at_us = record["pressed"], record["us"]
    return is_pressed or at_us >= span.begin_us - RELEASED_US


def _pairs(run: Run) -> Iterator[tuple[Event, Event]]:
    """Each event and the one before of its component, in one boot and without a gap."""
    newest: dict[tuple[str, str], Event] = {}
    for event in sorted(run.first_events, key=lambda e: e.seq):
        if event.type.startswith("access."):
            continue
        key = (str(event.body.get("bootid")), event.component)
        before = newest.get(key)
        if before is not None and _nothing_between(run, before, event):
            yield event, before
        newest[key] = event


def _nothing_between(run: Run, before: Event, event: Event) -> bool:
    """No number is missing that may have told of this component."""
    if is_complete(run, event.component):
        return True
    return bisect_left(run.missing, before.seq) == bisect_left(run.missing, event.seq)


def _same(event: Event, before: Event) -> bool:
    return all(event.data.get(name) == before.data.get(name) for name in ("state", "count", "open"))


def _counts(event: Event, before: Event) -> bool:
    """One more or one less, but never below none."""
    count, was = event.data.get("count"), before.data.get("count")
    if count is None or was is None:
        return True
    return bool(count == (was + 1 if event.data.get("direction") == "in" else max(was - 1, 0)))
