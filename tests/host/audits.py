"""Events and journals for tests of the audit."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from host_tools.audit import listing
from host_tools.audit.journal import Journal
from host_tools.audit.openings import Row, rows
from host_tools.audit.reading import Event, read_event
from host_tools.audit.seal import End, Key
from host_tools.audit.store import Store, end_of
from host_tools.audit.times import read
from host_tools.audit.verify import verify
from host_tools.collect import Message

SITE = "test-site"
KEY = Key(bytes(range(32)))
NOW_S = 1_795_000_000  # 2026-11-18
BOOT = "0123456789ab"


class Board:
    """Makes the events of one board, in order."""

    def __init__(
        self, device: str = "box-1", boot: str = BOOT, begin_s: int = NOW_S, site: str = SITE
    ) -> None:
        self.site = site
        self.device = device
        self.boot = boot
        self.seq = 0
        self.now_s = begin_s
        self._boot_s = begin_s - 1_000

    def payload(
        self, source: str, kind: str, timed: bool = True, historical: bool = False, **data: Any
    ) -> bytes:
        """One more event, a second later than the one before."""
        self.seq += 1
        self.now_s += 1
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"{self.device}-{self.boot}-{self.seq}",
            "source": f"/{self.site}/{self.device}/{source}",
            "type": f"sportbox.{kind}",
            "data": data,
            "seq": self.seq,
            "uptime": self.now_s - self._boot_s,
            "bootid": self.boot,
        }
        if timed:
            event["time"] = f"{datetime.fromtimestamp(self.now_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
        if historical:
            event["historical"] = True
        return json.dumps(event).encode()

    def event(
        self, source: str, kind: str, timed: bool = True, historical: bool = False, **data: Any
    ) -> Event:
        found = read_event(self.site, self.message(self.payload(source, kind, timed, historical, **data)))
        assert found is not None
        return found

    def message(self, payload: bytes) -> Message:
        return Message(f"sportbox/v1/{self.site}/{self.device}/event", payload, False)

    def lend(self, sub: str, jti: str, n: int = 2, open_s: int = 60) -> list[Event]:
        """Accepted, opened, done, closed."""
        begin = [
            self.event(f"lock-{n}", "access.accepted", jti=jti, sub=sub, act="unlock"),
            self.event(f"lock-{n}", "lock.unlocked", jti=jti),
            self.event(f"door-{n}", "door.opened", jti=jti),
            self.event(f"lock-{n}", "access.done", jti=jti, sub=sub, act="unlock", reason=None),
            self.event(f"lock-{n}", "lock.locked"),
        ]
        self.now_s += open_s - 3
        return [*begin, self.event(f"door-{n}", "door.closed", open_s=open_s)]


class Clock:
    def __init__(self, now_s: float = NOW_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def journal_in(folder: Path, clock: Clock | None = None) -> Journal:
    return Journal.open(Store(folder / "x.audit.db", SITE), KEY, clock or Clock())


def fill(journal: Journal, count: int, begin: int = 0, board: Board | None = None) -> Sequence[Event]:
    """`count` openings, of somebody else each."""
    board = board or Board()
    events = [one for n in range(begin, begin + count) for one in board.lend(f"person-{n}", f"order-{n}")]
    journal.note(events)
    return events


@contextmanager
def tampering(journal: Journal) -> Iterator[sqlite3.Connection]:
    """Whoever has the file has all of it but the key."""
    db = sqlite3.connect(journal.store.path)
    with db:
        yield db
    db.close()


def problem_of(
    journal: Journal, key: Key | None = KEY, anchor: End | None = None
) -> tuple[str, int | None] | None:
    found = verify(journal.store, key, anchor).problem
    return None if found is None else (found.what, found.entry)


def head_of(journal: Journal) -> End:
    with journal.store.reading() as db:
        return end_of(db, "head")


def shown(folder: Path, *parts: Sequence[Event] | Event) -> list[Row]:
    journal = journal_in(folder)
    for part in parts:
        journal.note([part] if isinstance(part, Event) else part)
    return rows(read(listing.entries_of(journal.store)))
