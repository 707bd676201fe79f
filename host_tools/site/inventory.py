"""Which board is which device, and what was done to each: SQLite beside the site file, `SITE.inventory.db`.

Several threads and processes may use it at once: each call is one short transaction on a connection of its
own, and waits for the others. Nothing secret is kept here.
"""

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, replace
from datetime import UTC, datetime
from pathlib import Path

from host_tools.errors import BadInput, ToolError
from host_tools.site import inventory_rules as rules
from host_tools.site.inventory_rows import BoardRow, Entry, Fact, Pending, Revocation, board_row
from host_tools.site.inventory_schema import VERSION, migrate
from host_tools.site.models import Site
from host_tools.sqlitefile import DAMAGED, IN_USE, code_of, connection, transaction
from host_tools.words import tr

SUFFIX = ".inventory.db"
ACTIONS = ("flash", "provision", "selftest", "replace", "renew")
NAMES_DEVICE = ("provision", "replace", "renew")
"""What makes a board the device, when it succeeds."""
GIVEN_UP = "its replacement was given up for another board"
BUSY_S = 20.0
HISTORY_MAX = 100_000
FACTS_MAX = 32
TEXT_MAX = 500

_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
_FACT = re.compile(r"[a-z][a-z0-9_]{0,31}")
_SECRET = re.compile(r"(password|passphrase|secret|token|private|master|^k$|^key$|_key$|^code$|_code$)")


