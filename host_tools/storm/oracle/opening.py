"""Nothing opens for nobody.

How the protocol was read: one order moves its lock in one go. A strike is energised for `release_ms` at most
in it; a motor runs twice a way at most, draws its bolt back, and locks again by itself once the door has
been closed, however long that takes.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator

from host_tools.storm.oracle.broken import MINUTE_US, SECOND_US, Broken, at, lasting
from host_tools.storm.oracle.messages import Pulse
from host_tools.storm.oracle.permits import Permit, permits, typed
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.spans import Timeline

NEWEST = 30
"""So many permits of a lock are looked at for a pulse: no more can be in line."""
STRIKE_PULSES = 3
MOTOR_PULSES = 10
FOLLOWS_US = 200_000
"""A door that is pulled open when the pulse has just ended: the latch falls within this."""
LOCKS_ITSELF_US = 30 * SECOND_US
"""A motor lock locks by itself about so soon after its door was closed (two tries, and the wait for them)."""
NOTICES_US = SECOND_US // 20
"""Until a board has noticed a door that was opened, beyond the time for which its contact is debounced."""
GOES_BACK_US = 5 * SECOND_US


def pulses_have_a_cause(run: Run) -> Iterator[Broken]:
    """Every pulse lies within an accepted good order or code for that lock; each allows a bounded number."""
    allowed = permits(run)
    used: dict[str, list[Pulse]] = defaultdict(list)
    for pulse in run.pulses:
        permit = _permit_of(allowed.get(pulse.lock, []), pulse.start_us)
        if permit is not None:
            used[permit.jti].append(pulse)
        elif not (_is_motor(run, pulse) and (_locks_itself(run, pulse) or _goes_back(run, pulse))):
            long = lasting(pulse.until_us - pulse.start_us)
            text = f"{pulse.lock} pulsed at {at(pulse.start_us)} for {long} without an order"
            yield Broken("opening", pulse.start_us, text, (pulse.record,))
    for jti, pulses in used.items():
        facts = run.components[pulses[0].lock]
        is_motor = facts["actuator"] == "motor"
        most = MOTOR_PULSES if is_motor else STRIKE_PULSES
        if is_motor and len(pulses) > most:  # where its time is not known well, it covers others' bolts, too
            pulses = [p for p in pulses if not (_locks_itself(run, p) or _goes_back(run, p))]
        total_us = sum(p.until_us - p.start_us for p in pulses)
        records = tuple(p.record for p in pulses)
        if len(pulses) > most:
            text = f"order {jti} pulsed {pulses[0].lock} {len(pulses)} times"
            yield Broken("opening", pulses[-1].start_us, text, records)
        elif not is_motor and total_us > facts["release_ms"] * 1000 + SECOND_US:
            text = f"order {jti} held {pulses[0].lock} for {lasting(total_us)}, more than its window"
            yield Broken("opening", pulses[-1].start_us, text, records)


def _permit_of(allowed: list[Permit], us: int) -> Permit | None:
    """The newest that covers it."""
    place = bisect_right(allowed, us, key=lambda permit: permit.begin_us)
    return next((p for p in reversed(allowed[max(place - NEWEST, 0) : place]) if p.has(us)), None)


def _locks_itself(run: Run, pulse: Pulse) -> bool:
    """A motor's bolt goes out by itself after its door was closed, or its room left, in this life; a contact
    that chatters says closed of an open one, too."""
    door = run.components[pulse.lock]["door"]
    us = pulse.start_us
    noticed_us = run.components[door]["debounce_ms"] * 1000 + NOTICES_US
    is_open = all(run.doors.get(door, Timeline()).at(then_us, False) for then_us in (us - noticed_us, us))
    near = run.doors.get(door, Timeline()).changed_in(us - LOCKS_ITSELF_US, us)
    left = any(us - 2 * MINUTE_US <= r["us"] <= us for k in ("inside", "release") for r in run.records_of(k))
    explained = run.faults.explain(us, "mechanics", "sensor", "bounce", after_us=2 * MINUTE_US)
    chatters = any(f.has(us, after_us=2 * MINUTE_US) and f.concerns(door) for f in run.faults.of("sensor"))
    return chatters or (not is_open and (near or left or explained or _was_unlocked_blind(run, pulse)))


def _was_unlocked_blind(run: Run, pulse: Pulse) -> bool:
    """An order found the bolt drawn back, or drew it back, when the board had just started, nobody opened,
    or its door was closed then. It goes out once it is known that nobody is inside, which takes the sensor
    its hold time."""
    us = pulse.start_us
    life = run.lives.at(us)
    if life is None or us - life.begin_us > 2 * MINUTE_US:
        return False
    closed = run.doors.get(run.components[pulse.lock]["door"], Timeline()).changed_in(life.begin_us, us)
    told = [e for e in run.first_events if e.type == "lock.unlocked" and e.component == pulse.lock]
    stood = any(life.begin_us <= e.us <= us and e.jti is not None for e in told)
    return closed or stood or bool(run.pulses_in(pulse.lock, life.begin_us, us - 1))


def _is_motor(run: Run, pulse: Pulse) -> bool:
    return bool(run.components[pulse.lock]["actuator"] == "motor")


def _goes_back(run: Run, pulse: Pulse) -> bool:
    """A motor's bolt is drawn back where its door is forced open while it goes out, and where it looks half
    out when the release is let go: so it does while its contacts are broken."""
    us = pulse.start_us
    let_go = [r["us"] for r in run.records_of("release") if not r["pressed"]]
    release = run.components[run.components[pulse.lock]["door"]].get("release")
    if release is not None:  # one that was stuck may look let go when it is mended
        let_go += [f.end_us for f in run.faults.of("sensor", "bounce") if f.concerns(release)]
    is_let_go = any(us - GOES_BACK_US <= t <= us for t in let_go)
    if is_let_go and any(f.has(us) and f.concerns(pulse.lock) for f in run.faults.of("sensor", "mechanics")):
        return True
    is_open = run.doors.get(run.components[pulse.lock]["door"], Timeline()).at(us, False)
    before = run.pulses_in(pulse.lock, us - GOES_BACK_US, us - 1)
    return is_open and any(_locks_itself(run, earlier) for earlier in before)


def pulled_doors_were_released(run: Run) -> Iterator[Broken]:
    """A door that is pulled open is one whose lock was released then, by a pulse or by hand from inside."""
    was_open: dict[str, bool] = {}
    for record in run.records_of("door"):
        door, us = record["door"], record["us"]
        opened = record["open"] and not was_open.get(door, False)
        was_open[door] = record["open"]
        lock = run.components[door].get("lock")
        if not opened or record["by"] != "pull" or lock is None:
            continue
        is_motor = run.components[lock]["actuator"] == "motor"
        since_us = run.begin_us if is_motor else us - MINUTE_US
        pulses = run.pulses_in(lock, since_us, us)
        released = any(is_motor or us <= p.until_us + FOLLOWS_US for p in pulses)
        if not released and not _by_hand(run, us, door, is_motor) and not _let_go(run, us, lock, door):
            text = f"{door} was pulled open at {at(us)}, and {lock} had not been released"
            yield Broken("opening", us, text, (record,))


def _by_hand(run: Run, us: int, door: str, is_motor: bool) -> bool:
    if run.components[door].get("release") is None:
        return False
    own = run.components[door]["release"]
    pressed = [r for r in run.records_of("release") if r["us"] <= us and r.get("component", own) == own]
    return bool(pressed) and (is_motor or bool(pressed[-1]["pressed"]))


def _let_go(run: Run, us: int, lock: str, door: str) -> bool:
    """Its mechanics failed: a latch that falls by itself."""
    spans = run.faults.of("mechanics")
    return any(s.has(us, after_us=MINUTE_US) and (s.concerns(lock) or s.concerns(door)) for s in spans)


def codes_open_once(run: Run) -> Iterator[Broken]:
    """A code was typed before it was accepted."""
    for event in run.first_events:
        if event.type != "access.accepted" or not (event.jti or "").startswith("code-"):
            continue
        spans = run.lives.made(event.body)
        if spans and not any(typed(run, event, span) for span in spans):
            text = f"{event.jti} was accepted, and nobody had typed a right code for {event.component}"
            yield Broken("opening", event.us, text, (event.record,))


def used_stays_used(run: Run) -> Iterator[Broken]:
    """No token is accepted in two lives of the board: what is used stays used over every power cut."""
    first: dict[str, tuple[int, str]] = {}
    for ack in run.acks:
        if ack.result != "accepted" or ack.jti is None:
            continue
        key = f"{ack.reason}/{ack.time}"
        us, before = first.setdefault(ack.jti, (ack.us, key))
        life, now = run.lives.at(us), run.lives.at(ack.us)
        if key != before and life is not None and now is not None and life.n != now.n:
            text = f"order {ack.jti} was accepted at {at(us)} and again after a restart"
            yield Broken("opening", ack.us, text, (ack.record,))
