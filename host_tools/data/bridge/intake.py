"""From the broker into the spool: each message once, whatever comes twice, and dated as well as can be."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from host_tools.collect import Message
from host_tools.data.bridge import dating
from host_tools.data.bridge.database import OWN, Database
from host_tools.data.bridge.reading import Entry, read
from host_tools.data.bridge.times import text_of
from host_tools.site.models import Site

MESSAGES_MAX = 200_000
SEEN_MAX = 500_000
TELEMETRY_S = 900
"""Figures of a board are taken this often."""
KEY_BYTES = 16


class Intake(Database):
    def __init__(
        self,
        path: Path,
        site: Site,
        clock: Callable[[], float] = time.time,
        messages_max: int = MESSAGES_MAX,
    ) -> None:
        super().__init__(path, clock)
        self._site = site
        self._messages_max = messages_max

    def take(self, messages: Sequence[Message]) -> None:
        """Keep what is new. When this has returned, it is on the disk."""
        now_ms = self.now_ms()
        with self.writing():
            for message in messages:
                try:
                    entry = read(self._site, message.topic, message.payload)
                    if entry is not None:
                        self._take(entry, message, now_ms)
                except (ValueError, RecursionError):  # also json's and decoding's
                    self.count(OWN, "malformed")
            self._free(dating.expired(self.db, now_ms))
            self._trim()

    def tick(self) -> None:
        """What has waited for its date for too long goes on without."""
        with self.writing():
            self._free(dating.expired(self.db, self.now_ms()))

    def _take(self, entry: Entry, message: Message, now_ms: int) -> None:
        if entry.kind == "event":
            self._take_event(entry, message, now_ms)
            return
        digest = hashlib.sha256(message.payload).digest()[:KEY_BYTES]
        last = self.one("SELECT digest, received_ms FROM latest WHERE topic = ?", message.topic)
        if last is not None:
            if last[0] == digest and entry.kind != "telemetry":
                return
            if entry.kind == "telemetry" and 0 <= now_ms - last[1] < TELEMETRY_S * 1_000:
                return
        self.db.execute(
            "INSERT OR REPLACE INTO latest (topic, digest, received_ms) VALUES (?, ?, ?)",
            (message.topic, digest, now_ms),
        )
        date = dating.Date(text_of(now_ms / 1_000), dating.BY_ARRIVAL)
        since = entry.body.get("since")
        if entry.kind == "state" and isinstance(since, str):
            date = dating.Date(since, dating.BY_BOARD)
        id_ = f"{entry.device}-{entry.component or entry.kind}-{now_ms}"
        self._insert(entry, id_, now_ms, message.retained, date)

    def _take_event(self, entry: Entry, message: Message, now_ms: int) -> None:
        time_ = entry.body.get("time")
        key = hashlib.sha256(f"{entry.source}\0{entry.id}".encode()).digest()[:KEY_BYTES]
        if self.db.execute("INSERT OR IGNORE INTO seen (key) VALUES (?)", (key,)).rowcount == 0:
            self.count(OWN, "duplicates")
            return
        self.count(OWN, "events")
        component = entry.component or ""
        bootid, uptime = entry.body["bootid"], entry.body["uptime"]
        if time_ is None:
            date = dating.date_of(self.db, entry.device, bootid, uptime)
            if date is None:
                body = json.dumps(entry.body)
                dating.hold(self.db, entry.device, bootid, uptime, component, entry.id, body, now_ms)
                return
        else:
            self._free(dating.learn(self.db, entry.device, bootid, uptime, time_))
            date = dating.Date(time_, dating.BY_BOARD)
        self._insert(entry, entry.id, now_ms, message.retained, date)

    def _free(self, held: Sequence[dating.Held]) -> None:
        for one in held:
            entry = Entry("event", one.device, one.component, json.loads(one.body))
            self._insert(entry, one.id, one.received_ms, False, one.date)

    def _insert(self, entry: Entry, id_: str, received_ms: int, retained: bool, date: dating.Date) -> None:
        body = json.dumps(entry.body)
        self.db.execute(
            "INSERT INTO messages (kind, device, component, id, body, received_ms, retained,"
            " time, dated, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(entry.kind, entry.device, entry.component, id_, body, received_ms, retained),
                *(date.time, date.dated, date.after),
            ),
        )

    def _trim(self) -> None:
        """Events are the last to go when there is too much; `dropped` counts what an output had not got."""
        self.db.execute("DELETE FROM seen WHERE n <= (SELECT max(n) FROM seen) - ?", (SEEN_MAX,))
        self.forget_sent()
        (kept,) = self.db.execute("SELECT count(*) FROM messages").fetchone()
        victims = self.db.execute(
            "SELECT n FROM messages ORDER BY kind = 'event', n LIMIT ?", (max(0, kept - self._messages_max),)
        ).fetchall()
        for (n,) in victims:
            for name, cursor in self.db.execute("SELECT name, cursor FROM outputs WHERE active").fetchall():
                if n > cursor:
                    self.count(name, "dropped")
            self.db.execute("DELETE FROM messages WHERE n = ?", (n,))
            self.db.execute("DELETE FROM dead WHERE n = ?", (n,))
