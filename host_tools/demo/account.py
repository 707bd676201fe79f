"""What an evening comes to: arithmetic over what the independent subscriber saw and the boards counted."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

TYPE_PREFIX = "sportbox."
FORCED, OPENED = "door.forced", "door.opened"
ACCEPTED, REJECTED, DONE, FAILED = "access.accepted", "access.rejected", "access.done", "access.failed"
DROPPED = "device.dropped"
SEQS_NAMED_MAX = 8

Json = dict[str, Any]
Key = tuple[str, Any, Any]


@dataclass(frozen=True)
class Event:
    """A CloudEvent of a board, as far as the account needs it."""

    device: str
    component: str
    id: str
    seq: int
    type: str  # without `sportbox.`
    data: Json
    time: str | None = None
    historical: bool = False


def read_event(site: str, device: str, payload: Any) -> Event | None:
    """An event taken apart; None for what is none, or is not this board's."""
    if not isinstance(payload, dict) or payload.get("specversion") != "1.0":
        return None
    source, id_, seq, kind = (payload.get(name) for name in ("source", "id", "seq", "type"))
    data, time = payload.get("data"), payload.get("time")
    if not isinstance(source, str) or not source.startswith(f"/{site}/{device}/"):
        return None
    if not isinstance(id_, str) or not isinstance(kind, str) or not kind.startswith(TYPE_PREFIX):
        return None
    if type(seq) is not int or seq < 1 or not isinstance(data, dict) or not isinstance(time, str | None):
        return None
    return Event(
        device=device,
        component=source.rsplit("/", 1)[1],
        id=id_,
        seq=seq,
        type=kind.removeprefix(TYPE_PREFIX),
        data=data,
        time=time,
        historical=payload.get("historical") is True,
    )


@dataclass(frozen=True)
class Answer:
    """What a board said on `ack`."""

    device: str
    jti: str | None
    result: str
    reason: str | None


@dataclass(frozen=True)
class Order:
    """A token that must be accepted: what has to become of it."""

    device: str
    lock: str
    jti: str
    result: str = "done"
    reason: str | None = None


@dataclass(frozen=True)
class Refusal:
    """A token that must be refused. Its `jti` may be that of an order: then it was used before."""

    device: str
    jti: str
    reason: str


@dataclass
class Ledger:
    """All that the account is made from."""

    events: list[Event] = field(default_factory=list)  # as they came, with duplicates
    answers: list[Answer] = field(default_factory=list)
    malformed: int = 0
    accepted: dict[str, int] = field(default_factory=dict)  # by device: its own counter
    pulses: dict[tuple[str, str], int] = field(default_factory=dict)  # by device and lock: strikes energised
    orders: list[Order] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    break_ins: int = 0


@dataclass(frozen=True)
class Summary:
    accepted: int
    delivered: int
    lost: int
    duplicates: int
    reordered: int
    unlocks_done: int
    refused: dict[str, int]
    forced: int


@dataclass(frozen=True)
class Fault:
    """Something that must not happen: a key of the catalogue (`fault.` before it) and its values."""

    key: str
    values: Json


def distinct(events: Iterable[Event]) -> list[Event]:
    """First occurrences, told by device and id, as a consumer does it."""
    found: dict[tuple[str, str], Event] = {}
    for event in events:
        found.setdefault((event.device, event.id), event)
    return list(found.values())


def reordered(firsts: Iterable[Event]) -> int:
    """How many first occurrences came after one with a higher number of the same device."""
    highest: dict[str, int] = {}
    count = 0
    for event in firsts:
        count += event.seq < highest.get(event.device, 0)
        highest[event.device] = max(event.seq, highest.get(event.device, 0))
    return count


def missing(firsts: Iterable[Event], accepted: dict[str, int]) -> dict[str, list[int]]:
    """By device: the numbers that it accepted, nobody saw, and no `device.dropped` counts."""
    known: dict[str, set[int]] = {device: set() for device in accepted}
    for event in firsts:
        numbers = known.setdefault(event.device, set())
        numbers.add(event.seq)
        if event.type == DROPPED:
            numbers.update(_dropped(event.data))
    return {device: sorted(set(range(1, top + 1)) - known[device]) for device, top in accepted.items()}


def _dropped(data: Json) -> range:
    first, last = data.get("first"), data.get("last")
    if not isinstance(first, int) or not isinstance(last, int):
        return range(0)
    return range(first, last + 1)


def summarize(ledger: Ledger) -> Summary:
    firsts = distinct(ledger.events)
    refused = Counter(str(event.data.get("reason")) for event in firsts if event.type == REJECTED)
    return Summary(
        accepted=sum(ledger.accepted.values()),
        delivered=len(firsts),
        lost=sum(map(len, missing(firsts, ledger.accepted).values())),
        duplicates=len(ledger.events) - len(firsts),
        reordered=reordered(firsts),
        unlocks_done=sum(event.type == DONE and event.data.get("act") == "unlock" for event in firsts),
        refused=dict(sorted(refused.items())),
        forced=sum(event.type == FORCED for event in firsts),
    )