class Inventory:
    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock

    @classmethod
    def open(cls, site_file: Path) -> "Inventory":
        """The inventory beside the site file, made if it is not there. Raises BadInput or ToolError."""
        inventory = cls(inventory_path(site_file))
        if not inventory._is_current():
            with inventory.writing() as db:
                migrate(db)
        return inventory

    def record(
        self, action: str, mac: str, device: str | None = None, ok: bool = True, **facts: Fact
    ) -> None:
        """Note what was done. A `provision` or `replace` that succeeds makes the board that device (and no
        other board any more), unless its key version was revoked meanwhile; a `flash` leaves it the device,
        but blank. Known facts: chip, board, firmware, micropython, key_version, serial (of the certificate),
        report; None takes one away."""
        mac = mac_of(mac)
        if action not in ACTIONS:
            raise ValueError(f"no such action: {action}")
        _check_facts(facts)
        now_s = int(self._clock())
        with self.writing() as db:
            db.execute(
                "INSERT INTO history (at_s, action, mac, device, ok, facts) VALUES (?, ?, ?, ?, ?, ?)",
                (now_s, action, mac, device, ok, json.dumps(facts)),
            )
            db.execute(
                "INSERT INTO boards (mac, seen_s) VALUES (?, ?)"
                " ON CONFLICT (mac) DO UPDATE SET seen_s = excluded.seen_s",
                (mac, now_s),
            )
            if ok:
                rules.learn(db, mac, facts)
            if action == "selftest":
                db.execute(
                    "UPDATE boards SET selftest_s = ?, selftest_ok = ? WHERE mac = ?", (now_s, ok, mac)
                )
            elif action == "flash":
                # also one that failed may have erased the chip
                db.execute("UPDATE boards SET provisioned = 0 WHERE mac = ?", (mac,))
                if ok:
                    db.execute("DELETE FROM claims WHERE mac = ?", (mac,))
            elif (
                action in NAMES_DEVICE and ok and device is not None and not rules.is_void(db, device, facts)
            ):
                rules.assign(db, mac, device, now_s, facts)

    def device_of(self, mac: str) -> str | None:
        """The device that a board is, as far as is known here."""
        row = self.board(mac)
        return row.device if row else None

    def board(self, mac: str) -> BoardRow | None:
        rows = self._boards("WHERE mac = ?", (mac_of(mac),))
        return rows[0] if rows else None

    def board_of(self, device: str) -> BoardRow | None:
        """The board that is this device."""
        rows = self._boards("WHERE device = ?", (device,))
        return rows[0] if rows else None

    def boards(self) -> list[BoardRow]:
        """All boards that were ever seen, the devices first."""
        return self._boards("ORDER BY device IS NULL, device, seen_s DESC, mac", ())

    def missing(self, site: Site) -> list[str]:
        """Devices of the site without a provisioned board, in the site file's order."""
        done = {row.device for row in self.boards() if row.provisioned}
        return [name for name in site.devices if name not in done]

    def claim(self, mac: str, names: Sequence[str], force: bool = False) -> tuple[str, bool] | None:
        """The first of these devices that no other board is about to become, and whether that is new. It is
        kept for this board until one is recorded as it, or the claim released. None when none is left."""
        with self.writing() as db:
            return rules.claim(db, mac_of(mac), names, force, int(self._clock()))

    def claimed_by(self, device: str) -> str | None:
        """The board that is about to become this device, and may have its credentials already."""
        with self.reading() as db:
            row = db.execute("SELECT mac FROM claims WHERE device = ?", (device,)).fetchone()
            return str(row[0]) if row else None

    def release(self, mac: str, device: str) -> None:
        """The board does not become this device after all."""
        with self.writing() as db:
            db.execute("DELETE FROM claims WHERE mac = ? AND device = ?", (mac_of(mac), device))

    def newest_version(self, device: str) -> int:
        """The highest key version that any board of the device had, 0 if none is known."""
        with self.reading() as db:
            return rules.newest_version(db, device)

    def history(
        self, mac: str | None = None, device: str | None = None, limit: int = HISTORY_MAX
    ) -> list[Entry]:
        """What was done, the oldest first; the newest `limit` of it."""
        asked = {"mac": mac_of(mac) if mac else None, "device": device, "limit": limit}
        with self.reading() as db:
            rows = db.execute(
                "SELECT at_s, action, mac, device, ok, facts FROM history"
                " WHERE (:mac IS NULL OR mac = :mac) AND (:device IS NULL OR device = :device)"
                " ORDER BY id DESC LIMIT :limit",
                asked,
            ).fetchall()
        return [
            Entry(at, action, who, name, bool(ok), json.loads(facts))
            for at, action, who, name, ok, facts in rows[::-1]
        ]

    def revoke(self, device: str, key_version: int, mac: str | None, serial: str | None, why: str) -> None:
        """Credentials that must no longer count; the same ones twice are noted once."""
        if not 0 < len(why) <= TEXT_MAX:
            raise ValueError("why must be 1 to 500 characters")
        with self.writing() as db:
            rules.revoke(
                db, (int(self._clock()), device, key_version, mac_of(mac) if mac else None, serial, why)
            )

    def revoked(self) -> list[Revocation]:
        """All revoked credentials, the oldest first."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT at_s, device, key_version, mac, serial, why FROM revoked ORDER BY id"
            ).fetchall()
        return [Revocation(*row) for row in rows]

    def begin_replacement(self, device: str, new_mac: str, version: int) -> Pending:
        """Note that `new_mac` takes over `device`, whose key version is `version`. One that was begun before
        and not finished counts, so the version is raised once; but where another board may have got
        credentials of the new version, these are revoked, too, and there is one more. The new version was
        never in use, also where the site file is an older one."""
        new_mac, now_s = mac_of(new_mac), int(self._clock())
        with self.writing() as db:
            begun = rules.pending(db, device)
            newest = max(version, rules.newest_version(db, device)) + 1
            if begun is None:
                old = db.execute("SELECT mac FROM boards WHERE device = ?", (device,)).fetchone()
                old_mac = old[0] if old else None
                begun = Pending(device, new_mac, old_mac, version, newest, now_s)
            elif begun.writing and begun.new_mac != new_mac:
                rules.revoke(db, (now_s, device, begun.new_version, begun.new_mac, None, GIVEN_UP))
                newest = max(newest, begun.new_version + 1)
                begun = replace(begun, new_mac=new_mac, new_version=newest, writing=False)
            else:
                begun = replace(begun, new_mac=new_mac)
            db.execute("INSERT OR REPLACE INTO pending VALUES (?, ?, ?, ?, ?, ?, ?)", astuple(begun))
            return begun

    def begin_writing(self, device: str, new_mac: str) -> bool:
        """From now on the new board may have its credentials. False: another board takes over by now."""
        with self.writing() as db:
            place = (device, mac_of(new_mac))
            done = db.execute("UPDATE pending SET writing = 1 WHERE device = ? AND new_mac = ?", place)
            return done.rowcount == 1

    def pending(self, device: str) -> Pending | None:
        """The replacement of this device that is not finished."""
        with self.reading() as db:
            return rules.pending(db, device)

    def all_pending(self) -> list[Pending]:
        """Every replacement that is not finished."""
        with self.reading() as db:
            names = [name for (name,) in db.execute("SELECT device FROM pending ORDER BY device").fetchall()]
            return [found for name in names if (found := rules.pending(db, name))]

    def end_replacement(self, device: str, new_mac: str) -> bool:
        """False: it was taken out of our hands."""
        with self.writing() as db:
            place = (device, mac_of(new_mac))
            return db.execute("DELETE FROM pending WHERE device = ? AND new_mac = ?", place).rowcount == 1

    def _is_current(self) -> bool:
        """Then there is nothing to write, and a folder that is read-only will do for looking."""
        if not self.path.exists():
            return False
        with self.reading() as db:
            return bool(db.execute("PRAGMA user_version").fetchone() == (VERSION,))

    def _boards(self, rest: str, values: tuple[object, ...]) -> list[BoardRow]:
        with self.reading() as db:
            rows = db.execute(
                "SELECT mac, device, since_s, provisioned, key_version, serial, selftest_s, selftest_ok,"
                f" seen_s, facts FROM boards {rest}",
                values,
            ).fetchall()
        return [board_row(*row) for row in rows]

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that changes something."""
        with self.reading() as db, transaction(db):
            yield db

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One connection for looking."""
        with connection(self.path, BUSY_S, _explained) as db:
            yield db


def inventory_path(site_file: Path) -> Path:
    return site_file.with_suffix(SUFFIX)


def mac_of(text: str) -> str:
    """`AA:BB:..` or `aa-bb-..` as `aa:bb:cc:dd:ee:ff`."""
    mac = text.lower().replace("-", ":")
    if not _MAC.fullmatch(mac):
        raise ValueError(f"no MAC: {text!r}")
    return mac


def when(at_s: int | None) -> str | None:
    """A time for data: RFC 3339, UTC."""
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _check_facts(facts: dict[str, Fact]) -> None:
    for name, value in facts.items():
        if not _FACT.fullmatch(name) or _SECRET.search(name):
            raise ValueError(f"no fact for an inventory: {name}")
        if isinstance(value, str) and len(value) > TEXT_MAX:
            raise ValueError(f"{name} is longer than {TEXT_MAX} characters")
    if len(facts) > FACTS_MAX:
        raise ValueError("too many facts")


def _explained(path: Path, error: sqlite3.DatabaseError) -> ToolError:
    code = code_of(error)
    if code in IN_USE:
        return ToolError(
            tr("{path} is in use by another command that does not come to an end", path=path),
            tr("wait for it or end it, then try again"),
        )
    if code in (
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
    ):
        return ToolError(
            tr("cannot use {path}: {why}", path=path, why=error),
            tr("the folder of the site file must be yours, on a disk with room"),
        )
    if code in DAMAGED:
        return BadInput(
            tr("{path} is damaged: no inventory", path=path),
            tr("restore it from a backup, or move it away: provisioning every board again fills a new one"),
        )
    return ToolError(tr("cannot use {path}: {why}", path=path, why=error))
