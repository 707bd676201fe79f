"""A lock on the bench: the rules, a coil that may be broken, a supply, a clock, and a list of what was done
when."""

from sportbox.core.lock import UNSENSED, Order
from sportbox.core.motor import MotorLock
from sportbox.core.strike import StrikeLock
from sportbox.core.supply import Supply

RELEASE_MS = 10_000
DUTY_MS = 48_000
WINDOW_MS = 60_000
RUN_MS = 3000


class Bench:
    """Performs a lock's actions as a bolt does, and keeps each with its time."""

    def __init__(self, door_open=False, start_ms=1000, lock=None, bolt=UNSENSED):
        self.lock = lock or StrikeLock(RELEASE_MS, DUTY_MS, WINDOW_MS)
        self.now_ms = start_ms
        self.supply = Supply()
        self.coil_works = True
        self.done = []  # (ms, action)
        self.orders = []
        self.perform(self.lock.at_boot(door_open, bolt, False, start_ms))

    def perform(self, actions):
        for action in actions:
            self.done.append((self.now_ms, action))
            if action[0] == "power":
                self.supply.ask("lock", self.now_ms)
            elif action[0] == "unpower":
                self.supply.give_back("lock", self.now_ms, self.now_ms)
            elif action[0] == "drive" and not self.coil_works:
                self.perform(self.lock.failed("coil", self.now_ms))
                return

    def look(self):
        """As a scan does."""
        if self.supply.grant("lock", self.now_ms):
            self.perform(self.lock.powered(self.now_ms))
        self.perform(self.lock.tick(self.now_ms))

    def order(self, act="unlock", jti=None, **args):
        """Gives an order, unless it is refused; returns the reason."""
        order = Order(jti or "jti-%d" % len(self.orders), "sub-1", act, "lock-1", args)
        reason = self.lock.refusal(order, self.now_ms)
        if not reason:
            self.orders.append(order)
            give = self.lock.unlock if act == "unlock" else self.lock.lock
            self.perform(give(order, self.now_ms))
            self.look()
        return reason

    def door(self, is_open):
        self.perform(self.lock.door(is_open, self.now_ms))

    def sense(self, bolt):
        self.perform(self.lock.sense(bolt, self.now_ms))

    def people(self, exit_pressed=False, inside=False):
        self.perform(self.lock.people(exit_pressed, inside, self.now_ms))

    def next_ms(self):
        """When it must be looked at next, None: not by itself."""
        times = [at for at in (self.lock.deadline, self.supply.deadline("lock")) if at is not None]
        return min(times) if times else None

    def wait(self, duration_ms):
        """Lets time pass and keeps every deadline to the millisecond."""
        end_ms = self.now_ms + duration_ms
        while True:
            at_ms = self.next_ms()
            if at_ms is None or at_ms > end_ms:
                break
            self.now_ms = max(self.now_ms, at_ms)
            self.look()
        self.now_ms = end_ms

    def actions(self, name):
        return [action[1:] for _, action in self.done if action[0] == name]

    def times(self, name):
        return [at_ms for at_ms, action in self.done if action[0] == name]

    def drives(self):
        """(ms,) of every time that it was energised."""
        return [(ms,) for _, ms in self.actions("drive")]

    def states(self):
        return [state for (state,) in self.actions("state")]

    def events(self):
        return [kind for kind, _ in self.actions("event")]

    def finals(self):
        """(jti, act, result, reason) of every final answer."""
        return [(order.jti, order.act, result, reason) for order, result, reason in self.actions("final")]


def motor_bench(door_open=False, bolt=UNSENSED, start_ms=1000):
    return Bench(door_open, start_ms, MotorLock(RUN_MS, RELEASE_MS, DUTY_MS, WINDOW_MS), bolt)
