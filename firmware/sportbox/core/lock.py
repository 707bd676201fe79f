"""What all locks have in common: orders and their one final answer, states, and the words in which a lock
says what to do.

A lock is told what happened and when, and returns actions, as tuples:

    ("power",)                   wait for the supply, which lets one lock run at a time; then call `powered`
    ("drive", way, ms)           run towards `unlock` or `lock` for at most ms
    ("stop",)                    run no more
    ("unpower",)                 the supply is for the others
    ("state", state)             the state to publish
    ("event", type, data)        to report
    ("final", order, result, reason)   the one final answer of an order, `done` or `failed`
    ("latch", lost)              the latch let go without an order, or is back
    ("signal", name)             to the person before the door

`strike` and `motor` hold the two kinds. Nothing moves that no order asked for: the first step after boot only
takes note of what is.
"""

import struct

from micropython import const

LOCKED = "locked"
UNLOCKING = "unlocking"
UNLOCKED = "unlocked"
LOCKING = "locking"
JAMMED = "jammed"
FAULT = "fault"

# what a lock's own contacts say of the bolt
UNSENSED = 0
BOLT_LOCKED = 1
BOLT_UNLOCKED = 2
BOLT_BETWEEN = 3
IMPLAUSIBLE = 4  # at both ends at once

UNLOCK = "unlock"
LOCK = "lock"

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    Actions = list[tuple[object, ...]]

TURN_MS = const(60000)  # an unlock has its turn at the supply so soon or never: who ordered it has gone away
_BUDGET_MAX = const(32)
_RUN = "<II"  # bytes, for a list of pairs costs a busy box three kilobytes
_RUN_BYTES = const(8)


class Order:
    """An accepted order: who asked (opaque) and for what. `args` are those of the token. A `quiet` one is
    answered and makes no events; `secret` is the key of a token that carries sealed content."""

    quiet = False
    secret = b""

    def __init__(
        self, jti: str, sub: str, act: str, component: str, args: "dict[str, object] | None" = None
    ) -> None:
        self.jti = jti
        self.sub = sub
        self.act = act
        self.component = component
        self.args = args or {}


class Booking(Order):
    """One by the key of a booking service, which opening hours bind. A class: an attribute more would cost
    memory in each order that is remembered."""


class Duty:
    """How long a coil or motor may run in a sliding window, so that it never overheats."""

    def __init__(self, limit_ms: int, window_ms: int) -> None:
        self._limit_ms = limit_ms
        self._window_ms = window_ms
        self._runs = b""  # newest last: how long, and how long after the end of the one before
        self._end_ms = 0  # of the newest

    def allows(self, pulse_ms: int, now_ms: int) -> bool:
        oldest_ms = now_ms - self._window_ms
        begin_ms = oldest_ms + pulse_ms
        used_ms = 0
        at, end = len(self._runs), self._end_ms
        while at and end > oldest_ms:
            at -= _RUN_BYTES
            ran_ms, after_ms = struct.unpack_from(_RUN, self._runs, at)
            used_ms += max(0, min(ran_ms, end - begin_ms))
            end -= ran_ms + after_ms
        if len(self._runs) - at >= _BUDGET_MAX * _RUN_BYTES:
            return False
        return used_ms + pulse_ms <= self._limit_ms

    def add(self, begin_ms: int, end_ms: int) -> None:
        oldest_ms = end_ms - self._window_ms
        at, end = len(self._runs), self._end_ms
        while at and end > oldest_ms:
            at -= _RUN_BYTES
            ran_ms, after_ms = struct.unpack_from(_RUN, self._runs, at)
            end -= ran_ms + after_ms
        kept = self._runs[at:]
        after_ms = max(0, begin_ms - self._end_ms) if kept else 0
        self._runs = kept + struct.pack(_RUN, end_ms - begin_ms, after_ms)
        self._end_ms = end_ms


