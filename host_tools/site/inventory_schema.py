"""Tables of the inventory, version by version. A new version is one more step at the end; no step is changed.

`PRAGMA user_version` in the file says how many steps it has taken.
"""

import sqlite3

from host_tools.errors import BadInput
from host_tools.words import tr

STEPS = (
    """
    CREATE TABLE boards (
        mac TEXT PRIMARY KEY,
        device TEXT UNIQUE,
        since_s INTEGER,
        provisioned INTEGER NOT NULL DEFAULT 0,
        key_version INTEGER,
        serial TEXT,
        selftest_s INTEGER,
        selftest_ok INTEGER,
        seen_s INTEGER NOT NULL,
        facts TEXT NOT NULL DEFAULT '{}'
    );
    CREATE TABLE history (
        id INTEGER PRIMARY KEY,
        at_s INTEGER NOT NULL,
        action TEXT NOT NULL,
        mac TEXT NOT NULL,
        device TEXT,
        ok INTEGER NOT NULL,
        facts TEXT NOT NULL
    );
    CREATE INDEX history_of_mac ON history (mac);
    CREATE INDEX history_of_device ON history (device);
    CREATE TABLE revoked (
        id INTEGER PRIMARY KEY,
        at_s INTEGER NOT NULL,
        device TEXT NOT NULL,
        key_version INTEGER NOT NULL,
        mac TEXT,
        serial TEXT,
        why TEXT NOT NULL
    );
    CREATE TABLE pending (
        device TEXT PRIMARY KEY,
        new_mac TEXT NOT NULL,
        old_mac TEXT,
        old_version INTEGER NOT NULL,
        new_version INTEGER NOT NULL,
        at_s INTEGER NOT NULL,
        writing INTEGER NOT NULL
    );
    """,
    """
    CREATE TABLE claims (
        device TEXT PRIMARY KEY,
        mac TEXT NOT NULL,
        at_s INTEGER NOT NULL
    );
    """,
    """
    CREATE TABLE certificates (
        serial TEXT PRIMARY KEY,
        device TEXT NOT NULL,
        key_version INTEGER NOT NULL,
        generation INTEGER NOT NULL,
        authority TEXT NOT NULL,
        der BLOB NOT NULL
    );
    CREATE TABLE configs (
        hash TEXT PRIMARY KEY,
        config TEXT NOT NULL
    );
    CREATE TABLE renewals (
        id TEXT PRIMARY KEY,
        device TEXT NOT NULL,
        at_s INTEGER NOT NULL,
        digest TEXT NOT NULL
    );
    """,
)
VERSION = len(STEPS)


def migrate(db: sqlite3.Connection, steps: tuple[str, ...] = STEPS) -> None:
    """Bring a file of any earlier version up to date, within the transaction of the caller."""
    (taken,) = db.execute("PRAGMA user_version").fetchone()
    if taken > len(steps):
        raise BadInput(
            tr("the inventory was written by a newer sportbox (version {version})", version=taken),
            tr("update sportbox on this computer"),
        )
    for step in steps[taken:]:
        for statement in step.split(";"):  # executescript would commit
            if statement.strip():
                db.execute(statement)
    if taken < len(steps):
        db.execute(f"PRAGMA user_version = {len(steps)}")
