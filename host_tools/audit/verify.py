"""Whether a journal is as it was written: follows the chain from its start to its head.

    report = verify(store, key, anchor)

Without a key the chain can be followed, but somebody may have made all of it anew.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from host_tools.audit.seal import HASH_BYTES, End, Key, Sealed, first_hash, hash_of
from host_tools.audit.store import Store, end_of, entries_after, stray_entry
from host_tools.errors import BadInput
from host_tools.output import printable

CHUNK = 5_000
"""Entries a look, so that collecting never waits for long."""
TRIES = 5
_ANCHOR = re.compile(r"([0-9]{1,15}):([0-9a-f]{64})")


@dataclass(frozen=True)
class Problem:
    """The first thing that is wrong. `entry`: at which one, None for what is no entry's."""

    what: str  # changed, removed, sealed, start, head, cut, anchor
    entry: int | None
    text: str


@dataclass(frozen=True)
class Report:
    start: End
    head: End  # the newest entry that was reached
    count: int
    problem: Problem | None
    notes: list[str] = field(default_factory=list)


class Chain:
    """Follows entries one by one; ends at the first that does not fit."""

    def __init__(self, key: Key | None, start: End) -> None:
        self.at = start
        self.count = 0
        self.problem: Problem | None = None
        self._key = key
        if len(start.hash) != HASH_BYTES or (key is not None and not key.sealed_end("start", start)):
            self.problem = Problem(
                "start", None, "the record of where the journal begins was changed or replaced"
            )

    def follow(self, entries: Sequence[Sealed]) -> bool:
        """False at the end, or where something is wrong."""
        for sealed in entries:
            self.problem = self._wrong(sealed)
            if self.problem is not None:
                return False
            self.at = End(sealed.entry.n, sealed.entry.at_s, sealed.hash)
            self.count += 1
        return bool(entries)

    def _wrong(self, sealed: Sealed) -> Problem | None:
        due, n = self.at.n + 1, sealed.entry.n
        if n != due:
            missing = f"entry {due} is" if n == due + 1 else f"entries {due} to {n - 1} are"
            return Problem("removed", due, f"{missing} missing: removed")
        if hash_of(self.at.hash, sealed.entry) != sealed.hash:
            return Problem("changed", n, f"entry {n} is not what was written: changed, moved or put in")
        if self._key is not None and not self._key.sealed_it(sealed):
            return Problem(
                "sealed", n, f"entry {n} was written without this site's key: changed or put in, made to fit"
            )
        return None


def verify(store: Store, key: Key | None, anchor: End | None = None) -> Report:
    """`anchor`: a head that was noted elsewhere. Collecting and pruning may go on meanwhile."""
    for _ in range(TRIES):
        report = _verify(store, key, anchor)
        with store.reading() as db:
            start = end_of(db, "start")
        if start.n == report.start.n:  # else the beginning was pruned under our hands
            return report
    return report


def _verify(store: Store, key: Key | None, anchor: End | None) -> Report:
    with store.reading() as db:
        start = end_of(db, "start")
        stray = stray_entry(db, start)
        name = str((db.execute("SELECT name FROM journal").fetchone() or ("",))[0])
    chain, found = Chain(key, start), None
    if chain.problem is None and start.n == 0 and start.hash != first_hash(store.site, name):
        chain.problem = Problem("start", None, "the journal does not begin as one of this site does")
    if chain.problem is None and stray is not None:
        chain.problem = Problem("changed", stray, f"entry {stray} lies before the beginning: put in")
    going = chain.problem is None
    while going:
        with store.reading() as db:
            entries, head = entries_after(db, chain.at.n, CHUNK), end_of(db, "head")
        if anchor is not None:
            found = next((one.hash for one in entries if one.entry.n == anchor.n), found)
        going = chain.follow(entries)
    problem = chain.problem or _wrong_head(chain.at, head, key)
    notes = [] if key is not None else ["without the key: somebody may have made all of it anew"]
    if problem is None and anchor is not None:
        problem = _wrong_anchor(chain.at, start, anchor, found, notes)
    return Report(start, chain.at, chain.count, problem, notes)


def _wrong_head(last: End, head: End, key: Key | None) -> Problem | None:
    if key is not None and not key.sealed_end("head", head):
        return Problem("head", None, "the record of the newest entry was changed or replaced")
    if head.n > last.n:
        return Problem(
            "cut", last.n + 1, f"entries {last.n + 1} to {head.n} are missing: the end was cut off"
        )
    if (head.n, head.hash) != (last.n, last.hash):
        return Problem("head", None, f"the newest entry is {last.n}, but the record of it names {head.n}")
    return None


def _wrong_anchor(
    last: End, start: End, anchor: End, found: bytes | None, notes: list[str]
) -> Problem | None:
    if anchor.n > last.n:
        return Problem(
            "anchor",
            last.n + 1,
            f"entries {last.n + 1} to {anchor.n} are missing: the end was cut off, or it is an older copy",
        )
    if anchor.n == start.n:
        found = start.hash
    if anchor.n < start.n:
        notes.append(f"entry {anchor.n} has been pruned: the head that was given cannot be compared any more")
    elif found != anchor.hash:
        return Problem("anchor", anchor.n, f"entry {anchor.n} is not the one that the given head names")
    return None


def read_anchor(text: str) -> End:
    """`COUNT:HASH`, as `audit head` prints it."""
    match = _ANCHOR.fullmatch(text.strip())
    if match is None:
        raise BadInput(
            f"`{printable(text.strip())[:100]}` is no head of a journal", "as `sportbox audit head` prints it"
        )
    return End(int(match[1]), 0, bytes.fromhex(match[2]))
