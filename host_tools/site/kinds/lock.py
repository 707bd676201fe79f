"""Locks: an electric strike or a motor lock, as the board's socket says."""

from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import Field

from host_tools.site.base import EXPANDER_PIN, Level, Model, Name, Pin, pin_number
from host_tools.site.explain import Explained
from host_tools.site.hours import WeekHours
from host_tools.site.kinds.kind import (
    Component,
    Json,
    Kind,
    Part,
    Socket,
    contact,
    less_than,
    needs_sibling,
    needs_waking,
)
from host_tools.site.uses import COIL, CONTACT, DIRECTION, MOTOR, Wire

RUN_MS = 3_000


class LockTimings(Model):
    release_ms: Annotated[int, Field(ge=100, le=10_000)] = Field(
        10_000, description="window to open the door: a strike is energised at most this long"
    )
    run_ms: Annotated[int, Field(ge=200, le=10_000)] = Field(
        RUN_MS, description="motor locks: the motor runs at most this long for one way"
    )
    duty_ms: Annotated[int, Field(ge=100, le=3_600_000)] = Field(
        48_000, description="the coil or motor is energised at most this long within `duty_window_ms`"
    )
    duty_window_ms: Annotated[int, Field(ge=1_000, le=3_600_000)] = Field(
        60_000, description="sliding window of the duty budget"
    )


class Lock(LockTimings, Component):
    supply: Name = Field(
        "main", description="power supply: locks of the same one are energised one after another"
    )
    pin: Pin | None = Field(None, description="GPIO of the strike driver, where it differs from the board's")
    latch: Pin | None = Field(
        None, description="GPIO of a contact that tells whether the strike's latch is engaged"
    )
    opening: WeekHours | None = Field(
        None, description="when bookings may open it [default: `opening` of the settings, else always]"
    )


class StrikeSocket(Socket):
    coil: Pin
    latch: Pin | None = None

    def wires(self) -> list[Wire]:
        latch = [] if self.latch is None else [Wire("latch", self.latch, CONTACT)]
        return [Wire("coil", self.coil, COIL), *latch]


class MotorSocket(Socket):
    enable: Pin
    direction: Pin
    locked: Pin
    unlocked: Pin
    lock_level: Level = 1  # of `direction`, to lock

    def wires(self) -> list[Wire]:
        return [
            Wire("enable", self.enable, MOTOR),
            Wire("direction", self.direction, DIRECTION),
            Wire("locked", self.locked, CONTACT),
            Wire("unlocked", self.unlocked, CONTACT),
        ]


class LockKind(Kind[Lock]):
    prefix = "lock"
    name = "lock"
    help = "a lock, an electric strike or a motor lock: the board's socket says; needs `door-N`"
    heading = "A lock"
    model = Lock
    bare = (StrikeSocket, "coil")
    forms = (StrikeSocket, MotorSocket)
    own = {"pin": "coil", "latch": "latch"}  # noqa: RUF012
    ways = "`pin`"

    def own_socket(self, component: Lock, base: Socket | None) -> Socket | None:
        if component.pin is not None:
            return StrikeSocket(coil=component.pin, latch=component.latch)
        if isinstance(base, StrikeSocket) and component.latch is not None:
            return base.model_copy(update={"latch": component.latch})
        return None

    def facts(self, part: Part[Lock]) -> Json:
        lock, polarity = part.component, part.board.polarity
        socket = self.socket(part)
        budget = {
            "release_ms": lock.release_ms,
            "duty_ms": lock.duty_ms,
            "duty_window_ms": lock.duty_window_ms,
            "supply": lock.supply,
            "can_stop": part.board.chip.can_stop,
        }
        door = part.sibling("door")
        if isinstance(socket, MotorSocket):
            return {
                "door": door,
                "actuator": "motor",
                "pin": pin_number(socket.enable),
                "direction": pin_number(socket.direction),
                "lock_level": socket.lock_level,
                "locked": contact(socket.locked, polarity.end_switch),
                "unlocked": contact(socket.unlocked, polarity.end_switch),
                "run_ms": lock.run_ms,
                **budget,
            }
        assert isinstance(socket, StrikeSocket)
        latch = None if socket.latch is None else contact(socket.latch, polarity.latch)
        return {"door": door, "actuator": "strike", "pin": pin_number(socket.coil), "latch": latch, **budget}

    def check(self, part: Part[Lock]) -> Iterable[Explained]:
        yield from needs_sibling(part, "door", "its contact")
        yield from needs_waking(part, "cannot be opened")
        yield from less_than(part, "duty_ms", "duty_window_ms", equal=True)
        plugged = self.plug(part)
        if isinstance(plugged, Explained):
            return
        if isinstance(plugged.socket, MotorSocket):
            yield from self._two_runs(part)
        else:
            yield from less_than(part, "release_ms", "duty_ms", equal=True)
            if "run_ms" in part.given:
                yield Explained(
                    ("run_ms",), "is for motor locks only, and this socket has a strike: leave it out"
                )
            yield from self._one_gate(part, plugged.socket)
        yield from self._supply(part)

    def _two_runs(self, part: Part[Lock]) -> Iterator[Explained]:
        """An order may need a second try; a budget for one run would refuse every order."""
        run_ms, duty_ms = part.component.run_ms, part.component.duty_ms
        if 2 * run_ms > duty_ms:
            where = "run_ms" if "run_ms" in part.given or "duty_ms" not in part.given else "duty_ms"
            told = f"two runs of the motor must fit into duty_ms: 2 * {run_ms} exceeds {duty_ms}"
            yield Explained((where,), told)

    def _one_gate(self, part: Part[Lock], socket: Socket) -> Iterator[Explained]:
        """The expander's enable line opens for one coil at a time, whatever feeds them."""
        if not _is_gated(socket):
            return
        for name, other in part.device.components.items():
            if name == part.name:
                return  # told at the later one of two
            if not isinstance(other, Lock) or other.supply == part.component.supply:
                continue
            plugged = self.plug(Part(name, other, part.device, part.board))
            if not isinstance(plugged, Explained) and _is_gated(plugged.socket):
                told = (
                    f"must be that of `{name}` ({other.supply}): the port expander opens one lock at a time"
                )
                where = ("supply",) if "supply" in part.given else ()
                yield Explained(where, told)
                return

    def _supply(self, part: Part[Lock]) -> Iterator[Explained]:
        supplies = {lock.supply for lock in part.device.components.values() if isinstance(lock, Lock)}
        if "supply" in part.given and len(supplies) == 1:
            told = "is needless: all locks of this board have the same supply"
            yield Explained(("supply",), told, note=True)


def _is_gated(socket: Socket) -> bool:
    return isinstance(socket, StrikeSocket) and pin_number(socket.coil) >= EXPANDER_PIN
