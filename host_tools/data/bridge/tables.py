"""Tables of the spool, version by version: `PRAGMA user_version` says how many steps a file has taken."""

import sqlite3

from host_tools.errors import BadInput

STEPS = (
    """
    CREATE TABLE messages (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        device TEXT NOT NULL,
        component TEXT,
        id TEXT NOT NULL,
        body TEXT NOT NULL,
        received_ms INTEGER NOT NULL,
        retained INTEGER NOT NULL,
        time TEXT NOT NULL,
        dated TEXT NOT NULL,
        after TEXT
    );
    CREATE TABLE seen (n INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE);
    CREATE TABLE latest (topic TEXT PRIMARY KEY, digest BLOB NOT NULL, received_ms INTEGER NOT NULL);
    CREATE TABLE boots (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        device TEXT NOT NULL, bootid TEXT NOT NULL, base_s INTEGER NOT NULL,
        UNIQUE (device, bootid)
    );
    CREATE TABLE dates (device TEXT PRIMARY KEY, newest TEXT NOT NULL);
    CREATE TABLE undated (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        device TEXT NOT NULL, bootid TEXT NOT NULL, uptime INTEGER NOT NULL,
        component TEXT, id TEXT NOT NULL, body TEXT NOT NULL, received_ms INTEGER NOT NULL
    );
    CREATE TABLE outputs (
        name TEXT PRIMARY KEY,
        active INTEGER NOT NULL DEFAULT 1,
        cursor INTEGER NOT NULL DEFAULT 0,
        tried INTEGER NOT NULL DEFAULT 0,
        problem TEXT,
        sent_ms INTEGER
    );
    CREATE TABLE counters (
        output TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (output, name)
    );
    CREATE TABLE notes (
        output TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (output, key)
    );
    CREATE TABLE dead (
        output TEXT NOT NULL, n INTEGER NOT NULL, at_ms INTEGER NOT NULL, status INTEGER NOT NULL,
        reason TEXT NOT NULL, again INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (output, n)
    );
    """,
)


def migrate(db: sqlite3.Connection, path: object) -> None:
    """Bring a new or older file to this program's tables; two programs at once do it once."""
    if version(db) == len(STEPS):
        return
    db.execute("BEGIN IMMEDIATE")
    have = version(db)
    if have > len(STEPS):
        db.execute("ROLLBACK")
        raise BadInput(f"{path} was written by a newer sportbox", "use that one, or another folder")
    for step in STEPS[have:]:
        for statement in step.split(";"):
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {len(STEPS)}")
    db.execute("COMMIT")


def version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
