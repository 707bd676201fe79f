"""A motor lock: a bolt with a switch at either end. It stays where it is without power.

Locking needs a closed door, nobody inside and the inside release at rest; while it runs, each of them ends
it at once. A run is over at its end switch; without one it ends after `run_ms` (after half of that, if the
bolt has not even left its end), is tried once more, and then the bolt is jammed, or its switch is broken.
Opening never depends on a switch: the door itself tells.
"""

from micropython import const

from sportbox.core.lock import (
    BOLT_BETWEEN,
    BOLT_LOCKED,
    BOLT_UNLOCKED,
    FAULT,
    IMPLAUSIBLE,
    JAMMED,
    LOCK,
    LOCKED,
    LOCKING,
    TURN_MS,
    UNLOCK,
    UNLOCKED,
    UNLOCKING,
    Duty,
    Lock,
    Order,
)

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.core.lock import Actions

_POLL_MS = const(20)  # the switches are looked at this often while the motor runs
_REST_MS = const(300)  # before the other direction, or another try
_RELOCK_MS = const(1000)  # after the door closed: it may bounce
_TRIES = const(2)
_CHECK_MS = const(1000)  # while the duty budget keeps it from locking


class MotorLock(Lock):
    tells_all = True

    def __init__(self, run_ms: int, release_ms: int, duty_ms: int, duty_window_ms: int) -> None:
        super().__init__(release_ms, Duty(duty_ms, duty_window_ms))
        self._run_ms = run_ms
        self._want = ""  # what it is about: `unlock`, `lock` or nothing
        self._running = ""
        self._retracting = False  # it unlocks without an order, for it must not stay half locked
        self._begin_ms = 0  # of the run
        self._ordered_ms = 0  # the newest unlock
        self._left = False  # the bolt has left the end where this run began
        self._rest_until_ms = 0  # the motor stands still until then
        self._tries = 0
        self._window_ends_ms: int | None = None  # until when the order waits for the door
        self._may_relock = False  # an order, or a door that was open, comes first: nothing moves at boot
        self._relock_ms: int | None = None
        self._told_block = ""
        self._override = False  # an ops order locks though the contact says open
        self._lost = False  # the bolt went back without an order
        self._unseen = False  # the door's contact cannot be read: it may be open

    def refusal(self, order: Order, now_ms: int) -> str:
        runs = 3 if self._running and order.act == LOCK else 2  # one that runs now does not count yet
        if self._lock_order is not None or not self._duty.allows(runs * self._run_ms, now_ms):
            return "busy"
        if order.act == UNLOCK:
            busy = self._order is not None or (self._want == UNLOCK and not self._retracting)
        else:
            busy = self._exit or self._inside
        return "busy" if busy else ""

    def allows_open(self) -> bool:
        if self._door_open or self._exit:
            return True
        if self._bolt == IMPLAUSIBLE:
            return self._may_relock
        return self._bolt != BOLT_LOCKED and not self._lost

    def at_boot(self, door_open: bool, bolt: int, interrupted: bool, now_ms: int) -> "Actions":
        if interrupted:  # the motor may be warm
            self._duty.add(now_ms - self._run_ms, now_ms)
        self._bolt = bolt
        self._door_open = door_open
        self._may_relock = self._may_relock or door_open
        if self._want or bolt == BOLT_LOCKED:
            return []
        if bolt == IMPLAUSIBLE:
            self.state = FAULT
            return [self._told("lock.fault", {"what": "contact"})]
        self.state = UNLOCKED
        return [self._told("lock.unlocked", {"at_boot": True})]

    def unlock(self, order: Order, now_ms: int) -> "Actions":
        self.opened_by = order.jti
        self._ordered_ms = now_ms
        self._may_relock = True
        self._lost = self._override = False
        self._relock_ms = None
        actions: Actions = []
        if self._door_open:
            actions.append(("final", order, "done", None))
        else:
            self._order = order
        if self._want == UNLOCK:  # it is retracting anyway
            self._retracting = False
            actions += self._enter(UNLOCKING)
        else:
            if self._running:
                actions += self._stop(now_ms)
            actions += self._aim(UNLOCK, now_ms)
        if self._waiting:
            self.deadline = now_ms + TURN_MS
        return actions

    def lock(self, order: Order, now_ms: int) -> "Actions":
        actions = self._finish("failed", "not_opened")
        self._window_ends_ms = None
        self._relock_ms = None
        self._override = order.args.get("override") == "contact"
        if (self._door_open or self._unseen) and not self._override:
            actions.append(("final", order, "failed", "contact"))
            return actions + self._plan(now_ms)
        if self._bolt == BOLT_LOCKED and not self._want:
            actions.append(("final", order, "done", None))
            return actions + self._enter(LOCKED)
        self._lock_order = order
        if self._want == LOCK:
            return actions
        if self._running:
            actions += self._stop(now_ms)
        return actions + self._aim(LOCK, now_ms)

    def powered(self, now_ms: int) -> "Actions":
        if self._is_too_late(now_ms):
            return self._give_up(now_ms)
        self._waiting = False
        self._powered = True
        return self._start(now_ms)

    def failed(self, what: str, now_ms: int) -> "Actions":
        self._running = self._want = ""
        self._retracting = self._override = False
        self._window_ends_ms = self.deadline = None
        self._may_relock = False
        actions = self._return_power()
        actions.append(self._told("lock.fault", {"what": what}))
        actions += self._finish("failed", "power") + self._finish_lock("failed", "power")
        return actions + self._enter(FAULT)

    def door(self, is_open: bool, now_ms: int) -> "Actions":
        if is_open == self._door_open:
            return []
        self._door_open = is_open
        self._override = False  # a contact that moves is believed again
        actions: Actions = []
        if is_open:
            self._may_relock = True
            self._told_block = ""
            self._relock_ms = None
            self._window_ends_ms = None
            actions += self._finish("done", None)
            if self._want == LOCK:
                actions += self._abort_locking("door", now_ms)
        elif self._bolt == BOLT_LOCKED and not self._want and self.state != LOCKED:
            actions += self._now_locked()
        return actions + self._plan(now_ms)

    def sense(self, bolt: int, now_ms: int) -> "Actions":
        before = self._bolt
        self._bolt = bolt
        if self._running:
            return self._watch(now_ms)
        if self._want or bolt == before:
            return []
        actions: Actions = []
        if bolt == IMPLAUSIBLE:
            actions.append(self._told("lock.fault", {"what": "contact"}))
            return actions + self._enter(FAULT)
        if bolt == BOLT_LOCKED:  # by hand, or a switch that tells the truth again
            actions += self._now_locked() if self.state != LOCKED and not self._door_open else []
        elif self.state == LOCKED or before == BOLT_LOCKED:  # the latter: it could not be unlocked before
            self._lost = not self._exit and not self._door_open
            if self._lost:
                actions.append(("latch", True))
            actions += self._enter(UNLOCKED)
        elif bolt == BOLT_UNLOCKED and self.state == FAULT:
            actions += self._enter(UNLOCKED)
        return actions + self._plan(now_ms)

    def rest(self, until_ms: int) -> None:
        self._rest_until_ms = max(self._rest_until_ms, until_ms)

    def readable(self, can_see: bool, now_ms: int) -> "Actions":
        self._unseen = not can_see
        if self._want == LOCK and self._hindrance():
            return self._abort_locking(self._hindrance(), now_ms)
        return self._plan(now_ms)

    def people(self, exit_pressed: bool, inside: bool, now_ms: int) -> "Actions":
        let_go = self._exit and not exit_pressed
        self._exit = exit_pressed
        self._inside = inside
        actions: Actions = []
        if not exit_pressed and not inside:
            self._told_block = ""
        elif self._want == LOCK:
            actions += self._abort_locking(self._hindrance(), now_ms)
        cool = self._duty.allows(self._run_ms, now_ms)
        if let_go and self._bolt == BOLT_BETWEEN and not self._want and cool:
            return actions + self._retract(now_ms)  # half out, it would keep the door from closing
        return actions + self._plan(now_ms)

    def tick(self, now_ms: int) -> "Actions":
        if self.deadline is None or now_ms < self.deadline:
            return []
        self.deadline = None
        if self._running:
            return self._watch(now_ms)
        if self._want:
            if self._powered:
                return self._start(now_ms)
            return self._give_up(now_ms) if self._is_too_late(now_ms) else []
        actions: Actions = []
        if self._window_ends_ms is not None and now_ms >= self._window_ends_ms:
            self._window_ends_ms = None
            self._relock_ms = now_ms
            if self.state == FAULT:  # it ran, no switch told how far, and the door did not open
                actions.append(self._told("lock.jammed", {"way": UNLOCK}))
                actions += self._finish("failed", "jammed")
            else:
                actions += self._finish("failed", "not_opened")
        return actions + self._plan(now_ms)

    def _is_too_late(self, now_ms: int) -> bool:
        """To unlock for who ordered it; to let somebody out, or to lock, it never is."""
        is_late = now_ms - self._ordered_ms >= TURN_MS
        return is_late and self._want == UNLOCK and not self._retracting

    def _give_up(self, now_ms: int) -> "Actions":
        self._want = self.opened_by = ""
        actions = self._return_power() + self._finish("failed", "power")
        state = {BOLT_LOCKED: LOCKED, IMPLAUSIBLE: FAULT}.get(self._bolt, UNLOCKED)
        actions += self._enter(state)
        return actions + (self._retract(now_ms) if self._bolt == BOLT_BETWEEN else self._plan(now_ms))

    # ---- running

    def _aim(self, way: str, now_ms: int) -> "Actions":
        self._want = way
        self._retracting = False
        self._tries = 0
        self.deadline = None
        actions = self._enter(UNLOCKING if way == UNLOCK else LOCKING) + self._ask_power()
        return actions + self._start(now_ms) if self._powered else actions

    def _start(self, now_ms: int) -> "Actions":
        """Runs, as soon as the motor has rested."""
        way = self._want
        if way == LOCK and self._hindrance():
            return self._abort_locking(self._hindrance(), now_ms)
        if self._bolt == (BOLT_UNLOCKED if way == UNLOCK else BOLT_LOCKED):
            return self._arrived(now_ms)
        if now_ms < self._rest_until_ms:
            self.deadline = self._rest_until_ms
            return []
        self._running = way
        self._begin_ms = now_ms
        self._left = False
        self.deadline = now_ms + _POLL_MS
        actions: Actions = [("drive", way, self._run_ms)]
        if way == UNLOCK and self._tries == 0 and not self._retracting:
            actions.append(("signal", "granted"))
        return actions

    def _watch(self, now_ms: int) -> "Actions":
        """The motor runs: is it there, or does it take too long?"""
        at_end = self._bolt == (BOLT_UNLOCKED if self._running == UNLOCK else BOLT_LOCKED)
        if at_end:
            return self._stop(now_ms) + self._arrived(now_ms)
        if self._bolt != (BOLT_LOCKED if self._running == UNLOCK else BOLT_UNLOCKED):
            self._left = True
        ran_ms = now_ms - self._begin_ms
        if ran_ms < self._run_ms and (self._left or ran_ms < self._run_ms // 2):
            self.deadline = min(now_ms + _POLL_MS, self._begin_ms + self._run_ms)
            return []
        actions = self._stop(now_ms)
        self._tries += 1
        again = self._tries < _TRIES and self._bolt != IMPLAUSIBLE
        runs = 1 if self._want == UNLOCK else 2  # a bolt that gets stuck half out must come back, too
        if again and self._duty.allows(runs * self._run_ms, now_ms + _REST_MS):
            self.deadline = self._rest_until_ms
            return actions
        return actions + (self._unlock_failed(now_ms) if self._want == UNLOCK else self._lock_failed(now_ms))

    def _stop(self, now_ms: int) -> "Actions":
        if not self._running:
            return []
        self._duty.add(self._begin_ms, now_ms)
        self._running = ""
        self._rest_until_ms = now_ms + _REST_MS
        return [("stop",)]

    def _arrived(self, now_ms: int) -> "Actions":
        way = self._want
        retracted = self._retracting
        self._want = ""
        self._retracting = False
        actions = self._return_power()
        if way == LOCK:
            return actions + self._now_locked() + self._plan(now_ms)
        if retracted:
            actions += self._enter(UNLOCKED) if self.state != JAMMED else []
        else:
            actions += self._unlocked()
        if self._order is not None:
            self._window_ends_ms = now_ms + self._release_ms
        return actions + self._plan(now_ms)

    def _unlock_failed(self, now_ms: int) -> "Actions":
        retracted = self._retracting
        self._want = ""
        self._retracting = False
        actions = self._return_power()
        if self._bolt == BOLT_LOCKED or retracted:
            actions.append(self._told("lock.jammed", {"way": UNLOCK}))
            actions += self._enter(JAMMED) + self._finish("failed", "jammed")
        else:  # the bolt has moved; whether far enough the door will tell
            actions.append(self._told("lock.fault", {"what": "contact"}))
            actions += self._enter(FAULT)
            if self._order is not None:
                self._window_ends_ms = now_ms + self._release_ms
        return actions + self._plan(now_ms)

    def _lock_failed(self, now_ms: int) -> "Actions":
        self._may_relock = False  # not again until the door has moved or somebody has asked
        self._override = False
        if self._lock_order is not None and self._bolt in (BOLT_BETWEEN, IMPLAUSIBLE):
            self._want = ""
            actions = self._return_power()  # ordered by ops, who see what the switch does not: it stays
            actions.append(self._told("lock.fault", {"what": "contact"}))
            return actions + self._enter(FAULT) + self._finish_lock("failed", "contact") + self._plan(now_ms)
        jammed: Actions = [self._told("lock.jammed", {"way": LOCK})]
        jammed += self._enter(JAMMED) + self._finish_lock("failed", "jammed")
        return jammed + self._retract(now_ms)

    def _abort_locking(self, why: str, now_ms: int) -> "Actions":
        self._override = False
        actions = self._stop(now_ms)
        actions += self._block(why) + self._finish_lock("failed", "contact")
        actions += self._enter(UNLOCKED)
        return actions + self._retract(now_ms)

    def _retract(self, now_ms: int) -> "Actions":
        """A bolt that is half out would keep the door from closing, or somebody in."""
        self._want = ""
        self._relock_ms = None
        if self._bolt == BOLT_UNLOCKED or self._exit:
            return self._return_power() + self._plan(now_ms)
        self._want = UNLOCK
        self._retracting = True
        self._tries = 0
        self.deadline = None
        return self._start(now_ms) if self._powered else self._ask_power()

    def _now_locked(self) -> "Actions":
        self._may_relock = False
        self._relock_ms = None
        self._told_block = ""
        self._override = False
        self._lost = False
        return self._locked()

    # ---- locking by itself

    def _hindrance(self) -> str:
        if self._exit:
            return "release"
        if self._inside:
            return "inside"
        return "door" if (self._door_open or self._unseen) and not self._override else ""

    def _block(self, why: str) -> "Actions":
        if why == self._told_block:
            return []
        self._told_block = why
        return [("event", "lock.blocked", {"why": why})]

    def _plan(self, now_ms: int) -> "Actions":
        """At rest: when to look again, and whether to lock by itself."""
        if self._want or self._running:
            return []
        self.deadline = self._window_ends_ms
        idle = self._window_ends_ms is None and self._bolt in (BOLT_UNLOCKED, BOLT_BETWEEN)
        if not self._may_relock or self._door_open or not idle:
            self._relock_ms = None
            return []
        why = self._hindrance()
        if why:
            self._relock_ms = None
            return self._block(why)
        if self._relock_ms is None:
            self._relock_ms = now_ms + _RELOCK_MS
        if now_ms >= self._relock_ms:
            if self._duty.allows(2 * self._run_ms, now_ms):
                return self._aim(LOCK, now_ms)
            self._relock_ms = now_ms + _CHECK_MS
        self.deadline = self._relock_ms
        return []
