"""What a board says of its components in retained states and in events is one story.

How the protocol was read: an event that changes a component's state names the new one, and the state is
published then, or with the next connection. Without an event it changes at a start, on the way of a lock from
one end to the other, and where a motor's bolt is moved by the inside release. What an event of a fault leads
to is not judged. A dropped event would leave a gap in the story: then nothing is judged either.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from host_tools.storm.oracle.broken import MINUTE_US, SECOND_US, Broken, Record, at
from host_tools.storm.oracle.lives import SETTLES_US
from host_tools.storm.oracle.messages import Event, Json
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.spans import FOREVER_US, Span
from host_tools.storm.oracle.stretches import Stretches
from host_tools.storm.oracle.told import is_complete

WAY_US = 4 * SECOND_US
"""From the board to the broker, behind what else waits, on a whole network."""
LONG_WAY_US = 3 * MINUTE_US
"""On a broken one: until the connection is given up by either side. A broker that is frozen gives up nothing:
when it thaws, it reads what has come since."""
EARLY_US = 2 * SECOND_US
"""Of changes, one event a second is told: a state may come before it."""
STATES = {
    "door.opened": ("open",),
    "door.closed": ("closed",),
    "door.ajar": ("ajar",),
    "door.forced": ("forced",),
    "lock.unlocked": ("unlocking", "unlocked", "locking"),
    "lock.locked": ("locked", "unlocking"),
    "release.pressed": ("pressed",),
    "release.cleared": ("clear",),
}
SHUT = "closed, and not held"
"""No state, but what the contact of a door says whose latch let go: after a start it is closed."""
STARTS: dict[str, tuple[str, ...]] = {
    "release": ("clear",),
    "occupancy": ("unknown",),
    "inside": ("unknown",),
}
"""What is told of a component after a start, until an event tells more."""
ENDS = {"lock.unlocked": ("unlocked",), "lock.locked": ("locked",)}
"""In which state a lock is when it tells so."""
REPEATED = ("door.ajar", "occupancy.changed", "gate.passed", "gate.reset", "door.forced")
"""Events after which the state may be the one of before."""
UNREAD = ("release", "tamper")
"""What may be `unknown` without an event: its contact cannot be read. states.py judges whether that is so."""
SILENT = ("access.accepted", "access.rejected", "access.done", "access.failed")
"""Events of a component that say nothing of its state."""

Words = tuple[str, ...] | None


@dataclass(frozen=True)
class Piece:
    """From an event to the next one: the states that it may be published in, None: any."""

    begin_us: int
    sure_us: int
    """By now it has happened."""
    words: Words


class Story:
    """A component's events in their order, and starts of the board between them."""

    def __init__(self, run: Run, component: str) -> None:
        self.pieces: list[Piece] = []
        starts = {life.begin_us for life in run.lives.all}
        found = [Piece(us, us, None) for us in [*starts, *moved_by_hand(run, component)]]
        for event in run.first_events:
            if event.component != component or event.type in SILENT:
                continue
            spans = run.lives.made(event.body)
            if len(spans) == 1:
                first_us = min(life.begin_us for life in run.lives.lives_of(event.body))
                found.append(Piece(max(spans[0].begin_us, first_us + 1), spans[0].end_us, _words(event)))
            else:  # nobody knows when: from the one before on
                begin_us = max((p.begin_us for p in found if p.begin_us <= event.us), default=run.begin_us)
                found.append(Piece(begin_us, event.us, None))
        self.pieces = sorted(found, key=lambda p: p.begin_us)
        if not run.sleeps:  # what one that sleeps has seen comes hours later
            broken = any(
                f.has(run.begin_us, before_us=EARLY_US) and f.concerns(component)
                for f in run.faults.of("sensor")
            )
            first = None if broken else ("closed",)
            self.pieces = _over_starts(run.components[component], self.pieces, starts, first)
        self._begins = [p.begin_us for p in self.pieces]

    def allows(self, word: str, begin_us: int, end_us: int) -> bool:
        """At some time in this stretch. Before the first piece anything goes."""
        last = bisect_right(self._begins, end_us)
        next_us = FOREVER_US
        for place in range(last - 1, -1, -1):
            piece = self.pieces[place]
            next_us = self.pieces[place + 1].sure_us if place + 1 < len(self.pieces) else FOREVER_US
            if next_us < begin_us:
                return False
            if piece.words is None or word in piece.words:
                return True
        return not self.pieces or begin_us < self.pieces[0].begin_us


