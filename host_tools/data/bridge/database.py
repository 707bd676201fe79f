"""The spool's file: opened, written in transactions, counted in. One object is for one thread."""

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from host_tools.data.bridge.tables import migrate
from host_tools.errors import BadInput, ToolError

BUSY_S = 20.0
DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
OWN = ""
"""Counters of the spool itself, not of an output."""


class Database:
    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        try:
            if not path.exists():
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            self.db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
            self.db.execute("PRAGMA journal_mode = WAL")
            migrate(self.db, path)
        except (OSError, sqlite3.DatabaseError) as error:
            if getattr(error, "sqlite_errorcode", None) in DAMAGED:
                raise BadInput(
                    f"{path} is damaged: {error}",
                    "move it away: a new one begins, and what waited in it for a platform is lost",
                ) from error
            raise ToolError(
                f"cannot use {path}: {error}",
                "the folder of the site file must be yours, on a disk with room",
            ) from error

    def close(self) -> None:
        self.db.close()

    def now_ms(self) -> int:
        return int(self._clock() * 1_000)

    def count(self, output: str, name: str, by: int = 1) -> None:
        self.db.execute(
            "INSERT INTO counters (output, name, value) VALUES (?, ?, ?)"
            " ON CONFLICT (output, name) DO UPDATE SET value = value + excluded.value",
            (output, name, by),
        )

    def one(self, statement: str, *values: object) -> Any:
        """The first row, or None."""
        return self.db.execute(statement, values).fetchone()

    def forget_sent(self) -> None:
        """What every output has is not kept."""
        self.db.execute(
            "DELETE FROM messages WHERE n <= (SELECT min(cursor) FROM outputs WHERE active)"
            " AND n NOT IN (SELECT n FROM dead)"
        )

    def note(self, output: str, key: str) -> Any:
        """What an output remembers."""
        row = self.one("SELECT value FROM notes WHERE output = ? AND key = ?", output, key)
        return None if row is None else json.loads(row[0])

    def keep(self, output: str, notes: Mapping[str, Any]) -> None:
        with self.writing(durable=False):
            self.put_notes(output, notes)

    def forget(self, output: str, prefix: str) -> None:
        """All notes whose key begins so."""
        with self.writing():
            self.db.execute(
                "DELETE FROM notes WHERE output = ? AND substr(key, 1, ?) = ?", (output, len(prefix), prefix)
            )

    def put_notes(self, output: str, notes: Mapping[str, Any]) -> None:
        for key, value in notes.items():
            self.db.execute(
                "INSERT OR REPLACE INTO notes (output, key, value) VALUES (?, ?, ?)",
                (output, key, json.dumps(value)),
            )

    @contextmanager
    def writing(self, durable: bool = True) -> Iterator[None]:
        """One transaction: there when it has ended, or as if it had never begun. A `durable` one outlives a
        power cut, with all before it; another one outlives the program alone."""
        try:
            self.db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self.db.execute("ROLLBACK")
                raise
            self.db.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise ToolError(f"cannot write {self.path}: {error}", "is the disk full?") from error
