"""SQLite files that several processes use at once: a connection lasts for one call, and waits for the others.

    with connection(path, BUSY_S, explained) as db, transaction(db):
        db.execute(...)

What went wrong is told by who owns the file: `explained` makes an error with a cure of SQLite's.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from host_tools.errors import ToolError

Explained = Callable[[Path, sqlite3.DatabaseError], ToolError]

IN_USE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
DURABLE = "FULL"
"""What is committed survives a power cut."""


@contextmanager
def connection(
    path: Path,
    busy_s: float,
    explained: Explained,
    must_exist: bool = False,
    synchronous: str = DURABLE,
) -> Iterator[sqlite3.Connection]:
    """Closing it undoes what was not committed. With `must_exist` a file that is gone is not made anew."""
    place = f"file:{quote(str(path))}?mode=rw" if must_exist else path
    try:
        db = sqlite3.connect(place, timeout=busy_s, isolation_level=None, uri=must_exist)
        try:
            db.execute(f"PRAGMA synchronous = {synchronous}")
            yield db
        finally:
            db.close()
    except sqlite3.DatabaseError as error:
        raise explained(path, error) from error


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """One that changes something; where it is left by an exception, closing the connection undoes it."""
    db.execute("BEGIN IMMEDIATE")  # waits now, and cannot find itself in the way of another one later
    yield
    db.execute("COMMIT")


def version_of(db: sqlite3.Connection, application: int) -> int | None:
    """`PRAGMA user_version`, 0 of a file that is empty; None of one that another program has made."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (owner,) = db.execute("PRAGMA application_id").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if owner != application and (version or tables):
        return None
    return int(version)


def code_of(error: sqlite3.DatabaseError) -> int:
    """SQLite's primary result code, 0 where there is none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def in_use(path: Path) -> ToolError:
    return ToolError(f"{path} is in use by a command that does not come to an end", "end it, then try again")
