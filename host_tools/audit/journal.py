"""A site's journal: noting events, and removing what is older than it may become.

journal = Journal.open(Store(path, site), key)
journal.note(events)
journal.prune(retention_days)
"""

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from host_tools.audit.reading import Event
from host_tools.audit.seal import End, Entry, Key, canonical
from host_tools.audit.store import (
    Store,
    end_of,
    entries_after,
    is_known,
    last_entry,
    put_end,
    put_entry,
    stray_entry,
)
from host_tools.audit.verify import CHUNK, Chain
from host_tools.errors import ToolError

OWN = "journal"
"""Source of what the journal notes by itself: `audit.gap`."""
DAY_S = 86_400
CLOCK_FLOOR_S = 1_782_864_000
"""2026-07-01: a clock before that is wrong, and entries would look older than they are."""


@dataclass(frozen=True)
class Noted:
    new: int
    known: int  # duplicates, and what no journal keeps
    head: End


@dataclass(frozen=True)
class Pruned:
    count: int
    through: int  # the newest entry that was removed, 0 if none ever was
    head: End


class Journal:
    def __init__(self, store: Store, key: Key, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.is_new = False
        self._key = key
        self._clock = clock
        self._seen: End | None = None  # the head that this process knows

    @classmethod
    def open(cls, store: Store, key: Key, clock: Callable[[], float] = time.time) -> "Journal":
        """For writing; made if it is not there. ToolError when it is not as it was left."""
        journal = cls(store, key, clock)
        journal.is_new = store.create(key, journal._now_s())
        with store.reading() as db:
            journal._seen = journal._checked_head(db)
        return journal

    def note(self, events: Sequence[Event]) -> Noted:
        """Events that are not noted yet, in one transaction: all of them or none."""
        now_s = self._now_s()
        with self.store.writing() as db:
            writer = _Writer(db, self._key, self._checked_head(db), now_s)
            new = sum(_note(writer, event) for event in events)
            head = writer.finish()
        self._seen = head
        return Noted(new, len(events) - new, head)

    def prune(self, retention_days: int) -> Pruned:
        """Remove entries that were noted more than that many days ago. The file keeps nothing of them, and
        the hash of the newest one as the start of the chain that is left."""
        now_s = self._now_s()
        with self.store.writing() as db:
            head, start = self._checked_head(db), end_of(db, "start")
            through = _old_through(db, now_s - retention_days * DAY_S, now_s)
            count = 0
            if through is not None:
                last = self._checked_through(db, through)
                count = db.execute("DELETE FROM entries WHERE n <= ?", (through,)).rowcount
                start = self._key.end("start", through, now_s, last.hash)
                put_end(db, "start", start)
        self._seen = head
        return Pruned(count, start.n, head)

    def _now_s(self) -> int:
        now_s = int(self._clock())
        if now_s < CLOCK_FLOOR_S:
            shown = time.strftime("%Y-%m-%d", time.gmtime(now_s))
            raise ToolError(
                f"this computer's clock says {shown}: that cannot be",
                "set its clock; what is not noted yet waits at the broker",
            )
        return now_s

    def _checked_head(self, db: sqlite3.Connection) -> End:
        """The newest entry, if the file is as we and others with the key left it: otherwise going on would
        cover up that its end is missing."""
        head, start, last = end_of(db, "head"), end_of(db, "start"), last_entry(db)
        newest = (start.n, start.hash) if last is None else (last.entry.n, last.hash)
        sealed = self._key.sealed_end("head", head) and self._key.sealed_end("start", start)
        if not sealed or (head.n, head.hash) != newest or stray_entry(db, start) is not None:
            raise self._tampered()
        seen = self._seen
        if seen is not None and start.n < seen.n:
            rows = entries_after(db, seen.n - 1, 1) if seen.n else []
            if [row.hash for row in rows if row.entry.n == seen.n] != ([seen.hash] if seen.n else []):
                raise self._tampered()  # an older copy was put in its place
        return head

    def _checked_through(self, db: sqlite3.Connection, through: int) -> End:
        """The last one of what is to go. What was tampered with stays, for it is evidence."""
        chain = Chain(self._key, end_of(db, "start"))
        if chain.problem is None:
            while chain.at.n < through and chain.follow(
                entries_after(db, chain.at.n, min(CHUNK, through - chain.at.n))
            ):
                pass
        if chain.problem is not None:
            raise ToolError(
                f"{self.store.path}: {chain.problem.text}; nothing is removed",
                f"move {self.store.path} away as evidence; collecting begins a new one",
            )
        return chain.at

    def _tampered(self) -> ToolError:
        path = self.store.path
        return ToolError(
            f"{path} is not as it was left, or the vault has another key",
            f"sportbox audit verify SITE.yaml tells more; move {path} away as evidence, then collect anew",
        )


class _Writer:
    """Appends to the chain within one transaction."""

    def __init__(self, db: sqlite3.Connection, key: Key, head: End, now_s: int) -> None:
        self.db = db
        self._key = key
        self._head = head
        self._now_s = now_s

    def add(self, source: str, id_: str | None, content: dict[str, Any]) -> None:
        """`id_` None: numbered by the journal."""
        n = self._head.n + 1
        entry = Entry(n, self._now_s, source, str(n) if id_ is None else id_, canonical(content))
        sealed = self._key.seal(self._head.hash, entry)
        put_entry(self.db, sealed)
        self._head = End(n, self._now_s, sealed.hash)

    def finish(self) -> End:
        head = self._key.end("head", self._head.n, self._head.at_s, self._head.hash)
        put_end(self.db, "head", head)
        return head


def _note(writer: _Writer, event: Event) -> bool:
    """Whether it is new, and of a kind that is kept."""
    db = writer.db
    if event.is_kept and is_known(db, event.source, event.id):
        return False
    row = db.execute("SELECT bootid, seq FROM devices WHERE device = ?", (event.device,)).fetchone()
    if row is not None:
        bootid, last = row
        if bootid == event.bootid and event.seq <= last:  # late, or a kind that is not kept, again
            if event.is_kept:
                writer.add(event.source, event.id, event.body)
            return event.is_kept
        if event.seq > last + 1:
            missing = {"device": event.device, "first": last + 1, "last": event.seq - 1}
            writer.add(OWN, None, {"type": "audit.gap", "data": missing})
    db.execute("INSERT OR REPLACE INTO devices VALUES (?, ?, ?)", (event.device, event.bootid, event.seq))
    if event.is_kept:
        writer.add(event.source, event.id, event.body)
    return event.is_kept


def _old_through(db: sqlite3.Connection, limit_s: int, now_s: int) -> int | None:
    """The newest of the entries to be removed. Only the beginning of the chain can go: up to the first one
    that is young. One whose time lies ahead was noted with a wrong clock, and is as old as its neighbours."""
    (young,) = db.execute(
        "SELECT min(n) FROM entries WHERE at_s >= ? AND at_s <= ?", (limit_s, now_s)
    ).fetchone()
    (old,) = db.execute(
        "SELECT max(n) FROM entries WHERE at_s < ? AND (? IS NULL OR n < ?)", (limit_s, young, young)
    ).fetchone()
    return None if old is None else int(old)
