"""Traces of real runs in which one thing has been altered, as a board that lies or forgets would leave them:
of how many of these does the oracle say so? `python -m tests.storm.altered TRACE.jsonl ...` prints it by
kind, for traces as `sportbox sim storm --replay` keeps them (build/storm/SEED-BOARD.jsonl).

Each alteration takes the records of a run and gives new ones, or None where there is nothing to alter.
"""

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from host_tools.storm.oracle import judge
from host_tools.storm.play import boards_of, config_of

Record = dict[str, Any]
BOARDS = 5

Json = dict[str, Any]
Alter = Callable[[list[Record], Json, random.Random], list[Record] | None]
S = 1_000_000
OTHER = {
    "closed": "open",
    "open": "closed",
    "ajar": "closed",
    "forced": "closed",
    "free": "occupied",
    "occupied": "free",
    "locked": "unlocked",
    "unlocked": "locked",
    "pressed": "clear",
    "clear": "pressed",
}


def said(records: list[Record], topic: str, like: Callable[[Json], bool] = bool) -> list[tuple[int, Json]]:
    """Place and content of what was published there."""
    found = []
    for place, record in enumerate(records):
        if record["kind"] == "publish" and record["topic"].endswith(f"/{topic}"):
            body = json.loads(record["payload"])
            if like(body):
                found.append((place, body))
    return found


def changed(record: Record, body: Json) -> Record:
    return {**record, "payload": json.dumps(body)}


def _places_of(records: list[Record], event: Json) -> list[int]:
    """All deliveries of an event."""
    return [place for place, body in said(records, "event") if body["id"] == event["id"]]


def _is(*types: str) -> Callable[[Json], bool]:
    return lambda body: body["type"].removeprefix("sportbox.") in types


def _without(records: list[Record], gone: Iterable[int]) -> list[Record]:
    left = set(gone)
    return [record for place, record in enumerate(records) if place not in left]


def _put(records: list[Record], record: Record) -> list[Record]:
    """At its time; the end stays the last."""
    place = next((i for i, r in enumerate(records) if r["us"] > record["us"]), len(records) - 1)
    return [*records[:place], record, *records[place:]]


