"""A site's rollouts: SQLite beside the site file, `SITE.rollout.db`, or in a simulation's state directory.

One process at a time does a rollout and holds a lock; others may look, and ask it to pause or to give up.
Every change is one short transaction, on disk before anything is sent that follows from it.
"""

import fcntl
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple, fields
from pathlib import Path
from typing import IO, get_args

from host_tools.errors import BadInput, ToolError
from host_tools.output import printable
from host_tools.sqlitefile import (
    DAMAGED,
    DURABLE,
    IN_USE,
    code_of,
    connection,
    in_use,
    transaction,
    version_of,
)
from host_tools.update.form import sha256
from host_tools.update.rollout.model import Rollout, Row, Settings, State
from host_tools.words.system import reason

SUFFIX = ".rollout.db"
FILE = "rollout.db"
LOCK_SUFFIX = ".lock"
BUSY_S = 20.0
SYNCHRONOUS = DURABLE
LOOKS = 4
LOOK_S = 0.02
APPLICATION = 0x7362526F  # "sbRo"
STEPS = (
    (
        "CREATE TABLE site (name TEXT NOT NULL)",
        "CREATE TABLE rollouts (id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL,"
        " version TEXT NOT NULL, path TEXT NOT NULL, settings TEXT NOT NULL, state TEXT NOT NULL, why TEXT,"
        " begun_s INTEGER NOT NULL, changed_s INTEGER NOT NULL, bundle BLOB)",
        "CREATE TABLE boards (rollout INTEGER NOT NULL, device TEXT NOT NULL, wave INTEGER NOT NULL,"
        " state TEXT NOT NULL, jti TEXT, reason TEXT, was TEXT, orders INTEGER NOT NULL, ordered_s INTEGER,"
        " ended_s INTEGER, PRIMARY KEY (rollout, device))",
    ),
)
"""A new version is one more step at the end; `PRAGMA user_version` says how many a file has taken."""
VERSION = len(STEPS)
_FACTS = "id, sha256, size, version, path, settings, state, why, begun_s, changed_s"
_ROW = ", ".join(field.name for field in fields(Row))
_MARKS = ", ".join("?" * (len(fields(Row)) + 1))


