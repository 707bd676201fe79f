"""The page of a board in a storm, and the coils on it."""

from host_tools.sim import layout, mechanics
from host_tools.sim.records import Record
from host_tools.sim.rules import BoardWorld
from host_tools.sim.world import World
from host_tools.storm.network.net import Net


class StormWorld(World):
    """A page whose doorbell is heard in lockstep."""

    rang = False
    net: Net | None = None

    def ring(self) -> bool:
        self.rang = True
        return super().ring()

    def set_wifi(self, up: bool) -> None:
        """Seen within a second by a board that leaps, too."""
        self.rang = True
        super().set_wifi(up)
        if self.net is not None:
            self.net.wifi = up

    def set_wifi_fault(self, fault: str) -> None:
        self.rang = True
        super().set_wifi_fault(fault)

    def has_address(self) -> bool:
        """Whether the station believes that there is somebody to send to."""
        return self.get("wifi_fault") in (0, layout.WIFI_STALE)

    def carries(self) -> bool:
        """Whether what it sends gets anywhere."""
        return not self.get("wifi_fault")

    def is_selected(self, actuator: Record) -> bool:
        return mechanics.is_selected(actuator, self._page)


class Coil:
    """A lock's, with the pulse that was seen last."""

    def __init__(self, world: StormWorld, view: BoardWorld, name: str) -> None:
        self.name = name
        self.record = world.actuator(view.lock(name).number)
        self.channel = world.record(layout.RMT + self.record.gate * layout.RMT_SIZE, layout.RMT_FIELDS)
        self.known = (0, 0)
        self.was_told = False