def event_lost(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
    events = said(records, "event")
    return _without(records, _places_of(records, rng.choice(events)[1])) if events else None


def events_swapped(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
    first: dict[int, int] = {}
    for place, body in said(records, "event"):
        first.setdefault(body["seq"], place)
    pairs = [n for n in first if n + 1 in first and first[n] < first[n + 1]]
    if not pairs:
        return None
    n = rng.choice(pairs)
    found, one, other = list(records), first[n], first[n + 1]
    found[one] = {**found[one], "payload": records[other]["payload"]}
    found[other] = {**found[other], "payload": records[one]["payload"]}
    return found


def retold(old: str, new: str, **data: Any) -> Alter:
    """An event that says something else, at all of its deliveries."""

    def alter(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
        events = said(records, "event", _is(old))
        if not events:
            return None
        event = rng.choice(events)[1]
        found = list(records)
        for place in _places_of(records, event):
            body = json.loads(records[place]["payload"])
            body["type"] = f"sportbox.{new}"
            body["data"] = {**body["data"], **data}
            found[place] = changed(records[place], body)
        return found

    return alter


def forced_as_ordered(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
    """A forced door is told as one that the last order has opened."""
    forced = said(records, "event", _is("door.forced"))
    if not forced:
        return None
    place, _ = rng.choice(forced)
    orders = [b["data"]["jti"] for p, b in said(records, "event", _is("access.accepted")) if p < place]
    return retold("door.forced", "door.opened", jti=orders[-1])(records, config, rng) if orders else None


def event_made_up(*types: str, **data: Any) -> Alter:
    """One more event, after the last one."""

    def alter(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
        events = said(records, "event")
        kind = types[0].partition(".")[0]
        names = [n for n in config["components"] if n.startswith(kind)]
        if not events or not names:
            return None
        place, body = max(events, key=lambda e: e[1]["seq"])
        site, device = config["site"], config["device"]
        more = {
            **body,
            "seq": body["seq"] + 1,
            "id": f"{device}-{body['bootid']}-{body['seq'] + 1}",
            "source": f"/{site}/{device}/{rng.choice(names)}",
            "type": f"sportbox.{rng.choice(types)}",
            "data": dict(data),
        }
        return [*records[: place + 1], changed(records[place], more), *records[place + 1 :]]

    return alter


def answer_lost(*results: str) -> Alter:
    def alter(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
        acks = said(records, "ack", lambda a: a["result"] in results and a["jti"] is not None)
        if not acks:
            return None
        lost = rng.choice(acks)[1]
        same = said(records, "ack", lambda a: a["jti"] == lost["jti"] and a["result"] == lost["result"])
        return _without(records, [place for place, _ in same])

    return alter


def answer_altered(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
    """A final answer that says the opposite."""
    acks = said(records, "ack", lambda a: a["result"] in ("done", "failed"))
    if not acks:
        return None
    jti = rng.choice(acks)[1]["jti"]
    found = list(records)
    for place, body in acks:
        if body["jti"] == jti:
            opposite = ("failed", "not_opened") if body["result"] == "done" else ("done", None)
            found[place] = changed(records[place], {**body, "result": opposite[0], "reason": opposite[1]})
    return found


def accepted_again(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
    acks = said(records, "ack", lambda a: a["result"] in ("done", "failed"))
    if not acks:
        return None
    place, body = rng.choice(acks)
    again = changed(records[place], {**body, "result": "accepted", "reason": None, "time": "later"})
    return _put(records, {**again, "us": records[place]["us"] + 60 * S})


def rejected_accepted(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
    """A bad order is accepted."""
    bad = {r["jti"] for r in records if r["kind"] == "order" and r["good"] is False}
    acks = said(
        records, "ack", lambda a: a["result"] == "rejected" and a["jti"] in bad and a["jti"] is not None
    )
    if not acks:
        return None
    place, body = rng.choice(acks)
    found = list(records)
    found[place] = changed(records[place], {**body, "result": "accepted", "reason": None})
    return found


def reason_altered(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
    acks = said(records, "ack", lambda a: a["result"] == "rejected")
    if not acks:
        return None
    place, body = rng.choice(acks)
    reasons = [r for r in ("signature", "role", "expired", "malformed", "audience") if r != body["reason"]]
    found = list(records)
    found[place] = changed(records[place], {**body, "reason": rng.choice(reasons)})
    return found


def pulse_made_up(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
    locks = [name for name, facts in config["components"].items() if facts["kind"] == "lock"]
    if not locks:
        return None
    us = rng.randrange(records[0]["us"], records[-1]["us"])
    facts = {"lock": rng.choice(locks), "start_us": us, "until_us": us + 300_000}
    return _put(records, {"us": us, "kind": "pulse", **facts})


def pulse_longer(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
    pulses = [place for place, record in enumerate(records) if record["kind"] == "pulse"]
    if not pulses:
        return None
    pulse = records[rng.choice(pulses)]
    facts = config["components"][pulse["lock"]]
    most_ms = facts["run_ms" if facts["actuator"] == "motor" else "release_ms"]
    found = list(records)
    for place in pulses:  # one that was cut short is noted again
        if (found[place]["lock"], found[place]["start_us"]) == (pulse["lock"], pulse["start_us"]):
            found[place] = {**pulse, "until_us": pulse["start_us"] + most_ms * 1000 + S // 2}
    return found


def state_altered(kind: str) -> Alter:
    """A published state that says the opposite."""

    def alter(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
        states = [
            (place, body)
            for place, body in said(records, "state", lambda b: b["state"] in OTHER)
            if records[place]["topic"].split("/")[-2].startswith(kind)
        ]
        if not states:
            return None
        place, body = rng.choice(states)
        found = list(records)
        found[place] = changed(records[place], {**body, "state": OTHER[body["state"]]})
        return found

    return alter


def state_lost(kind: str) -> Alter:
    """A changed state that was not published."""

    def alter(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
        before: dict[str, str] = {}
        changes = []
        for place, body in said(records, "state"):
            topic = records[place]["topic"]
            if before.get(topic, body["state"]) != body["state"] and topic.split("/")[-2].startswith(kind):
                changes.append(place)
            before[topic] = body["state"]
        return _without(records, [rng.choice(changes)]) if changes else None

    return alter


def unknown_as_free(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
    """A sensor that is out of order does not keep its court from being called free."""
    states = said(records, "state", lambda b: b["state"] == "unknown" and "confidence" in b)
    if not states:
        return None
    place, body = rng.choice(states)
    found = list(records)
    found[place] = changed(records[place], {**body, "state": "free", "count": 0, "confidence": 0.7})
    return found


def figure_altered(name: str, by: int) -> Alter:
    """One figure of one telemetry."""

    def alter(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
        told = said(records, "telemetry")
        if not told:
            return None
        place, body = rng.choice(told)
        found = list(records)
        found[place] = changed(records[place], {**body, name: body[name] + by})
        return found

    return alter


def offline_longer(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
    """A connection that comes up, and what was said on it, five minutes later."""
    ups = [r for r in records if r["kind"] == "up"]
    if not ups:
        return None
    up = rng.choice(ups)
    kept = [
        r for r in records if r is not up and not (r.get("conn") == up["conn"] and r["kind"] == "publish")
    ]
    later = {**up, "us": min(up["us"] + 300 * S, records[-1]["us"])}
    gone = [r for r in kept if r["kind"] == "gone" and r["conn"] == up["conn"] and r["us"] < later["us"]]
    return kept if gone else _put(kept, later)


def start_untold(records: list[Record], config: Json, rng: random.Random) -> list[Record] | None:
    """The cause of a start is told as another one."""
    causes = ["power_on", "hard", "watchdog", "soft", "brownout"]
    return retold("device.booted", "device.booted", reset=rng.choice(causes[1:]))(records, config, rng)


ALTERATIONS: dict[str, Alter] = {
    "event lost": event_lost,
    "two events swapped": events_swapped,
    "closed told as opened": retold("door.closed", "door.opened"),
    "opened told as closed": retold("door.opened", "door.closed"),
    "forced told as opened": retold("door.forced", "door.opened"),
    "forced told as ordered": forced_as_ordered,
    "opened told as forced": retold("door.opened", "door.forced"),
    "done told as failed": retold("access.done", "access.failed", reason="not_opened"),
    "failed told as done": retold("access.failed", "access.done", reason=None),
    "occupied told as free": retold("occupancy.changed", "occupancy.changed", state="free", count=0),
    "in told as out": retold("gate.passed", "gate.passed", direction="out"),
    "door made up": event_made_up("door.opened", "door.closed", "door.forced"),
    "unlocked made up": event_made_up("lock.unlocked"),
    "locked made up": event_made_up("lock.locked"),
    "jammed made up": event_made_up("lock.jammed", way="unlock"),
    "start told as another": start_untold,
    "final answer lost": answer_lost("done", "failed"),
    "first answer lost": answer_lost("rejected"),
    "final answer altered": answer_altered,
    "accepted again": accepted_again,
    "bad order accepted": rejected_accepted,
    "reason altered": reason_altered,
    "pulse made up": pulse_made_up,
    "pulse longer": pulse_longer,
    "door's state altered": state_altered("door"),
    "lock's state altered": state_altered("lock"),
    "court's state altered": state_altered("court"),
    "gate's state altered": state_altered("gate"),
    "release's state altered": state_altered("release"),
    "door's state lost": state_lost("door"),
    "lock's state lost": state_lost("lock"),
    "court's state lost": state_lost("court"),
    "unknown as free": unknown_as_free,
    "queue too long": figure_altered("queue_bytes", 100_000),
    "task restarted": figure_altered("task_restarts", 1),
    "uptime ahead": figure_altered("uptime", 60),
    "offline longer": offline_longer,
}


def rates(
    runs: Iterable[tuple[str, Sequence[Record], Json]], tries: int
) -> dict[str, tuple[int, int, list[str]]]:
    """By kind: so many caught, of so many; and those that were not, by run and number."""
    caught: Counter[str] = Counter()
    of: Counter[str] = Counter()
    missed: dict[str, list[str]] = {name: [] for name in ALTERATIONS}
    for run, records, config in runs:
        known = {broken.text for broken in judge(records, config)}
        for name, alter in ALTERATIONS.items():
            for n in range(tries):
                new = alter(list(records), config, random.Random(f"{run}/{name}/{n}"))
                if new is None or new == records:
                    continue
                of[name] += 1
                if any(broken.text not in known for broken in judge(new, config)):
                    caught[name] += 1
                else:
                    missed[name].append(f"{run}/{n}")
    return {name: (caught[name], of[name], missed[name]) for name in ALTERATIONS}


def run_of(path: Path) -> tuple[str, list[Record], Json]:
    """Raises OSError, ValueError."""
    board = path.stem.partition("-")[2]
    if board not in boards_of(BOARDS):
        raise ValueError(f"{path.name}: names no board of a storm; SEED-BOARD.jsonl would")
    with path.open(encoding="utf-8") as lines:
        return path.stem, [json.loads(line) for line in lines], config_of(board)


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.storm.altered", description=__doc__)
    parser.add_argument("trace", type=Path, nargs="+", help="SEED-BOARD.jsonl, as build/storm/13-box-1.jsonl")
    try:
        runs = [run_of(path) for path in parser.parse_args(words).trace]
    except (OSError, ValueError) as error:
        parser.error(f"not the trace of a run, or none that can be read: {error}")
    found = rates(runs, 6)
    for name, (caught, of, missed) in found.items():
        print(f"{name:26} {caught:5} of {of:5}  {' '.join(missed[:3])}")
    print(f"{'together':26} {sum(f[0] for f in found.values()):5} of {sum(f[1] for f in found.values()):5}")


if __name__ == "__main__":
    main(sys.argv[1:])
