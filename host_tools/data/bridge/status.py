"""How far a bridge is, from its spool alone: also while it runs, and when it does not."""

from pathlib import Path
from typing import Any

from host_tools.data.bridge.database import OWN, Database
from host_tools.data.bridge.times import text_of

DEAD_SHOWN = 100


def status(path: Path) -> list[dict[str, Any]]:
    """One object an output, then one for what came from the broker, then those that were put aside."""
    database = Database(path)
    try:
        return [*_outputs(database), _taken(database), *_dead(database)]
    finally:
        database.close()


def _outputs(database: Database) -> list[dict[str, Any]]:
    found = []
    rows = database.db.execute(
        "SELECT name, cursor, problem, sent_ms FROM outputs WHERE active ORDER BY name DESC"
    )
    for name, cursor, problem, sent_ms in rows.fetchall():
        (waiting,) = database.one("SELECT count(*) FROM messages WHERE n > ?", cursor)
        (aside,) = database.one("SELECT count(*) FROM dead WHERE output = ?", name)
        counters = _counters(database, name)
        found.append(
            {
                "output": name,
                "waiting": waiting,
                "sent": counters.get("sent", 0),
                "aside": aside,
                "dropped": counters.get("dropped", 0),
                "last": None if sent_ms is None else text_of(sent_ms / 1_000),
                "problem": problem,
            }
        )
    return found


def _taken(database: Database) -> dict[str, Any]:
    (undated,) = database.one("SELECT count(*) FROM undated")
    counters = _counters(database, OWN)
    names = ("events", "duplicates", "malformed")
    return {
        "spool": str(database.path),
        **{name: counters.get(name, 0) for name in names},
        "undated": undated,
    }


def _dead(database: Database) -> list[dict[str, Any]]:
    rows = database.db.execute(
        "SELECT dead.output, messages.id, dead.at_ms, dead.status, dead.reason FROM dead"
        " JOIN messages ON messages.n = dead.n ORDER BY dead.at_ms DESC LIMIT ?",
        (DEAD_SHOWN,),
    )
    return [
        {"refused": id_, "output": output, "at": text_of(at_ms / 1_000), "status": code, "reason": reason}
        for output, id_, at_ms, code, reason in rows.fetchall()
    ]


def _counters(database: Database, output: str) -> dict[str, int]:
    rows = database.db.execute("SELECT name, value FROM counters WHERE output = ?", (output,))
    return dict(rows.fetchall())
