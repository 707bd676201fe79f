"""Nothing is made up: what an event tells of doors, locks and people has happened.

How the protocol was read: an event was made at `uptime` of its boot, whenever it came. It may tell what was
so within the debounce time and a second before that; what has no debounce time may tell of a bounce. A
motor bolt that is drawn back already is `unlocked` at the next order without a pulse. After a start the first
look at a contact may tell what happened without power (`while_off`). A broken sensor, or one that has
just been mended, may tell anything.
"""

from collections.abc import Callable, Iterator

from host_tools.storm.oracle.broken import MINUTE_US, SECOND_US, Broken, at
from host_tools.storm.oracle.messages import Event
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.spans import Span, Timeline

LOOKS_US = SECOND_US
MENDED_US = 5 * SECOND_US
STARTED_US = 30 * SECOND_US
PULSE_US = 2 * MINUTE_US
"""No pulse is longer."""
SHORT_LIFE_US = 10 * SECOND_US
"""What a board saw in a shorter life it may have forgotten: its next one tells it anew."""
UNNOTICED_US = SECOND_US // 20
"""The inside release is debounced for 10 ms, and looked at again within some more."""
JAMMED_US = 5 * MINUTE_US
"""After its mechanics are well again a lock may be tried, or told of, so late."""
OPEN = {"door.opened": True, "door.forced": True, "door.closed": False, "door.ajar": True}

Check = Callable[[Run, Event, Span], bool]


def events_have_happened(run: Run) -> Iterator[Broken]:
    for event in run.first_events:
        check, what = CHECKS.get(event.type, (None, ""))
        spans = run.lives.made(event.body)
        if check is None or not spans or event.component not in run.components:
            continue
        if not any(check(run, event, span) for span in spans):
            text = f"{event.component} told {event.type} about {at(spans[0].begin_us)}, {what}"
            yield Broken("made up", event.us, text, (event.record,))


def sensor_was_broken(run: Run, component: str, span: Span, after_us: int = MENDED_US) -> bool:
    """Of this component, or of one that it is seen by."""
    facts = run.components.get(component, {})
    groups = ["sensor", "mechanics"] if "debounce_ms" in facts else ["sensor", "mechanics", "bounce"]
    names = [component, *(facts[n] for n in ("lock", "door", "gate", "release", "inside") if facts.get(n))]
    return any(
        fault.meets(span.begin_us - after_us, span.end_us) and any(fault.concerns(n) for n in names)
        for fault in run.faults.of(*groups)
    )


def _door(run: Run, event: Event, span: Span) -> bool:
    door, is_open = event.component, OPEN[event.type]
    begin_us = span.begin_us - LOOKS_US - run.components[door]["debounce_ms"] * 1000
    line, wire = run.doors.get(door, Timeline()), run.wires.get(door, Timeline())
    if event.data.get("while_off") or run.lives.begun_within(begin_us - STARTED_US, span.end_us):
        begin_us = _seen_last(run, span.begin_us)
    if sensor_was_broken(run, door, Span(begin_us, span.end_us)) or wire.changed_in(begin_us, span.end_us):
        return True
    if event.data.get("latch"):
        return _was_unnoticed(run, door, Span(begin_us, span.end_us))
    if is_open not in line.within(begin_us, span.end_us, False):
        return False
    lock = run.components[door].get("lock")
    is_motor = lock is not None and run.components[lock]["actuator"] == "motor"
    return event.type == "door.ajar" or is_motor or line.changed_in(begin_us, span.end_us)


def _seen_last(run: Run, us: int) -> int:
    """When a board surely looked at its contacts and kept what it saw, before this life."""
    lives = [life for life in run.lives.all if life.begin_us <= us]
    for life in reversed(lives[:-1]):
        if life.end_us - life.begin_us > SHORT_LIFE_US:
            return life.end_us - SHORT_LIFE_US
    return run.begin_us


def _released(run: Run, door: str | None, span: Span) -> bool:
    """Somebody pressed the inside release of this door, or let it go."""
    release = run.components.get(str(door), {}).get("release")
    return release is not None and any(
        span.has(r["us"]) and r.get("component", release) == release for r in run.records_of("release")
    )


def _was_unnoticed(run: Run, door: str, span: Span) -> bool:
    """A hand let the latch go, and was on the release of this door too shortly for the board to see it there.
    With any other hand it is none that was lost: it has time to fall again."""
    release = run.components[door].get("release")
    pressed_us: int | None = None
    for record in run.records_of("release"):
        if record.get("component", release) != release:
            continue
        if record["pressed"]:
            pressed_us = record["us"] if pressed_us is None else pressed_us
        elif pressed_us is not None:
            if record["us"] - pressed_us < UNNOTICED_US and span.meets(pressed_us, record["us"]):
                return True
            pressed_us = None
    return False


def _unlocked(run: Run, event: Event, span: Span) -> bool:
    facts = run.components[event.component]
    reach_us = 2 * facts.get("run_ms", 0) * 1000 + 2 * SECOND_US
    return (
        bool(event.data.get("at_boot"))
        or any(
            p.until_us >= span.begin_us - reach_us
            for p in run.pulses_in(event.component, span.begin_us - PULSE_US, span.end_us)
        )
        or (facts["actuator"] == "motor" and run.state_at(event.component, span.begin_us) != "locked")
        or _released(run, facts["door"], Span(_by_hand_since(run, event, span, reach_us), span.end_us))
        or sensor_was_broken(run, event.component, span, MINUTE_US)
    )


