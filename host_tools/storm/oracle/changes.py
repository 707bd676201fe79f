"""Changes of the configuration by order: the board is the old one or the new one, whole, and says which.

How docs/configure.md was read: a change is on trial from the restart on, for two minutes with Wi-Fi and ten
without, counted anew by each of at most three starts; then the board goes back by itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from host_tools.storm.oracle.broken import MINUTE_US, SECOND_US, Broken, Record, at
from host_tools.storm.oracle.messages import Ack, Event, Json
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.spans import Span

TRIAL_US = {
    "works": 2 * MINUTE_US,
    "fails": 4 * MINUTE_US,
    "no_wifi": 13 * MINUTE_US,
    "refused": 0,
}
"""From the order to a board that is back, by what comes of it."""
GREETS_US = 30 * SECOND_US
NEAR_US = 2 * MINUTE_US
IN_THE_WAY = ("network", "power", "heap", "flash", "full")


@dataclass(frozen=True)
class Change(Span):
    """It may keep the board away in that time. `final_us` and the result are those of its final answer."""

    jti: str = ""
    hash: str = ""
    comes: str = ""
    final_us: int | None = None
    result: str = ""
    reason: str = ""
    records: tuple[Record, ...] = ()


def changes(run: Run) -> list[Change]:
    """Those that may have been begun, by the time at which they were sent."""
    found: list[Change] = []
    seen: set[str | None] = set()
    for order in run.orders:
        comes = order.record.get("comes")
        if comes is None or order.jti is None or order.jti in seen or not _was_accepted(run, order.jti):
            continue
        seen.add(order.jti)
        final = _final(run, order.jti)
        until_us = _until(run, order.us, str(comes))
        if final is not None:
            until_us = min(until_us, final.us + GREETS_US)
        found.append(
            Change(
                order.us,
                until_us,
                order.jti,
                order.record["hash"],
                comes,
                None if final is None else final.us,
                "" if final is None else _result(final),
                "" if final is None else _reason(final),
                (order.record, *(() if final is None else (final.record,))),
            )
        )
    return found


def configuration_is_whole(run: Run) -> Iterator[Broken]:
    """`info` names the configuration from before or one that was ordered and works, and after a final answer
    the one that it tells of."""
    now = str(run.config.get("hash"))
    ordered = changes(run)
    steps: list[tuple[int, int, Change | Json]] = [(us, 1, info) for us, info, _ in run.infos]
    steps += [(c.final_us, 0, c) for c in ordered if c.final_us is not None and c.result == "done"]
    for us, _, what in sorted(steps, key=lambda step: step[:2]):
        if isinstance(what, Change):
            now = what.hash
            continue
        told = str(what.get("config"))
        may_be = {
            c.hash
            for c in ordered
            if c.comes == "works"
            and c.begin_us <= us
            and (c.final_us is None or us <= c.final_us + GREETS_US)
        }
        if told != now and told not in may_be:
            yield Broken("changes", us, f"the board has the configuration {told}, and should have {now}")
        now = told


def finals_are_true(run: Run) -> Iterator[Broken]:
    """What cannot work does not end with `done`, and what works is not given up with nothing in the way."""
    for change in changes(run):
        if change.final_us is None:
            continue
        began = at(change.begin_us)
        if change.comes in ("fails", "no_wifi") and change.result == "done":
            text = f"the change of {began} cuts the board off, and was taken over"
            yield Broken("changes", change.final_us, text, change.records)
        if change.comes == "works" and change.result == "failed" and not _was_disturbed(run, change):
            text = f"the change of {began} was given up ({change.reason}), with nothing in the way"
            yield Broken("changes", change.final_us, text, change.records)


def _was_disturbed(run: Run, change: Change) -> bool:
    begin_us, end_us = change.begin_us - NEAR_US, change.final_us or run.end_us
    return any(span.meets(begin_us, end_us) for span in run.faults.of(*IN_THE_WAY))


def _was_accepted(run: Run, jti: str) -> bool:
    return any(a.jti == jti and a.result != "rejected" for a in run.acks) or any(
        e.jti == jti and e.type != "access.rejected" for e in run.first_events
    )


def _final(run: Run, jti: str) -> Ack | Event | None:
    ends = ("access.done", "access.failed")
    told: list[Ack | Event] = [a for a in run.acks if a.jti == jti and a.is_final]
    told += [e for e in run.first_events if e.jti == jti and e.type in ends]
    return min(told, key=lambda one: one.us, default=None)


def _result(final: Ack | Event) -> str:
    return final.result if isinstance(final, Ack) else final.type.removeprefix("access.")


def _reason(final: Ack | Event) -> str:
    return str(final.reason if isinstance(final, Ack) else final.data.get("reason"))


def _until(run: Run, begin_us: int, comes: str) -> int:
    """The end of the trial, which what is in the way lengthens: a start counts anew."""
    trial_us = TRIAL_US[comes]
    until_us = begin_us + trial_us
    for span in run.faults.of(*IN_THE_WAY):
        if span.meets(begin_us, until_us):
            until_us = max(until_us, span.end_us + trial_us)
    return until_us
