"""A SensorThings 1.1 service in memory, as far as OGC 18-088 asks of what the bridge uses.

It refuses what does not fit the document's tables of properties (clause 8.2), invents no link, gives ids of
its own, and answers a creation with 201 and `Location` (clause 10.2). `$filter` knows `path eq 'text'`.
"""

import re
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from tests.data.service import Asked, Said

INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z"
TEXT = {"type": "string", "minLength": 1}
LINK = {
    "type": "object",
    "properties": {"@iot.id": {}},
    "required": ["@iot.id"],
    "additionalProperties": False,
}
OBJECT = {"type": "object"}
POINT = {
    "type": "object",
    "required": ["type", "coordinates"],
    "properties": {
        "type": {"const": "Point"},
        "coordinates": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 3},
    },
}
SENSOR_ML = "http://www.opengis.net/doc/IS/SensorML/2.0"
GEOJSON = {"enum": ["application/geo+json", "application/vnd.geo+json"]}
OM = "http://www.opengis.net/def/observationType/OGC-OM/2.0/"


def table(required: dict[str, Any], optional: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": required | optional,
        "required": sorted(required),
        "additionalProperties": False,
    }


NAMED = {"name": TEXT, "description": TEXT}
UNIT = table(
    {part: {"type": ["string", "null"]} for part in ("name", "symbol", "definition")},
    {},
)
# Tables 3, 5, 8 to 15 of OGC 18-088, with the links that an entity must have when it is made (table 25)
TABLES: dict[str, dict[str, Any]] = {
    "Things": table(NAMED, {"properties": OBJECT, "Locations": {"type": "array", "items": LINK}}),
    "Locations": table({**NAMED, "encodingType": GEOJSON, "location": POINT}, {"properties": OBJECT}),
    "Sensors": table(
        {
            **NAMED,
            "encodingType": {
                "enum": ["application/pdf", "http://www.opengis.net/doc/IS/SensorML/2.0", "text/html"]
            },
            "metadata": {},
        },
        {"properties": OBJECT},
    ),
    "ObservedProperties": table(
        {**NAMED, "definition": {"type": "string", "pattern": "^(https?://|urn:)"}}, {"properties": OBJECT}
    ),
    "FeaturesOfInterest": table({**NAMED, "encodingType": GEOJSON, "feature": POINT}, {"properties": OBJECT}),
    "Datastreams": table(
        {
            **NAMED,
            "observationType": {
                "enum": [f"{OM}OM_{kind}" for kind in ("Observation", "CountObservation", "Measurement")]
            },
            "unitOfMeasurement": UNIT,
            "Thing": LINK,
            "Sensor": LINK,
            "ObservedProperty": LINK,
        },
        {"properties": OBJECT},
    ),
    "Observations": table(
        {
            "phenomenonTime": {"type": "string", "pattern": f"^{INSTANT}(/{INSTANT})?$"},
            "result": {},
            "FeatureOfInterest": LINK,
        },
        {"parameters": OBJECT, "resultTime": {"type": ["string", "null"], "pattern": f"^{INSTANT}$"}},
    ),
}
RESULTS = {
    f"{OM}OM_CountObservation": {"type": "integer"},
    f"{OM}OM_Measurement": {"type": "number"},
    f"{OM}OM_Observation": {},
}
TARGETS = {
    "Locations": "Locations",
    "Thing": "Things",
    "Sensor": "Sensors",
    "ObservedProperty": "ObservedProperties",
    "FeatureOfInterest": "FeaturesOfInterest",
}
_PATH = re.compile(r"/v1\.1/([A-Za-z]+)(?:\(([0-9]+)\))?(?:/(Observations))?")
_FILTER = re.compile(r"([A-Za-z]+)/([A-Za-z]+) eq '((?:[^']|'')*)'")


class Things:
    """`wrong`: what did not fit, and why."""

    def __init__(self) -> None:
        self.sets: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in TABLES}
        self.wrong: list[str] = []
        self.poison: set[str] = set()
        """Observations with these ids end in an error of the service."""
        self._next = 1

    def answer(self, asked: Asked) -> Said:
        match = _PATH.fullmatch(asked.path)
        if match is None or match[1] not in TABLES:
            return Said(404, {"message": "no such path"})
        set_, id_ = match[1], int(match[2]) if match[2] else None
        if id_ is not None and id_ not in self.sets[set_]:
            return Said(404, {"message": "nothing found"})
        if asked.method == "GET":
            return self._query("Observations" if match[3] else set_, id_ if match[3] else None, asked.query)
        if asked.method == "PATCH" and id_ is not None and not match[3]:
            return self._create(set_, asked.body, id_)
        if asked.method == "POST" and id_ is not None and match[3]:
            return self._observe(id_, asked.body)
        if asked.method == "POST" and id_ is None:
            return self._create(set_, asked.body)
        return Said(405)

    def observations(self, stream: str | None = None) -> list[dict[str, Any]]:
        """All in order, or those of the Datastream of that name."""
        found = self.sets["Observations"].values()
        return [
            one for one in found if stream is None or self.sets["Datastreams"][one["in"]]["name"] == stream
        ]

    def named(self, set_: str, name: str) -> dict[str, Any]:
        (found,) = [one for one in self.sets[set_].values() if one["name"] == name]
        return found

    def lose_all(self) -> None:
        for entities in self.sets.values():
            entities.clear()

    def _query(self, set_: str, stream: int | None, query: dict[str, str]) -> Said:
        found = [{"@iot.id": id_, **body} for id_, body in self.sets[set_].items()]
        if stream is not None:
            found = [one for one in found if one["in"] == stream]
        condition = _FILTER.fullmatch(query.get("$filter", ""))
        if "$filter" in query and condition is None:
            return Said(400, {"message": "no such filter"})
        if condition is not None:
            outer, inner, value = condition[1], condition[2], condition[3].replace("''", "'")
            found = [one for one in found if one.get(outer, {}).get(inner) == value]
        return Said(200, {"value": found[: int(query.get("$top", "100"))]})

    def _observe(self, stream: int, body: Any) -> Said:
        kind = self.sets["Datastreams"][stream]["observationType"]
        if body["parameters"]["id"] in self.poison:
            return Said(500, {"message": "Failed to store data."})
        faults = self._faults(RESULTS[kind], body.get("result"), "result")
        if faults:
            return self._refuse(faults)
        return self._create("Observations", body, stream=stream)

    def _create(self, set_: str, body: Any, id_: int | None = None, stream: int | None = None) -> Said:
        faults = self._faults(TABLES[set_], body, set_)
        for name, target in TARGETS.items():
            links = body.get(name, [])
            for link in links if isinstance(links, list) else [links]:
                if link["@iot.id"] not in self.sets[target]:
                    faults.append(f"{set_}: {name} is not there")
        if faults:
            return self._refuse(faults)
        new = id_ is None
        id_ = self._next if id_ is None else id_
        self._next += new
        self.sets[set_][id_] = {**body, **({} if stream is None else {"in": stream})}
        return Said(201 if new else 200, None, (("Location", f"http://inside:8080/v1.1/{set_}({id_})"),))

    def _refuse(self, faults: list[str]) -> Said:
        self.wrong += faults
        return Said(400, {"code": 400, "type": "error", "message": "; ".join(faults)})

    def _faults(self, schema: dict[str, Any], body: Any, what: str) -> list[str]:
        validator = Draft202012Validator(schema, format_checker=FormatChecker())
        return [f"{what}: {error.json_path}: {error.message}" for error in validator.iter_errors(body)]
