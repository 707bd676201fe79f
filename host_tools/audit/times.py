"""When it was: a board's own time, or worked out from its uptime where it could not tell the time yet."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from host_tools.audit.seal import Entry
from host_tools.errors import ToolError

_END_S = 2**33


@dataclass(frozen=True)
class Told:
    """An entry, read. `device` is empty for what the journal noted by itself."""

    n: int
    noted_s: int
    device: str
    component: str
    kind: str
    data: dict[str, Any]
    bootid: str
    seq: int
    uptime_s: int
    at_s: int | None  # when it happened
    is_about: bool  # worked out from the uptime
    is_historical: bool


def read(entries: Iterable[Entry]) -> list[Told]:
    """In the order of the journal, but each board's events in the order in which they happened. Entries that
    nobody could have noted are a ToolError: a chain that is verified has none."""
    told = [_told(entry) for entry in entries]
    return _in_order(_dated(told))


def _told(entry: Entry) -> Told:
    try:
        body = entry.content()
        if not 0 <= entry.at_s < _END_S:
            raise ValueError("no time of ours")
        parts = entry.source.split("/")
        device, component = (parts[2], parts[3]) if len(parts) == 4 else ("", "")
        time = body.get("time")
        return Told(
            entry.n,
            entry.at_s,
            device,
            component,
            str(body["type"]),
            dict(body["data"]),
            str(body.get("bootid", "")),
            int(body.get("seq", 0)),
            int(body.get("uptime", 0)),
            None if time is None else int(datetime.fromisoformat(time).timestamp()),
            False,
            bool(body.get("historical")),
        )
    except (ValueError, TypeError, KeyError, OverflowError):
        raise ToolError(
            f"entry {entry.n} of the journal cannot be read", "sportbox audit verify SITE.yaml"
        ) from None


def _dated(told: list[Told]) -> list[Told]:
    """Uptime goes on evenly within a boot: an event without a time is as far from one with a time as their
    uptimes are. Of several the nearest counts."""
    known: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)  # uptime and time
    for one in told:
        if one.at_s is not None:
            known[one.device, one.bootid].append((one.uptime_s, one.at_s))
    for pairs in known.values():
        pairs.sort()
    return [one if one.at_s is not None else _about(one, known[one.device, one.bootid]) for one in told]


def _about(one: Told, known: list[tuple[int, int]]) -> Told:
    if not known:
        return one
    place = bisect_left(known, (one.uptime_s, 0))
    uptime_s, at_s = min(known[max(0, place - 1) : place + 1], key=lambda pair: abs(pair[0] - one.uptime_s))
    return replace(one, at_s=at_s + one.uptime_s - uptime_s, is_about=True)


def _in_order(told: list[Told]) -> list[Told]:
    """A board's places in the journal stay its own. Its boots are in the order in which they first came, for
    a board that took another's place counts anew."""
    places: dict[str, list[int]] = defaultdict(list)
    boots: dict[tuple[str, str], int] = {}
    for place, one in enumerate(told):
        places[one.device].append(place)
        boots.setdefault((one.device, one.bootid), place)
    result = list(told)
    for device, mine in places.items():
        if device:
            ordered = sorted(
                (told[place] for place in mine), key=lambda one: (boots[device, one.bootid], one.seq)
            )
            for place, one in zip(mine, ordered, strict=True):
                result[place] = one
    return result
