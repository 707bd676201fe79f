"""What happens is told: doors, gates, releases and codes, each by the event that fits.

How the protocol was read: what lasts longer than the debounce time and a second is told by a board that is up
and whose sensor is whole, however long the event then waits. A strike's door that is opened by force while no
order runs is `door.forced`, one that is pulled open in the window of an order is `door.opened`.
Where a motor's bolt is, or whether the release moved it, may make a difference, so its doors may say either.
"""

from collections.abc import Iterator

from host_tools.storm.oracle.broken import MINUTE_US, SECOND_US, Broken, Record, at
from host_tools.storm.oracle.dropping import only_ordinary
from host_tools.storm.oracle.madeup import sensor_was_broken
from host_tools.storm.oracle.messages import Event
from host_tools.storm.oracle.permits import Permit, permits
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.spans import Span
from host_tools.storm.oracle.stretches import offline
from host_tools.storm.oracle.trust import Trust

LASTS_US = SECOND_US
SEEN_US = 3 * SECOND_US
"""Before and after it: longer than the board looks, and than it keeps an event in RAM alone."""
STARTED_US = 20 * SECOND_US
BROKEN_US = MINUTE_US
WINDOW_US = 15 * SECOND_US
LOCKED_US = 3_700 * SECOND_US
"""A keypad is locked for an hour at most."""


def was_awake(run: Run, us: int) -> bool:
    """It had started a while before, stayed on for a while after, and heap and flash were well."""
    life = run.lives.at(us)
    return (
        life is not None
        and life.begin_us + STARTED_US <= us <= life.end_us - SEEN_US
        and us + MINUTE_US <= run.end_us
        and not any(s.meets(us - MINUTE_US, us + BROKEN_US) for s in run.faults.of("heap", "flash", "power"))
    )


def is_complete(run: Run, component: str, us: int | None = None) -> bool:
    """Nothing of it was dropped, or nothing about then: what did not come was not told."""
    if not run.dropped:
        return True
    kind = run.components.get(component, {}).get("kind")
    if kind not in ("occupancy", "gate") and only_ordinary(run):
        return True
    return us is not None and not any(gap.has(us, SEEN_US, SEEN_US) for gap in run.gaps)


def _told(run: Run, component: str, *types: str) -> list[tuple[Span, Event]]:
    return [
        (span, event)
        for event in run.first_events
        if event.component == component and event.type in types
        for span in run.lives.made(event.body)
    ]


def doors_are_told(run: Run) -> Iterator[Broken]:
    allowed, away = permits(run), offline(run)
    for door in run.names("door"):
        told = _told(run, door, "door.opened", "door.closed", "door.forced", "door.fault")
        least_us = run.components[door]["debounce_ms"] * 1000 + LASTS_US
        changes = _changes(run, door)
        for place, record in enumerate(changes):
            us = record["us"]
            before_us = changes[place - 1]["us"] if place else run.begin_us
            after_us = changes[place + 1]["us"] if place + 1 < len(changes) else run.end_us
            is_short = us - before_us < least_us or after_us - us < least_us
            near = Span(us - BROKEN_US, us + SEEN_US)
            if is_short or not was_awake(run, us) or not is_complete(run, door, us):
                continue
            if sensor_was_broken(run, door, near):
                continue
            was_online = not any(s.has(us, after_us=SEEN_US) for s in away)
            types = _types(run, door, record, allowed, was_online)
            found = [e for span, e in told if span.begin_us - 2 * SECOND_US <= us <= span.end_us]
            if any(event.type in types for event in found):
                continue
            how = f"opened ({record['by']})" if record["open"] else "closed"
            said = ", ".join(sorted({e.type for e in found})) or "nothing"
            text = f"{door} {how} at {at(us)}; told was {said}, not {' or '.join(types)}"
            yield Broken("told", us, text, (record, *(e.record for e in found)))


def _changes(run: Run, door: str) -> list[Record]:
    found: list[Record] = []
    is_open = False
    for record in run.records_of("door"):
        if record["door"] == door and record["open"] != is_open:
            is_open = record["open"]
            found.append(record)
    return found


def _types(
    run: Run, door: str, record: Record, allowed: dict[str, list[Permit]], was_online: bool
) -> tuple[str, ...]:
    us, facts, lock = record["us"], run.lock_of(door), run.components[door].get("lock")
    if not record["open"]:
        return ("door.closed",)
    if facts is None or lock is None:
        return ("door.opened", "door.forced")
    ordered = any(p.has(us, WINDOW_US, WINDOW_US) for p in allowed.get(lock, ()))
    if facts["actuator"] == "motor":
        was_locked = (
            was_online and run.state_at(lock, us) == "locked" and not run.pulses_in(lock, us - MINUTE_US, us)
        )
        by_force = record["by"] == "force" and was_locked and not ordered
        return ("door.forced", "door.fault") if by_force else ("door.opened", "door.forced", "door.fault")
    release = run.components[door].get("release")
    by_hand = release is not None and any(
        us - WINDOW_US <= r["us"] <= us + SECOND_US for r in run.records_of("release")
    )
    if record["by"] == "force" and not ordered and not by_hand:
        return ("door.forced",)
    return ("door.opened",) if record["by"] == "pull" else ("door.opened", "door.forced")


def gates_are_told(run: Run) -> Iterator[Broken]:
    """Each passage has an event of its own. Those that must be told have the first choice: where the events
    of some were dropped, these would take those of the next, and so on to the end of a crowd."""
    for gate in run.names("gate"):
        free = _told(run, gate, "gate.passed")
        passages = [
            (must_be_told(run, gate, record["us"]), record)
            for record in run.records_of("true")
            if record["component"] == gate and record["value"] in ("in", "out")
        ]
        for must, record in sorted(passages, key=lambda passage: not passage[0]):
            us, direction = record["us"], record["value"]
            place = next((i for i, (span, e) in enumerate(free) if _fits(span, e, us, direction)), None)
            if place is not None:
                del free[place]
            elif must:
                text = f"somebody went {direction} through {gate} at {at(us)}, and no event tells of it"
                yield Broken("told", us, text, (record,))


def must_be_told(run: Run, gate: str, us: int) -> bool:
    if sensor_was_broken(run, gate, Span(us - BROKEN_US, us + SEEN_US)):
        return False
    return was_awake(run, us) and is_complete(run, gate, us)


def _fits(span: Span, event: Event, us: int, direction: str) -> bool:
    is_then = span.begin_us - SECOND_US <= us <= span.end_us
    return is_then and event.data.get("direction") == direction


def codes_are_taken(run: Run) -> Iterator[Broken]:
    """A right code, typed for the first time while the board knows the time, is answered for its lock."""
    trust = Trust(run)
    types = ("access.accepted", "access.rejected")
    answered = [(s, e) for n in run.components for s, e in _told(run, n, *types)]
    locked = [e.us for e in run.first_events if e.type == "keypad.locked"]
    for record in run.records_of("code"):
        us = record["us"]
        if not (record["digits_ok"] and record.get("first", False)) or not was_awake(run, us):
            continue
        if not is_complete(run, "device", us):
            continue
        in_doubt = trust.may_be_low(us) or any(s.begin_us <= us for s in run.faults.of("clock"))
        if in_doubt or any(us - LOCKED_US <= t <= us + MINUTE_US for t in locked):
            continue
        if not any(s.begin_us - 2 * SECOND_US <= us <= s.end_us for s, _ in answered):
            text = f"a right code for {record.get('lock')} was typed at {at(us)}, and nothing came of it"
            yield Broken("told", us, text, (record,))
