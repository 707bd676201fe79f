"""What `sim set` can do to a board's world, and what `sim show` sees of it.

The board's config.json says which pin carries what and at which level; a copy without secrets lies in the
board's folder. The rules: a door's contact opens however the lock stands (`open` is a break-in on a locked
one), `pull` opens only what the lock releases at this moment, people break both beams of a gate in turn.
"""

import time
from collections.abc import Callable
from typing import Any

from host_tools.errors import BadInput
from host_tools.sim import power_rules
from host_tools.sim.layout import HIGH
from host_tools.sim.world import World, now_us

GATE_STEP_S = 0.06  # a person at 1.5 m/s between two beams some 10 cm apart

Json = dict[str, Any]
Apply = Callable[["BoardWorld", str, str], Json]


def opposite(level: int) -> int:
    return 1 - level


class BoardWorld:
    """One board's world with its components by name."""

    def __init__(self, name: str, world: World, config: Json) -> None:
        self.name = name
        self.world = world
        self.config = config
        self.components: dict[str, Json] = config["components"]

    def furnish(self) -> None:
        """The world of a new board: doors closed, nobody there."""
        self.world.put("ntp_port", self.config["ntp"]["port"])
        power_rules.furnish(self.world, self.config)
        for component in self.components.values():
            if component["kind"] == "door":
                self.world.drive(component["pin"], component["closed_level"])
            elif component["kind"] == "gate":
                for pin in component["pins"]:
                    self.world.drive(pin, opposite(component["blocked_level"]))
            elif component["kind"] == "occupancy" and component["pir"] is not None:
                self.world.drive(component["pir"]["pin"], opposite(component["pir"]["active"]))

    def names(self, kind: str) -> list[str]:
        return [name for name, c in self.components.items() if c["kind"] == kind]

    # --- what is so now ---

    def is_open(self, door: str) -> bool:
        c = self.components[door]
        return self.world.true_level(c["pin"]) != int(c["closed_level"])

    def is_energised(self, lock: str) -> bool:
        c = self.components[lock]
        return self.world.has_power() and self.world.output_level(c["pin"]) == HIGH

    def show(self) -> Json:
        world = self.world
        power = world.has_power()
        return {
            "board": self.name,
            "power": power,
            "asleep": bool(world.get("asleep")),
            "pid": world.get("pid") if power else 0,
            "halted": power and bool(world.get("halted")),
            "boot_count": world.get("boot_count"),
            "reset_cause": world.get("reset_cause"),
            "doors": {name: "open" if self.is_open(name) else "closed" for name in self.names("door")},
            "locks": {name: self._show_lock(name) for name in self.names("lock")},
            "courts": {
                name: self._show_court(name)
                for name in self.names("occupancy")
                if self.components[name]["pir"]
            },
            "gates": {name: self._show_gate(name) for name in self.names("gate")},
            "wifi": "up" if world.get("wifi_up") else "down",
            "clock": "set" if world.get("time_server_up") else "lost",
            "rtc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(world.rtc_unix_s())) if power else None,
            "supply": power_rules.show(world, self.config),
            "awake_ms": world.awake_ms(),
            "radio_ms": world.radio_ms(),
            "watchdog_ms": self._watchdog_ms(),
            "heap_base_bytes": world.get("heap_base_bytes"),
            "flash": {
                "erases": world.get("flash_erases"),
                "programmed_bytes": world.get("flash_programmed_bytes"),
            },
        }

    def _watchdog_ms(self) -> int | None:
        deadline_us = self.world.get("wdt_deadline_us")
        return (deadline_us - now_us()) // 1000 if deadline_us else None

    def _show_lock(self, name: str) -> Json:
        pulses = self.world.rmt(self.components[name]["pin"])
        return {
            "energised": self.is_energised(name),
            "pulses": pulses.pulses,
            "longest_ms": pulses.longest_ms,
            "total_ms": pulses.total_ms,
        }

    def _show_court(self, name: str) -> Json:
        pir = self._pir_of(name)
        occupied = self.world.true_level(pir["pin"]) == pir["active"]
        return {"is": "occupied" if occupied else "free", "pir": self._health(pir["pin"])}

    def _pir_of(self, court: str) -> Json:
        pir: Json | None = self.components[court]["pir"]
        if pir is None:
            raise BadInput(f"{self.name} {court} has no motion sensor")
        return pir

    def _show_gate(self, name: str) -> Json:
        c = self.components[name]
        beams = [self.world.input_level(pin) == c["blocked_level"] for pin in c["pins"]]
        return {"beams": ["broken" if broken else "clear" for broken in beams]}

    def _health(self, pin: int) -> str:
        return "stuck" if self.world.is_stuck(pin) else "ok"

    # --- what somebody does ---

    def set(self, component: str, value: str) -> Json:
        """Change the world; answers what is so afterwards. Raises BadInput and says what is allowed."""
        if component in power_rules.UNITS:
            result = power_rules.set_value(self.name, self.world, self.config, component, value)
            return {"board": self.name, "component": component, **result, "awake": self.world.ring()}
        name, kind = self._find(component)
        values, apply = ACTIONS[kind]
        if value not in values:
            raise BadInput(
                f"{self.name} {component}: {value!r} is not one of {', '.join(values)}",
                hint=f"sportbox sim set {self.name} {component} {values[0]}",
            )
        result = apply(self, name, value)
        woken = self.world.ring()
        return {"board": self.name, "component": name, **result, "awake": woken}

    def _find(self, component: str) -> tuple[str, str]:
        """The component that is meant: by name, or by kind where the board has exactly one of it."""
        if component in SURROUNDINGS:
            return component, component
        found = self.components.get(component)
        if found is not None and found["kind"] in ACTIONS:
            return component, found["kind"]
        prefix, _, number = component.partition("-")
        kind = ALIASES.get(prefix)
        candidates = self.names(KIND_OF.get(kind, kind)) if kind else []
        if kind == "pir" and number:
            candidates = [name for name in candidates if name == f"court-{number}"]
        elif number:
            candidates = []
        if kind and len(candidates) == 1:
            return candidates[0], kind
        if len(candidates) > 1:
            raise BadInput(f"{self.name} has several of {component!r}: {', '.join(candidates)}")
        raise BadInput(
            f"{self.name} has no {component!r} that can be set; it has: {', '.join(self.settable())}"
        )

    def settable(self) -> list[str]:
        own = [name for name, c in self.components.items() if c["kind"] in ACTIONS]
        sensors = [f"pir-{name.partition('-')[2]}" for name in self.names("occupancy")]
        return [*own, *sensors, *SURROUNDINGS, *power_rules.UNITS]

    def _door(self, name: str, value: str) -> Json:
        c = self.components[name]
        was_open = self.is_open(name)
        lock = c["lock"]  # None: a door that is never locked
        if value == "pull" and not was_open and lock is not None and not self.is_energised(lock):
            return {"state": "closed", "moved": False, "said": "stayed shut"}
        closed = value == "closed"
        self.world.drive(c["pin"], c["closed_level"] if closed else opposite(c["closed_level"]))
        return {"state": "closed" if closed else "open", "moved": was_open == closed}

    def _gate(self, name: str, value: str) -> Json:
        c = self.components[name]
        first, second = c["pins"] if value == "in" else reversed(c["pins"])
        blocked = c["blocked_level"]
        steps = ((first, blocked), (second, blocked), (first, opposite(blocked)), (second, opposite(blocked)))
        for pin, level in steps:
            self.world.drive(pin, level)
            self.world.ring()
            time.sleep(GATE_STEP_S)
        return {"passed": value}

    def _court(self, name: str, value: str) -> Json:
        pir = self._pir_of(name)
        self.world.drive(pir["pin"], pir["active"] if value == "occupied" else opposite(pir["active"]))
        return {"state": value}

    def _pir(self, name: str, value: str) -> Json:
        pir = self._pir_of(name)
        self.world.stick(pir["pin"], pir["active"] if value == "stuck" else None)
        return {"state": value}

    def _wifi(self, _name: str, value: str) -> Json:
        self.world.set_wifi(value == "up")
        return {"state": value}

    def _clock(self, _name: str, value: str) -> Json:
        if value == "lost":
            self.world.lose_clock()
        self.world.put("time_server_up", int(value == "set"))
        return {"state": value}


ACTIONS: dict[str, tuple[tuple[str, ...], Apply]] = {
    "door": (("open", "closed", "pull"), BoardWorld._door),
    "gate": (("in", "out"), BoardWorld._gate),
    "occupancy": (("occupied", "free"), BoardWorld._court),
    "pir": (("stuck", "ok"), BoardWorld._pir),
    "wifi": (("up", "down"), BoardWorld._wifi),
    "clock": (("set", "lost"), BoardWorld._clock),
}
SURROUNDINGS = ("wifi", "clock")
ALIASES = {"door": "door", "gate": "gate", "court": "occupancy", "pir": "pir"}
KIND_OF = {"pir": "occupancy"}
