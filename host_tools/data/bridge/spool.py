"""What waits for the outputs, each of which goes through it in order, with a cursor of its own.

A message leaves the file when every output has it; one that a receiver does not take is put aside.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from host_tools.data.bridge.database import Database
from host_tools.data.bridge.reading import Body

DEAD_MAX = 10_000
COLUMNS = "n, kind, device, component, id, body, received_ms, retained, time, dated, after"


@dataclass(frozen=True)
class Row:
    """A message as outputs get it. `time`: when it happened, as well as is known (`dated`)."""

    n: int
    kind: str
    device: str
    component: str | None
    id: str
    body: Body
    received_ms: int
    retained: bool
    time: str
    dated: str
    after: str | None


class Spool(Database):
    def register(self, names: Sequence[str]) -> None:
        """The outputs that the site file has now. A new one gets what is still here."""
        with self.writing():
            self.db.execute("UPDATE outputs SET active = 0")
            for name in names:
                self.db.execute(
                    "INSERT INTO outputs (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET active = 1",
                    (name,),
                )

    def waiting(self, output: str, limit: int) -> list[Row]:
        """The next ones in order, first those that are to be tried again."""
        again = self._rows(
            "n IN (SELECT n FROM dead WHERE output = ? AND again) ORDER BY n LIMIT ?", output, limit
        )
        return again or self._rows(
            "n > (SELECT cursor FROM outputs WHERE name = ?) ORDER BY n LIMIT ?", output, limit
        )

    def begin(self, output: str, last: Row) -> int:
        """Before sending up to `last`: whoever comes after us must look whether it arrived. Up to where that
        is so already."""
        with self.writing():
            (tried,) = self.db.execute("SELECT tried FROM outputs WHERE name = ?", (output,)).fetchone()
            self.db.execute("UPDATE outputs SET tried = max(tried, ?) WHERE name = ?", (last.n, output))
        return int(tried)

    def done(
        self,
        output: str,
        rows: Sequence[Row],
        notes: Mapping[str, Any] | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        """They have arrived, or are nothing to this output (`counts` says how many of which). After a power
        cut that undoes this they are among those that may have arrived."""
        with self.writing(durable=False):
            self._pass(output, rows)
            self.put_notes(output, notes or {})
            for name, count in (counts or {"sent": len(rows)}).items():
                self.count(output, name, count)
            self.db.execute(
                "UPDATE outputs SET sent_ms = ?, problem = NULL WHERE name = ?", (self.now_ms(), output)
            )
            self.forget_sent()

    def bury(self, output: str, row: Row, status: int, reason: str) -> None:
        """The receiver does not take this one: it is put aside, and the others go on."""
        with self.writing():
            self._pass(output, [row])
            self.db.execute(
                "INSERT OR REPLACE INTO dead (output, n, at_ms, status, reason) VALUES (?, ?, ?, ?, ?)",
                (output, row.n, self.now_ms(), status, reason),
            )
            self.count(output, "refused")
            extra = self.db.execute(
                "SELECT n FROM dead WHERE output = ? ORDER BY n DESC LIMIT -1 OFFSET ?", (output, DEAD_MAX)
            ).fetchall()
            for (n,) in extra:
                self.db.execute("DELETE FROM dead WHERE output = ? AND n = ?", (output, n))
                self.count(output, "dropped")

    def retry_dead(self, output: str | None = None, row: Row | None = None) -> int:
        """What was put aside is sent once more, before anything else: that row of an output, else all."""
        chosen = "" if row is None else " WHERE output = ? AND n = ?"
        with self.writing():
            values = () if row is None else (output, row.n)
            return self.db.execute(f"UPDATE dead SET again = 1{chosen}", values).rowcount

    def problem(self, output: str, text: str | None) -> None:
        with self.writing(durable=False):
            self.db.execute("UPDATE outputs SET problem = ? WHERE name = ?", (text, output))

    def _pass(self, output: str, rows: Sequence[Row]) -> None:
        for row in rows:
            self.db.execute("DELETE FROM dead WHERE output = ? AND n = ?", (output, row.n))
            self.db.execute("UPDATE outputs SET cursor = max(cursor, ?) WHERE name = ?", (row.n, output))

    def _rows(self, rest: str, *values: object) -> list[Row]:
        rows = self.db.execute(f"SELECT {COLUMNS} FROM messages WHERE {rest}", values).fetchall()
        return [_row(row) for row in rows]


def _row(found: tuple[Any, ...]) -> Row:
    n, kind, device, component, id_, body, received_ms, retained, *date = found
    return Row(n, kind, device, component, id_, json.loads(body), received_ms, bool(retained), *date)