def faults(ledger: Ledger) -> list[Fault]:
    """Everything that must not be; empty after a good evening."""
    firsts = distinct(ledger.events)
    return [
        *_delivery_faults(ledger, firsts),
        *_order_faults(ledger, firsts),
        *_refusal_faults(ledger, firsts),
        *_opening_faults(ledger, firsts),
        *_strike_faults(ledger, firsts),
    ]


def _delivery_faults(ledger: Ledger, firsts: list[Event]) -> list[Fault]:
    found = []
    for device, seqs in missing(firsts, ledger.accepted).items():
        if seqs:
            named = ", ".join(map(str, seqs[:SEQS_NAMED_MAX])) + (
                ", ..." if len(seqs) > SEQS_NAMED_MAX else ""
            )
            found.append(Fault("lost", {"device": device, "count": len(seqs), "seqs": named}))
    numbers = Counter((event.device, event.seq) for event in firsts)
    for (device, seq), count in numbers.items():
        if count > 1:
            found.append(Fault("same_number", {"device": device, "seq": seq}))
        if seq > ledger.accepted.get(device, 0):
            found.append(Fault("uncounted", {"device": device, "seq": seq}))
    late = reordered(firsts)
    if late:
        found.append(Fault("reordered", {"count": late}))
    if ledger.malformed:
        found.append(Fault("malformed", {"count": ledger.malformed}))
    return found


def _order_faults(ledger: Ledger, firsts: list[Event]) -> list[Fault]:
    """Each order: accepted once, and one final answer, the right one."""
    found = []
    acted = Counter((event.device, event.data.get("jti")) for event in firsts if event.type == ACCEPTED)
    for order in ledger.orders:
        finals = {
            (answer.result, answer.reason)
            for answer in ledger.answers
            if (answer.device, answer.jti) == (order.device, order.jti)
            and answer.result in ("done", "failed")
        }
        reported = [
            (event.type.removeprefix("access."), event.data.get("reason"))
            for event in firsts
            if event.type in (DONE, FAILED)
            and (event.device, event.data.get("jti")) == (order.device, order.jti)
        ]
        wanted = (order.result, order.reason)
        if finals != {wanted} or reported != [wanted] or acted[order.device, order.jti] != 1:
            said = ", ".join(sorted("/".join(filter(None, final)) for final in finals)) or "-"
            wish = "/".join(filter(None, wanted))
            found.append(Fault("outcome", {"lock": order.lock, "wanted": wish, "said": said}))
    ordered = {(order.device, order.jti) for order in ledger.orders}
    return found + [
        Fault("unordered", {"device": device, "jti": jti})
        for device, jti in acted
        if (device, jti) not in ordered
    ]


def _refusal_faults(ledger: Ledger, firsts: list[Event]) -> list[Fault]:
    """Each bad token was refused, for its own reason and no other. That none was accepted, too, is known
    from `_order_faults`: whatever was accepted must be an order, once."""
    wanted: Counter[Key] = Counter(
        (refusal.device, refusal.jti, refusal.reason) for refusal in ledger.refusals
    )
    said: Counter[Key] = Counter(
        (event.device, event.data.get("jti"), event.data.get("reason"))
        for event in firsts
        if event.type == REJECTED
    )
    return [
        Fault("refusals", {"reason": key[2], "wanted": wanted[key], "said": said[key]})
        for key in sorted(wanted | said, key=str)
        if wanted[key] != said[key]
    ]


def _opening_faults(ledger: Ledger, firsts: list[Event]) -> list[Fault]:
    """A door may come open once an order, and while the power was off only if an order was cut off."""
    found = []
    left = Counter((order.device, number_of(order.lock), order.jti) for order in ledger.orders)
    cut_off = Counter(
        (order.device, number_of(order.lock)) for order in ledger.orders if order.reason == "power"
    )
    for event in firsts:
        if event.type != OPENED:
            continue
        place = (event.device, number_of(event.component))
        jti = event.data.get("jti")
        if isinstance(jti, str) and left[*place, jti] > 0:
            left[*place, jti] -= 1
        elif event.data.get("while_off") is True and cut_off[place] > 0:
            cut_off[place] -= 1
        else:
            found.append(Fault("opened", {"door": event.component, "device": event.device}))
    forced = sum(event.type == FORCED for event in firsts)
    if forced != ledger.break_ins:
        found.append(Fault("forced", {"wanted": ledger.break_ins, "said": forced}))
    return found


def _strike_faults(ledger: Ledger, firsts: list[Event]) -> list[Fault]:
    """A strike was energised exactly as often as its orders were accepted."""
    taken = Counter((event.device, event.component) for event in firsts if event.type == ACCEPTED)
    return [
        Fault("strike", {"lock": lock, "device": device, "pulses": pulses, "orders": taken[device, lock]})
        for (device, lock), pulses in ledger.pulses.items()
        if pulses != taken[device, lock]
    ]


def number_of(component: str) -> str:
    """`lock-2` and `door-2` belong together."""
    return component.partition("-")[2]
