"""People: on courts, inside the container, through gates."""

import time

from host_tools.sim import layout
from host_tools.sim.rules.part import Json, Rule, opposite
from host_tools.sim.rules.sensors import SENSORS, Sensor

GATE_STEP_S = 0.1  # a person who strolls at 1 m/s between two beams some 10 cm apart
PEOPLE_MAX = 99


class Gate(Rule):
    """Two beams; people break them in turn. Each step is seen before the next one is made."""

    values = ("in", "out")

    def furnish(self) -> None:
        for pin in self.facts["pins"]:
            self.world.drive(pin, opposite(self.facts["blocked_level"]))

    def show(self) -> Json:
        level = self.facts["blocked_level"]
        broken = [self.world.input_level(pin) == level for pin in self.facts["pins"]]
        return {"beams": ["broken" if is_broken else "clear" for is_broken in broken]}

    def set(self, value: str) -> Json:
        first, second = self.facts["pins"] if value == "in" else reversed(self.facts["pins"])
        blocked = self.facts["blocked_level"]
        clear = opposite(blocked)
        for pin, level in ((first, blocked), (second, blocked), (first, clear), (second, clear)):
            was_watched = self.is_watched()
            self.world.drive(pin, level)
            self.ring(was_watched)
            time.sleep(GATE_STEP_S)
        return {"passed": value}


class Inside(Rule):
    """A motion sensor inside the container."""

    values = ("occupied", "free")

    def furnish(self) -> None:
        self.set("free")

    def show(self) -> str:
        there = self.world.true_level(self.facts["pin"]) == self.facts["active"]
        return "occupied" if there else "free"

    def set(self, value: str) -> Json:
        self.drive(self.facts, value == "occupied")
        return {"state": value}


class Court(Rule):
    """People on a court, whom all its sensors see alike."""

    values = ("occupied", "free", "N (people)")

    @property
    def _people_at(self) -> int:
        return layout.PEOPLE + self.board.names("occupancy").index(self.name) % layout.COURTS_MAX

    def sensors(self) -> list[Sensor]:
        return [
            kind(self.board, self.name, self.facts)
            for name, kind in SENSORS.items()
            if self.facts.get(name) is not None
        ]

    def wire(self) -> None:
        for sensor in self.sensors():
            sensor.wire()

    def furnish(self) -> None:
        self.set("free")

    def check(self, value: str) -> None:
        if value not in ("occupied", "free") and not (value.isdecimal() and int(value) <= PEOPLE_MAX):
            self.refuse(value, f"is not one of occupied, free, 0 to {PEOPLE_MAX} (people)", "occupied")

    def people(self) -> int:
        return self.world.byte(self._people_at)

    def set(self, value: str) -> Json:
        people = int(value) if value.isdecimal() else int(value == "occupied")
        self.world.put_byte(self._people_at, people)
        for sensor in self.sensors():
            sensor.see(people)
        return {"state": "occupied" if people else "free", "people": people}

    def show(self) -> Json:
        shown: Json = {"is": "occupied" if self.people() else "free", "people": self.people()}
        for sensor in self.sensors():
            shown[sensor.sensor] = sensor.show()
        return shown
