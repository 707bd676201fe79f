"""Data of events of courts, of the room behind a door and of gates: how many people are there."""

from typing import Annotated, Literal

from pydantic import Field

from host_tools.data.fields import Confidence, Occupancy, Payload, People, Sensor, Yes


class OccupancyChanged(Payload):
    """A court, or the room behind a door, has another state or count."""

    state: Occupancy
    count: People | None
    confidence: Confidence
    lost: Annotated[list[Sensor], Field(min_length=1)] | None = None
    """sensors out of order"""
    alarm: Yes | None = None
    """inside, in alarm times"""


class GatePassed(Payload):
    """Somebody went in or out."""

    direction: Literal["in", "out"]
    count: People | None
    """inside; null until it is known"""


class GateReset(Payload):
    """The count was set."""

    count: People
    was: People | None
    why: Literal["empty", "order"]


class GateFault(Payload):
    """A beam stays broken (`unknown`), or is clear again."""

    state: Occupancy
