"""Good orders are accepted, bad ones are not, and the reason is a true one.

How the protocol was read: `good` was said when the order was sent, so what time makes of it until the board
reads it (expired meanwhile, a nonce of the boot before, used up by its twin) is judged by the trace.
"""

from collections.abc import Iterator

from host_tools.storm.oracle.broken import HOUR_US, MINUTE_US, SECOND_US, Broken, at
from host_tools.storm.oracle.changes import changes
from host_tools.storm.oracle.messages import Ack, Order
from host_tools.storm.oracle.orders import sent_by_jti
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.trust import Trust

LEEWAY_S = 60
SPARE_S = 2
CLOCK_FAULT_US = 6 * HOUR_US
"""A clock that was lied to may go on lying so long after the lie has ended."""
ROOM_US = 20 * MINUTE_US
"""So long it may take until room is kept back on the flash again."""
BUSY_US = 3 * MINUTE_US
BETWEEN_US = MINUTE_US
TYPING_US = 20 * SECOND_US
"""A code is noted when its last key is pressed."""
FULL_ORDERS = 24
"""So many tokens that have not expired may fill the replay log: `busy` needs no other cause then."""

SAYS = {"inside": "occupied", "release": "pressed"}
"""What a record of each says."""

NEVER_OF_A_GOOD_ONE = (
    "signature",
    "key",
    "role",
    "audience",
    "malformed",
    "too_large",
    "retained",
    "lifetime",
)


