"""What a message makes of the entities of a site.

Smart data models (smartdatamodels.org): `Device` for boards; `CrowdFlowObserved` for the people on a court
and behind a gate, and for those that a gate counts, in each direction, hour by hour of UTC.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from host_tools.data.bridge.dating import BY_ARRIVAL
from host_tools.data.bridge.reading import PREFIX
from host_tools.data.bridge.spool import Row
from host_tools.data.bridge.times import hour_of, seconds_of, text_of
from host_tools.site.models import Device, Site

Body = dict[str, Any]
CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld"
MODELS = "https://raw.githubusercontent.com/smart-data-models"
CONTEXTS = {
    "Device": [f"{MODELS}/dataModel.Device/master/context.jsonld", CORE],
    "CrowdFlowObserved": [f"{MODELS}/dataModel.Transportation/master/context.jsonld", CORE],
}
HOUR_S = 3_600
COUNTING = ("court", "gate")
WAYS = {"in": "inbound", "out": "outbound"}
OCCUPANCY = {"free": 0, "occupied": 1}
CONTROLLED = {
    "lock": "gateOpening",
    "door": "gateOpening",
    "gate": "movementActivity",
    "court": "occupancy",
    "inside": "occupancy",
    "release": "gateOpening",
    "tamper": "gateOpening",
    "keypad": "gateOpening",
}
"""Of the values that the model has for `controlledProperty`, the nearest."""


class Memory(Protocol):
    """What is remembered between messages, by key."""

    def get(self, key: str) -> Any: ...


@dataclass(frozen=True)
class Part:
    """Attributes of one entity. `whole`: it has no others, so what is left out is not known any more."""

    id: str
    type: str
    attributes: Body
    whole: bool
    notes: dict[str, Any]  # what is to be remembered when it has arrived


def device_id(site: str, device: str) -> str:
    return f"urn:ngsi-ld:Device:{site}:{device}"


def flow_id(site: str, device: str, component: str, way: str | None = None) -> str:
    ends = f":{way}" if way is not None else ""
    return f"urn:ngsi-ld:CrowdFlowObserved:{site}:{device}:{component}{ends}"


class Entities:
    """`levels`: millivolts of a critical battery and of one that is well, for boards that have one."""

    def __init__(self, site: Site, levels: dict[str, tuple[int, int]]) -> None:
        self._site = site
        self._levels = levels

    def parts(self, row: Row, memory: Memory) -> Iterator[Part]:
        """In a message; none if it is nothing to anybody, or older than what is known."""
        device = self._site.devices.get(row.device)
        if device is None:
            return
        yield self._board(row, device)
        if row.component not in device.components or row.component.rpartition("-")[0] not in COUNTING:
            return
        what = row.body["type"].removeprefix(PREFIX) if row.kind == "event" else ""
        found = row.body if row.kind == "state" else row.body["data"]
        if what == "gate.passed" and found.get("direction") in WAYS:
            yield from self._passed(row, device, WAYS[found["direction"]], memory)
        if row.kind == "state" or what in ("occupancy.changed", "gate.passed", "gate.reset", "gate.fault"):
            yield from self._people(row, device, what, found, memory)

    # ---- boards

    def _board(self, row: Row, device: Device) -> Part:
        kinds = [component.rpartition("-")[0] for component in device.components]
        acts = "lock" in kinds
        attributes = {
            "category": _property(["sensor", "actuator"] if acts else ["sensor"]),
            "controlledProperty": _property(sorted({CONTROLLED[kind] for kind in kinds})),
            "name": _property(device.title or row.device),
            "controlledAsset": _property(
                [
                    flow_id(self._site.site, row.device, component)
                    for component in device.components
                    if component.rpartition("-")[0] in COUNTING
                ]
            ),
            **self._place(),
        }
        received = text_of(row.received_ms / 1_000)
        if (
            not row.retained and row.body.get("state") != "offline"
        ):  # that is the broker's word, not the board's
            attributes["dateLastValueReported"] = _property(_date(received))
        attributes |= getattr(self, f"_of_{row.kind}", _nothing)(row, received)
        return Part(
            device_id(self._site.site, row.device),
            "Device",
            {name: value for name, value in attributes.items() if value["value"] != []},
            False,
            {},
        )

    def _of_availability(self, row: Row, received: str) -> Body:
        return {"deviceState": _property(row.body["state"], None if row.retained else received)}

    def _of_info(self, row: Row, received: str) -> Body:
        names = {"firmware": "firmwareVersion", "micropython": "softwareVersion", "board": "hardwareVersion"}
        found = {new: _property(row.body[old]) for old, new in names.items() if row.body.get(old)}
        if row.body.get("mac"):
            found["macAddress"] = _property([row.body["mac"]])
        return found

    def _of_telemetry(self, row: Row, received: str) -> Body:
        found = self._battery(row.device, row.body.get("battery"), received)
        rssi = row.body.get("rssi")
        if isinstance(rssi, int):
            found["rssi"] = _property(rssi, received)
        return found

    def _of_event(self, row: Row, received: str) -> Body:
        if row.body["type"] != f"{PREFIX}device.battery":
            return {}
        return self._battery(row.device, row.body["data"].get("mv"), row.time)

    def _battery(self, device: str, mv: Any, when: str) -> Body:
        """The model wants 0 to 1: from critical to well, for a board knows no more. -1: cannot be told."""
        if device not in self._levels:
            return {}
        critical, well = self._levels[device]
        level = _level(mv, critical, well) if isinstance(mv, int) else -1.0
        return {"batteryLevel": _property(level, when)}

    # ---- people

    def _people(self, row: Row, device: Device, what: str, found: Body, memory: Memory) -> Iterator[Part]:
        """How many are there now."""
        assert row.component is not None
        id_ = flow_id(self._site.site, row.device, row.component)
        if _is_outdated(row, memory.get(id_)):
            return
        state = found.get("state")
        count = found.get("count")
        if what in ("gate.passed", "gate.reset"):  # who counts is not out of order
            state = None if count is None else "occupied" if count else "free"
        attributes = {**self._about(row, device), "dateObserved": _property(_date(row.time))}
        if isinstance(count, int) and state != "unknown":
            attributes["peopleCount"] = _property(count, row.time)
        if state in OCCUPANCY:
            attributes["occupancy"] = _property(OCCUPANCY[state], row.time)
        notes = {} if row.dated == BY_ARRIVAL else {id_: {"time": row.time}}
        yield Part(id_, "CrowdFlowObserved", attributes, True, notes)

    def _passed(self, row: Row, device: Device, way: str, memory: Memory) -> Iterator[Part]:
        """How many have gone this way in this hour, with this one."""
        assert row.component is not None
        id_ = flow_id(self._site.site, row.device, row.component, way)
        hour = hour_of(row.time)
        last = memory.get(id_) or {"hour": "", "count": 0, "until": ""}
        if hour < last["hour"] and seconds_of(last["hour"]) - seconds_of(hour) <= HOUR_S:
            hour = last["hour"]  # clocks differ a little: nobody is lost
        same = hour == last["hour"]
        count = last["count"] + 1 if same else 1
        until = max(row.time, last["until"]) if same else row.time
        attributes = {
            **self._about(row, device),
            "direction": _property(way),
            "peopleCount": _property(count, until),
            "dateObserved": _property(f"{hour}/{until}"),
            "dateObservedFrom": _property(_date(hour)),
            "dateObservedTo": _property(_date(until)),
        }
        notes = {id_: {"hour": hour, "count": count, "until": until}}
        yield Part(id_, "CrowdFlowObserved", attributes, True, notes)

    def _about(self, row: Row, device: Device) -> Body:
        assert row.component is not None
        title = device.components[row.component].title or row.component
        return {"name": _property(title), **self._place()}

    def _place(self) -> Body:
        position = self._site.position
        if position is None:
            return {}
        point = {"type": "Point", "coordinates": [position.longitude, position.latitude]}
        return {"location": {"type": "GeoProperty", "value": point}}


def _is_outdated(row: Row, last: Body | None) -> bool:
    """Whether something newer is there already. A board whose clock was wrong, and far ahead, does not keep
    everything away that comes after."""
    if last is None or last["time"] > text_of(row.received_ms / 1_000 + HOUR_S):
        return False
    if row.dated == BY_ARRIVAL:
        return row.kind == "event"  # of some time before; a state is that of now
    return row.time < str(last["time"])


def _nothing(row: Row, received: str) -> Body:
    return {}


def _level(mv: int, critical: int, well: int) -> float:
    return round(min(max((mv - critical) / (well - critical), 0.0), 1.0), 2)


def _property(value: Any, observed: str | None = None) -> Body:
    found = {"type": "Property", "value": value}
    return found if observed is None else {**found, "observedAt": observed}


def _date(text: str) -> Body:
    return {"@type": "DateTime", "@value": text}
