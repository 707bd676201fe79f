"""What `sim set` can do to a board's world, and what `sim show` sees of it.

The board's config.json says which pin carries what and at which level; a copy without secrets lies in the
board's folder. Each kind of thing has its rules in a module of this package.
"""

import time

from host_tools.errors import BadInput
from host_tools.sim import layout, power_rules
from host_tools.sim.rules.doors import Door, Release, Tamper
from host_tools.sim.rules.keypads import Keypad
from host_tools.sim.rules.locks import Lock
from host_tools.sim.rules.part import Json, Rule
from host_tools.sim.rules.people import Court, Gate, Inside
from host_tools.sim.rules.sensors import SENSORS
from host_tools.sim.rules.surroundings import Clock, Expander, RtcChip, Wifi
from host_tools.sim.times import now_us
from host_tools.sim.world import World
from host_tools.site.explain import nearest

KINDS: dict[str, type[Rule]] = {
    "lock": Lock,
    "door": Door,
    "release": Release,
    "inside": Inside,
    "tamper": Tamper,
    "keypad": Keypad,
    "gate": Gate,
    "occupancy": Court,
}
SURROUNDINGS: dict[str, type[Rule]] = {"wifi": Wifi, "clock": Clock, "expander": Expander, "rtc": RtcChip}
CHIPS = ("expander", "rtc")
SECTIONS = {
    "doors": "door",
    "locks": "lock",
    "releases": "release",
    "insides": "inside",
    "tampers": "tamper",
    "courts": "occupancy",
    "gates": "gate",
    "keypads": "keypad",
}
"""How `sim show` groups components."""
NICKNAMES = {"court": "occupancy"}


class BoardWorld:
    """One board's world with its components by name."""

    def __init__(self, name: str, world: World, config: Json) -> None:
        self.name = name
        self.world = world
        self.config = config
        self.components: dict[str, Json] = config["components"]

    def names(self, kind: str) -> list[str]:
        return [name for name, c in self.components.items() if c["kind"] == kind]

    def rule(self, name: str) -> Rule:
        facts = self.components[name]
        return KINDS[facts["kind"]](self, name, facts)

    def lock(self, name: str) -> Lock:
        return Lock(self, name, self.components[name])

    def wire(self) -> None:
        """What hangs on the board, for a board that is off."""
        world, config = self.world, self.config
        world.put("ntp_port", config["ntp"]["port"])
        bus, expander = config.get("i2c"), config.get("expander")
        world.put("i2c_sda", layout.NO_PIN if bus is None else bus["sda"])
        world.put("i2c_scl", layout.NO_PIN if bus is None else bus["scl"])
        world.put("expander_address", 0 if expander is None else expander["address"])
        interrupt = None if expander is None else expander["interrupt"]
        world.put("expander_interrupt", layout.NO_PIN if interrupt is None else interrupt)
        world.put("rtc_chip", int(config.get("rtc") is not None))
        for count in ("actuators", "radars", "tofs"):
            world.put(count, 0)
        for rule in self._rules():
            rule.wire()

    def furnish(self) -> None:
        """The world of a new board: doors closed, nobody there."""
        power_rules.furnish(self.world, self.config)
        for rule in self._rules():
            rule.furnish()

    def _rules(self) -> list[Rule]:
        return [self.rule(name) for name, facts in self.components.items() if facts["kind"] in KINDS]

    # --- what is so now ---

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
            **{
                section: {name: self.rule(name).show() for name in self.names(kind)}
                for section, kind in SECTIONS.items()
            },
            "faults": self._faults(),
            **{name: SURROUNDINGS[name](self, name, {}).show() for name in ("wifi", "clock")},
            "chips": self._chips(),
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

    def _chips(self) -> dict[str, str]:
        shown = {name: SURROUNDINGS[name](self, name, {}).show() for name in CHIPS}
        return {name: state for name, state in shown.items() if state is not None}

    def _faults(self) -> dict[str, list[str]]:
        """Of doors; those of locks and courts are told with them."""
        found = {name: Door(self, name, self.components[name]).faults() for name in self.names("door")}
        return {name: faults for name, faults in found.items() if faults}

    def _watchdog_ms(self) -> int | None:
        deadline_us = self.world.get("wdt_deadline_us")
        return (deadline_us - now_us()) // 1000 if deadline_us else None

    # --- what somebody does ---

    def set(self, component: str, value: str) -> Json:
        """Change the world; answers what is so afterwards. Raises BadInput and says what is allowed."""
        if component in power_rules.UNITS:
            name = component
            result = power_rules.set_value(self.name, self.world, self.config, component, value)
        else:
            rule = self._find(component)
            rule.check(value)
            name, result = rule.called, rule.set(value)
        return {"board": self.name, "component": name, **result, "awake": self.world.ring()}

    def _find(self, component: str) -> Rule:
        """The component that is meant: by name, or by kind where the board has exactly one of it."""
        if component in self._surroundings():
            return SURROUNDINGS[component](self, component, {})
        if component in self.components and self.components[component]["kind"] in KINDS:
            return self.rule(component)
        kind, _, number = component.partition("-")
        if kind in SENSORS:
            found = [name for name in self.courts_with(kind) if not number or name == f"court-{number}"]
            rules: list[Rule] = [SENSORS[kind](self, name, self.components[name]) for name in found]
        else:
            rules = [] if number else [self.rule(name) for name in self.names(NICKNAMES.get(kind, kind))]
        if len(rules) == 1:
            return rules[0]
        if rules:
            names = ", ".join(rule.called for rule in rules)
            raise BadInput(
                f"{self.name} has several of {component!r}: {names}",
                hint=f"sportbox sim set {self.name} {rules[0].called} VALUE",
            )
        known = self.settable()
        meant = nearest(component, known)
        raise BadInput(
            f"{self.name} has no {component!r} that can be set; it has: {', '.join(known)}",
            hint=f"sportbox sim set {self.name} {meant} VALUE" if meant else "sportbox sim set --help",
        )

    def _surroundings(self) -> list[str]:
        """Without the chips that this board does not have."""
        chips = self._chips()
        return [name for name in SURROUNDINGS if name not in CHIPS or name in chips]

    def courts_with(self, sensor: str) -> list[str]:
        """Courts that have this sensor."""
        courts = {name: self.components[name] for name in self.names("occupancy")}
        return [name for name, c in courts.items() if c.get(sensor) is not None]

    def settable(self) -> list[str]:
        own = [name for name, c in self.components.items() if c["kind"] in KINDS]
        sensors = [
            f"{sensor}-{name.partition('-')[2]}" for sensor in SENSORS for name in self.courts_with(sensor)
        ]
        return [*own, *sensors, *self._surroundings(), *power_rules.UNITS]
