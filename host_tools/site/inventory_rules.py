"""What the inventory's tables say together: each within a transaction of the caller."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from host_tools.site.inventory_rows import Fact, Pending


def learn(db: sqlite3.Connection, mac: str, facts: dict[str, Fact]) -> None:
    known = json.loads(db.execute("SELECT facts FROM boards WHERE mac = ?", (mac,)).fetchone()[0])
    merged = {name: value for name, value in {**known, **facts}.items() if value is not None}
    db.execute("UPDATE boards SET facts = ? WHERE mac = ?", (json.dumps(merged), mac))


def assign(db: sqlite3.Connection, mac: str, device: str, now_s: int, facts: dict[str, Fact]) -> None:
    """The board is this device from now on, unless it has been already."""
    db.execute(
        "UPDATE boards SET device = NULL, provisioned = 0 WHERE device = ? AND mac <> ?", (device, mac)
    )
    db.execute("DELETE FROM claims WHERE device = ? OR mac = ?", (device, mac))
    db.execute(
        "UPDATE boards SET since_s = CASE WHEN device IS ? THEN since_s ELSE ? END, device = ?,"
        " provisioned = 1, key_version = ?, serial = ? WHERE mac = ?",
        (device, now_s, device, facts.get("key_version"), facts.get("serial"), mac),
    )


def claim(
    db: sqlite3.Connection, mac: str, names: Sequence[str], force: bool, now_s: int
) -> tuple[str, bool] | None:
    """The first of `names` that no other board is about to become, and whether that is new; what another
    board was comes last."""
    others = {name for (name,) in db.execute("SELECT device FROM claims WHERE mac <> ?", (mac,)).fetchall()}
    held = {name for (name,) in db.execute("SELECT device FROM boards WHERE mac <> ?", (mac,)).fetchall()}
    free = sorted((name for name in names if force or name not in others), key=lambda name: name in held)
    if not free:
        return None
    own = db.execute("SELECT 1 FROM claims WHERE device = ? AND mac = ?", (free[0], mac)).fetchone()
    if own is None:
        db.execute("INSERT OR REPLACE INTO claims VALUES (?, ?, ?)", (free[0], mac, now_s))
    return free[0], own is None


def is_void(db: sqlite3.Connection, device: str, facts: dict[str, Fact]) -> bool:
    asked = (device, facts.get("key_version"))
    return (
        db.execute("SELECT 1 FROM revoked WHERE device = ? AND key_version = ?", asked).fetchone() is not None
    )


def newest_version(db: sqlite3.Connection, device: str) -> int:
    """The highest key version that any board of the device had, 0 if none is known."""
    found = db.execute(
        "SELECT max(key_version) FROM (SELECT key_version FROM boards WHERE device = ?"
        " UNION ALL SELECT key_version FROM revoked WHERE device = ?)",
        (device, device),
    ).fetchone()[0]
    return found or 0


def revoke(db: sqlite3.Connection, values: tuple[int, str, int, str | None, str | None, str]) -> None:
    db.execute(
        "INSERT INTO revoked (at_s, device, key_version, mac, serial, why) SELECT ?, ?, ?, ?, ?, ?"
        " WHERE NOT EXISTS (SELECT 1 FROM revoked"
        " WHERE device = ? AND key_version = ? AND mac IS ? AND serial IS ?)",
        (*values, *values[1:5]),
    )


def pending(db: sqlite3.Connection, device: str) -> Pending | None:
    row = db.execute(
        "SELECT device, new_mac, old_mac, old_version, new_version, at_s, writing FROM pending"
        " WHERE device = ?",
        (device,),
    ).fetchone()
    return replace(Pending(*row), writing=bool(row[6])) if row else None
