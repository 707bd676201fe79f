"""A lock on the bench: the rules, a coil that may be broken, a clock, and a list of what was done when."""

from sportbox.core.lock import Lock, Order

RELEASE_MS = 10_000
DUTY_MS = 48_000
WINDOW_MS = 60_000


class Bench:
    """Performs a lock's actions as a bay does, and keeps each with its time."""

    def __init__(self, door_open=False, start_ms=1000):
        self.lock = Lock(RELEASE_MS, DUTY_MS, WINDOW_MS)
        self.lock.at_boot(door_open)
        self.now_ms = start_ms
        self.coil_works = True
        self.done = []  # (ms, action)
        self.orders = []

    def perform(self, actions):
        for action in actions:
            self.done.append((self.now_ms, action))
            if action[0] == "release" and not self.coil_works:
                self.perform(self.lock.coil_failed(self.now_ms))
                return

    def order(self, act="unlock", jti=None):
        """Gives an order, unless it is refused; returns the reason."""
        reason = self.lock.refusal(act, self.now_ms)
        if not reason:
            order = Order(jti or "jti-%d" % len(self.orders), "sub-1", act, "lock-1")
            self.orders.append(order)
            give = self.lock.unlock if act == "unlock" else self.lock.lock
            self.perform(give(order, self.now_ms))
        return reason

    def door(self, is_open):
        self.perform(self.lock.door(is_open, self.now_ms))

    def wait(self, duration_ms):
        """Lets time pass and keeps every deadline to the millisecond."""
        end_ms = self.now_ms + duration_ms
        while self.lock.deadline is not None and self.lock.deadline <= end_ms:
            self.now_ms = max(self.now_ms, self.lock.deadline)
            self.perform(self.lock.tick(self.now_ms))
        self.now_ms = end_ms

    def actions(self, name):
        return [action[1:] for _, action in self.done if action[0] == name]

    def times(self, name):
        return [at_ms for at_ms, action in self.done if action[0] == name]

    def states(self):
        return [state for (state,) in self.actions("state")]

    def events(self):
        return [kind for kind, _ in self.actions("event")]

    def finals(self):
        """(jti, act, result, reason) of every final answer."""
        return [(order.jti, order.act, result, reason) for order, result, reason in self.actions("final")]
