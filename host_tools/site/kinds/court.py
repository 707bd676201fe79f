"""Courts: who is there, from a motion sensor, a radar, a distance sensor, a gate, or several of them."""

from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import Field

from host_tools.site.base import Level, Model, Name, Pin, pin_number
from host_tools.site.explain import Explained, meant
from host_tools.site.kinds.kind import (
    Component,
    Json,
    Kind,
    Part,
    PinSocket,
    Plug,
    Plugged,
    Socket,
    contact,
    less_than,
    level,
)
from host_tools.site.uses import MOTION, SHUTDOWN, UART_RX, UART_TX, Wire

TOF_ADDRESS = 0x30  # of tof-1 once it is woken; clear of MCP23017 (0x20), VL53L1X (0x29), DS3231 (0x68)
TOF_MAX = 16
SENSORS_MAX = 4


class OccupancyTimings(Model):
    hold_ms: Annotated[int, Field(ge=0, le=600_000)] = Field(
        5_000, description="the court counts as occupied this long after the last motion"
    )
    stuck_ms: Annotated[int, Field(ge=10_000, le=86_400_000)] = Field(
        1_800_000, description="motion without a pause for this long means a stuck sensor: `unknown`"
    )
    silent_ms: Annotated[int, Field(ge=1_000, le=600_000)] = Field(
        5_000, description="a radar or distance sensor that says nothing for this long has failed"
    )
    near_mm: Annotated[int, Field(ge=50, le=4_000)] = Field(
        2_000, description="distance sensor, in millimetres: whatever is nearer is somebody"
    )


class Court(OccupancyTimings, Component):
    sensors: Annotated[list[Name], Field(min_length=1, max_length=SENSORS_MAX)] | None = Field(
        None,
        description="sockets of the board: `court-N` (motion sensor), `radar-N`, `tof-N` (distance sensor); "
        "and a `gate-N` of this device. Without it, the motion sensor of the court's own name",
    )
    pin: Pin | None = Field(None, description="GPIO of the motion sensor, where it differs from the board's")
    active: Level | None = Field(None, description="level on motion, where it differs")


class MotionSocket(PinSocket):
    use = MOTION


class RadarSocket(Socket):
    """LD2410. `rx` is where the chip listens."""

    uart: Annotated[int, Field(ge=0, le=9)]
    rx: Pin
    tx: Pin

    def wires(self) -> list[Wire]:
        return [Wire("rx", self.rx, UART_RX), Wire("tx", self.tx, UART_TX)]


class TofSocket(Socket):
    """VL53L1X on the board's I2C bus."""

    xshut: Pin

    def wires(self) -> list[Wire]:
        return [Wire("xshut", self.xshut, SHUTDOWN)]


# sockets that are no component of their own: socket models by the beginning of the name
SENSOR_SOCKETS: dict[str, type[Socket]] = {"radar": RadarSocket, "tof": TofSocket}


class CourtKind(Kind[Court]):
    prefix = "court"
    name = "occupancy"
    help = "occupancy of a court, from one or several sensors"
    heading = "A court"
    model = Court
    bare = (MotionSocket, "pin")
    own = {"pin": "pin"}  # noqa: RUF012

    def own_socket(self, component: Court, base: Socket | None) -> Socket | None:
        return None if component.pin is None else MotionSocket(pin=component.pin)

    def plugs(self, part: Part[Court]) -> list[Plugged]:
        court, board = part.component, part.board
        if court.sensors is None:
            return [self.plug(part)]
        if court.role is not None:
            return [Explained(("role",), "give `role` or `sensors`, not both")]
        found: list[Plugged] = []
        for index, name in enumerate(court.sensors):
            place = ("sensors", index)
            prefix = name.partition("-")[0]
            if prefix == "gate":
                if not part.has(name):
                    gates = [other for other in part.device.components if other.startswith("gate-")]
                    offered = ", ".join(gates) or "none"
                    told = f"must be a gate of the same device{meant(name, gates)} (it has: {offered})"
                    found.append(Explained(place, f"{told} (got `{name}`)"))
            elif prefix == "court" and court.pin is not None:
                found.append(Explained(place, f"give `pin` or `{name}`, not both"))
            elif prefix in ("court", *SENSOR_SOCKETS) and name in board.pins:
                found.append(Plug(name, board.pins[name]))
            else:
                roles = [role for prefix in ("court", *SENSOR_SOCKETS) for role in board.roles(prefix)]
                offered, guess = ", ".join(roles) or "none", meant(name, roles)
                told = f"board `{board.name}` has no such sensor{guess} (it has: {offered}) (got `{name}`)"
                found.append(Explained(place, told))
        if court.pin is not None:
            found.append(Plug(None, MotionSocket(pin=court.pin), {"pin": "pin"}))
        return found

    def facts(self, part: Part[Court]) -> Json:
        court = part.component
        facts: Json = {
            "hold_ms": court.hold_ms,
            "stuck_ms": court.stuck_ms,
            "silent_ms": court.silent_ms,
            "pir": None,
            "radar": None,
            "tof": None,
            "gate": next((name for name in court.sensors or () if name.startswith("gate-")), None),
        }
        for plug in self.plugs(part):
            assert isinstance(plug, Plug)
            socket = plug.socket
            if isinstance(socket, MotionSocket):
                facts["pir"] = contact(socket.pin, level(court.active, part.board.polarity.occupancy))
            elif isinstance(socket, RadarSocket):
                rx, tx = pin_number(socket.rx), pin_number(socket.tx)
                facts["radar"] = {"uart": socket.uart, "rx": rx, "tx": tx}
            elif isinstance(socket, TofSocket):
                number = int(str(plug.role).rpartition("-")[2])
                facts["tof"] = {
                    "xshut": pin_number(socket.xshut),
                    "address": TOF_ADDRESS + number - 1,
                    "near_mm": court.near_mm,
                }
        return facts

    def check(self, part: Part[Court]) -> Iterable[Explained]:
        yield from less_than(part, "hold_ms", "stuck_ms")
        yield from self._once(part)
        if part.board.sleeps and not any(self._moves(plug) for plug in self.plugs(part)):
            yield Explained(
                ("sensors",), "needs a motion sensor: this board sleeps, and nothing else wakes it"
            )

    @staticmethod
    def _moves(plug: Plugged) -> bool:
        """Whether it is a motion sensor; what is wrong with it otherwise is told elsewhere."""
        return isinstance(plug, Explained) or isinstance(plug.socket, MotionSocket)

    def _once(self, part: Part[Court]) -> Iterator[Explained]:
        seen: set[str] = set()
        for index, name in enumerate(part.component.sensors or ()):
            prefix = name.partition("-")[0]
            if prefix in seen:
                yield Explained(("sensors", index), f"one `{prefix}` a court (got `{name}`)")
            seen.add(prefix)
            if prefix in SENSOR_SOCKETS and part.board.sleeps:
                told = f"`{name}` sees nobody while the board sleeps; only the motion sensor wakes it"
                yield Explained(("sensors", index), told, note=True)
