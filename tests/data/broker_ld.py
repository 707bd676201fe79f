"""An NGSI-LD context broker in memory, as far as ETSI GS CIM 009 asks of what the bridge uses.

Batch upsert (clauses 5.6.8, 6.15): replaces entities, or with `options=update` gives them attributes. It
refuses what is no normalized entity (clauses 4.5, 5.2), or does not fit its smart data model. Every value
that it got is in `history`, as in a broker that keeps a temporal representation.
"""

from typing import Any

from jsonschema import Draft202012Validator

from tests.data.service import Asked, Said

PREFIX = "/ngsi-ld/v1/entityOperations/upsert"
TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$"
URI = r"^[a-z][a-z0-9+.-]*:\S+$"
DATE = {
    "type": "object",
    "required": ["@type", "@value"],
    "properties": {"@type": {"const": "DateTime"}, "@value": {"type": "string", "pattern": TIME}},
}
PROPERTY = {
    "type": "object",
    "required": ["type", "value"],
    "properties": {
        "type": {"enum": ["Property", "GeoProperty"]},
        "observedAt": {"type": "string", "pattern": TIME},
        "unitCode": {"type": "string"},
        "value": {"not": {"type": "null"}},
    },
    "additionalProperties": False,
}
ENTITY = {
    "type": "object",
    "required": ["id", "type", "@context"],
    "properties": {
        "id": {"type": "string", "pattern": URI},
        "type": {"type": "string", "minLength": 1},
        "@context": {"type": "array", "items": {"type": "string", "pattern": "^https://"}, "minItems": 1},
    },
    "additionalProperties": PROPERTY,
}
TEXT = {"type": "string"}
NAMES = {"type": "array", "items": TEXT, "minItems": 1}
COMMON = {
    "id": {"type": "string", "pattern": URI},
    "name": TEXT,
    "location": {
        "type": "object",
        "required": ["type", "coordinates"],
        "properties": {"type": {"const": "Point"}, "coordinates": {"type": "array", "minItems": 2}},
    },
}
CATEGORIES = [
    *("sensor", "actuator", "meter", "HVAC", "network", "multimedia", "implement"),
    *("irrSystem", "irrSection", "endgun", "beacon"),
]
CONTROLLED = [
    "airPollution",
    "atmosphericPressure",
    "averageVelocity",
    "batteryLife",
    "batterySupply",
    "cdom",
    "conductance",
    "conductivity",
    "depth",
    "eatingActivity",
    "electricityConsumption",
    "energy",
    "fillingLevel",
    "freeChlorine",
    "gasConsumption",
    "gateOpening",
    "heading",
    "humidity",
    "light",
    "location",
    "milking",
    "motion",
    "movementActivity",
    "noiseLevel",
    "occupancy",
    "orp",
    "pH",
    "power",
    "precipitation",
    "pressure",
    "refractiveIndex",
    "salinity",
    "smoke",
    "soilMoisture",
    "solarRadiation",
    "speed",
    "tds",
    "temperature",
    "trafficFlow",
    "tss",
    "turbidity",
    "waterConsumption",
    "waterFlow",
    "waterLevel",
    "waterPollution",
    "weatherConditions",
    "weight",
    "windDirection",
    "windSpeed",
]
# Facts of github.com/smart-data-models: dataModel.Device/Device/schema.json and model.yaml, and
# dataModel.Transportation/CrowdFlowObserved/schema.json; in their key-value form
MODELS: dict[str, dict[str, Any]] = {
    "Device": {
        "required": ["id", "type", "category", "controlledProperty"],
        "properties": COMMON
        | {
            "type": {"const": "Device"},
            "category": {"type": "array", "items": {"enum": CATEGORIES}, "minItems": 1},
            "controlledProperty": {"type": "array", "items": {"enum": CONTROLLED}, "minItems": 1},
            "controlledAsset": NAMES,
            "macAddress": NAMES,
            "hardwareVersion": TEXT,
            "softwareVersion": TEXT,
            "firmwareVersion": TEXT,
            "deviceState": TEXT,
            "dateLastValueReported": {"type": "string", "pattern": TIME},
            "batteryLevel": {"oneOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"const": -1}]},
            "rssi": {"type": "number"},
        },
        "additionalProperties": False,
    },
    "CrowdFlowObserved": {
        "required": ["id", "type", "dateObserved"],
        "properties": COMMON
        | {
            "type": {"const": "CrowdFlowObserved"},
            "dateObserved": TEXT,
            "dateObservedFrom": {"type": "string", "pattern": TIME},
            "dateObservedTo": {"type": "string", "pattern": TIME},
            "peopleCount": {"type": "integer", "minimum": 0},
            "occupancy": {"type": "number", "minimum": 0, "maximum": 1},
            "direction": {"enum": ["inbound", "outbound"]},
        },
        "additionalProperties": False,
    },
}


def key_values(entity: dict[str, Any]) -> dict[str, Any]:
    """An entity without its attributes' types (clause 4.5.4)."""
    found = {}
    for name, attribute in entity.items():
        value = attribute["value"] if isinstance(attribute, dict) else attribute
        dated = isinstance(value, dict) and value.get("@type") == "DateTime"
        found[name] = value["@value"] if dated else value
    found.pop("@context", None)
    return found


class BrokerLd:
    def __init__(self) -> None:
        self.entities: dict[str, dict[str, Any]] = {}
        self.history: list[dict[str, Any]] = []
        self.wrong: list[str] = []
        self.poison: dict[str, int] = {}
        """Entities that are refused in a 207, with the status that each is given."""

    def answer(self, asked: Asked) -> Said:
        if asked.method != "POST" or asked.path != PREFIX:
            return Said(404, {"title": "no such resource"})
        if asked.headers.get("content-type") != "application/ld+json" or not isinstance(asked.body, list):
            return self._refuse(["@context in the body needs application/ld+json"])
        faults = [fault for body in asked.body for fault in self._faults(body)]
        ids = [body.get("id") for body in asked.body]
        if len(set(ids)) != len(ids):
            faults.append("an entity twice")
        if faults:
            return self._refuse(faults)
        created, errors = [], []
        for body in asked.body:
            if body["id"] in self.poison:
                problem = {"status": self.poison[body["id"]], "title": "on order"}
                errors.append({"entityId": body["id"], "error": problem})
                continue
            if body["id"] not in self.entities:
                created.append(body["id"])
            base = self.entities.get(body["id"], {}) if asked.query.get("options") == "update" else {}
            self.entities[body["id"]] = {**base, **body}
            self.history.append(key_values(body))
        if errors:
            return Said(207, {"success": [], "errors": errors})
        return Said(201, created) if created else Said(204)

    def now(self, id_: str) -> dict[str, Any]:
        return key_values(self.entities[id_])

    def was(self, id_: str, name: str) -> list[Any]:
        return [one.get(name) for one in self.history if one["id"] == id_]

    def _refuse(self, faults: list[str]) -> Said:
        self.wrong += faults
        return Said(400, {"type": "BadRequestData", "title": faults[0], "status": 400})

    def _faults(self, body: Any) -> list[str]:
        found = [error.message for error in Draft202012Validator(ENTITY).iter_errors(body)]
        if found or body["type"] not in MODELS:
            return [*found, *([] if found else ["no such type"])]
        model = Draft202012Validator(MODELS[body["type"]])
        return [f"{body['id']}: {error.message}" for error in model.iter_errors(key_values(body))]
