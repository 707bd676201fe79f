"""What was made for boards, beside the inventory's boards: certificates, configurations, renewals. No secret.

It is noted before a board gets it. So whatever a board shows later can be told, also when the command that
sent it was cut off.
"""

import json
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from host_tools.site.inventory import Inventory

CONFIGS_MAX = 10_000
RENEWALS_MAX = 20_000
"""The oldest go first."""


@dataclass(frozen=True)
class Issued:
    """A certificate: whose, of which key version and generation, by which authority."""

    device: str
    key_version: int
    generation: int
    authority: str
    der: bytes


@dataclass(frozen=True)
class Sent:
    """A renewal that was sent to a board: `digest` tells what was in it."""

    device: str
    at_s: int
    digest: str


def note_certificate(inventory: Inventory, serial: str, issued: Issued) -> None:
    with inventory.writing() as db:
        db.execute(
            "INSERT OR REPLACE INTO certificates VALUES (?, ?, ?, ?, ?, ?)",
            (serial, issued.device, issued.key_version, issued.generation, issued.authority, issued.der),
        )


def note_config(inventory: Inventory, config: dict[str, Any]) -> None:
    """Configurations are kept by the hash that a board tells, for a diff."""
    with inventory.writing() as db:
        db.execute("INSERT OR REPLACE INTO configs VALUES (?, ?)", (config["hash"], json.dumps(config)))
        _prune(db, "configs", CONFIGS_MAX)


def note_renewal(inventory: Inventory, renewal: str, device: str, digest: str) -> None:
    with inventory.writing() as db:
        db.execute(
            "INSERT OR REPLACE INTO renewals VALUES (?, ?, ?, ?)", (renewal, device, int(time.time()), digest)
        )
        _prune(db, "renewals", RENEWALS_MAX)


def certificates(inventory: Inventory) -> dict[str, Issued]:
    """All of them by serial number."""
    with inventory.reading() as db:
        rows = db.execute(
            "SELECT serial, device, key_version, generation, authority, der FROM certificates"
        ).fetchall()
    return {serial: Issued(*rest) for serial, *rest in rows}


def renewals(inventory: Inventory) -> dict[str, Sent]:
    """All of them by the id that a board tells."""
    with inventory.reading() as db:
        rows = db.execute("SELECT id, device, at_s, digest FROM renewals").fetchall()
    return {name: Sent(*rest) for name, *rest in rows}


def config_of(inventory: Inventory, digits: str) -> dict[str, Any] | None:
    """The configuration with this hash, if it came from here."""
    with inventory.reading() as db:
        row = db.execute("SELECT config FROM configs WHERE hash = ?", (digits,)).fetchone()
    return json.loads(row[0]) if row else None


def _prune(db: sqlite3.Connection, table: str, most: int) -> None:
    db.execute(f"DELETE FROM {table} WHERE rowid <= (SELECT max(rowid) FROM {table}) - ?", (most,))