class Store:
    """Raises BadInput or ToolError, each with a cure."""

    def __init__(self, path: Path, site: str, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.site = site
        self._clock = clock

    def newest(self) -> Rollout | None:
        """The rollout that was begun last."""
        if not self.path.exists():
            return None
        with self._opened() as db:
            row = db.execute(f"SELECT {_FACTS} FROM rollouts ORDER BY id DESC LIMIT 1").fetchone()
        return None if row is None else _rollout(*row)

    def begin(self, data: bytes, version: str, path: str, settings: Settings, rows: Iterable[Row]) -> Rollout:
        """Keeps the bundle as well: its file may go or change."""
        now_s = int(self._clock())
        with self._opened(create=True) as db, transaction(db):
            db.execute("UPDATE rollouts SET bundle = NULL")
            digest, size = sha256(data), len(data)
            values = (digest, size, version, path, _settings_text(settings), now_s, now_s, data)
            made = db.execute(
                "INSERT INTO rollouts"
                " (sha256, size, version, path, settings, state, begun_s, changed_s, bundle)"
                " VALUES (?, ?, ?, ?, ?, 'running', ?, ?, ?)",
                values,
            )
            number = made.lastrowid or 0
            _put(db, number, rows)
        return Rollout(number, digest, size, version, path, settings, "running", None, now_s, now_s)

    def bundle(self, rollout: Rollout) -> bytes:
        with self._opened() as db:
            (data,) = db.execute("SELECT bundle FROM rollouts WHERE id = ?", (rollout.id,)).fetchone()
        if not isinstance(data, bytes) or sha256(data) != rollout.sha256:
            raise BadInput(
                f"{self.path} is damaged: the bundle in it is not the one that the rollout began with",
                "sportbox update abort SITE.yaml, then begin a new one with the bundle's file",
            )
        return data

    def rows(self, rollout: Rollout) -> list[Row]:
        with self._opened() as db:
            found = db.execute(
                f"SELECT {_ROW} FROM boards WHERE rollout = ? ORDER BY wave, rowid", (rollout.id,)
            ).fetchall()
        return [Row(*row) for row in found]

    def put(self, rollout: Rollout, rows: Iterable[Row]) -> None:
        with self._writing() as db:
            _put(db, rollout.id, rows)

    def state(self, rollout: Rollout) -> State:
        """What it is to be now: another process may have asked for something."""
        with self._opened() as db:
            (state,) = db.execute("SELECT state FROM rollouts WHERE id = ?", (rollout.id,)).fetchone()
        return _state(state)

    def change(self, rollout: Rollout, was: Iterable[State], to: State, why: str | None = None) -> bool:
        """False: it was in none of the states `was` any more."""
        names = list(was)
        marks = ", ".join("?" * len(names))
        with self._writing() as db:
            done = db.execute(
                f"UPDATE rollouts SET state = ?, why = ?, changed_s = ? WHERE id = ? AND state IN ({marks})",
                (to, why, int(self._clock()), rollout.id, *names),
            )
            return done.rowcount == 1

    def set_settings(self, rollout: Rollout, settings: Settings) -> None:
        with self._writing() as db:
            db.execute(
                "UPDATE rollouts SET settings = ? WHERE id = ?", (_settings_text(settings), rollout.id)
            )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else does a rollout of this site; the lock goes with the process, however that ends."""
        with self._lock_file() as file:
            for number in range(LOOKS):  # who only looks has it for a moment
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    time.sleep(LOOK_S * (number + 1))
            else:
                raise ToolError(
                    f"another process does a rollout of {self.site} just now",
                    "sportbox update status SITE.yaml shows it; `update pause` and `update abort` end it",
                )
            yield

    def is_being_done(self) -> bool:
        """Whether a process holds the lock."""
        if not self._lock_path.exists():
            return False
        with self._lock_file() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return True
        return False

    @property
    def _lock_path(self) -> Path:
        return self.path.with_name(self.path.name + LOCK_SUFFIX)

    @contextmanager
    def _lock_file(self) -> Iterator[IO[bytes]]:
        try:
            file = self._lock_path.open("ab")
        except OSError as error:
            raise ToolError(
                f"cannot write {self._lock_path}: {reason(error)}", "its folder must be yours"
            ) from error
        with file:
            yield file

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._opened() as db, transaction(db):
            yield db

    @contextmanager
    def _opened(self, create: bool = False) -> Iterator[sqlite3.Connection]:
        if not create and not self.path.exists():
            raise BadInput(f"{self.path} is gone", "sportbox update start SITE.yaml --bundle B begins anew")
        with connection(self.path, BUSY_S, _explained, synchronous=SYNCHRONOUS) as db:
            self._migrate(db)
            yield db

    def _migrate(self, db: sqlite3.Connection) -> None:
        if self._taken(db) < VERSION:
            with transaction(db):
                taken = self._taken(db)  # now nobody else does it
                for step in STEPS[taken:]:
                    for statement in step:
                        db.execute(statement)
                if taken == 0:
                    db.execute("INSERT INTO site VALUES (?)", (self.site,))
                    db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {VERSION}")
        (site,) = db.execute("SELECT name FROM site").fetchone()
        if site != self.site:
            raise BadInput(
                f"{self.path} has the rollouts of `{printable(str(site))}`, not of `{self.site}`",
                "it lies beside its own site file: x.yaml, x.rollout.db",
            )

    def _taken(self, db: sqlite3.Connection) -> int:
        taken = version_of(db, APPLICATION)
        if taken is None:
            raise BadInput(f"{self.path} is no file of rollouts", "move it away; a new one is begun then")
        if taken > VERSION:
            raise BadInput(f"{self.path} was written by a newer sportbox", "update sportbox on this computer")
        return taken


def _put(db: sqlite3.Connection, rollout: int, rows: Iterable[Row]) -> None:
    db.executemany(
        f"INSERT INTO boards (rollout, {_ROW}) VALUES ({_MARKS}) ON CONFLICT (rollout, device) DO UPDATE SET"
        " wave = excluded.wave, state = excluded.state, jti = excluded.jti, reason = excluded.reason,"
        " was = excluded.was, orders = excluded.orders, ordered_s = excluded.ordered_s,"
        " ended_s = excluded.ended_s",
        [(rollout, *astuple(row)) for row in rows],
    )


def _settings_text(settings: Settings) -> str:
    return json.dumps(asdict(settings), sort_keys=True)


def _rollout(
    number: int,
    digest: str,
    size: int,
    version: str,
    path: str,
    settings: str,
    state: str,
    why: str | None,
    begun_s: int,
    changed_s: int,
) -> Rollout:
    read = json.loads(settings)
    made = Settings(**{**read, "waves": tuple(read["waves"])})
    return Rollout(number, digest, size, version, path, made, _state(state), why, begun_s, changed_s)


def _state(text: str) -> State:
    for state in get_args(State):
        if state == text:
            return state  # type: ignore[no-any-return]
    raise BadInput(f"a rollout is in a state that there is not: {printable(text)}", "update sportbox")


def _explained(path: Path, error: sqlite3.DatabaseError) -> ToolError:
    code = code_of(error)
    if code in IN_USE:
        return in_use(path)
    if code in DAMAGED:
        return BadInput(
            f"{path} is damaged",
            "move it away and begin anew: boards that have the version already are left as they are",
        )
    return ToolError(f"cannot use {path}: {error}", "file and folder must be yours, on a disk with room")
