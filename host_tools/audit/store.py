"""A journal's file: SQLite, version 1, for its owner alone.

Connections last for one transaction, so collecting, looking and checking go on side by side. What is removed
is overwritten in the file (`secure_delete`); the rollback journal, unlike a write-ahead log, ends with its
transaction, so nothing removed is left beside the file either.
"""

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from host_tools.audit.seal import End, EndName, Entry, Key, Sealed, first_hash
from host_tools.errors import BadInput, ToolError
from host_tools.output import printable
from host_tools.sqlitefile import DAMAGED, IN_USE, code_of, connection, in_use, transaction, version_of

VERSION = 1
APPLICATION = 0x73624175  # "sbAu"
BUSY_S = 30.0
PRIVATE = 0o600

TABLES = (
    "CREATE TABLE journal (site TEXT NOT NULL, name TEXT NOT NULL)",
    "CREATE TABLE entries (n INTEGER PRIMARY KEY, at_s INTEGER NOT NULL, source TEXT NOT NULL,"
    " id TEXT NOT NULL, body TEXT NOT NULL, hash BLOB NOT NULL, mac BLOB NOT NULL)",
    "CREATE UNIQUE INDEX entries_once ON entries (source, id)",
    "CREATE TABLE ends (end TEXT PRIMARY KEY, n INTEGER NOT NULL, at_s INTEGER NOT NULL,"
    " hash BLOB NOT NULL, mac BLOB NOT NULL)",
    # how far each device has counted, to see what is missing
    "CREATE TABLE devices (device TEXT PRIMARY KEY, bootid TEXT NOT NULL, seq INTEGER NOT NULL)",
)
_ENTRY = "SELECT n, at_s, source, id, body, hash, mac FROM entries"


class Store:
    """The file of one site's journal. Raises BadInput or ToolError, each with a cure."""

    def __init__(self, path: Path, site: str) -> None:
        self.path = path
        self.site = site

    def create(self, key: Key, at_s: int) -> bool:
        """False where there is one already. One that was begun and not finished is made anew."""
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, PRIVATE))
        except OSError as error:
            raise ToolError(
                f"cannot write {self.path}: {error.strerror}", "its folder must be yours, on a disk with room"
            ) from error
        with self._connected() as db, transaction(db):
            if self._version(db) != 0:
                return False
            for statement in TABLES:
                db.execute(statement)
            name = secrets.token_hex(16)
            db.execute("INSERT INTO journal VALUES (?, ?)", (self.site, name))
            begin = first_hash(self.site, name)
            for end in ("start", "head"):
                put_end(db, end, key.end(end, 0, at_s, begin))
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {VERSION}")
            return True

    def look(self) -> None:
        """Raises what is wrong with the file, before anybody is asked for a passphrase."""
        with self.reading():
            return

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One look: all of it is from one moment."""
        if not self.path.exists():
            raise BadInput(f"there is no journal {self.path}", "sportbox audit collect SITE.yaml fills one")
        with self._opened() as db:
            db.execute("BEGIN")
            yield db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that changes something."""
        with self._opened() as db, transaction(db):
            yield db

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with self._connected() as db:
            version = self._version(db)
            if version > VERSION:
                raise BadInput(
                    f"{self.path} was written by a newer sportbox", "update sportbox on this computer"
                )
            if version == 0:
                raise BadInput(f"{self.path} is empty", "sportbox audit collect SITE.yaml fills it")
            (site,) = db.execute("SELECT site FROM journal").fetchone() or ("",)
            if site != self.site:
                raise BadInput(
                    f"{self.path} is the journal of `{printable(str(site))}`, not of `{self.site}`",
                    "a journal lies beside its own site file: x.yaml, x.audit.db",
                )
            yield db

    def _version(self, db: sqlite3.Connection) -> int:
        version = version_of(db, APPLICATION)
        if version is None:
            raise BadInput(f"{self.path} is no journal", "move it away; collecting begins a new one")
        return version

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with connection(self.path, BUSY_S, _explained, must_exist=True) as db:
            db.execute("PRAGMA secure_delete = ON")
            yield db


def end_of(db: sqlite3.Connection, name: EndName) -> End:
    row = db.execute("SELECT n, at_s, hash, mac FROM ends WHERE end = ?", (name,)).fetchone()
    return End(0, 0, b"", b"") if row is None else End(int(row[0]), int(row[1]), bytes(row[2]), bytes(row[3]))


def put_end(db: sqlite3.Connection, name: EndName, end: End) -> None:
    db.execute(
        "INSERT OR REPLACE INTO ends VALUES (?, ?, ?, ?, ?)", (name, end.n, end.at_s, end.hash, end.mac)
    )


def put_entry(db: sqlite3.Connection, sealed: Sealed) -> None:
    entry = sealed.entry
    values = (entry.n, entry.at_s, entry.source, entry.id, entry.body, sealed.hash, sealed.mac)
    db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", values)


def entries_after(db: sqlite3.Connection, n: int, limit: int) -> list[Sealed]:
    """The next ones, whatever is in them: a tamperer may have written anything."""
    rows = db.execute(f"{_ENTRY} WHERE n > ? ORDER BY n LIMIT ?", (n, limit)).fetchall()
    return [_sealed(*row) for row in rows]


def last_entry(db: sqlite3.Connection) -> Sealed | None:
    row = db.execute(f"{_ENTRY} ORDER BY n DESC LIMIT 1").fetchone()
    return None if row is None else _sealed(*row)


def stray_entry(db: sqlite3.Connection, start: End) -> int | None:
    """One that lies before the journal's beginning, where none can be."""
    row = db.execute("SELECT n FROM entries WHERE n <= ? ORDER BY n LIMIT 1", (start.n,)).fetchone()
    return None if row is None else int(row[0])


def is_known(db: sqlite3.Connection, source: str, id_: str) -> bool:
    found = db.execute("SELECT 1 FROM entries WHERE source = ? AND id = ?", (source, id_)).fetchone()
    return found is not None


def _sealed(
    n: int, at_s: object, source: object, id_: object, body: object, chained: object, mac: object
) -> Sealed:
    at = at_s if isinstance(at_s, int) else -1
    return Sealed(Entry(n, at, str(source), str(id_), str(body)), _bytes(chained), _bytes(mac))


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


def _explained(path: Path, error: sqlite3.DatabaseError) -> ToolError:
    code = code_of(error)
    if code in IN_USE:
        return in_use(path)
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return ToolError(
            f"cannot write {path}: {error}",
            "make room on its disk; what is not noted yet waits at the broker",
        )
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return ToolError(f"cannot use {path}: {error}", "file and folder must be yours, on a disk with room")
    if code in DAMAGED:
        return BadInput(
            f"{path} is damaged: {error}",
            "keep it as evidence under another name and restore a backup; collecting begins a new one",
        )
    return ToolError(f"{path} is not as a journal is: {error}", "sportbox audit verify SITE.yaml")
