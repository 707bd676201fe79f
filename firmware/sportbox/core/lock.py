"""The lock of one compartment or door: a fail-secure strike that is energised for a bounded time.

`step` takes what happened and the time, and returns what to do, as tuples:

    ("release", ms)              energise the strike for at most ms
    ("drop",)                    de-energise it
    ("state", state)             the state to publish
    ("event", type, data)        to report
    ("final", order, result, reason)   the one final answer of an order, `done` or `failed`

Nothing moves that no order asked for: the first step after boot only takes note of the door.
"""

from micropython import const

LOCKED = "locked"
UNLOCKING = "unlocking"
UNLOCKED = "unlocked"
LOCKING = "locking"
FAULT = "fault"

_PULL_IN_MS = const(100)  # until the strike is held; below that it may not be open yet
_SETTLE_MS = const(300)  # after a door closed or a strike dropped: the latch falls, the contact settles
_HOLD_MS = const(300)  # the strike stays held this long after the door was seen open
_OPEN_RELEASE_MS = const(3000)  # an order for a door that stands open already
_BUDGET_MAX = const(32)


class Order:
    """An accepted order: who asked (opaque) and for what. `args` are those of the token."""

    def __init__(
        self, jti: str, sub: str, act: str, component: str, args: "dict[str, object] | None" = None
    ) -> None:
        self.jti = jti
        self.sub = sub
        self.act = act
        self.component = component
        self.args = args or {}


class Duty:
    """How long a coil may be energised in a sliding window, so that it never overheats."""

    def __init__(self, limit_ms: int, window_ms: int) -> None:
        self._limit_ms = limit_ms
        self._window_ms = window_ms
        self._pulses: list[tuple[int, int]] = []  # (begin, end), oldest first

    def allows(self, pulse_ms: int, now_ms: int) -> bool:
        if len(self._pulses) >= _BUDGET_MAX and self._pulses[0][1] > now_ms - self._window_ms:
            return False
        begin_ms = now_ms + pulse_ms - self._window_ms
        used_ms = 0
        for begin, end in self._pulses:
            if end > begin_ms:
                used_ms += end - max(begin, begin_ms)
        return used_ms + pulse_ms <= self._limit_ms

    def add(self, begin_ms: int, end_ms: int) -> None:
        while self._pulses and self._pulses[0][1] <= end_ms - self._window_ms:
            self._pulses.pop(0)
        self._pulses.append((begin_ms, end_ms))


