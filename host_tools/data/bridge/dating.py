"""When an event happened that came without a time.

A board leaves `time` out while its clock cannot be trusted, and says `uptime` and `bootid`. The first event
of the same boot that has a time dates all of them. Until then they are held: for HOLD_S at most, then they
are sent as having happened between the newest event of the board that has a time, and their arrival.
"""

import sqlite3
from dataclasses import dataclass

from host_tools.data.bridge.times import seconds_of, text_of

HOLD_S = 900
UNDATED_MAX = 10_000
BOOTS_MAX = 10_000

BY_BOARD = "board"
BY_BOOT = "boot"
BY_ARRIVAL = "arrival"


@dataclass(frozen=True)
class Date:
    """`after`: it happened later than that, where only this is known."""

    time: str
    dated: str
    after: str | None = None


@dataclass(frozen=True)
class Held:
    device: str
    component: str
    id: str
    body: str
    received_ms: int
    date: Date


def learn(db: sqlite3.Connection, device: str, bootid: str, uptime: int, time: str) -> list[Held]:
    """An event with a time: it dates those of its boot that waited; those of earlier boots wait in vain."""
    base_s = seconds_of(time) - uptime
    db.execute(
        "INSERT INTO boots (device, bootid, base_s) VALUES (?, ?, ?)"
        " ON CONFLICT (device, bootid) DO UPDATE SET base_s = excluded.base_s",
        (device, bootid, base_s),
    )
    db.execute("DELETE FROM boots WHERE n <= (SELECT max(n) FROM boots) - ?", (BOOTS_MAX,))
    freed = _take(db, "device = ?", (device,))
    note_newest(db, device, time)
    return freed


def date_of(db: sqlite3.Connection, device: str, bootid: str, uptime: int) -> Date | None:
    """By what is known of its boot."""
    row = db.execute("SELECT base_s FROM boots WHERE device = ? AND bootid = ?", (device, bootid)).fetchone()
    return None if row is None else Date(text_of(row[0] + uptime), BY_BOOT)


def hold(
    db: sqlite3.Connection,
    device: str,
    bootid: str,
    uptime: int,
    component: str,
    id_: str,
    body: str,
    received_ms: int,
) -> None:
    db.execute(
        "INSERT INTO undated (device, bootid, uptime, component, id, body, received_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (device, bootid, uptime, component, id_, body, received_ms),
    )


def expired(db: sqlite3.Connection, now_ms: int) -> list[Held]:
    """What has waited for too long, or is too much. A board's own order is kept."""
    late = now_ms - HOLD_S * 1_000
    return _take(
        db,
        "received_ms <= ? OR n <= (SELECT max(n) FROM undated) - ?",
        (late, UNDATED_MAX),
    )


def note_newest(db: sqlite3.Connection, device: str, time: str) -> None:
    db.execute(
        "INSERT INTO dates (device, newest) VALUES (?, ?)"
        " ON CONFLICT (device) DO UPDATE SET newest = max(newest, excluded.newest)",
        (device, time),
    )


def _take(db: sqlite3.Connection, where: str, values: tuple[object, ...]) -> list[Held]:
    rows = db.execute(
        "SELECT n, device, bootid, uptime, component, id, body, received_ms FROM undated"
        f" WHERE {where} ORDER BY n",
        values,
    ).fetchall()
    found = []
    for n, device, bootid, uptime, component, id_, body, received_ms in rows:
        date = date_of(db, device, bootid, uptime) or _arrival(db, device, received_ms)
        found.append(Held(device, component, id_, body, received_ms, date))
        db.execute("DELETE FROM undated WHERE n = ?", (n,))
    return found


def _arrival(db: sqlite3.Connection, device: str, received_ms: int) -> Date:
    arrived = text_of(received_ms / 1_000)
    row = db.execute("SELECT newest FROM dates WHERE device = ?", (device,)).fetchone()
    return Date(arrived, BY_ARRIVAL, row[0] if row is not None and row[0] < arrived else None)
