"""Every order has its one answer.

How the protocol was read: `first answer` is `accepted` or `rejected`, `final answer` is `done` or `failed`.
An answer with the same four fields is the same answer, come twice (QoS 1), and so is the same final answer
after a restart, for the power may go before the board notes that it was heard. Answers wait in RAM, so a
power cut may take one; the events `access.*` of the same order do not get lost, and stand for it then. Where
flash did not take how an order ended, and the board has said so, it is `failed` for want of power after a
restart, whatever it was before.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from host_tools.storm.oracle.broken import MINUTE_US, SECOND_US, Broken, lasting
from host_tools.storm.oracle.messages import Ack, Event, Order
from host_tools.storm.oracle.reading import Run

ANSWER_US = 45 * SECOND_US
"""An order that was handed over is answered within this, if nothing is in the way."""
FINAL_US = 6 * MINUTE_US
"""From acceptance to the final answer of a lock: all locks of a supply may be in line before it."""
FLOOD, FLOOD_US = 16, 10 * SECOND_US
"""So many orders in so short a time may have more answers than wait for a slow line."""
NOTICED_US = 2 * MINUTE_US
"""So long a dead connection may go unnoticed."""
SLOW = ("loss", "latency", "slow_net", "dns_silent", "dns_garbage", "dns_fails")
"""Faults that take no connection away by themselves."""
QUICK = ("unlock", "lock", "identify", "selftest", "crash", "log", "reboot", "configure")


def answers_are_asked_for(run: Run) -> Iterator[Broken]:
    """An answer names an order that was sent before."""
    sent: dict[str | None, int] = {}
    for order in run.orders:
        sent.setdefault(order.jti, order.us)
    bad_us = min((o.us for o in run.orders if o.good is not True), default=None)
    for ack in run.acks:
        if ack.jti is None:  # of a token in which no jti can be found
            if bad_us is None or bad_us > ack.us or ack.result != "rejected":
                yield _broken(ack, f"{_words(ack)} for an order without jti, and none was sent")
        elif sent.get(ack.jti, ack.us + 1) > ack.us:
            yield _broken(ack, f"{_words(ack)} for {ack.jti}, which nobody has sent")


def one_final_answer(run: Run) -> Iterator[Broken]:
    """After `accepted` exactly one `done` or `failed`; nothing but `replayed` after it; one `access.accepted`
    and one `access.done` or `.failed` an order in the whole run."""
    for jti, acks in _distinct(run).items():
        finals = _final(run, acks)
        if len(finals) > 1 and not _was_not_kept(run, finals[0].us, finals[1].us):
            yield _broken(
                finals[1], f"order {jti} has {len(finals)} final answers: {_all(finals)}", finals[0]
            )
        if not finals:
            continue
        for ack in acks:
            if ack.us > finals[0].us and ack.result == "accepted":
                text = f"order {jti} was accepted again after its final answer {_words(finals[0])}"
                yield _broken(ack, text, finals[0])
    for what in (("access.accepted",), ("access.done", "access.failed")):
        seen: dict[str, Event] = {}
        for event in run.first_events:
            if event.type in what and event.jti is not None:
                first = seen.setdefault(event.jti, event)
                if first is not event and not _was_not_kept(run, first.us, event.us):
                    both = f"{first.type} (event {first.seq}) and {event.type} (event {event.seq})"
                    text = f"order {event.jti} has {both}"
                    yield Broken("orders", event.us, text, (first.record, event.record))


def _was_not_kept(run: Run, first_us: int, second_us: int) -> bool:
    """The replay log could not be written then, and the board has started since."""
    faults = [e for e in run.first_events if e.type == "device.fault"]
    said = [e for e in faults if e.data.get("what") == "replay_log_write" and e.us <= second_us]
    return _has_started(run, first_us, second_us) and any(abs(e.us - first_us) < MINUTE_US for e in said)


def _has_started(run: Run, first_us: int, second_us: int) -> bool:
    """Be it out of a sleep."""
    return any(first_us < r["us"] <= second_us for r in run.records_of("boot"))


def accepted_is_ended(run: Run) -> Iterator[Broken]:
    """What was accepted ends: by an answer, or at least by its event where the answer was lost."""
    acts = {o.jti: o.act for o in run.orders}
    acks = _distinct(run)
    ended_events = {e.jti: e for e in run.first_events if e.type in ("access.done", "access.failed")}
    accepted = {a.jti: a.us for a in reversed(run.acks) if a.result == "accepted"}
    accepted |= {e.jti: e.us for e in reversed(run.first_events) if e.type == "access.accepted"}
    finals = {a.jti for a in run.acks if a.is_final}
    dropped = any(event.type == "device.dropped" for event in run.first_events)
    for jti, us in accepted.items():
        if jti in finals or us + FINAL_US > run.end_us or acts.get(jti, "unlock") not in QUICK:
            continue
        if jti not in ended_events:
            if dropped and str(jti).startswith("code-"):
                continue  # a code has no answer, and its event may be among those
            records = tuple(a.record for a in acks.get(str(jti), []))
            text = f"order {jti} was accepted, and nothing says how it ended"
            yield Broken("orders", us, text, records)
            continue
        event = ended_events[jti]
        if str(jti).startswith("code-"):
            continue
        made = run.lives.made(event.body)
        if made and not _disturbed(run, made[0].begin_us, event.us + ANSWER_US):
            text = f"order {jti} ended ({event.type}), and its answer did not come"
            yield Broken("orders", event.us, text, (event.record,))


def one_first_answer(run: Run) -> Iterator[Broken]:
    """As many first answers as the token was handed over: a retained one comes at each connect."""
    times = Counter(o.jti for o in run.orders) | Counter(r.get("jti") for r in run.records_of("deliver"))
    for jti, acks in _distinct(run).items():
        firsts = [a for a in acks if not a.is_final]
        if len(firsts) > times[jti] > 0:
            answered = f"answered {_times(len(firsts))}: {_all(firsts)}"
            text = f"order {jti} was sent {_times(times[jti])} and {answered}"
            yield _broken(firsts[-1], text, *firsts[:-1])
        others = [a for a in acks if a.result not in ("accepted", "rejected", "done", "failed")]
        for ack in others:
            yield _broken(ack, f"order {jti} was answered with {ack.result}, which is no answer")


def orders_are_answered(run: Run) -> Iterator[Broken]:
    """An order that was handed to the network gets an answer, if all was whole then, be it good or bad."""
    heard: dict[str | None, list[int]] = defaultdict(list)
    for ack in run.acks:
        heard[ack.jti].append(ack.us)
    sent = {o.jti for o in run.orders}
    good = {o.jti for o in run.orders if o.good is True}
    for record in run.records_of("deliver"):
        us, jti = record["us"], record.get("jti")
        until_us = _answered_until_us(run, us)
        if (
            jti is None
            or jti not in sent
            or until_us > run.end_us
            or _disturbed(run, us - ANSWER_US, until_us)
        ):
            continue
        if jti not in good and _answers_were_lost(run, us):
            continue
        if not any(us <= answer_us <= until_us for answer_us in heard[jti]):
            within = lasting(until_us - us)
            text = f"order {jti} was delivered, and nothing answered it within {within}"
            yield Broken("orders", us, text, (record,))


def _answers_were_lost(run: Run, us: int) -> bool:
    """A flood of orders that are refused: the board gives some answers up, and counts them. Its next
    telemetry tells, unless there was a start before."""
    lost = [(at_us, figures.get("answers_lost", 0)) for at_us, figures, _ in run.telemetry]
    before = max(((at_us, n) for at_us, n in lost if at_us <= us), default=(0, 0))[1]
    after_us, after = min(((at_us, n) for at_us, n in lost if at_us > us), default=(run.end_us, 0))
    near = sum(abs(r["us"] - us) <= FLOOD_US for r in run.records_of("deliver"))
    return bool(after > before or (near >= FLOOD and run.lives.begun_within(us, after_us)))


def _answered_until_us(run: Run, us: int) -> int:
    """An answer comes late over a connection that is slow and stays up, but it comes."""
    until_us = us + ANSWER_US
    for span in run.faults.of("network"):
        if span.name in SLOW and span.meets(us - ANSWER_US, until_us):
            until_us = max(until_us, span.end_us + ANSWER_US)
    return until_us


def _disturbed(run: Run, begin_us: int, end_us: int) -> bool:
    """Something was in the way of an answer."""
    faults = [f for f in run.faults.of("network", "power", "heap", "flash") if f.name not in SLOW]
    return (
        any(span.meets(begin_us - NOTICED_US, end_us) for span in faults)
        or run.lives.ends.within(begin_us, end_us)
        or run.lives.begun_within(begin_us, end_us)
        or any(begin_us <= r["us"] <= end_us for r in run.records_of("gone"))
    )


def _distinct(run: Run) -> dict[str, list[Ack]]:
    """The answers to each order, without those that came twice."""
    found: dict[str, list[Ack]] = defaultdict(list)
    seen: set[tuple[str, str, str, str]] = set()
    for ack in run.acks:
        key = (str(ack.jti), ack.result, str(ack.reason), str(ack.time))
        if key not in seen and ack.jti is not None:
            seen.add(key)
            found[ack.jti].append(ack)
    return found


def _final(run: Run, acks: list[Ack]) -> list[Ack]:
    """Final answers, without those that say the same again after a later start of the board."""
    found: list[Ack] = []
    for ack in acks:
        again = found and (ack.result, ack.reason) == (found[0].result, found[0].reason)
        if ack.is_final and not (again and _has_started(run, found[0].us, ack.us)):
            found.append(ack)
    return found


def sent_by_jti(run: Run) -> dict[str | None, list[Order]]:
    found: dict[str | None, list[Order]] = defaultdict(list)
    for order in run.orders:
        found[order.jti].append(order)
    return found


def _words(ack: Ack) -> str:
    return f"`{ack.result}`" if ack.reason is None else f"`{ack.result}` ({ack.reason})"


def _all(acks: list[Ack]) -> str:
    return ", ".join(_words(a) for a in acks)


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"


def _broken(ack: Ack, text: str, *others: Ack) -> Broken:
    return Broken("orders", ack.us, text, (*(a.record for a in others), ack.record))
