"""A trace, read once: what the board said, what was asked of it, and what was physically so."""

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from host_tools.storm.agenda import BEGIN_US
from host_tools.storm.oracle.broken import Record
from host_tools.storm.oracle.lives import ASLEEP_PPM, SLEPT_US, Lives
from host_tools.storm.oracle.messages import Ack, Event, Json, Order, Pulse, event_of, json_object
from host_tools.storm.oracle.spans import Faults, Span, Timeline

WALL_BEGIN_S = 1_790_000_000
"""True wall time when a run begins."""
VITAL = ("/a/", "/b/", "/loader", "/boot.py", "/main.py", "/config.json", "/secrets.json", "/certs/")


class Run:
    """Lists in the order of the trace. `records_of(kind)` are the bare records."""

    def __init__(
        self,
        records: Sequence[Record],
        config: Mapping[str, Any],
        plan_faults: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.config = config
        self.components: dict[str, Json] = dict(config["components"])
        self.device = str(config["device"])
        self.kinds: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            self.kinds[record["kind"]].append(record)
        self.begin_us = records[0]["us"] if records else BEGIN_US
        self.end_us = records[-1]["us"] if records else BEGIN_US
        self.calm_us: int | None = self.kinds["calm"][0]["us"] if self.kinds["calm"] else None
        self.faults = Faults.read(self.kinds["fault"], plan_faults, BEGIN_US)
        self.events: list[Event] = []
        self.acks: list[Ack] = []
        self.states: dict[str, list[tuple[int, Json, Record]]] = defaultdict(list)
        self.infos: list[tuple[int, Json, Record]] = []
        self.telemetry: list[tuple[int, Json, Record]] = []
        self.unreadable: list[tuple[Record, str]] = []
        self._read_publishes()
        begun, ended = self.kinds["boot"], self.kinds["died"]
        self.lives = Lives(begun, self.kinds["power"], ended, self.kinds["connect"], self.end_us)
        wrong = self.faults.of("clock") if self.sleeps else []
        if self.sleeps:
            self.lives.late_us, self.lives.off_ppm = SLEPT_US, ASLEEP_PPM
        uptimes = [(r, f["uptime"]) for _, f, r in self.telemetry if isinstance(f.get("uptime"), int)]
        self.ahead = self.lives.weigh_uptimes(uptimes, wrong)
        """Telemetry with an `uptime` that was ahead, and by how much."""
        self.lives.learn([(i, r) for _, i, r in self.infos], [(e.body, e.record) for e in self.events])

    def state_at(self, component: str, us: int) -> str | None:
        """What was published of it last."""
        said = self.states.get(component, [])
        place = bisect_right(said, us, key=_when)
        state: str | None = said[place - 1][1]["state"] if place else None
        return state

    @property
    def sleeps(self) -> bool:
        """A board that sleeps is not online most of the time, and does not have to be."""
        return bool((self.config.get("power") or {}).get("sleep"))

    @cached_property
    def rotten_us(self) -> int | None:
        """Since when bits of the firmware itself or of the configuration are wrong: no board can do anything
        about that. "rot" says which files were hit; where it does not come, it may have been these."""
        told = {r["us"]: r["files"] for r in self.kinds["rot"]}
        for span in self.faults.spans:
            files = told.get(span.begin_us, ["/"])
            if span.name == "rot" and any(f == "/" or f.startswith(VITAL) for f in files):
                return span.begin_us
        return None

    def records_of(self, kind: str) -> list[Record]:
        return self.kinds.get(kind, [])

    def _read_publishes(self) -> None:
        base = f"sportbox/v1/{self.config['site']}/{self.device}/"
        for record in self.kinds["publish"]:
            topic = str(record["topic"])
            if not topic.startswith(base):
                self.unreadable.append((record, f"published on {topic}, which is not below {base}"))
                continue
            try:
                self._read(topic[len(base) :], record)
            except (ValueError, KeyError, TypeError, AttributeError) as e:
                what = f"{topic[len(base) :]} cannot be read ({type(e).__name__}: {e})"
                self.unreadable.append((record, what))

    def _read(self, topic: str, record: Record) -> None:
        us, payload = int(record["us"]), record["payload"]
        if topic == "event":
            self.events.append(event_of(us, json.loads(payload), record))
        elif topic == "ack":
            b = json.loads(payload)
            self.acks.append(Ack(us, b["jti"], b["result"], b.get("reason"), b.get("time"), record))
        elif topic == "telemetry":
            self.telemetry.append((us, json_object(payload), record))
        elif topic == "info":
            self.infos.append((us, json_object(payload), record))
        elif topic.endswith("/state"):
            state = json_object(payload)
            if not isinstance(state["state"], str):
                raise TypeError("no state")
            self.states[topic[: -len("/state")]].append((us, state, record))

    @cached_property
    def orders(self) -> list[Order]:
        return [
            Order(
                r["us"],
                r.get("jti"),
                r.get("act"),
                r.get("component"),
                r["good"],
                r.get("why") or "",
                r,
            )
            for r in self.kinds["order"]
        ]

    @cached_property
    def pulses(self) -> list[Pulse]:
        """By their begin. A pulse that was noted twice, at its begin and at its end, is one: the last note
        counts. The power ends all of them."""
        found: dict[tuple[str, int], Pulse] = {}
        for r in self.kinds["pulse"]:
            pulse = Pulse(r["lock"], r["start_us"], r["until_us"], r)
            found[pulse.lock, pulse.start_us] = pulse
        ends = self.lives.ends
        shortened = [
            p
            if (end_us := ends.after(p.start_us)) >= p.until_us
            else Pulse(p.lock, p.start_us, end_us, p.record)
            for p in found.values()
        ]
        return sorted(shortened, key=lambda p: (p.start_us, p.lock))

    @cached_property
    def _pulses_of(self) -> dict[str, list[Pulse]]:
        found: dict[str, list[Pulse]] = defaultdict(list)
        for pulse in self.pulses:
            found[pulse.lock].append(pulse)
        return found

    def pulses_in(self, lock: str, begin_us: int, end_us: int) -> list[Pulse]:
        """Those of a lock that begin then."""
        pulses = self._pulses_of.get(lock, [])
        first = bisect_left(pulses, begin_us, key=_begin)
        return pulses[first : bisect_right(pulses, end_us, key=_begin)]

    @cached_property
    def first_events(self) -> list[Event]:
        """Each event once, at its first delivery."""
        first: dict[str, Event] = {}
        for event in self.events:
            first.setdefault(event.id, event)
        return list(first.values())

    @cached_property
    def missing(self) -> list[int]:
        """Numbers that never came, though a later one did."""
        came = {event.seq for event in self.first_events}
        return sorted(set(range(1, max(came, default=0) + 1)) - came)

    @cached_property
    def gaps(self) -> list[Span]:
        """When what is missing may have been made: between its neighbours."""
        found: list[Span] = []
        begin_us, before_seq = self.begin_us, 0
        for event in sorted(self.first_events, key=lambda e: e.seq):
            made = self.lives.made(event.body)
            is_known = len(made) == 1
            if event.seq > before_seq + 1:
                found.append(Span(begin_us, made[0].end_us if is_known else event.us))
            begin_us, before_seq = made[0].begin_us if is_known else begin_us, event.seq
        return found

    @cached_property
    def dropped(self) -> list[Event]:
        return [event for event in self.first_events if event.type == "device.dropped"]

    @cached_property
    def doors(self) -> dict[str, Timeline]:
        """True where it stands open."""
        return self._timelines("door", "door", "open")

    @cached_property
    def wires(self) -> dict[str, Timeline]:
        return self._timelines("wire", "door", "state")

    @cached_property
    def truths(self) -> dict[str, Timeline]:
        """Whether somebody is on a court."""
        found: dict[str, Timeline] = defaultdict(Timeline)
        for record in self.kinds["true"]:
            if record["value"] in ("occupied", "free"):
                found[record["component"]].change(record["us"], record["value"])
        return found

    def people(self, name: str) -> Timeline:
        """`occupied` or `free` on a court, or where a motion sensor inside looks."""
        if self.components[name]["kind"] == "inside":
            line = Timeline()
            for record in self.kinds["inside"]:
                if record.get("component", name) == name:
                    line.change(record["us"], "occupied" if record["occupied"] else "free")
            return line
        return self.truths.get(name, Timeline())

    def names(self, kind: str) -> list[str]:
        return [name for name, facts in self.components.items() if facts["kind"] == kind]

    def lock_of(self, door: str) -> Json | None:
        lock = self.components[door].get("lock")
        return None if lock is None else self.components[lock]

    def _timelines(self, kind: str, name: str, value: str) -> dict[str, Timeline]:
        found: dict[str, Timeline] = defaultdict(Timeline)
        for record in self.kinds[kind]:
            found[record[name]].change(record["us"], record[value])
        return found

    def unix_s(self, us: int) -> float:
        """True wall time."""
        return WALL_BEGIN_S + (us - BEGIN_US) / 1e6


def _when(said: tuple[int, Json, Record]) -> int:
    return said[0]


def _begin(pulse: Pulse) -> int:
    return pulse.start_us
