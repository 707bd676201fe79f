"""Nothing accepted is lost, reordered, or told twice with two contents.

How the protocol was read: `historical` tells of a delivery, not of the event, so the same event may come
first without it and then with it. A number that the board has dropped may have reached the broker all the
same, if only its PUBACK was lost. `device.dropped` may be said twice after a power cut.
"""

from collections.abc import Iterator

from host_tools.storm.oracle.broken import SECOND_US, Broken
from host_tools.storm.oracle.messages import Event, Json
from host_tools.storm.oracle.reading import Run

SENT_US = 10 * SECOND_US
"""From the making of an event to its PUBACK at the board, when all is calm."""


def ids_are_unique(run: Run) -> Iterator[Broken]:
    """One id is one event: `<device>-<bootid>-<seq>`; the same id again has the same content, and a number
    has one id."""
    contents: dict[str, tuple[Json, Event]] = {}
    numbers: dict[int, Event] = {}
    for event in run.events:
        content = {name: value for name, value in event.body.items() if name != "historical"}
        if event.id not in contents:
            contents[event.id] = content, event
            expected = f"{run.device}-{event.body.get('bootid')}-{event.seq}"
            if event.id != expected:
                yield _broken("ids", event, f"event {event.seq} has the id {event.id}, not {expected}")
            first = numbers.setdefault(event.seq, event)
            if first is not event:
                text = f"two events have the number {event.seq}: {first.type} and {event.type}"
                yield _broken("ids", event, text, first)
        elif contents[event.id][0] != content:
            before = contents[event.id]
            names = [n for n in {**before[0], **content} if before[0].get(n) != content.get(n)]
            text = f"event {event.id} came again with another content: {', '.join(sorted(names))} changed"
            yield _broken("ids", event, text, before[1])


def order_is_kept(run: Run) -> Iterator[Broken]:
    """First deliveries come in the order of their numbers."""
    newest: Event | None = None
    for event in run.first_events:
        if newest is not None and event.seq < newest.seq:
            text = f"event {event.seq} ({event.type}) came for the first time after event {newest.seq}"
            yield _broken("order", event, text, newest)
        else:
            newest = event


def nothing_is_lost(run: Run) -> Iterator[Broken]:
    """Every number from 1 on came, or a `device.dropped` counts it; at the end nothing is left."""
    dropped, missing = run.dropped, run.missing
    yield from _uncounted(run, missing, dropped)
    for event in dropped:
        first, last, count = (event.data.get(name) for name in ("first", "last", "count"))
        if not (
            type(first) is int and type(last) is int and type(count) is int and first <= last < event.seq
        ):
            yield _broken("lost", event, f"device.dropped with data that cannot be so: {event.data}")
            continue
        inside = [n for n in missing if first <= n <= last]
        others = any(o is not event and o.data["first"] <= last and first <= o.data["last"] for o in dropped)
        if count > last - first + 1:
            text = f"device.dropped counts {count} numbers between {first} and {last}"
            yield _broken("lost", event, text)
        elif len(inside) > count and not others:
            text = (
                f"{len(inside)} events between {first} and {last} did not come, device.dropped counts {count}"
            )
            yield _broken("lost", event, text)


def _uncounted(run: Run, missing: list[int], dropped: list[Event]) -> Iterator[Broken]:
    """Numbers that nobody counts, gap by gap."""
    counted: set[int] = set()
    for event in dropped:
        first, last = event.data.get("first"), event.data.get("last")
        if type(first) is int and type(last) is int:
            counted.update(n for n in missing if first <= n <= last)
    gap: list[int] = []
    for number in [*(n for n in missing if n not in counted), None]:
        if gap and number != gap[-1] + 1:
            after = next(e for e in run.events if e.seq > gap[-1])
            names = f"event {gap[0]}" if len(gap) == 1 else f"events {gap[0]} to {gap[-1]}"
            text = f"{names} never came, and no device.dropped counts it; event {after.seq} came"
            yield _broken("lost", after, text)
            gap = []
        if number is not None:
            gap.append(number)


def nothing_is_left(run: Run) -> Iterator[Broken]:
    """At the end of the calm phase the queue is empty but for what is just on its way, and the newest number
    (`accepted`) has come."""
    if run.calm_us is None or run.sleeps:
        return
    calm = [t for t in run.telemetry if run.calm_us < t[0] <= run.end_us - SENT_US]
    if not calm:
        yield Broken("left", run.end_us, "no telemetry came in the calm phase")
        return
    us, figures, record = calm[-1]
    highest = max((event.seq for event in run.events), default=0)
    since = {event.id for event in run.events if event.us >= us - SENT_US}
    waits = figures.get("queue")
    if type(waits) is not int or waits > len(since):
        text = f"{waits} events still wait at the end of the calm phase, and {len(since)} came then"
        yield Broken("left", us, text, (record,))
    elif figures.get("accepted", 0) > highest:
        text = f"{figures['accepted']} events were accepted and none waits, but only {highest} came"
        yield Broken("left", us, text, (record,))


def _broken(invariant: str, event: Event, text: str, *others: Event) -> Broken:
    return Broken(invariant, event.us, text, (*(e.record for e in others), event.record))
