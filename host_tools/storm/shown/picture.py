"""What a trace tells, small enough to be drawn and added up: faults, outages, queue depth, how often what
happened. Nothing in it names a person, a token or a code."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Record = dict[str, Any]

POINTS_MAX = 600
SPANS_MAX = 3_000
RECOVERIES_MAX = 3_000
US = 1_000_000
BEGINNINGS = ("boot", "power")
COUNTED = {
    "boot": "starts of the firmware",
    "died": "ends of a VM",
    "connect": "connections tried",
    "up": "connections made",
    "publish": "messages of the board",
    "deliver": "orders delivered",
    "code": "keypad codes typed",
    "door": "doors moved",
    "pulse": "lock pulses",
    "release": "inside release moved",
    "protocol": "malformed packets of the board",
    "console": "tracebacks and log lines on the console",
}


@dataclass
class Picture:
    """Times are seconds since the run began."""

    length_s: float = 0.0
    faults: list[tuple[str, float, float]] = field(default_factory=list)
    """Name, begin, end; both are the same for what is done in an instant."""
    offline: list[tuple[float, float]] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    queue: list[tuple[float, int]] = field(default_factory=list)
    """Events that wait in the outbox, as the board's telemetry told the broker."""
    recoveries: list[float] = field(default_factory=list)
    """Seconds from the end of the last fault of an outage to the connection after it."""
    counts: dict[str, int] = field(default_factory=dict)
    by_fault: dict[str, int] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "Picture":
        return cls(
            facts["length_s"],
            [(name, begin, end) for name, begin, end in facts["faults"]],
            [(begin, end) for begin, end in facts["offline"]],
            list(facts["starts"]),
            [(at, depth) for at, depth in facts["queue"]],
            list(facts["recoveries"]),
            dict(facts["counts"]),
            dict(facts["by_fault"]),
        )


def picture_of(records: Sequence[Record]) -> Picture:
    if not records:
        return Picture()
    begin_us, end_us = records[0]["us"], max(record["us"] for record in records)

    def seconds(us: int) -> float:
        return float(round((us - begin_us) / US, 3))

    faults = sorted(_spans(records), key=lambda span: span[1:])
    offline, recoveries = _outages(records, begin_us, end_us)
    queue = [(seconds(record["us"]), depth) for record in records if (depth := _queue(record)) is not None]
    starts = [seconds(record["us"]) for record in records if record["kind"] == "boot"]
    return Picture(
        seconds(end_us),
        [(name, seconds(begin), seconds(end)) for name, begin, end in faults[:SPANS_MAX]],
        [(seconds(begin), seconds(end)) for begin, end in offline[:SPANS_MAX]],
        starts[:SPANS_MAX],
        thinned(queue),
        [round(us / US, 3) for us in recoveries[:RECOVERIES_MAX]],
        _counts(records),
        dict(Counter(name for name, _, _ in faults)),
    )


def _spans(records: Iterable[Record]) -> list[tuple[str, int, int]]:
    """Each fault from its record `on` to its record off. Without the second it was done at once."""
    spans: list[tuple[str, int, int]] = []
    open_: dict[int, tuple[str, int]] = {}
    for record in records:
        if record["kind"] != "fault":
            continue
        number = record["number"]
        if record["on"]:
            if number in open_:
                name, begin = open_.pop(number)
                spans.append((name, begin, begin))
            open_[number] = (record["name"], record["us"])
        elif number in open_:
            name, begin = open_.pop(number)
            spans.append((name, begin, record["us"]))
    return spans + [(name, begin, begin) for name, begin in open_.values()]


def _outages(
    records: Iterable[Record], begin_us: int, end_us: int
) -> tuple[list[tuple[int, int]], list[int]]:
    """When no connection of the board was up, and how long it then took after what was last in its way:
    the end of a fault, or a start of the board. The first connection of a run mends nothing."""
    offline: list[tuple[int, int]] = []
    recoveries: list[int] = []
    up: set[Any] = set()
    gone_us = begin_us
    hindered_us: int | None = None
    is_first = True
    for record in records:
        kind, us = record["kind"], record["us"]
        if kind == "fault" or kind in BEGINNINGS:
            hindered_us = us
        elif kind == "gone" and record["conn"] in up:
            up.discard(record["conn"])
            if not up:
                gone_us = us
        elif kind == "up":
            if not up:
                offline.append((gone_us, us))
                if not is_first:
                    recoveries.append(us - max(gone_us, hindered_us or 0))
            elif hindered_us is not None:  # the broker still holds its old connection for alive
                recoveries.append(us - hindered_us)
            up.add(record["conn"])
            hindered_us = None
            is_first = False
    if not up and gone_us < end_us:
        offline.append((gone_us, end_us))
    return offline, recoveries


def _queue(record: Record) -> int | None:
    if record["kind"] != "publish" or not record["topic"].endswith("/telemetry"):
        return None
    try:
        depth = json.loads(record["payload"])["queue"]
    except (ValueError, TypeError, KeyError):
        return None  # what is malformed is the oracle's to judge
    return depth if isinstance(depth, int) else None


def thinned(points: list[tuple[float, int]], most: int = POINTS_MAX) -> list[tuple[float, int]]:
    """No more than `most`: of neighbours the deepest stays, for a peak is what matters."""
    if len(points) <= most:
        return points
    size = -(-len(points) // most)
    groups = (points[at : at + size] for at in range(0, len(points), size))
    return [max(group, key=lambda point: point[1]) for group in groups]


def _counts(records: Iterable[Record]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for record in records:
        kind = record["kind"]
        if kind in COUNTED:
            found[COUNTED[kind]] += 1
        elif kind == "order":
            found["orders sent, valid" if record["good"] else "orders sent, to be refused"] += 1
    return dict(found)
