"""The output itself. What is there already is found by its key; what may have arrived is looked for first."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from host_tools.data.bridge.http import Answer, Bad, Http, Later, Missing, Refused
from host_tools.data.bridge.sensorthings.entities import KEY, Body, Entity, entities, feature_key, stream_key
from host_tools.data.bridge.sensorthings.streams import Seen, seen_in
from host_tools.data.bridge.spool import Row, Spool
from host_tools.data.bridge.times import text_of
from host_tools.site.models import Site
from host_tools.site.sections import Position

NAME = "sensorthings"
ENTITY = "entity "
"""Notes that begin so: id and digest of an entity at the service, by its key."""
OF_EVENT = ("seq", "bootid", "uptime", "historical")
_LAST_ID = re.compile(r"\(([^()]*)\)$")


class SensorThings:
    name = NAME

    def __init__(self, site: Site, position: Position, http: Http) -> None:
        self._site = site
        self._position = position
        self._http = http
        self._ids: dict[str, Any] = {}

    # ---- the entities that stay

    def prepare(self, spool: Spool) -> None:
        for entity in entities(self._site, self._position):
            self._ids[entity.key] = self._ensure(spool, entity)

    def _ensure(self, spool: Spool, entity: Entity) -> Any:
        """The entity's id; asks the service only when it is new here, or other than it was."""
        body = self._body(entity)
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        note = spool.note(NAME, ENTITY + entity.key)
        if note is not None and note["digest"] == digest:
            return note["id"]
        known = f"properties/{KEY} eq '{entity.key}'"
        id_ = note["id"] if note is not None else self._find(entity.set, known)
        try:
            if id_ is None:
                id_ = _id_of(self._http.send("POST", entity.set, body))
            else:
                self._http.send("PATCH", f"{entity.set}({_literal(id_)})", body)
        except Missing:  # it was there once
            spool.forget(NAME, ENTITY + entity.key)
            raise
        except Bad as error:
            raise Refused(f"{entity.set} {entity.key} is not taken: {error}") from error
        spool.keep(NAME, {ENTITY + entity.key: {"id": id_, "digest": digest}})
        return id_

    def _body(self, entity: Entity) -> Body:
        properties = {**entity.body.get("properties", {}), KEY: entity.key}
        links: Body = {}
        for name, keys in entity.links.items():
            if isinstance(keys, str):
                links[name] = {"@iot.id": self._ids[keys]}
            else:
                links[name] = [{"@iot.id": self._ids[key]} for key in keys]
        return {**entity.body, "properties": properties, **links}

    def _find(self, set_: str, condition: str) -> Any:
        """The id of an entity; None if there is none."""
        answer = self._http.get(set_, {"$filter": condition, "$top": "1"})
        values = answer.body.get("value") if isinstance(answer.body, dict) else None
        if not isinstance(values, list):
            raise Later(f"{self._http.url} answers a query with something else than entities")
        return values[0].get("@iot.id") if values and isinstance(values[0], dict) else None

    # ---- observations

    def deliver(self, spool: Spool, rows: Sequence[Row], tried: int) -> int:
        row = rows[0]
        found = [(one, body) for one in seen_in(row) if (body := self.observation(row, one)) is not None]
        try:
            for one, body in found:
                self._observe(spool, row, one, body, row.n <= tried)
        except Bad as error:
            spool.bury(NAME, row, error.status, error.reason)
            return 1
        counts = {"sent": 1, "observations": len(found)} if found else {"nothing": 1}
        spool.done(NAME, [row], None, counts)
        return 1

    def observation(self, row: Row, seen: Seen) -> Body | None:
        """None for a component that the site file does not have."""
        key = feature_key(self._site.site, row.device, seen.component)
        if key not in self._ids:
            return None
        return observation(row, seen, self._ids[key])

    def _observe(self, spool: Spool, row: Row, seen: Seen, body: Body, may_be_there: bool) -> None:
        try:
            self._post(row, seen, body, may_be_there)
        except Missing:
            spool.forget(NAME, ENTITY)  # the service has lost entities: make again what it has no more
            self.prepare(spool)
            again = self.observation(row, seen)
            assert again is not None, "it was there a moment ago"
            self._post(row, seen, again, True)

    def _post(self, row: Row, seen: Seen, body: Body, may_be_there: bool) -> None:
        stream = self._ids[stream_key(self._site.site, row.device, seen.component, seen.stream)]
        path = f"Datastreams({_literal(stream)})/Observations"
        there = f"parameters/id eq '{row.id.replace(chr(39), chr(39) * 2)}'"
        if may_be_there and self._find(path, there) is not None:
            return
        try:
            self._http.send("POST", path, body)
        except Bad as error:
            if error.status != 409 or self._find(path, there) is None:
                raise


def observation(row: Row, seen: Seen, feature: Any) -> Body:
    """`resultTime` is the board's own time for it, null where it had none; `phenomenonTime` is when it
    happened, as well as is known: an interval where a board's clock and boot tell nothing."""
    parameters = {"id": row.id, "dated": row.dated, "received": text_of(row.received_ms / 1_000)}
    own: str | None = row.time
    if row.kind == "event":
        own = row.body.get("time")
        parameters |= {name: row.body[name] for name in OF_EVENT if name in row.body}
    return {
        "phenomenonTime": row.time if row.after is None else f"{row.after}/{row.time}",
        **({} if own is None else {"resultTime": own}),  # left out, it is null
        "result": seen.result,
        "parameters": parameters,
        "FeatureOfInterest": {"@iot.id": feature},
    }


def _id_of(answer: Answer) -> Any:
    """From the body, else from `Location`, which every service must give."""
    if isinstance(answer.body, Mapping) and "@iot.id" in answer.body:
        return answer.body["@iot.id"]
    match = _LAST_ID.search(answer.location or "")
    if match is None:
        raise Later("the service has made an entity and does not say which")
    text = match.group(1)
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    return int(text) if text.isdigit() else text


def _literal(id_: Any) -> str:
    """An id as it stands in a path."""
    return str(id_) if isinstance(id_, int) else quote("'" + str(id_).replace("'", "''") + "'")
