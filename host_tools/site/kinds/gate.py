"""Gates: two light barriers, one behind the other, that count in and out."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from host_tools.site.base import Level, Model, Pin, pin_number
from host_tools.site.explain import Explained
from host_tools.site.kinds.kind import Component, Json, Kind, Part, Socket, less_than, level, needs_waking
from host_tools.site.uses import BEAM, Wire

Beams = Annotated[list[Pin], Field(min_length=2, max_length=2)]


class GateTimings(Model):
    stuck_ms: Annotated[int, Field(ge=5_000, le=600_000)] = Field(
        10_000, description="a beam broken without a pause for this long is dirt or a fault: `unknown`"
    )
    empty_ms: Annotated[int, Field(ge=600_000, le=86_400_000)] = Field(
        21_600_000, description="nobody passed for this long: nobody is there, and the count starts anew at 0"
    )


class Gate(GateTimings, Component):
    pins: Beams | None = Field(
        None, description="GPIOs of beam A (street side) and beam B (ground side), where they differ"
    )
    blocked_level: Level | None = Field(None, description="level while a beam is broken, where it differs")


class BeamsSocket(Socket):
    pins: Beams

    def wires(self) -> list[Wire]:
        return [Wire("pins", pin, BEAM) for pin in self.pins]


class GateKind(Kind[Gate]):
    prefix = "gate"
    name = "gate"
    help = "two light barriers that count in and out"
    heading = "A gate"
    model = Gate
    bare = (BeamsSocket, "pins")
    own = {"pins": "pins"}  # noqa: RUF012

    def own_socket(self, component: Gate, base: Socket | None) -> Socket | None:
        return None if component.pins is None else BeamsSocket(pins=component.pins)

    def facts(self, part: Part[Gate]) -> Json:
        gate = part.component
        return {
            "pins": [pin_number(pin) for pin in self.socket(part).pins],
            "blocked_level": level(gate.blocked_level, part.board.polarity.gate),
            "stuck_ms": gate.stuck_ms,
            "empty_ms": gate.empty_ms,
        }

    def check(self, part: Part[Gate]) -> Iterable[Explained]:
        yield from less_than(part, "stuck_ms", "empty_ms")
        yield from needs_waking(part, "counts nobody")
