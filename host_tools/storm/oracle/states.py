"""Published states are true of doors and courts.

How the protocol was read: a state is due within debounce (or hold) time and a bound for its way to the
broker. A court without a pause in its motion for `stuck_ms` may be `unknown`, for a stuck sensor looks like
that, and for as long after it; so may one that sees people in more than one way, or counts them. With a
sensor out of order, `free` needs another one that sees the court; `lost` then says which one is out of order.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from host_tools.storm.oracle.broken import MINUTE_US, SECOND_US, Broken, Record, at, lasting
from host_tools.storm.oracle.lives import SETTLES_US
from host_tools.storm.oracle.messages import Json
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.spans import FaultSpan, Span, Timeline
from host_tools.storm.oracle.stretches import Stretches

WAY_US = 4 * SECOND_US
"""From the board to the broker, behind what else waits, on a whole network."""
MENDED_US = 10 * SECOND_US
EARLY_US = SECOND_US
OPEN_STATES = ("open", "ajar", "forced")
SENSORS = {"pir_fails": "pir", "radar": "radar", "tof_fails": "tof"}
SEEN_US = {"pir": 30 * SECOND_US, "radar": 3 * MINUTE_US, "tof": MINUTE_US}
"""The longest until a sensor that fails is not heard any more: noise must stand still for a while."""


def doors_are_true(run: Run) -> Iterator[Broken]:
    stretches = Stretches(run)
    for door in run.names("door"):
        facts, lock = run.components[door], run.lock_of(door)
        tells_bolt = lock is not None and (lock["actuator"] == "motor" or lock.get("latch") is not None)
        broken = [Span(f.begin_us, f.end_us + MENDED_US) for f in _faults(run, door, facts.get("lock"))]
        good = stretches.good_without([*broken, *_cut(run, door)])
        line = run.doors.get(door, Timeline())
        yield from _judge(run, door, line, facts["debounce_ms"] * 1000 + WAY_US, good, _Door(tells_bolt))


def contacts_are_true(run: Run) -> Iterator[Broken]:
    """Of inside releases and housings."""
    stretches = Stretches(run)
    for name in (*run.names("release"), *run.names("tamper")):
        good = stretches.good_without([Span(f.begin_us, f.end_us + MENDED_US) for f in _faults(run, name)])
        line, is_release = Timeline(), run.components[name]["kind"] == "release"
        for record in run.records_of("release" if is_release else "true"):
            if record.get("component", name) == name:
                value = record["pressed" if is_release else "value"]
                if value in (True, False, "open", "closed"):
                    line.change(record["us"], value)
        pressed = _Contact(False, {True: "pressed", False: "clear"})
        truth = pressed if is_release else _Contact("closed", {"open": "open", "closed": "closed"})
        yield from _judge(run, name, line, WAY_US, good, truth)


def courts_are_true(run: Run) -> Iterator[Broken]:
    if run.sleeps:
        return
    stretches = Stretches(run)
    for court in run.names("occupancy"):
        facts = run.components[court]
        hold_us, stuck_us = facts["hold_ms"] * 1000, facts["stuck_ms"] * 1000
        is_simple = sum(1 for name in ("pir", "radar", "tof", "gate") if facts.get(name)) == 1
        after_us = stuck_us + hold_us + MENDED_US
        broken = [Span(f.begin_us, f.end_us + after_us) for f in _faults(run, court, facts.get("gate"))]
        line = run.people(court)
        truth = _Court(run, line, stuck_us, is_simple, facts.get("gate"))
        yield from _judge(run, court, line, hold_us + WAY_US, stretches.good_without(broken), truth)


class _Door:
    otherwise: Any = False

    def __init__(self, tells_bolt: bool) -> None:
        self._tells_bolt = tells_bolt

    def agrees(self, is_open: Any, state: str, us: int) -> bool:
        if is_open:
            return state in OPEN_STATES or (state == "unknown" and self._tells_bolt)
        return state == "closed" or (state == "forced" and self._tells_bolt)

    def word(self, is_open: Any) -> str:
        return "open" if is_open else "closed"


class _Contact:
    """A release or a housing: what is said of it is one word for each of two things."""

    def __init__(self, otherwise: Any, words: dict[Any, str]) -> None:
        self.otherwise, self._words = otherwise, words

    def agrees(self, truth: Any, state: str, us: int) -> bool:
        return state == self._words[truth]

    def word(self, truth: Any) -> str:
        return self._words[truth]


class _Court:
    otherwise: Any = "free"

    def __init__(self, run: Run, line: Timeline, stuck_us: int, is_simple: bool, gate: str | None) -> None:
        self._line, self._stuck_us, self._is_simple = line, stuck_us, is_simple
        self._counts = Timeline()
        for us, state, _ in run.states.get(gate, []) if gate is not None else []:
            self._counts.change(us, state["state"])

    def agrees(self, people: Any, state: str, us: int) -> bool:
        if state == "unknown":
            return not self._is_simple or _no_pause(self._line, us, self._stuck_us)
        if state == "occupied" and "occupied" in self._counts.within(us - WAY_US, us):
            return True  # counts drift, and an order may have set them
        return bool(state == people)

    def word(self, people: Any) -> str:
        return str(people)


def broken_sensors_do_not_say_free(run: Run) -> Iterator[Broken]:
    """`free` is no state of a court whose only sensor is out of order; with others, `lost` tells of it."""
    if run.sleeps:
        return
    good = Stretches(run).good
    for court in run.names("occupancy"):
        facts = run.components[court]
        whole = sum(1 for name in ("pir", "radar", "tof") if facts.get(name))
        faults = _faults(run, court, None)
        for fault in faults:
            sensor = SENSORS.get(fault.name)
            if sensor is None:
                continue
            from_us = fault.begin_us + SEEN_US[sensor] + facts["hold_ms"] * 1000
            others = [f.begin_us for f in faults if f.name == fault.name and f.begin_us > fault.begin_us]
            end_us = min([fault.end_us, *others])  # it fails in another way then, and may be heard again
            for us, state, record in _said(run, court, from_us, end_us, good):
                if state["state"] == "free" and not (whole > 1 and sensor in (state.get("lost") or ())):
                    text = f"{court} was `free` at {at(us)}, and its {sensor} had been out of order"
                    text += f" since {at(fault.begin_us)}"
                    yield Broken("states", us, text, (record,))
                    break


def free_is_earned(run: Run) -> Iterator[Broken]:
    """After a start nobody knows who is there: a motion sensor says `free` once it has been still for the
    hold time, and not before."""
    for name in (*run.names("occupancy"), *run.names("inside")):
        facts = run.components[name]
        if any(facts.get(more) for more in ("radar", "tof", "gate")):
            continue
        hold_us = facts["hold_ms"] * 1000
        if run.sleeps:
            hold_us = max(hold_us, run.config["power"]["sleep"]["hold_s"] * SECOND_US)
        said = run.states.get(name, [])
        for life in run.lives.all:
            until_us = min(life.begin_us + hold_us - EARLY_US, life.end_us)
            first = bisect_right(said, life.begin_us + SETTLES_US, key=_when)
            for us, state, record in said[first : bisect_right(said, until_us, key=_when)]:
                if state["state"] == "free" and run.lives.sender(record) == life:
                    text = f"{name} was `free` at {at(us)}, {lasting(us - life.begin_us)} after a start"
                    yield Broken("states", us, text, (record,))
                    break


def _faults(run: Run, *names: str | None) -> list[FaultSpan]:
    found = run.faults.of("sensor", "mechanics")
    return [fault for fault in found if any(name is not None and fault.concerns(name) for name in names)]


def _cut(run: Run, door: str) -> list[Span]:
    found, since_us = [], None
    for record in run.records_of("wire"):
        if record["door"] == door:
            if record["state"] == "cut":
                since_us = since_us or record["us"]
            elif since_us is not None:
                found.append(Span(since_us, record["us"] + MENDED_US))
                since_us = None
    return [*found, *([Span(since_us, run.end_us)] if since_us is not None else [])]


def _no_pause(line: Timeline, us: int, stuck_us: int) -> bool:
    """There was motion for so long that its sensor looked stuck, now or so shortly before."""
    return any(
        value == "occupied"
        and min(end_us, us) - begin_us >= stuck_us - MINUTE_US
        and end_us >= us - stuck_us - MINUTE_US
        for begin_us, end_us, value in line.pieces(us)
        if begin_us <= us
    )


def _said(
    run: Run, name: str, from_us: int, until_us: int, good: list[Span]
) -> Iterator[tuple[int, Json, Record]]:
    """What the newest state was at the begin of each good piece of this, and each one in it."""
    said = run.states.get(name, [])
    for stretch in good:
        begin_us, end_us = max(from_us, stretch.begin_us), min(until_us, stretch.end_us)
        if begin_us >= end_us:
            continue
        place = bisect_right(said, begin_us, key=_when)
        if place:
            yield begin_us, said[place - 1][1], said[place - 1][2]
        yield from said[place : bisect_right(said, end_us, key=_when)]


def _when(entry: tuple[int, Json, Record]) -> int:
    return entry[0]


def _judge(
    run: Run, name: str, line: Timeline, bound_us: int, good: list[Span], truth: _Door | _Court | _Contact
) -> Iterator[Broken]:
    """Each stretch in which one thing is true, from the bound on."""
    begins = [run.begin_us, *line.times]
    values = [truth.otherwise, *line.values]
    ends = [*line.times, run.end_us]
    for begin_us, end_us, value in zip(begins, ends, values, strict=True):
        for us, state, record in _said(run, name, begin_us + bound_us, end_us, good):
            if not truth.agrees(value, state["state"], us):
                long = lasting(us - begin_us)
                text = f"{name} was `{state['state']}` at {at(us)}, and {truth.word(value)} for {long}"
                yield Broken("states", us, text, (record,))
                break
