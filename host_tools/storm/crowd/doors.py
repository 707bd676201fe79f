"""Doors, and who pulls, forces and pushes them."""

import random

from host_tools.sim.rules.doors import Door
from host_tools.sim.rules.locks import Lock
from host_tools.storm.crowd.orders import Orders
from host_tools.storm.stage import Stage
from host_tools.storm.weather.pins_held import bounce

CLOSE_AGAIN_US = 20_000_000
CLOSE_TRIES = 3
"""Before somebody asks for the bolt to be drawn back."""
CLOSE_MOST = 30
OPEN_LEAST_US = 300_000
LEAVES_US = 700_000
"""From the hand on the release to the hand on the door."""


class Doors:
    def __init__(self, stage: Stage, orders: Orders) -> None:
        self.stage = stage
        self.orders = orders
        self._rng = random.Random(f"{stage.plan.seed}/{stage.plan.board}/doors")
        self._pressed: dict[str, int] = {}
        self._by_hand: dict[str, int] = {}
        """A lock's pulses when the release drew its bolt back."""

    def of(self, lock: str) -> str:
        return str(self.stage.world.components[lock]["door"])

    def is_open(self, door: str) -> bool:
        return self._rule(door).is_open()

    def come_and_pull(self, door: str, pulls_us: list[int], open_us: int) -> None:
        """Somebody pulls at these times until it opens, and shuts it again after `open_us`."""
        done: list[bool] = []

        def pull() -> None:
            if not done and self.pull(door):
                done.append(True)
                self._close_after(door, open_us)

        for later_us in pulls_us:
            self.stage.agenda.after(later_us, pull)

    def pull(self, door: str) -> bool:
        """True if it opened. What holds nothing any more, or is released inside, opens for that reason."""
        if self._is_over():
            return False
        rule = self._rule(door)
        lock = rule.lock()
        by = "pull"
        if lock is not None and self._is_broken(lock):
            by = "force"
        if self._is_released(door, lock):
            by = "release"
        return self._open(door, "pull", by)

    def force(self, door: str, open_us: int) -> None:
        if not self._is_over() and self._open(door, "open", "force"):
            self._close_after(door, open_us)

    def leave_by(self, release: str, opens: bool, hold_us: int) -> None:
        """Somebody presses the release inside and, it may be, goes out and shuts the door."""
        if self._is_over():
            return
        self._press(release, 1)
        self.stage.agenda.after(hold_us, lambda: self._press(release, -1))
        if opens:
            door = str(self.stage.world.components[release]["door"])
            self.come_and_pull(door, [min(LEAVES_US, hold_us // 2)], 2_000_000)

    def close(self, door: str) -> bool:
        if not self.is_open(door):
            return True
        if not self.stage.world.set(door, "closed")["moved"]:
            return False
        self.stage.trace.note("door", door=door, open=False, by="push")
        bounce(self._rule(door).pin, self._rng, self.stage)
        return True

    def close_all(self) -> None:
        for release in self.stage.world.names("release"):
            self._press(release, -self._pressed.get(release, 0))
        for door in self.stage.world.names("door"):
            self._close_or_ask(door, 0)

    # --- how ---

    def _rule(self, door: str) -> Door:
        rule = self.stage.world.rule(door)
        assert isinstance(rule, Door)
        return rule

    def _is_over(self) -> bool:
        return self.stage.agenda.now_us >= self.stage.plan.calm_us

    def _open(self, door: str, value: str, by: str) -> bool:
        if self.is_open(door) or not self.stage.world.set(door, value)["moved"]:
            return False
        self.stage.trace.note("door", door=door, open=True, by=by)
        bounce(self._rule(door).pin, self._rng, self.stage)
        return True

    def _is_broken(self, lock: Lock) -> bool:
        """Its latch does not hold by itself."""
        return bool(self.stage.world.world.actuator(lock.number).lost)

    def _is_released(self, door: str, lock: Lock | None) -> bool:
        """The release is pressed, or has drawn back a motor's bolt that was not driven since."""
        release = self.stage.world.components[door].get("release")
        if release is not None and self._pressed.get(release, 0) > 0:
            return True
        return lock is not None and lock.is_motor and self._by_hand.get(lock.name) == lock.now().pulses

    def _press(self, release: str, by: int) -> None:
        before = self._pressed.get(release, 0)
        after = max(0, before + by)
        self._pressed[release] = after
        if (after > 0) != (before > 0):
            self.stage.world.set(release, "press" if after else "clear")
            lock = self._rule(self.stage.world.components[release]["door"]).lock()
            if lock is not None:
                self._by_hand[lock.name] = lock.now().pulses
            self.stage.trace.note("release", component=release, pressed=after > 0)

    def _close_after(self, door: str, us: int) -> None:
        self.stage.agenda.after(max(OPEN_LEAST_US, us), lambda: self._close_or_ask(door, 0))

    def _close_or_ask(self, door: str, tries: int) -> None:
        """A bolt that is out keeps it from closing: after some tries somebody has it drawn back."""
        if self.close(door) or tries >= CLOSE_MOST:
            return
        lock = self._rule(door).lock()
        if lock is not None and tries and tries % CLOSE_TRIES == 0:
            self.orders.send(self.orders.good(self._rng, "unlock", lock.name))
        self.stage.agenda.after(CLOSE_AGAIN_US, lambda: self._close_or_ask(door, tries + 1))