def states_and_events_agree(run: Run) -> Iterator[Broken]:
    slow = [
        Span(s.begin_us, s.end_us + LONG_WAY_US) for s in run.faults.of("network", "heap", "flash", "power")
    ]
    frozen = [s for s in run.faults.of("network") if s.name == "broker_freeze"]
    good = Stretches(run).good
    for component in run.components:
        said = run.states.get(component, [])
        if not said or not is_complete(run, component):
            continue
        story = Story(run, component)
        for us, state, record in [*said, *_settled(story, said, good)]:
            if run.lives.ends.within(us - SETTLES_US, us + EARLY_US):
                continue  # its event went with the power
            if state["state"] == "unknown" and run.components[component]["kind"] in UNREAD:
                continue
            way_us = LONG_WAY_US if any(s.has(us) for s in slow) else WAY_US
            waits_us = max((us - s.begin_us for s in frozen if s.has(us, after_us=WAY_US)), default=0)
            way_us = max(way_us, waits_us + WAY_US)
            life = run.lives.sender(record)
            from_us = max(us - way_us - run.lives.late_us, 0 if life is None else life.begin_us)
            if not story.allows(state["state"], from_us, us + EARLY_US):
                text = f"{component} was `{state['state']}` at {at(us)}, and its events tell otherwise"
                yield Broken("states", us, text, (record,))
                break


def changes_are_published(run: Run) -> Iterator[Broken]:
    """What an event that did not wait says of its component is its published state about then, too."""
    if run.sleeps:
        return
    good = Stretches(run).good
    newest: dict[str, Event] = {}
    for event in reversed(run.first_events):
        after = newest.get(event.component)
        words = _words(event)
        if event.type not in SILENT:
            newest[event.component] = event
        told = run.states.get(event.component)
        is_live = not event.body.get("historical") and any(s.has(event.us) for s in good)
        is_last = after is None or after.us > event.us + WAY_US
        is_in_time = is_last and event.us + WAY_US <= run.end_us and is_complete(run, event.component)
        if words is None or not told or not is_live or not is_in_time:
            continue
        first = bisect_left(told, event.us - WAY_US, key=_when)
        place = max(first - (1 if event.type in REPEATED else 0), 0)
        near = told[place : bisect_right(told, event.us + WAY_US, key=_when)]
        words = ENDS.get(event.type, words)
        if not any(state["state"] in words for _, state, _ in near):
            told_of = f"{event.component} told {event.type} at {at(event.us)}"
            text = f"{told_of}, and its state was not published then"
            yield Broken("states", event.us, text, (event.record,))


def _settled(
    story: Story, said: list[tuple[int, Json, Record]], good: list[Span]
) -> Iterator[tuple[int, Json, Record]]:
    """What was published last a while after each event, and after everything was well again."""
    for stretch in good:
        times = [p.sure_us + WAY_US for p in story.pieces]
        for us in [stretch.begin_us + WAY_US, *times]:
            place = bisect_right(said, us, key=_when)
            if stretch.has(us) and stretch.has(us + EARLY_US) and place:
                yield us, said[place - 1][1], said[place - 1][2]


def _over_starts(facts: Json, pieces: list[Piece], starts: set[int], first: Words) -> list[Piece]:
    """What a component may be said to be from a start on until its first event; before the first, as `first`
    says: a contact that is broken from the beginning has never told anything else."""
    found: list[Piece] = []
    for piece in pieces:
        before = found[-1].words if found else first
        if piece.begin_us in starts and piece.words is None and piece.begin_us == piece.sure_us:
            words: Words = STARTS.get(facts["kind"])
            if facts["kind"] == "door" and before is not None:
                was_shut = "closed" in before or SHUT in before
                words = ("unknown", "closed" if was_shut else "open")
            piece = Piece(piece.begin_us, piece.sure_us, words)
        found.append(piece)
    return found


def moved_by_hand(run: Run, component: str, *names: str) -> list[int]:
    """When a motor's bolt may have moved without an order: by the inside release, or to all appearances,
    for what is wrong with one of these, else with it or its door."""
    facts = run.components[component]
    if facts.get("actuator") != "motor":
        return []
    times = [record["us"] for record in run.records_of("release")]
    names = names or (component, facts["door"])
    for fault in run.faults.of("sensor", "mechanics"):
        if any(fault.concerns(name) for name in names):
            times += [fault.begin_us, fault.end_us]
    return times


def _words(event: Event) -> Words:
    if event.type == "occupancy.changed":
        return (str(event.data.get("state")),)
    if event.type in ("gate.passed", "gate.reset"):
        count = event.data.get("count")
        return ("unknown",) if count is None else ("occupied",) if count else ("free",)
    if event.type == "door.forced" and event.data.get("latch"):
        return ("forced", SHUT)
    if event.type == "device.tamper":
        return ("open",) if event.data.get("open") else ("closed",)
    return STATES.get(event.type)


def _when(said: tuple[int, Json, Record]) -> int:
    return said[0]
