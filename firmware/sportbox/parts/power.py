"""The board's supply: battery and solar cell, and what is switched off to make the battery last."""

from micropython import const

from sportbox.core.power import SHED, Battery, given_up, median
from sportbox.drivers.battery import Voltage
from sportbox.parts.part import Part

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.app import App
    from sportbox.kit import Facts, Kit

_EVERY_MS = const(30000)
_AGAIN_MS = const(2000)  # while a change of level is to be confirmed
_SAMPLES = const(7)


class Power(Part):
    """`battery` or `solar` is None where the board does not measure it."""

    name = "power"

    def __init__(
        self,
        app: "App",
        components: "Facts",
        battery: "tuple[Battery, Voltage] | None",
        solar: "Voltage | None",
    ) -> None:
        self._app = app
        self._components = components
        self.battery = battery
        self._solar = solar
        self._next_ms = 0

    def restore(self, memory: object, expected: bool) -> None:
        if self.battery is not None and memory in SHED:
            self.battery[0].level = str(memory)
            self._shed(str(memory))

    def memory(self) -> object:
        return None if self.battery is None else self.battery[0].level

    def figures(self) -> "dict[str, object]":
        figures: dict[str, object] = {}
        if self.battery is not None:
            figures["battery"] = self.battery[0].mv
        if self._solar is not None:
            figures["solar"] = self._solar.mv()
        return figures

    def scan(self, now_ms: int) -> None:
        if self.battery is None or now_ms < self._next_ms:
            return
        battery, voltage = self.battery
        changed = battery.step(median([voltage.mv() for _ in range(_SAMPLES)]))
        self._next_ms = now_ms + (_AGAIN_MS if battery.undecided() else _EVERY_MS)
        if changed:
            shed = given_up(self._components, battery.level)
            data: dict[str, object] = {"level": battery.level, "mv": battery.mv, "shed": shed}
            self._shed(battery.level)  # first: the event may find no memory
            self._app.event("device", "device.battery", data)

    def settles(self) -> bool:
        return self.battery is not None and self.battery[0].undecided()

    def _shed(self, level: str) -> None:
        self._app.short_of_power = SHED[level]
        for part in self._app.parts:
            part.shed(SHED[level])


def build(facts: "Facts", kit: "Kit") -> Power:
    """`facts` is the `power` of the configuration."""
    battery, solar = facts.get("battery"), facts.get("solar")
    return Power(
        kit.app,
        kit.components,
        None
        if battery is None
        else (
            Battery(battery["ok_mv"], battery["low_mv"], battery["critical_mv"]),
            Voltage(battery["pin"], battery["ratio_permille"]),
        ),
        None if solar is None else Voltage(solar["pin"], solar["ratio_permille"]),
    )
