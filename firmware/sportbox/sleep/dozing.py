"""A court on a board that sleeps, while it is awake; see `core.doze`."""

from micropython import const

from sportbox.core.occupancy import UNKNOWN
from sportbox.kit import NoSuchHardware
from sportbox.parts.part import Part
from sportbox.sleep.nap import make, state_of

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.app import App
    from sportbox.core.doze import Doze
    from sportbox.drivers.inputs import Input
    from sportbox.kit import Facts, Kit


_SETTLE_MS = const(60000)


class DozingCourt(Part):
    def __init__(self, name: str, doze: "Doze", pin: "tuple[int, int]", sensor: "Input", kit: "Kit") -> None:
        self.name = name
        self.doze = doze
        self.pin = pin  # and the level that wakes
        self._sensor = sensor
        self._app: "App" = kit.app
        self._reports = kit.reports
        self._now_ms = kit.now_ms

    def _uptime_ms(self, now_ms: int) -> int:
        return self._app.uptime_base_ms + now_ms

    def deadline(self) -> int | None:
        at_ms = self.doze.deadline
        return None if at_ms is None else at_ms - self._app.uptime_base_ms

    def states(self) -> "list[tuple[str, int, dict[str, object]]]":
        return [(self.name, self.doze.since_ms - self._app.uptime_base_ms, state_of(self.doze))]

    def scan(self, now_ms: int) -> None:
        if self.doze.step(self._sensor.active(), self._uptime_ms(now_ms)):
            self._tell()

    def settles(self) -> bool:
        """Just started, it first finds out how the court is: what is published before the board sleeps stands
        there for long."""
        uptime_ms = self._uptime_ms(self._now_ms())
        return uptime_ms < _SETTLE_MS and self.doze.state == UNKNOWN and self.doze.deadline is not None

    def shed(self, level: int) -> None:
        if self.doze.switch(level < 2, self._uptime_ms(self._now_ms())):
            self._tell()

    def _tell(self) -> None:
        self._reports.event(self.name, "occupancy.changed", state_of(self.doze), False)
        self._reports.state(self.name)


def build(name: str, facts: "Facts", kit: "Kit") -> DozingCourt:
    if not facts.get("pir"):
        raise NoSuchHardware("motion sensor, which alone wakes the board")
    doze = make(facts, kit.config)
    rest = kit.app.rest
    if rest is not None and name in rest.courts:
        doze.restore(rest.courts[name])
    pin, level = facts["pir"]["pin"], facts["pir"]["active"]
    return DozingCourt(name, doze, (pin, level), kit.input(pin, level, ""), kit)
