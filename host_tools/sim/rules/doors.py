"""Doors, what opens them from inside, and the cover of the housing."""

from host_tools.sim import layout
from host_tools.sim.rules.locks import Lock
from host_tools.sim.rules.part import Json, Rule, opposite


class Door(Rule):
    """`open` is force: it opens however the lock stands. `pull` opens what the lock releases at this moment
    and what does not stick. A motor's bolt that is out keeps an open door from closing; a strike's latch
    springs back."""

    values = ("open", "closed", "pull", "stuck", "free", "cut", "joined")

    @property
    def pin(self) -> int:
        return int(self.facts["pin"])

    def is_open(self) -> bool:
        return self.world.true_level(self.pin) != int(self.facts["closed_level"])

    @property
    def sticks(self) -> bool:
        return bool(self.world.byte(layout.HELD + self.pin))

    def lock(self) -> Lock | None:
        """None: a door that is never locked."""
        return self.board.lock(self.facts["lock"]) if self.facts["lock"] is not None else None

    def furnish(self) -> None:
        self.world.drive(self.pin, self.facts["closed_level"])

    def show(self) -> str:
        return "open" if self.is_open() else "closed"

    def set(self, value: str) -> Json:
        if value in ("stuck", "free"):
            self.world.put_byte(layout.HELD + self.pin, int(value == "stuck"))
        elif value in ("cut", "joined"):
            self.world.cut_wire(self.pin, value == "cut")
        else:
            return self._move(value)
        return {"state": self.show(), "said": f"{value} now"}

    def _move(self, value: str) -> Json:
        was_open, lock = self.is_open(), self.lock()
        if value == "pull" and not was_open and (self.sticks or (lock is not None and not lock.releases())):
            return {"state": "closed", "moved": False, "said": "stayed shut"}
        if value == "closed" and was_open and lock is not None and lock.blocks_closing():
            return {"state": "open", "moved": False, "said": "the bolt is out"}
        closed, level = value == "closed", self.facts["closed_level"]
        self.world.drive(self.pin, level if closed else opposite(level))
        return {"state": "closed" if closed else "open", "moved": was_open == closed}

    def faults(self) -> list[str]:
        found = ["sticks"] if self.sticks else []
        return [*found, "wire cut"] if self.world.is_cut(self.pin) else found


class Release(Rule):
    """Inside release, wired past the controller: it opens by hand whatever the lock. A strike is free for as
    long as it is pressed; a motor's bolt goes to `unlocked` and stays there."""

    values = ("press", "clear")

    def furnish(self) -> None:
        self.drive(self.facts, False)

    def is_pressed(self) -> bool:
        return self.world.true_level(self.facts["pin"]) == int(self.facts["active"])

    def show(self) -> str:
        return "pressed" if self.is_pressed() else "clear"

    def set(self, value: str) -> Json:
        door = self.board.rule(self.facts["door"])
        lock = door.lock() if isinstance(door, Door) else None
        if lock is not None:
            lock.release_by_hand(value == "press")
        self.drive(self.facts, value == "press")
        return {"state": self.show()}


class Tamper(Rule):
    """Contact of the housing's cover."""

    values = ("open", "closed")

    def furnish(self) -> None:
        self.set("closed")

    def show(self) -> str:
        closed = self.world.true_level(self.facts["pin"]) == self.facts["closed_level"]
        return "closed" if closed else "open"

    def set(self, value: str) -> Json:
        level = self.facts["closed_level"]
        self.world.drive(self.facts["pin"], level if value == "closed" else opposite(level))
        return {"state": value}
