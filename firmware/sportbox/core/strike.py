"""A fail-secure strike: energised for a bounded time the door can be pulled open, and without power the
spring latch holds it. Locking is letting go: the latch falls by itself once the door is closed.

A latch contact, where there is one, tells whether the latch has caught.
"""

from micropython import const

from sportbox.core.lock import (
    BOLT_LOCKED,
    BOLT_UNLOCKED,
    FAULT,
    JAMMED,
    LOCKED,
    LOCKING,
    TURN_MS,
    UNLOCK,
    UNLOCKED,
    UNLOCKING,
    UNSENSED,
    Duty,
    Lock,
    Order,
)

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.core.lock import Actions

_PULL_IN_MS = const(100)  # until the strike is held; below that it may not be open yet
_SETTLE_MS = const(300)  # after a door closed or a strike dropped: the latch falls, the contact settles
_HOLD_MS = const(300)  # the strike stays held this long after the door was seen open
_OPEN_RELEASE_MS = const(3000)  # an order for a door that stands open already
_CATCH_MS = const(2000)  # a latch that has not caught by then is jammed


class StrikeLock(Lock):
    def __init__(self, release_ms: int, duty_ms: int, duty_window_ms: int) -> None:
        super().__init__(release_ms, Duty(duty_ms, duty_window_ms))
        self._energised_ms: int | None = None  # since when
        self._window_ends_ms = 0
        self._since_ms = -_CATCH_MS  # when it was ordered to unlock, or its latch could begin to fall
        self._was_driven = False  # so that who opens while an order still waits for the supply is noticed

    def refusal(self, order: Order, now_ms: int) -> str:
        if self._lock_order is not None:
            return "busy"
        if order.act != UNLOCK:
            return ""
        if self._order is not None or self._powered or self._waiting:
            return "busy"
        return "" if self._duty.allows(self._release_ms, now_ms) else "busy"

    def allows_open(self) -> bool:
        return self._door_open or (self._was_driven and self.state in (UNLOCKING, UNLOCKED, LOCKING))

    def at_boot(self, door_open: bool, bolt: int, interrupted: bool, now_ms: int) -> "Actions":
        if interrupted:  # the coil may be warm
            self._duty.add(now_ms - self._release_ms, now_ms)
        if self.state != LOCKED:
            return []
        self._bolt = bolt
        self._door_open = door_open
        if door_open:
            self.state = UNLOCKED
        elif bolt == BOLT_UNLOCKED:
            self.state = JAMMED  # closed, and not held: that needs somebody to look
            return [self._told("lock.jammed", {"way": "lock"})]
        return []

    def unlock(self, order: Order, now_ms: int) -> "Actions":
        self.opened_by = order.jti
        self._was_driven = False
        actions: Actions = []
        if self._door_open:
            actions.append(("final", order, "done", None))
        else:
            self._order = order
        self._since_ms = now_ms
        self.deadline = now_ms + TURN_MS
        return actions + self._enter(UNLOCKING) + self._ask_power()

    def powered(self, now_ms: int) -> "Actions":
        if now_ms - self._since_ms >= TURN_MS:
            return self._give_up()
        self._waiting = False
        self._powered = True
        self._was_driven = True
        release_ms = _OPEN_RELEASE_MS if self._door_open else self._release_ms
        self._energised_ms = now_ms
        self._window_ends_ms = now_ms + release_ms
        self.deadline = now_ms + _PULL_IN_MS
        return [("drive", UNLOCK, release_ms), ("signal", "granted")]

    def lock(self, order: Order, now_ms: int) -> "Actions":
        actions = self._drop(now_ms)
        actions += self._finish("failed", "not_opened")
        if self._door_open:
            actions.append(("final", order, "failed", "contact"))
            actions += self._enter(UNLOCKED)
            return actions
        if self.state == LOCKED:
            actions.append(("final", order, "done", None))
            return actions
        self._lock_order = order
        return actions + self._begin_locking(now_ms)

    def failed(self, what: str, now_ms: int) -> "Actions":
        self._energised_ms = None
        self.deadline = None
        actions = self._return_power()
        actions.append(self._told("lock.fault", {"what": what}))
        return actions + self._finish("failed", "power") + self._enter(FAULT)

    def door(self, is_open: bool, now_ms: int) -> "Actions":
        if is_open == self._door_open:
            return []
        self._door_open = is_open
        actions: Actions = []
        if not is_open:
            if self.state == LOCKED:  # it had been forced, or opened from inside
                self._since_ms = now_ms
                return actions
            return self._drop(now_ms) + self._begin_locking(now_ms)
        if self.state == UNLOCKING and self._energised_ms is not None:
            actions += self._unlocked()
        elif self.state == LOCKING:  # it bounced before the latch fell
            actions += self._enter(UNLOCKED)
        if self._order is not None:
            actions += self._finish("done", None)
        if self._waiting:  # opened before its turn came, from inside or by force: nothing was let go
            self.opened_by = ""
            self.deadline = None
            actions += self._return_power() + self._enter(LOCKED)
        if self._energised_ms is not None:
            self.deadline = now_ms + _HOLD_MS
        return actions

    def sense(self, bolt: int, now_ms: int) -> "Actions":
        self._bolt = bolt
        if bolt == BOLT_LOCKED and not self._door_open:
            if self.state == JAMMED or (self.state == UNLOCKED and not self.busy()):
                return self._locked()
        elif (
            bolt == BOLT_UNLOCKED
            and self.state == LOCKED
            and not (self._door_open or self._exit)
            and now_ms - self._since_ms >= _CATCH_MS
        ):
            self._was_driven = False
            return [("latch", True)] + self._enter(UNLOCKED)
        return []

    def people(self, exit_pressed: bool, inside: bool, now_ms: int) -> "Actions":
        """A latch falls whoever is inside; the mechanical release lets them out. Nothing to fight with."""
        if self._exit and not exit_pressed and self.state == LOCKED:
            self._since_ms = now_ms
        self._exit = exit_pressed
        self._inside = inside
        return []

    def tick(self, now_ms: int) -> "Actions":
        if self.deadline is None or now_ms < self.deadline:
            return []
        self.deadline = None
        if self._waiting:
            return self._give_up()
        if self.state == UNLOCKING:
            self.deadline = self._window_ends_ms
            return self._unlocked()
        if self.state == UNLOCKED:
            if self._energised_ms is not None:
                actions = self._drop(now_ms)
                if not self._door_open:
                    self.deadline = now_ms + _SETTLE_MS  # a pull in the last instant still shows up
                return actions
            if self._door_open:  # it opened while it was to be locked, and that was more than a bounce
                return self._finish_lock("failed", "contact")
            return self._finish("failed", "not_opened") + self._begin_locking(now_ms)
        if self.state == LOCKING:
            if self._bolt in (UNSENSED, BOLT_LOCKED):
                return self._locked()
            if now_ms - self._since_ms < _CATCH_MS:
                self.deadline = self._since_ms + _CATCH_MS
                return []
            actions = [self._told("lock.jammed", {"way": "lock"})]
            return actions + self._enter(JAMMED) + self._finish_lock("failed", "jammed")
        return []

    def _give_up(self) -> "Actions":
        """Its turn has not come: it is as it was before."""
        self.opened_by = ""
        self._was_driven = self._door_open
        self.deadline = None
        state = UNLOCKED if self._door_open else LOCKED
        return self._return_power() + self._finish("failed", "power") + self._enter(state)

    def _begin_locking(self, now_ms: int) -> "Actions":
        self._since_ms = now_ms
        self.deadline = now_ms + _SETTLE_MS
        return self._enter(LOCKING)

    def _drop(self, now_ms: int) -> "Actions":
        if self._energised_ms is None:
            return self._return_power()
        self._duty.add(self._energised_ms, now_ms)
        self._energised_ms = None
        actions: Actions = [("stop",)]
        return actions + self._return_power()
