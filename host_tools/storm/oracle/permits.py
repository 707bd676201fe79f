"""What allows a lock to move: accepted good orders, accepted codes, the inside release.

When an order was accepted is told by `uptime` and `bootid` of its event `access.accepted`; where that did not
come, by the answer, and else by when the token was sent.
"""

from collections import defaultdict
from dataclasses import dataclass

from host_tools.storm.oracle.broken import HOUR_US, MINUTE_US, SECOND_US
from host_tools.storm.oracle.messages import Event
from host_tools.storm.oracle.orders import sent_by_jti
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.spans import FOREVER_US, Span

EARLY_US = 2 * SECOND_US
TYPING_US = 2 * MINUTE_US
"""From the first key of a code to its event."""
SPARE_US = 2 * SECOND_US
TURN_US = MINUTE_US
"""An unlock that has no turn at the supply within this is given up, whatever keeps it waiting."""


@dataclass(frozen=True)
class Permit(Span):
    jti: str = ""
    lock: str = ""


def waiting_us(run: Run, lock: str) -> int:
    """The longest that an order for this lock waits in line and runs. Where the firmware itself is rotten the
    line may be stuck."""
    supply = run.components[lock].get("supply")
    line = [c for c in run.components.values() if c["kind"] == "lock" and c.get("supply") == supply]
    line_ms: int = sum(c["release_ms"] + 4 * c.get("run_ms", 0) for c in line)
    line_us = line_ms * 1000 + len(line) * SPARE_US
    return line_us if run.rotten_us is None else max(line_us, TURN_US + SPARE_US)


def permits(run: Run) -> dict[str, list[Permit]]:
    """By lock, in the order of their begin."""
    found: dict[str, list[Permit]] = defaultdict(list)
    sent = sent_by_jti(run)
    events = {e.jti: e for e in reversed(run.first_events) if e.type == "access.accepted"}
    answers = {a.jti: a for a in reversed(run.acks) if a.result in ("accepted", "done", "failed")}
    for jti, orders in sent.items():
        good = [o for o in orders if o.act in ("unlock", "lock") and o.component in run.components]
        accepted = jti in events or jti in answers
        if not good or (not accepted and all(o.good is False for o in good)) or good[0].component is None:
            continue
        lock, first_us = good[0].component, good[0].us
        spans = run.lives.made(events[jti].body) if jti in events else []
        latest_us = answers[jti].us if jti in answers and answers[jti].result == "accepted" else None
        if not accepted:  # its answer and event went with the power, perhaps; or it never arrived
            end_us = run.lives.ends.after(first_us)
            spans = [Span(first_us, min(end_us, first_us + 10 * MINUTE_US))]
        elif not spans:
            spans = [Span(first_us, latest_us or min(run.end_us, first_us + HOUR_US))]
        wait_us = waiting_us(run, lock)
        for span in spans:
            begin_us = max(span.begin_us - EARLY_US, first_us)
            found[lock].append(Permit(begin_us, span.end_us + wait_us, str(jti), lock))
    for jti, event in events.items():
        if jti is not None and jti.startswith("code-") and jti not in sent:
            lock = event.component
            found[lock] += [
                Permit(s.begin_us, s.end_us + waiting_us(run, lock), jti, lock)
                for s in _code_spans(run, event)
            ]
    for permit in _unheard(run):
        if permit.jti not in events:
            found[permit.lock].append(permit)
    return {lock: sorted(list_, key=lambda p: p.begin_us) for lock, list_ in found.items()}


def _unheard(run: Run) -> list[Permit]:
    """Right codes whose events may be among those that were dropped, or that a rotten board cannot tell."""
    mute_us = _mute_us(run)
    found = []
    for record in run.records_of("code"):
        where, us = record["component"], record["us"]
        if not run.dropped and us < mute_us:
            continue
        locks = [record["lock"]] if "lock" in record else run.components.get(where, {}).get("opens", [])
        for lock in locks if record["digits_ok"] else []:
            jti = f"code-{lock}-{record.get('slot')}"
            found.append(Permit(us, us + TYPING_US + waiting_us(run, lock), jti, lock))
    return found


def _mute_us(run: Run) -> int:
    """Since when a board whose firmware is rotten, or was to be, has made nothing that came."""
    if run.rotten_us is None:
        return FOREVER_US
    made = [(event, run.lives.made(event.body)) for event in run.first_events]
    return max([run.begin_us, *(spans[0].begin_us if spans else event.us for event, spans in made)])


def _code_spans(run: Run, event: Event) -> list[Span]:
    """Only where a right code was typed in for it."""
    if event.component not in run.components:
        return []
    return [span for span in run.lives.made(event.body) if typed(run, event, span)]


def typed(run: Run, event: Event, span: Span) -> bool:
    """Somebody typed the right code of this slot for this lock shortly before."""
    lock = event.component
    for record in run.records_of("code"):
        where = record["component"]
        locks = [record["lock"]] if "lock" in record else run.components.get(where, {}).get("opens", ())
        slot = record.get("slot")
        is_right = record["digits_ok"] and (where == lock or lock in locks)
        is_right = is_right and (slot is None or event.jti == f"code-{lock}-{slot}")
        if is_right and span.begin_us - TYPING_US <= record["us"] <= span.end_us:
            return True
    return False
