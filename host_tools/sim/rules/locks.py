"""Locks: a strike with its coil, or a motor with its bolt. What they do by themselves is in mechanics.py."""

from host_tools.sim import layout
from host_tools.sim.pins import Actuator
from host_tools.sim.rules.part import Json, Rule


class Lock(Rule):
    """A coil that is energised for longer than it is made for, or too often, burns; a burnt one moves
    nothing. A strike that jams holds its latch though energised; a bolt that jams meets something half-way.
    `lost`: the latch falls back by itself."""

    values = ("jam", "ok", "lost", "cut", "joined", "new")

    @property
    def number(self) -> int:
        """Of its record in the page."""
        return self.board.names("lock").index(self.name)

    @property
    def is_motor(self) -> bool:
        return bool(self.facts.get("actuator") == "motor")

    def wire(self) -> None:
        facts = self.facts
        if self.number >= layout.ACTUATORS_MAX:
            raise ValueError(f"a simulated board has at most {layout.ACTUATORS_MAX} locks")
        pin, door = int(facts["pin"]), self.board.components[facts["door"]]
        is_expanded = pin >= layout.GPIOS
        locked = facts["locked"] if self.is_motor else facts.get("latch")
        unlocked = facts["unlocked"] if self.is_motor else None
        run_ms = facts["run_ms"] if self.is_motor else facts["release_ms"]
        self.world.put("actuators", max(self.number + 1, self.world.get("actuators")))
        self.world.actuator(self.number).put(
            gate=self.board.config["expander"]["enable"] if is_expanded else pin,
            select=pin if is_expanded else layout.NO_PIN,
            direction=facts["direction"] if self.is_motor else 0,
            lock_level=facts["lock_level"] if self.is_motor else 0,
            travel_us=run_ms * 500 if self.is_motor else 0,  # the firmware waits twice as long for it
            limit_us=run_ms * 1000,
            duty_us=facts["duty_ms"] * 1000,
            window_us=facts["duty_window_ms"] * 1000,
            locked_pin=layout.NO_PIN if locked is None else locked["pin"],
            locked_active=1 if locked is None else locked["active"],
            unlocked_pin=layout.NO_PIN if unlocked is None else unlocked["pin"],
            unlocked_active=1 if unlocked is None else unlocked["active"],
            door_pin=door["pin"],
            door_closed=door["closed_level"],
        )

    def now(self) -> Actuator:
        return self.world.actuator_now(self.number)

    def releases(self) -> bool:
        return self.now().releases

    def blocks_closing(self) -> bool:
        return self.is_motor and not self.releases()

    def release_by_hand(self, is_pressed: bool) -> None:
        a = self.world.settle(self.number)
        a.released = int(is_pressed)
        if self.is_motor:  # the hand is stronger than the motor
            a.position_us = a.travel_us

    def contacts(self) -> list[int]:
        a = self.world.actuator(self.number)
        return [pin for pin in (a.locked_pin, a.unlocked_pin) if pin != layout.NO_PIN]

    def set(self, value: str) -> Json:
        a = self.world.settle(self.number)
        if value in ("cut", "joined"):
            pins = self.contacts()
            if not pins:
                self.refuse(value, "needs a latch contact, and this lock has none", "jam")
            for pin in pins:
                self.world.cut_wire(pin, value == "cut")
        elif value == "jam":
            is_at_end = a.position_us in (0, a.travel_us)
            a.jam_us = a.travel_us // 2 if is_at_end else a.position_us
            a.jammed = 1
        elif value == "lost" and self.is_motor:
            a.position_us = a.travel_us
        elif value == "lost":
            a.lost = 1
        elif value == "new":
            a.put(burnt=0, heat_us=0, run_us=0, jammed=0, lost=0)
        else:
            a.put(jammed=0, lost=0)
        return {"state": self.state(), "said": f"{value} now"}

    def state(self) -> str:
        now = self.now()
        if self.is_motor:
            ends = {0: "locked", self.world.actuator(self.number).travel_us: "unlocked"}
            return ends.get(now.position_us, "between")
        return "released" if now.releases else "latched"

    def faults(self) -> list[str]:
        a, now = self.world.actuator(self.number), self.now()
        is_cut = any(self.world.is_cut(pin) for pin in self.contacts())
        told = {"burnt": now.burnt, "jammed": a.jammed, "lost": a.lost, "wire cut": is_cut}
        return [fault for fault, is_so in told.items() if is_so]

    def show(self) -> Json:
        now = self.now()
        return {
            "is": self.state(),
            "energised": now.energised,
            "pulses": now.pulses,
            "longest_ms": now.longest_ms,
            "total_ms": now.total_ms,
            "faults": self.faults(),
        }
