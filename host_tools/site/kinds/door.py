"""Door contacts, and what belongs to a door: the inside release, the motion sensor inside."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from host_tools.site.base import Level, Model, Pin, pin_number
from host_tools.site.explain import Explained
from host_tools.site.kinds.kind import (
    Component,
    Json,
    Kind,
    Part,
    PinSocket,
    Socket,
    contact,
    less_than,
    level,
    needs_sibling,
)
from host_tools.site.uses import CONTACT, INSIDE_MOTION


class DoorTimings(Model):
    debounce_ms: Annotated[int, Field(ge=5, le=1_000)] = Field(
        50, description="the contact must be steady this long before it counts"
    )
    ajar_ms: Annotated[int, Field(ge=1_000, le=86_400_000)] = Field(
        60_000, description="open longer than this is reported as ajar, a warning"
    )
    ajar_alarm_ms: Annotated[int, Field(ge=2_000, le=172_800_000)] = Field(
        300_000, description="open longer than this is an alarm"
    )


class Door(DoorTimings, Component):
    pin: Pin | None = Field(None, description="GPIO of the door contact, where it differs from the board's")
    closed_level: Level | None = Field(None, description="level while the door is closed, where it differs")


class ContactSocket(PinSocket):
    use = CONTACT


class DoorKind(Kind[Door]):
    prefix = "door"
    name = "door"
    help = "a door with its contact; with `lock-N` it is that lock's door"
    heading = "A door contact"
    model = Door
    bare = (ContactSocket, "pin")
    own = {"pin": "pin"}  # noqa: RUF012

    def own_socket(self, component: Door, base: Socket | None) -> Socket | None:
        return None if component.pin is None else ContactSocket(pin=component.pin)

    def facts(self, part: Part[Door]) -> Json:
        door = part.component
        return {
            "lock": part.or_none(part.sibling("lock")),
            "pin": pin_number(self.socket(part).pin),
            "closed_level": level(door.closed_level, part.board.polarity.door),
            "debounce_ms": door.debounce_ms,
            "ajar_ms": door.ajar_ms,
            "ajar_alarm_ms": door.ajar_alarm_ms,
            "release": part.or_none(part.sibling("release")),
            "inside": part.or_none(part.sibling("inside")),
        }

    def check(self, part: Part[Door]) -> Iterable[Explained]:
        return less_than(part, "ajar_ms", "ajar_alarm_ms")


class Release(Component):
    pin: Pin | None = Field(None, description="GPIO of the contact, where it differs from the board's")
    active: Level | None = Field(None, description="level while it is pressed, where it differs")


class ReleaseKind(Kind[Release]):
    """The handle or button with which whoever is inside gets out. It works without the controller, which
    only hears of it."""

    prefix = "release"
    name = "release"
    help = "the handle or button inside that opens `door-N` without the controller, which only hears of it"
    heading = "An inside release"
    model = Release
    bare = (ContactSocket, "pin")
    own = {"pin": "pin"}  # noqa: RUF012

    def own_socket(self, component: Release, base: Socket | None) -> Socket | None:
        return None if component.pin is None else ContactSocket(pin=component.pin)

    def facts(self, part: Part[Release]) -> Json:
        active = level(part.component.active, part.board.polarity.release)
        return {"door": part.sibling("door"), **contact(self.socket(part).pin, active)}

    def check(self, part: Part[Release]) -> Iterable[Explained]:
        return needs_sibling(part, "door", "its door")


class InsideTimings(Model):
    hold_ms: Annotated[int, Field(ge=0, le=600_000)] = Field(
        30_000, description="somebody counts as inside this long after the last motion"
    )
    stuck_ms: Annotated[int, Field(ge=10_000, le=86_400_000)] = Field(
        1_800_000, description="motion without a pause for this long means a stuck sensor: `unknown`"
    )


class Inside(InsideTimings, Component):
    pin: Pin | None = Field(None, description="GPIO of the motion sensor, where it differs from the board's")
    active: Level | None = Field(None, description="level on motion, where it differs")


class InsideSocket(PinSocket):
    use = INSIDE_MOTION


class InsideKind(Kind[Inside]):
    prefix = "inside"
    name = "inside"
    help = "motion sensor behind `door-N`: the door is not locked while somebody is there"
    heading = "A motion sensor inside"
    model = Inside
    bare = (InsideSocket, "pin")
    own = {"pin": "pin"}  # noqa: RUF012

    def own_socket(self, component: Inside, base: Socket | None) -> Socket | None:
        return None if component.pin is None else InsideSocket(pin=component.pin)

    def facts(self, part: Part[Inside]) -> Json:
        inside = part.component
        active = level(inside.active, part.board.polarity.inside)
        return {
            "door": part.sibling("door"),
            **contact(self.socket(part).pin, active),
            "hold_ms": inside.hold_ms,
            "stuck_ms": inside.stuck_ms,
        }

    def check(self, part: Part[Inside]) -> Iterable[Explained]:
        yield from needs_sibling(part, "door", "its door")
        yield from less_than(part, "hold_ms", "stuck_ms")


class Tamper(Component):
    pin: Pin | None = Field(None, description="GPIO of the contact, where it differs from the board's")
    closed_level: Level | None = Field(
        None, description="level while the housing is closed, where it differs"
    )


class TamperKind(Kind[Tamper]):
    prefix = "tamper"
    name = "tamper"
    help = "contact of the controller's housing"
    heading = "A housing contact"
    model = Tamper
    bare = (ContactSocket, "pin")
    own = {"pin": "pin"}  # noqa: RUF012

    def own_socket(self, component: Tamper, base: Socket | None) -> Socket | None:
        return None if component.pin is None else ContactSocket(pin=component.pin)

    def facts(self, part: Part[Tamper]) -> Json:
        closed = level(part.component.closed_level, part.board.polarity.tamper)
        return {"pin": pin_number(self.socket(part).pin), "closed_level": closed}
