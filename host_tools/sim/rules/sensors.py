"""The sensors of a court: each sees the same people, and each can fail by itself."""

from host_tools.sim import layout
from host_tools.sim.records import Record
from host_tools.sim.rules.part import Json, Rule

SEEN_CM = 240
MOVING, STANDING = 62, 48
"""Energies that a radar sees of somebody at that distance, of 100."""
NOISE = 3


class Sensor(Rule):
    """`facts` are the court's; `sim set` calls it by its own name and the court's number: radar-1."""

    sensor = ""

    @property
    def called(self) -> str:
        return f"{self.sensor}-{self.name.partition('-')[2]}"

    @property
    def own(self) -> Json:
        facts: Json = self.facts[self.sensor]
        return facts

    def see(self, people: int) -> None:
        """So many are there now."""

    def record(self, at: int, size: int, most: int, fields: dict[str, tuple[int, str]]) -> Record:
        """This sensor's in the page."""
        number = self.board.courts_with(self.sensor).index(self.name)
        if number >= most:
            raise ValueError(f"a simulated board has at most {most} sensors of the kind {self.sensor}")
        self.world.put(f"{self.sensor}s", max(number + 1, self.world.get(f"{self.sensor}s")))
        return self.world.record(at + number * size, fields)


class Pir(Sensor):
    sensor = "pir"
    values = ("stuck", "ok")

    def see(self, people: int) -> None:
        self.drive(self.own, people > 0)

    def show(self) -> str:
        return "stuck" if self.world.is_stuck(self.own["pin"]) else "ok"

    def set(self, value: str) -> Json:
        self.world.stick(self.own["pin"], self.own["active"] if value == "stuck" else None)
        return {"state": value}


class Radar(Sensor):
    """LD2410. `ghost` sees somebody at distance 0, `latched` says the same for ever, `garbage` is no frame at
    all."""

    sensor = "radar"
    values = ("ghost", "latched", "silent", "garbage", "ok")

    @property
    def radar(self) -> Record:
        return self.record(layout.RADAR, layout.RADAR_SIZE, layout.RADARS_MAX, layout.RADAR_FIELDS)

    def wire(self) -> None:
        self.radar.put(rx=self.own["rx"], tx=self.own["tx"])

    def see(self, people: int) -> None:
        there = people > 0
        self.radar.put(
            target=3 if there else 0,
            distance_cm=SEEN_CM if there else 0,
            moving=MOVING if there else NOISE,
            standing=STANDING if there else NOISE,
        )

    def show(self) -> str:
        return layout.RADAR_FAULTS[self.radar.fault]

    def set(self, value: str) -> Json:
        self.radar.fault = layout.RADAR_FAULTS.index(value)
        return {"state": value}


class Tof(Sensor):
    """VL53L1X. A lost one answers nothing, and begins anew when it is back."""

    sensor = "tof"
    values = ("lost", "ok")

    @property
    def tof(self) -> Record:
        return self.record(layout.TOF, layout.TOF_SIZE, layout.TOFS_MAX, layout.TOF_FIELDS)

    def wire(self) -> None:
        xshut = self.own["xshut"]
        self.tof.put(xshut=layout.NO_PIN if xshut is None else xshut, up_us=1, address=layout.TOF_ADDRESS)

    def see(self, people: int) -> None:
        self.tof.distance_mm = self.own["near_mm"] * 2 // 3 if people else 0

    def show(self) -> str:
        return "lost" if self.tof.lost else "ok"

    def set(self, value: str) -> Json:
        tof = self.tof
        if tof.lost and value == "ok":
            tof.put(address=layout.TOF_ADDRESS, resets=tof.resets + 1 & 0xFF)
        tof.lost = int(value == "lost")
        return {"state": value}


SENSORS: dict[str, type[Sensor]] = {"pir": Pir, "radar": Radar, "tof": Tof}
