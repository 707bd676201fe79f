"""The second flow: an order comes in as a token, is checked, used up on flash, carried out and answered."""

from micropython import const

from sportbox.core import token as tokens
from sportbox.core.lock import Booking, Order
from sportbox.core.token import Access, Refused
from sportbox.store.replay import ReplayLog, Unreadable

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sportbox.core.clock import Clock
    from sportbox.store.replay import Answer

_REPORTS_MAX = const(60)  # refusals reported as events in one go; then one a second
_TOLD_MAX = const(16)
_PAUSE_MS = const(1000)
_PAUSE_MAX_MS = const(60000)


class Desk:
    """`refusal_of(order)` says why the parts of the board cannot take an order now, `carry_out(order)` does
    it and leads to `final`, `make_room()` gives up the memory of what can wait. They belong to the app, as
    `next_seq()`, the number that the next event will have, does to the outbox. `configured(args)` is told of
    what has changed the board itself."""

    def __init__(
        self,
        access: Access,
        replay: ReplayLog,
        clock: "Clock",
        nonce: str,
        payload_max: int,
        refusal_of: "Callable[[Order], str]",
        carry_out: "Callable[[Order], None]",
        report: "Callable[[str, str, dict[str, object]], None]",
        answer: "Callable[[str | None, str, str | None, Callable[[], None] | None], None]",
        configured: "Callable[[dict[str, object]], None]",
        make_room: "Callable[[], None]",
        next_seq: "Callable[[], int]",
    ) -> None:
        self._access = access
        self._replay = replay
        self._clock = clock
        self.nonce = nonce
        self._payload_max = payload_max
        self._refusal_of = refusal_of
        self._carry_out = carry_out
        self._report = report
        self._answer = answer
        self._configured = configured
        self._make_room = make_room
        self._next_seq = next_seq
        self._told: list[str] = []
        self._log_failed = False
        self._tidy_ms = self._pause_ms = 0  # when to tidy again, after flash that failed
        self._reports_left = _REPORTS_MAX
        self.accepted = 0
        self.rejected = 0
        self.unreported = 0  # refusals that were answered but made no event: too many, or no memory

    def command(self, raw: bytes | None, retained: bool, now_ms: int) -> None:
        """What came on `cmd`; None: it was too large."""
        if raw is None or len(raw) > self._payload_max:
            self._reject(None, "", "", "too_large")
            return
        if retained:
            self._reject(tokens.claimed_jti(raw), "", "", "retained")
            return
        token = None
        try:
            token = self._with_room(tokens.parse, raw)
            now_s, trusted = self._clock.now(now_ms), self._clock.trusted()
            self._with_room(self._access.check, token, now_s, trusted, self.nonce)
        except (Refused, MemoryError) as error:  # its jti is looked for only now: most orders are good
            reason = error.args[0] if isinstance(error, Refused) else "busy"
            jti = tokens.claimed_jti(raw) if token is None else tokens.jti_of(token.claims)
            self._reject(jti, "", "", reason)
            return
        args = token.claims.get("args")
        order = (Booking if token.role == "booking" else Order)(
            token.text("jti"),
            token.text("sub"),
            token.text("act"),
            token.text("cmp"),
            args if isinstance(args, dict) else None,
        )
        if order.act == "configure" and (order.component in ("", "device") or "reset" in order.args):
            try:
                configure = self._with_room(_configuring)
            except MemoryError:
                self._refuse(order, "busy")
            else:
                configure(self, order, token, now_ms)
        elif self._replay.doubtful(tokens.keep_until(token), tokens.issued(token)):
            self._refuse(order, "replayed")
        else:
            self._order(order, tokens.keep_until(token), now_ms)

    def local(self, order: Order, begins_s: int, keep_until_s: int, now_ms: int) -> str:
        """An order given at the box itself, by a code that counts from `begins_s` to `keep_until_s`: used up
        and carried out as a token's, but told in events alone, for nobody waits for an answer. Gives the
        reason of a refusal, an empty string if the order runs."""
        found = self._replay.find(order.jti)
        if found is not None and found.result == "accepted":
            return ""  # the same code while its order runs
        if self._replay.doubtful(keep_until_s, begins_s):
            reason = "replayed"
        else:
            reason = self._begin(order, keep_until_s, True, now_ms)
        if reason:
            self.refuse_local(order.component, order.jti, order.sub, reason)
        else:
            self._run(order)
        return reason

    def refuse_local(self, component: str, jti: str | None, sub: str, reason: str) -> None:
        """What was tried at the box itself and is refused."""
        self.rejected += 1
        self._report_refusal(component, jti, sub, reason)

    def settle(self, jti: str, result: str, reason: str | None) -> bool:
        """The final answer to an order of which only the jti is known any more; False if nothing is."""
        found = self._replay.find(jti)
        if found is not None:
            self.final(found.order, result, reason)
        return found is not None

    def final(self, order: Order, result: str, reason: str | None) -> None:
        """The one final answer; a second one is not given."""
        if order.quiet:
            self._answer(order.jti, result, reason, None)
            return
        found = self._replay.find(order.jti)
        if found is None or found.result != "accepted":
            return
        self._report_final(order, result, reason)
        self._tell_final(found)

    def tidy(self, now_ms: int) -> None:
        """Once a second: what can wait. Flash that does not take it is tried less and less often: each try
        may erase what is left of it."""
        self._reports_left = min(_REPORTS_MAX, self._reports_left + 1)
        if now_ms < self._tidy_ms:
            return
        try:
            while self._told:
                self._replay.told(self._told[0])
                self._told.pop(0)
            self._replay.tidy(self._clock.now(now_ms))
            self._pause_ms = 0
        except (OSError, MemoryError):
            self._pause_ms = min(2 * self._pause_ms + _PAUSE_MS, _PAUSE_MAX_MS)
            self._tidy_ms = now_ms + self._pause_ms
            self._note_failure()

    def _with_room(self, step: "Callable[..., Any]", *args: "Any") -> "Any":
        """Once more with the memory of what can wait, if there is too little. Raises MemoryError, Refused."""
        try:
            return step(*args)
        except MemoryError:
            self._make_room()
            return step(*args)

    def _order(self, order: Order, keep_until_s: int, now_ms: int) -> bool:
        """True if it was accepted and carried out."""
        found = self._replay.find(order.jti)
        if found is not None and found.result == "accepted":
            self._answer(order.jti, "accepted", None, None)  # the same token while its order runs
            return False
        reason = self._begin(order, keep_until_s, False, now_ms)
        if reason:
            self._refuse(order, reason)
            return False
        self._answer(order.jti, "accepted", None, None)
        self._run(order)
        return True

    def _begin(self, order: Order, keep_until_s: int, local: bool, now_ms: int) -> str:
        """Uses the order up, on flash. Gives the reason why it is refused, else an empty string."""
        if not self._replay.readable or self._replay.used(order.jti):
            return "replayed"
        reason = "busy" if self._replay.full(self._clock.now(now_ms)) else self._refusal_of(order)
        if reason:
            return reason
        try:
            if order.quiet:
                self._replay.spend(order.jti, keep_until_s)
            else:
                self._replay.begin(order, keep_until_s, local)
        except MemoryError:
            return "busy"
        except (OSError, Unreadable):
            return "replayed"  # a token that cannot be used up could be used twice
        self.accepted += 1
        if order.quiet:
            return ""
        data: dict[str, object] = {"jti": order.jti, "sub": order.sub, "act": order.act}
        self._tell(order.component, "access.accepted", data)  # used up, it has to run, whoever hears of it
        return ""

    def _run(self, order: Order) -> None:
        try:
            self._carry_out(order)
        except Exception:
            begun = self._replay.find(order.jti)
            if begun is not None and begun.result == "accepted":  # it has had no final answer yet
                self.final(order, "failed", "power")
            raise

    def _refuse(self, order: Order, reason: str) -> None:
        if order.quiet:
            self.rejected += 1
            self._answer(order.jti, "rejected", reason, None)
            return
        self._reject(order.jti, order.sub, order.component, reason)

    def _reject(self, jti: str | None, sub: str, component: str, reason: str) -> None:
        self.rejected += 1
        self._answer(jti, "rejected", reason, None)
        self._report_refusal(component, jti, sub, reason)

    def _report_refusal(self, component: str, jti: str | None, sub: str, reason: str) -> None:
        if self._reports_left <= 0:
            self.unreported += 1
            return
        self._reports_left -= 1
        if not self._tell(component, "access.rejected", {"jti": jti, "sub": sub, "reason": reason}):
            self.unreported += 1

    def _report_final(self, order: Order, result: str, reason: str | None) -> None:
        """The end of an order, on flash, and then its event."""
        noted = True
        try:
            self._replay.finish(order.jti, result, reason, self._next_seq())
        except (OSError, MemoryError):
            noted = False
        data: dict[str, object] = {"jti": order.jti, "sub": order.sub, "act": order.act, "reason": reason}
        if not self._tell(order.component, "access." + result, data):
            try:
                self._replay.finish(order.jti, result, reason, 0)  # the next start tells the event
            except (OSError, MemoryError):
                noted = False
        if not noted:
            self._note_failure()

    def _tell(self, component: str, kind: str, data: "dict[str, object]") -> bool:
        """False if there is no memory for the event, though an update has given way to it."""
        try:
            self._report(component, kind, data)
        except MemoryError:
            return False
        return True

    def _tell_final(self, found: "Answer") -> None:
        """Events are all that an order from the box itself is told in."""
        jti = found.order.jti
        if found.local:
            self._note_told(jti)
        else:
            self._answer(jti, found.result, found.reason, lambda: self._note_told(jti))

    def _note_told(self, jti: str) -> None:
        if len(self._told) < _TOLD_MAX:
            self._told.append(jti)

    def _note_failure(self) -> None:
        """Flash that does not take the log is reported once a boot, not once a second."""
        if not self._log_failed:
            self._log_failed = self._tell("device", "device.fault", {"what": "replay_log_write"})


def _configuring() -> "Callable[[Desk, Order, tokens.Token, int], None]":
    from sportbox.system.configuring import configure

    return configure
