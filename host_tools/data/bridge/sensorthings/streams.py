"""What is observed: the Datastreams of boards and components, and the observations that a message makes.

All are plain Datastreams: one result that may be missing (a court that cannot count) leaves the others be, as
members of a MultiDatastream's result could not, and every client can draw them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from host_tools.data.bridge.reading import PREFIX
from host_tools.data.bridge.spool import Row

OM = "http://www.opengis.net/def/observationType/OGC-OM/2.0/"
ANY, COUNT, MEASUREMENT = f"{OM}OM_Observation", f"{OM}OM_CountObservation", f"{OM}OM_Measurement"
PROPERTY = "urn:sportbox:property:"
QUANTITY = "http://qudt.org/vocab/quantitykind/"


@dataclass(frozen=True)
class Stream:
    """`unit`: name and symbol, by UCUM; None where a result has none."""

    name: str
    type: str
    text: str
    definition: str
    unit: tuple[str, str] | None = None


def _stream(name: str, type_: str, text: str, unit: tuple[str, str] | None = None, kind: str = "") -> Stream:
    return Stream(name, type_, text, f"{QUANTITY}{kind}" if kind else f"{PROPERTY}{name}", unit)


PEOPLE = ("people", "{people}")
EVENT = _stream("event", ANY, "what happened: the event's type and data")
STATE = _stream("state", ANY, "its state, a word")
PEOPLE_COUNT = _stream("count", COUNT, "people there", PEOPLE)
CONFIDENCE = _stream("confidence", MEASUREMENT, "how sure the sensors are, 0 to 1", ("one", "1"))
ENTERED = _stream("in", COUNT, "people that came in, one an observation", PEOPLE)
LEFT = _stream("out", COUNT, "people that went out, one an observation", PEOPLE)
HOUSING = _stream("housing", ANY, "whether its housing is open or closed")
PRESENCE = _stream("presence", ANY, "whether the board is online, offline or sleeping")
BATTERY = _stream("battery", MEASUREMENT, "voltage of its battery", ("millivolt", "mV"), "Voltage")
RSSI = _stream("rssi", MEASUREMENT, "strength of its Wi-Fi", ("decibel milliwatt", "dB[mW]"))
TEMPERATURE = _stream(
    "temperature", MEASUREMENT, "temperature of its chip", ("degree Celsius", "Cel"), "Temperature"
)

ALL = (EVENT, STATE, PEOPLE_COUNT, CONFIDENCE, ENTERED, LEFT, HOUSING, PRESENCE, BATTERY, RSSI, TEMPERATURE)
BOARD = "device"
"""Stands for the board itself, as in an event's source."""
OF_BOARD = (EVENT, PRESENCE, HOUSING, BATTERY, RSSI, TEMPERATURE)
OF_KIND: dict[str, tuple[Stream, ...]] = {
    "lock": (EVENT, STATE),
    "door": (EVENT, STATE),
    "release": (EVENT, STATE),
    "inside": (EVENT, STATE, PEOPLE_COUNT, CONFIDENCE),
    "tamper": (),  # its board speaks for it
    "court": (EVENT, STATE, PEOPLE_COUNT, CONFIDENCE),
    "gate": (EVENT, STATE, PEOPLE_COUNT, ENTERED, LEFT),
    "keypad": (EVENT,),
}
STATE_AFTER = {
    "door.opened": "open",
    "door.closed": "closed",
    "door.ajar": "ajar",
    "door.forced": "forced",
    "door.fault": "unknown",
    "lock.unlocked": "unlocked",
    "lock.locked": "locked",
    "lock.jammed": "jammed",
    "lock.fault": "fault",
    "release.pressed": "pressed",
    "release.cleared": "clear",
}
"""What a component is after an event. Others bring their state along, or leave it as it was."""


def kind_of(component: str) -> str:
    return component.rpartition("-")[0]


def streams_of(component: str) -> tuple[Stream, ...]:
    return OF_BOARD if component == BOARD else OF_KIND.get(kind_of(component), ())


@dataclass(frozen=True)
class Seen:
    """A result, for the Datastream of a component (or BOARD)."""

    component: str
    stream: Stream
    result: Any


def seen_in(row: Row) -> list[Seen]:
    """The observations of a message. What it only repeats, or what has no date at all, is none."""
    if row.kind == "event":
        found = list(_of_event(row))
    elif row.kind == "availability" and not row.retained:
        found = [Seen(BOARD, PRESENCE, row.body["state"])]
    elif row.kind == "telemetry":
        pairs = ((BATTERY, "battery"), (RSSI, "rssi"), (TEMPERATURE, "temperature"))
        found = [Seen(BOARD, stream, row.body.get(name)) for stream, name in pairs]
    else:
        found = []
    return [one for one in found if one.result is not None and one.stream in streams_of(one.component)]


def _of_event(row: Row) -> Iterator[Seen]:
    component = row.component or BOARD
    if not streams_of(component):
        component = BOARD  # a source that is no component: the board speaks
    what, data = row.body["type"].removeprefix(PREFIX), row.body["data"]
    yield Seen(component, EVENT, {"type": row.body["type"], "data": data})
    if what == "device.battery":
        yield Seen(BOARD, BATTERY, data.get("mv"))
    if what == "device.tamper":
        yield Seen(BOARD, HOUSING, "open" if data.get("open") else "closed")
    yield Seen(component, STATE, STATE_AFTER.get(what) or data.get("state"))
    if component != BOARD:
        yield Seen(component, PEOPLE_COUNT, data.get("count"))
        yield Seen(component, CONFIDENCE, data.get("confidence"))
    if what == "gate.passed":
        yield Seen(component, ENTERED if data.get("direction") == "in" else LEFT, 1)
