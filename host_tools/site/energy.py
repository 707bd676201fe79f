"""What a board takes from its supply: the currents of board.toml `[energy]`, and how they add up to a day.

Figures in board files come from data sheets. Espressif, *ESP32-C3 Series Datasheet*, "Current Consumption
Characteristics": receiving 84 mA (HT20), sending 276 to 335 mA, modem sleep at 160 MHz about 20 to 28 mA,
deep sleep with RTC memory and timer 5 uA; *ESP32-S3 Series Datasheet*: 88 to 91 mA, 283 to 340 mA, 7 to 8
uA; *ESP32 Series Datasheet*: 95 to 100 mA, 180 to 240 mA, 10 uA. `radio_ma` is for a station that mostly
listens and sends for a twentieth of the time. Sensors: Hi-Link, *HLK-LD2410* data sheet, 79 mA on average;
ST, *VL53L1X* data sheet (DS12385), 16 mA while ranging; PIR modules 20 uA (AM312) to 65 uA (HC-SR501).

`start_ms` and `join_ms` are what the simulator cannot know, time from the wake-up until the firmware runs
and for association and DHCP in a real network: estimates until they are measured on hardware.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from host_tools.site.base import Model

Json = dict[str, Any]
Milliamperes = Annotated[float, Field(ge=0, le=10_000)]
Microamperes = Annotated[float, Field(ge=0, le=100_000)]

HOUR_MS = 3_600_000
DAY_S = 86_400


class Energy(Model):
    radio_ma: Milliamperes
    active_ma: Milliamperes
    sleep_ua: Microamperes = 0.0
    start_ms: Annotated[int, Field(ge=0, le=10_000)] = 0
    join_ms: Annotated[int, Field(ge=0, le=60_000)] = 0
    other_ua: Microamperes = 0.0
    pir_ua: Microamperes = 50.0
    radar_ma: Milliamperes = 79.0
    tof_ma: Milliamperes = 16.0
    beam_ma: Milliamperes = 20.0
    capacity_mah: Annotated[float, Field(gt=0, le=1_000_000)] | None = None


@dataclass(frozen=True)
class Wake:
    """What one kind of occasion costs on average, as it was measured on the simulated board."""

    starts: float
    awake_ms: float
    radio_ms: float
    connections: float

    def __add__(self, other: "Wake") -> "Wake":
        return Wake(
            self.starts + other.starts,
            self.awake_ms + other.awake_ms,
            self.radio_ms + other.radio_ms,
            self.connections + other.connections,
        )

    def times(self, number: float) -> "Wake":
        return Wake(
            self.starts * number, self.awake_ms * number, self.radio_ms * number, self.connections * number
        )


@dataclass
class Budget:
    """mAh a day by consumer."""

    board: str
    kind: str
    source: str
    mah: dict[str, float] = field(default_factory=dict)
    capacity_mah: float | None = None
    measured: Json = field(default_factory=dict)

    @property
    def mah_a_day(self) -> float:
        return sum(self.mah.values())

    @property
    def days(self) -> float | None:
        """On the battery, without sun."""
        return None if self.capacity_mah is None else self.capacity_mah / self.mah_a_day

    def facts(self) -> Json:
        return {
            "board": self.board,
            "kind": self.kind,
            "source": self.source,
            "mah_a_day": round(self.mah_a_day, 2),
            "consumers": {name: round(mah, 3) for name, mah in self.mah.items()},
            "capacity_mah": self.capacity_mah,
            "days": None if self.days is None else round(self.days, 1),
            "measured": self.measured,
        }


def sensors(energy: Energy, components: Json) -> dict[str, float]:
    """mAh a day of what hangs on the board, which is always on."""
    found = {"PIR": 0.0, "radar": 0.0, "time of flight": 0.0, "light barriers": 0.0}
    for facts in components.values():
        kind = facts["kind"]
        if kind == "inside" or (kind == "occupancy" and facts.get("pir")):
            found["PIR"] += energy.pir_ua / 1000 * 24
        if kind == "occupancy" and facts.get("radar"):
            found["radar"] += energy.radar_ma * 24
        if kind == "occupancy" and facts.get("tof"):
            found["time of flight"] += energy.tof_ma * 24
        if kind == "gate":
            found["light barriers"] += 2 * energy.beam_ma * 24
    return {name: mah for name, mah in found.items() if mah}


def always_on(energy: Energy, components: Json) -> dict[str, float]:
    """mAh a day of a board that never sleeps; its radio stays joined."""
    return {"radio": energy.radio_ma * 24, **sensors(energy, components), **_other(energy)}


def mostly_asleep(energy: Energy, components: Json, day: Wake) -> dict[str, float]:
    """mAh a day of a board that sleeps; `day` is the sum of all that wakes it in a day."""
    radio_ms = day.radio_ms + day.connections * energy.join_ms
    active_ms = day.awake_ms - day.radio_ms + day.starts * energy.start_ms
    asleep_ms = max(0.0, DAY_S * 1000 - radio_ms - active_ms)
    return {
        "deep sleep": energy.sleep_ua / 1000 * asleep_ms / HOUR_MS,
        "awake": energy.active_ma * active_ms / HOUR_MS,
        "radio": energy.radio_ma * radio_ms / HOUR_MS,
        **sensors(energy, components),
        **_other(energy),
    }


def _other(energy: Energy) -> dict[str, float]:
    """Regulator, divider, charger."""
    return {"other": energy.other_ua / 1000 * 24} if energy.other_ua else {}