class Lock:
    def __init__(self, release_ms: int, duty_ms: int, duty_window_ms: int) -> None:
        self._release_ms = release_ms
        self._duty = Duty(duty_ms, duty_window_ms)
        self._order: Order | None = None  # the unlock that waits for the door
        self._lock_order: Order | None = None
        self._energised_ms: int | None = None  # since when
        self._window_ends_ms = 0
        self._door_open = False
        self.opened_by = ""  # the jti of the newest unlock, for the door's events
        self.state = LOCKED
        self.deadline: int | None = None

    def refusal(self, act: str, now_ms: int) -> str:
        """The reason why an order cannot be taken now, or an empty string."""
        if self._lock_order is not None:
            return "busy"
        if act == "unlock" and (self._order is not None or self._energised_ms is not None):
            return "busy"
        if act == "unlock" and not self._duty.allows(self._release_ms, now_ms):
            return "busy"
        return ""

    def allows_open(self) -> bool:
        """Whether the door may be open without having been forced."""
        return self.state in (UNLOCKING, UNLOCKED, LOCKING) or self._door_open

    def busy(self) -> bool:
        return self._order is not None or self._lock_order is not None or self._energised_ms is not None

    def at_boot(self, door_open: bool) -> None:
        """The first reading of the contact. If an order was there before it, `door` tells what to do."""
        if self.state != LOCKED:
            return
        self._door_open = door_open
        self.state = UNLOCKED if door_open else LOCKED

    def unlock(self, order: Order, now_ms: int) -> "list[tuple[object, ...]]":
        release_ms = _OPEN_RELEASE_MS if self._door_open else self._release_ms
        self._energised_ms = now_ms
        self._window_ends_ms = now_ms + release_ms
        self.opened_by = order.jti
        self.state = UNLOCKING
        self.deadline = now_ms + _PULL_IN_MS
        actions: list[tuple[object, ...]] = [("release", release_ms), ("state", UNLOCKING)]
        if self._door_open:  # answered first: if the coil fails, the actions behind `release` are not done
            return [("final", order, "done", None)] + actions
        self._order = order
        return actions

    def lock(self, order: Order, now_ms: int) -> "list[tuple[object, ...]]":
        actions = self._drop(now_ms)
        actions += self._fail("not_opened", now_ms)
        if self._door_open:
            actions.append(("final", order, "failed", "contact"))
            actions += self._enter(UNLOCKED)
            return actions
        if self.state == LOCKED:
            actions.append(("final", order, "done", None))
            return actions
        self._lock_order = order
        return actions + self._begin_locking(now_ms)

    def coil_failed(self, now_ms: int) -> "list[tuple[object, ...]]":
        """The driver could not energise the strike."""
        self._energised_ms = None
        self.deadline = None
        actions: list[tuple[object, ...]] = [("event", "lock.fault", {"jti": self.opened_by})]
        actions += self._fail("power", now_ms)
        return actions + self._enter(FAULT)

    def door(self, is_open: bool, now_ms: int) -> "list[tuple[object, ...]]":
        """The debounced contact changed."""
        if is_open == self._door_open:
            return []
        self._door_open = is_open
        actions: list[tuple[object, ...]] = []
        if not is_open:
            if self.state == LOCKED:  # it had been forced
                return actions
            return self._drop(now_ms) + self._begin_locking(now_ms)
        if self.state == UNLOCKING:
            actions += self._unlocked()
        elif self.state == LOCKING:  # it bounced before the latch fell
            actions += self._enter(UNLOCKED)
        if self._order is not None:
            actions.append(("final", self._order, "done", None))
            self._order = None
        if self._energised_ms is not None:
            self.deadline = now_ms + _HOLD_MS
        return actions

    def tick(self, now_ms: int) -> "list[tuple[object, ...]]":
        """To be called when `deadline` is reached; any other time does no harm."""
        if self.deadline is None or now_ms < self.deadline:
            return []
        self.deadline = None
        if self.state == UNLOCKING:
            self.deadline = self._window_ends_ms
            return self._unlocked()
        if self.state == UNLOCKED:
            if self._energised_ms is not None:
                actions = self._drop(now_ms)
                if not self._door_open:
                    self.deadline = now_ms + _SETTLE_MS  # a pull in the last instant still shows up
                return actions
            if self._door_open:
                return self._lock_failed()
            failed = self._fail("not_opened", now_ms)
            return failed + self._begin_locking(now_ms)
        if self.state == LOCKING:
            return self._locked()
        return []

    def _unlocked(self) -> "list[tuple[object, ...]]":
        event = ("event", "lock.unlocked", {"jti": self.opened_by})
        return [event] + self._enter(UNLOCKED)

    def _begin_locking(self, now_ms: int) -> "list[tuple[object, ...]]":
        self.deadline = now_ms + _SETTLE_MS
        return self._enter(LOCKING)

    def _locked(self) -> "list[tuple[object, ...]]":
        actions: list[tuple[object, ...]] = [("event", "lock.locked", {})]
        actions += self._enter(LOCKED)
        if self._lock_order is not None:
            actions.append(("final", self._lock_order, "done", None))
            self._lock_order = None
        return actions

    def _lock_failed(self) -> "list[tuple[object, ...]]":
        """The door opened while it was to be locked, and it was more than a bounce."""
        order = self._lock_order
        self._lock_order = None
        return [] if order is None else [("final", order, "failed", "contact")]

    def _drop(self, now_ms: int) -> "list[tuple[object, ...]]":
        if self._energised_ms is None:
            return []
        self._duty.add(self._energised_ms, now_ms)
        self._energised_ms = None
        return [("drop",)]

    def _fail(self, reason: str, now_ms: int) -> "list[tuple[object, ...]]":
        order = self._order
        if order is None:
            return []
        self._order = None
        actions: list[tuple[object, ...]] = []
        if reason == "not_opened":
            actions.append(("event", "lock.not_opened", {"jti": order.jti}))
        actions.append(("final", order, "failed", reason))
        return actions

    def _enter(self, state: str) -> "list[tuple[object, ...]]":
        if state == self.state:
            return []
        self.state = state
        return [("state", state)]