def _by_hand_since(run: Run, event: Event, span: Span, reach_us: int) -> int:
    """A motor's bolt stays where the release has drawn it, until the motor has run."""
    if run.components[event.component]["actuator"] != "motor":
        return span.begin_us - reach_us
    pulses = run.pulses_in(event.component, run.begin_us, span.begin_us)
    return min(pulses[-1].start_us if pulses else run.begin_us, span.begin_us - reach_us)


def _pressed(run: Run, event: Event, span: Span) -> bool:
    is_pressed = event.type == "release.pressed"
    near = Span(span.begin_us - LOOKS_US, span.end_us)
    name = event.component
    happened = any(
        near.has(r["us"]) and bool(r["pressed"]) == is_pressed and r.get("component", name) == name
        for r in run.records_of("release")
    )
    started = run.lives.begun_within(near.begin_us - STARTED_US, near.end_us)
    return happened or started or sensor_was_broken(run, event.component, span)


def _occupied(run: Run, event: Event, span: Span) -> bool:
    name, state = event.component, event.data.get("state")
    facts = run.components[name]
    if facts.get("gate") is not None or facts["kind"] == "gate":
        return True
    line = run.people(name)
    hold_us, stuck_us = facts["hold_ms"] * 1000, facts["stuck_ms"] * 1000
    if sensor_was_broken(run, name, span, stuck_us + hold_us + MENDED_US):
        return True
    looks_us, unseen_us = LOOKS_US, 0
    if run.sleeps:  # it does not look for `hold_s`, and for as long again it may be woken
        blind_us = int(run.config["power"]["sleep"].get("hold_s") or 0) * SECOND_US
        looks_us, unseen_us = looks_us + 2 * blind_us, looks_us + blind_us
    if state == "occupied":
        return "occupied" in line.within(span.begin_us - looks_us - hold_us, span.end_us, "free")
    if state == "free":
        return "free" in line.within(span.begin_us - looks_us, span.end_us, "free")
    if any(f.name == "battery" and f.meets(span.begin_us - MINUTE_US, span.end_us) for f in run.faults.spans):
        return True  # it has no power left to look
    long_us = span.end_us - stuck_us + MENDED_US
    pause_us = line.longest("free", long_us, span.begin_us, "free")
    return (
        pause_us is None
        or pause_us < unseen_us
        or run.lives.begun_within(span.begin_us - stuck_us, span.end_us)
    )


def _passed(run: Run, event: Event, span: Span) -> bool:
    near = Span(span.begin_us - LOOKS_US, span.end_us)
    passed = any(
        near.has(r["us"]) and r["component"] == event.component and r["value"] == event.data.get("direction")
        for r in run.records_of("true")
    )
    return passed or sensor_was_broken(run, event.component, span)


def _locked(run: Run, event: Event, span: Span) -> bool:
    """It had been unlocked in this life, or its door stood open."""
    name = event.component
    life = run.lives.at(max(span.begin_us, 0))
    since_us = run.begin_us if life is None else life.begin_us
    line = run.doors.get(run.components[name]["door"], Timeline())
    return (
        bool(run.pulses_in(name, since_us, span.end_us))
        or True in line.within(since_us, span.end_us, False)
        or sensor_was_broken(run, name, Span(since_us, span.end_us), MINUTE_US)
        or run.components[name]["actuator"] == "motor"
    )


def _jammed(run: Run, event: Event, span: Span) -> bool:
    return sensor_was_broken(run, event.component, span, JAMMED_US)


CHECKS: dict[str, tuple[Check, str]] = {
    "door.opened": (_door, "and its contact did not open then"),
    "door.forced": (_door, "and nothing opened it then"),
    "door.closed": (_door, "and its contact did not close then"),
    "door.ajar": (_door, "and it was not open then"),
    "lock.unlocked": (_unlocked, "and there was no pulse"),
    "lock.locked": (_locked, "and it had not been unlocked"),
    "lock.jammed": (_jammed, "and nothing was wrong with it"),
    "release.pressed": (_pressed, "and nobody pressed it"),
    "release.cleared": (_pressed, "and nobody let it go"),
    "occupancy.changed": (_occupied, "which was not so"),
    "gate.passed": (_passed, "and nobody passed"),
}


def access_events_have_orders(run: Run) -> Iterator[Broken]:
    """`access.*` tells of a token that was sent, or of a code that was typed."""
    sent: dict[str | None, int] = {}
    for order in run.orders:
        sent.setdefault(order.jti, order.us)
    typed_us = min((r["us"] for r in run.records_of("code")), default=None)
    for event in run.first_events:
        if not event.type.startswith("access.") or event.us >= sent.get(event.jti, event.us + 1):
            continue
        is_code = event.jti is None or event.jti.startswith("code-")
        unnamed = event.jti is None and bool(sent)
        if unnamed or (is_code and typed_us is not None and typed_us <= event.us):
            continue
        text = f"event {event.seq} ({event.type}) names {event.jti or 'no jti'}, which nobody has sent"
        yield Broken("made up", event.us, text, (event.record,))
