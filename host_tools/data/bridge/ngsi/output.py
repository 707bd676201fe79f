"""The output itself: upserts, so that what is sent twice is the same once more.

People are whole entities, replaced by each message; boards gain attributes. Messages are put together into
one request as long as no entity of people is said twice: a broker that keeps its history sees each value.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from host_tools.data.bridge.http import Answer, Bad, Http, Later
from host_tools.data.bridge.ngsi.entities import CONTEXTS, Body, Entities, Part
from host_tools.data.bridge.spool import Row, Spool

NAME = "ngsi_ld"
PATH = "ngsi-ld/v1/entityOperations/upsert"
TYPE = "application/ld+json"


@dataclass
class Fold:
    """Entities that go out together, from as many messages as fit."""

    rows: list[Row] = field(default_factory=list)
    entities: dict[str, Body] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    notes: dict[str, Any] = field(default_factory=dict)

    def fits(self, parts: Iterable[Part]) -> bool:
        return not self.whole & {part.id for part in parts}

    def add(self, row: Row, parts: Sequence[Part]) -> None:
        self.rows.append(row)
        for part in parts:
            if part.whole:
                self.whole.add(part.id)
            head = {"id": part.id, "type": part.type, "@context": CONTEXTS[part.type]}
            self.entities[part.id] = {**self.entities.get(part.id, head), **part.attributes}
            self.notes |= part.notes


class _Memory:
    """Notes of the spool, and over them what this fold will leave."""

    def __init__(self, spool: Spool, fold: Fold) -> None:
        self._spool = spool
        self._fold = fold

    def get(self, key: str) -> Any:
        return self._fold.notes.get(key) or self._spool.note(NAME, key)


class NgsiLd:
    name = NAME

    def __init__(self, entities: Entities, http: Http) -> None:
        self._entities = entities
        self._http = http
        self._alone: set[int] = set()

    def prepare(self, spool: Spool) -> None:
        """Nothing: every entity says all of itself."""

    def deliver(self, spool: Spool, rows: Sequence[Row], tried: int) -> int:
        fold = self.fold(spool, rows)
        try:
            self._send(fold)
        except Bad as error:
            if len(fold.rows) > 1:  # which one is it?
                self._alone = {row.n for row in fold.rows}
                return self.deliver(spool, rows, tried)
            spool.bury(NAME, fold.rows[0], error.status, error.reason)
        else:
            spool.done(NAME, fold.rows, fold.notes)
        self._alone -= {row.n for row in fold.rows}
        return len(fold.rows)

    def fold(self, spool: Spool, rows: Sequence[Row]) -> Fold:
        """The first of `rows` at least."""
        found = Fold()
        for row in rows:
            if found.rows and row.n in self._alone:
                break
            parts = list(self._entities.parts(row, _Memory(spool, found)))
            if found.rows and not found.fits(parts):
                break
            found.add(row, parts)
            if row.n in self._alone:
                break
        return found

    def _send(self, fold: Fold) -> None:
        boards = [body for id_, body in fold.entities.items() if id_ not in fold.whole]
        people = [body for id_, body in fold.entities.items() if id_ in fold.whole]
        if boards:
            _check(self._http.send("POST", PATH, boards, {"options": "update"}, TYPE))
        if people:
            _check(self._http.send("POST", PATH, people, None, TYPE))


def _check(answer: Answer) -> None:
    """207: some were not taken, and each has its own answer."""
    if answer.status != 207 or not isinstance(answer.body, Mapping):
        return
    errors = answer.body.get("errors")
    for one in errors if isinstance(errors, list) else []:
        problem = one.get("error") if isinstance(one, Mapping) else None
        problem = problem if isinstance(problem, Mapping) else {}
        status = problem.get("status")
        reason = str(problem.get("detail") or problem.get("title") or problem)[:200]
        if isinstance(status, int) and status >= 500:
            raise Later(f"the context broker says {status} {reason}")
        raise Bad(status if isinstance(status, int) else 207, reason)