class Reasons:
    """What can be a true reason at a time."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.trust = Trust(run)
        self.sent = sent_by_jti(run)
        self._changes = changes(run)
        spend = {o.jti for o in run.orders if o.spends_nonce}
        self._configured = [a.us for a in run.acks if a.is_final and a.jti in spend]
        self.accepted = sorted(
            {a.us for a in run.acks if a.result == "accepted"}
            | {e.us for e in run.first_events if e.type == "access.accepted"}
        )

    def clock_lied(self, us: int) -> bool:
        return self.run.faults.explain(us, "clock", after_us=CLOCK_FAULT_US)

    def may_be_busy(self, us: int, order: Order) -> bool:
        run = self.run
        near = any(us - BUSY_US <= t <= us + SECOND_US for t in self.accepted)
        pulsed = any(p.start_us - BUSY_US <= us <= p.until_us + BUSY_US for p in run.pulses)
        hindered = order.act == "lock" and self._is_in_the_way(order.component, us)
        restarts = order.act == "reboot" or "comes" in order.record
        if restarts and (self._stands_open(us) or self._is_changing(order)):
            return True
        disturbed = run.faults.explain(us, "heap", "flash", "power", after_us=5 * MINUTE_US)
        return near or pulsed or hindered or disturbed or self._remembered(us) >= FULL_ORDERS

    def _is_in_the_way(self, lock: str | None, us: int) -> bool:
        """Behind the door of that lock somebody is, or presses the inside release, or did so until a moment
        ago, or a sensor may say so. After a start the board does not know yet."""
        door = self.run.components.get(self.run.components.get(lock or "", {}).get("door", ""), {})
        if any(self._may_say(kind, door.get(kind), us) for kind in ("inside", "release")):
            return True
        return door.get("inside") is not None and self.run.lives.begun_within(us - BUSY_US, us)

    def _may_say(self, kind: str, name: str | None, us: int) -> bool:
        if name is None:
            return False
        seen = [r for r in self.run.records_of(kind) if r["component"] == name and r["us"] <= us]
        if seen and (seen[-1][SAYS[kind]] or us - seen[-1]["us"] <= BUSY_US):
            return True
        return self.run.faults.explain(us, "sensor", "bounce", after_us=BUSY_US, component=name)

    def _stands_open(self, us: int) -> bool:
        """A door does, or seems to: no restart then. A keypad that somebody types on is in the way, too."""
        begin_us = us - MINUTE_US
        opened = any(True in line.within(begin_us, us, False) for line in self.run.doors.values())
        cut = any("cut" in line.within(begin_us, us, "joined") for line in self.run.wires.values())
        typed = any(begin_us <= r["us"] <= us + TYPING_US for r in self.run.records_of("code"))
        return opened or cut or typed

    def _is_changing(self, order: Order) -> bool:
        """Another change is on trial, or about to be told."""
        return any(c.jti != order.jti and c.has(order.us, MINUTE_US, MINUTE_US) for c in self._changes)

    def _remembered(self, us: int) -> int:
        """Tokens that the board has to remember until they have expired."""
        now_s = self.run.unix_s(us) - LEEWAY_S
        return sum(1 for o in self.run.orders if o.us <= us and (o.record.get("exp") or 0) >= now_s)

    def in_doubt(self, order: Order, us: int) -> bool:
        """Its sender was sure of it, and something may have come between. One that sleeps goes by the chip's
        clock, cannot see that it was moved, and may take that for the rate at which it runs."""
        begin_us = order.us - BETWEEN_US
        clock_us = min(begin_us, self.trust.measured_us(order.us)) if self.run.sleeps else begin_us
        return self.run.lives.begun_within(begin_us, us) or any(
            s.meets(clock_us, us) for s in self.run.faults.of("clock")
        )

    def is_true(self, reason: str, order: Order, ack: Ack) -> bool:
        """Could the board say so of this order, whatever else is wrong with it?"""
        run, us, record = self.run, ack.us, order.record
        now_s, exp, nbf = run.unix_s(us), record.get("exp"), record.get("nbf")
        sent_s = run.unix_s(order.us)
        if reason == "busy":
            return self.may_be_busy(us, order)
        if reason == "clock" and self._has_new_nonce(order, us):
            return True
        if reason in ("clock", "expired", "not_yet") and order.good and not self.in_doubt(order, us):
            return reason == "expired" and _is_over(now_s, exp)
        if reason == "clock":
            return self.trust.may_be_low(us) or self.clock_lied(us)
        if reason == "replayed":
            before = sum(1 for o in self.sent[order.jti] if o.us <= us) > 1
            worn = run.faults.explain(us, "flash", "power", after_us=run.end_us)
            return before or worn or self._had_no_room(us)
        if reason == "expired":
            return _is_over(now_s, exp) or self.lied_ever(us)
        if reason == "not_yet":
            too_early = nbf is not None and sent_s < nbf - LEEWAY_S + SPARE_S
            return too_early or self.lied_ever(us) or self.trust.may_be_low(us)
        if reason == "closed":
            return "openings" in run.config
        return False

    def _has_new_nonce(self, order: Order, us: int) -> bool:
        """For there was a start, or an order `configure` was carried out."""
        begin_us = self._first_us(order)
        started = order.act == "configure" and self.run.lives.begun_within(begin_us, us)
        return started or any(begin_us <= t <= us for t in self._configured)

    def _had_no_room(self, us: int) -> bool:
        """The flash was full so soon after a start or after it was full before that the board had not kept
        room back yet, and one that sleeps never does. Then it cannot note an order, and refuses it."""
        if self.run.sleeps:
            return any(span.has(us, after_us=ROOM_US) for span in self.run.faults.of("full"))
        begun = [self.run.begin_us, *(f.end_us for f in self.run.faults.of("full"))]
        return any(
            span.has(us, after_us=ROOM_US) and any(0 <= span.begin_us - t <= ROOM_US for t in begun)
            for span in self.run.faults.of("full")
        )

    def _first_us(self, order: Order) -> int:
        return min(o.us for o in self.sent[order.jti]) - BETWEEN_US

    def lied_ever(self, us: int) -> bool:
        """A lie far ahead leaves a floor for good; a lie back or a drift until the next honest time."""
        return any(span.begin_us <= us for span in self.run.faults.of("clock"))


def _is_over(now_s: float, exp: int | None) -> bool:
    return exp is not None and now_s > exp + LEEWAY_S - SPARE_S


def rejections_are_just(run: Run) -> Iterator[Broken]:
    """A rejection names a reason that is true."""
    reasons = Reasons(run)
    for ack in run.acks:
        if ack.result != "rejected" or ack.jti is None:
            continue
        sent = [o for o in reasons.sent.get(ack.jti, []) if o.us <= ack.us]
        if not sent:
            continue  # told by answers_are_asked_for
        legal = {o.why for o in sent if o.good is not True}
        if "signature" in legal:
            legal.add("key")
        reason = str(ack.reason)
        if reason in legal or any(reasons.is_true(reason, o, ack) for o in sent):
            continue
        kinds = ", ".join(sorted({_word(o) for o in sent}))
        text = f"order {ack.jti}, {kinds}, was rejected with {reason}, which is not so"
        yield Broken("reasons", ack.us, text, (*(o.record for o in sent), ack.record))


def bad_orders_are_not_accepted(run: Run) -> Iterator[Broken]:
    """What is accepted was a good order once, or time has made it one, or the clock was lied to."""
    reasons = Reasons(run)
    told: set[str] = set()
    answers = [(a.us, a.jti, a.record) for a in run.acks if a.result == "accepted"]
    answers += [(e.us, e.jti, e.record) for e in run.first_events if e.type == "access.accepted"]
    for us, jti, record in sorted(answers, key=lambda a: a[0]):
        sent = [o for o in reasons.sent.get(jti, []) if o.us <= us]
        if not sent or jti is None or jti in told or any(_could_be_good(reasons, o, us) for o in sent):
            continue
        told.add(jti)
        why = ", ".join(sorted({o.why for o in sent}))
        text = f"order {jti} was accepted, though it is bad: {why} (sent at {at(sent[0].us)})"
        yield Broken("reasons", us, text, (*(o.record for o in sent), record))


def _could_be_good(reasons: Reasons, order: Order, us: int) -> bool:
    if order.good is not False:
        return True
    record, run = order.record, reasons.run
    if order.why == "not_yet":
        ripe = run.unix_s(us) >= record["nbf"] - LEEWAY_S - SPARE_S
        return ripe or reasons.clock_lied(us) or not reasons.trust.was_only(us, "ntp")
    if order.why == "expired":
        return reasons.clock_lied(us) or not reasons.trust.was_only(us, "ntp")
    if order.why == "clock":
        return not reasons.trust.was_only(us, "unknown", "floor")
    return False


def _word(order: Order) -> str:
    return {True: "good", False: f"bad ({order.why})", None: f"perhaps bad ({order.why})"}[order.good]