class Lock:
    """What `strike.StrikeLock` and `motor.MotorLock` share. `deadline` (ms of uptime) says when to call
    `tick` at the latest."""

    tells_all = False  # its contacts tell whether it is locked, without the door's

    def __init__(self, release_ms: int, duty: Duty) -> None:
        self._release_ms = release_ms
        self._duty = duty
        self._order: Order | None = None  # the unlock that waits for the door
        self._lock_order: Order | None = None
        self._powered = False
        self._waiting = False  # for the supply
        self._door_open = False
        self._bolt = UNSENSED
        self._exit = False  # the inside release is pressed
        self._inside = False  # somebody is, or may be, inside
        self.opened_by = ""  # the jti of the newest unlock, for the door's events
        self.state = LOCKED
        self.deadline: int | None = None

    # ---- what it can be asked

    def refusal(self, order: Order, now_ms: int) -> str:
        """The reason why an order cannot be taken now, or an empty string."""
        raise NotImplementedError

    def allows_open(self) -> bool:
        """Whether the door may be open without having been forced."""
        raise NotImplementedError

    def busy(self) -> bool:
        return self._order is not None or self._lock_order is not None or self._powered or self._waiting

    def waits(self) -> bool:
        """For its turn at the supply."""
        return self._waiting

    # ---- what it is told

    def at_boot(self, door_open: bool, bolt: int, interrupted: bool, now_ms: int) -> "Actions":
        """The first reading of the contacts; `interrupted`: an order was running when the power went. If an
        order was there before the reading, `door` and `sense` tell what to do."""
        raise NotImplementedError

    def unlock(self, order: Order, now_ms: int) -> "Actions":
        raise NotImplementedError

    def lock(self, order: Order, now_ms: int) -> "Actions":
        raise NotImplementedError

    def powered(self, now_ms: int) -> "Actions":
        """The supply is this lock's, until `unpower`."""
        raise NotImplementedError

    def failed(self, what: str, now_ms: int) -> "Actions":
        """The driver could not do it; `what`: `coil` or `expander`."""
        raise NotImplementedError

    def door(self, is_open: bool, now_ms: int) -> "Actions":
        """The debounced contact changed."""
        raise NotImplementedError

    def sense(self, bolt: int, now_ms: int) -> "Actions":
        """The lock's own debounced contacts changed."""
        raise NotImplementedError

    def rest(self, until_ms: int) -> None:
        """After `stop`: a pulse that cannot be ended early keeps the driver from the next one until then."""

    def readable(self, can_see: bool, now_ms: int) -> "Actions":
        """Whether the door's contact can be read at all."""
        return []

    def people(self, exit_pressed: bool, inside: bool, now_ms: int) -> "Actions":
        """The inside release, and whether somebody is or may be inside."""
        raise NotImplementedError

    def tick(self, now_ms: int) -> "Actions":
        """To be called when `deadline` is reached; any other time does no harm."""
        raise NotImplementedError

    # ---- for the two kinds

    def _told(self, kind: str, data: "dict[str, object]") -> "tuple[object, ...]":
        """An event, tied to the order that it follows from; there is none once the lock is locked again."""
        if self.opened_by:
            data["jti"] = self.opened_by
        return ("event", kind, data)

    def _ask_power(self) -> "Actions":
        if self._powered or self._waiting:
            return []
        self._waiting = True
        return [("power",)]

    def _return_power(self) -> "Actions":
        if not self._powered and not self._waiting:
            return []
        self._powered = self._waiting = False
        return [("unpower",)]

    def _finish(self, result: str, reason: str | None) -> "Actions":
        """The final answer of the unlock that waits for the door."""
        order = self._order
        self._order = None
        if order is None:
            return []
        actions: Actions = []
        if reason == "not_opened":
            actions.append(("event", "lock.not_opened", {"jti": order.jti}))
        actions.append(("final", order, result, reason))
        return actions

    def _finish_lock(self, result: str, reason: str | None) -> "Actions":
        order = self._lock_order
        self._lock_order = None
        return [] if order is None else [("final", order, result, reason)]

    def _unlocked(self) -> "Actions":
        actions: Actions = [self._told("lock.unlocked", {})]
        return actions + self._enter(UNLOCKED)

    def _locked(self) -> "Actions":
        data = {"inside": True} if self._inside else {}  # a latch falls whoever is behind it
        actions: Actions = [("event", "lock.locked", data)]
        self.opened_by = ""  # what comes next is not put down to who opened before
        return actions + self._enter(LOCKED) + [("latch", False)] + self._finish_lock("done", None)

    def _enter(self, state: str) -> "Actions":
        if state == self.state:
            return []
        self.state = state
        return [("state", state)]
