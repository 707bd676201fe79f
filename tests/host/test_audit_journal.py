"""A journal shows what was done to it by somebody who has its file, and not its key."""

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from host_tools.audit.journal import Journal
from host_tools.audit.seal import Entry, Key, canonical, hash_of
from host_tools.audit.verify import read_anchor, verify
from host_tools.errors import ToolError
from tests.host.audits import KEY, Board, fill, head_of, journal_in, problem_of, tampering


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = journal_in(tmp_path)
    fill(made, 5)  # 30 entries
    return made


def test_a_journal_is_whole_and_for_its_owner_alone(journal: Journal) -> None:
    report = verify(journal.store, KEY)
    assert (report.problem, report.count, report.head.n, report.start.n) == (None, 30, 30, 0)
    assert journal.store.path.stat().st_mode & 0o777 == 0o600
    assert verify(journal.store, None).problem is None
    assert verify(journal.store, KEY, read_anchor(str(head_of(journal)) + "\n")).problem is None


def test_an_empty_journal_is_whole(tmp_path: Path) -> None:
    empty = journal_in(tmp_path)
    assert empty.is_new
    assert verify(empty.store, KEY, head_of(empty)).problem is None
    assert not journal_in(tmp_path).is_new


# --- tampering ---


def remade(db: sqlite3.Connection, begin: int) -> None:
    """The chain from an entry on, as somebody makes it fit who has no key."""
    rows = db.execute(
        "SELECT n, at_s, source, id, body FROM entries WHERE n >= ? ORDER BY n", (begin,)
    ).fetchall()
    (before,) = db.execute("SELECT hash FROM entries WHERE n = ?", (begin - 1,)).fetchone()
    for row in rows:
        before = hash_of(before, Entry(*row))
        db.execute(
            "UPDATE entries SET hash = ?, mac = ? WHERE n = ?",
            (before, hashlib.sha256(before).digest(), row[0]),
        )
    db.execute("UPDATE ends SET hash = ?, n = ? WHERE end = 'head'", (before, rows[-1][0]))


def shifted(db: sqlite3.Connection, begin: int, by: int) -> None:
    """The numbers of all entries from `begin` on."""
    db.execute("UPDATE entries SET n = -n - ? WHERE n >= ?", (by, begin))
    db.execute("UPDATE entries SET n = -n WHERE n < 0")


def inserted(db: sqlite3.Connection, n: int, where: str = "x") -> None:
    body = canonical({"type": "door.closed", "data": {}, "seq": 1, "bootid": "b", "uptime": 1})
    values = (n, 1_795_000_000, f"/test-site/box-1/{where}", "made-up", body, b"h" * 32, b"m" * 32)
    db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", values)


def change(column: str, value: object) -> Callable[[sqlite3.Connection], None]:
    return lambda db: db.execute(f"UPDATE entries SET {column} = ? WHERE n = 12", (value,)) and None


def swap(db: sqlite3.Connection) -> None:
    for old, new in ((12, -1), (20, 12), (-1, 20)):
        db.execute("UPDATE entries SET n = ? WHERE n = ?", (new, old))


def remove_and_close_up(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM entries WHERE n = 12")
    shifted(db, 13, -1)
    db.execute("UPDATE ends SET n = 29 WHERE end = 'head'")


def remove_and_make_it_fit(db: sqlite3.Connection) -> None:
    remove_and_close_up(db)
    remade(db, 12)


def insert(db: sqlite3.Connection) -> None:
    shifted(db, 12, 1)
    inserted(db, 12)


def insert_and_make_it_fit(db: sqlite3.Connection) -> None:
    insert(db)
    remade(db, 12)


def change_and_make_it_fit(db: sqlite3.Connection) -> None:
    change("body", "{}")(db)
    remade(db, 12)


def copy_with_its_seal(db: sqlite3.Connection) -> None:
    """Entry 12 once more at the end, with hash and mac that are genuine."""
    db.execute(
        "INSERT INTO entries SELECT 31, at_s, source, id || 'x', body, hash, mac FROM entries WHERE n = 12"
    )


def cut(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM entries WHERE n > 20")


def cut_and_make_it_fit(db: sqlite3.Connection) -> None:
    """With the genuine seal of the entry that is the last one now: no head has that."""
    cut(db)
    db.execute(
        "UPDATE ends SET (n, hash, mac) = (SELECT n, hash, mac FROM entries WHERE n = 20) WHERE end = 'head'"
    )


def drop_the_beginning(db: sqlite3.Connection) -> None:
    """As if entries had been pruned."""
    db.execute(
        "UPDATE ends SET (n, hash, mac) = (SELECT n, hash, mac FROM entries WHERE n = 11) WHERE end = 'start'"
    )
    db.execute("DELETE FROM entries WHERE n <= 11")


def head_as_start(db: sqlite3.Connection) -> None:
    """Everything removed; the genuine seal of the head for the start."""
    db.execute(
        "UPDATE ends SET (n, at_s, hash, mac) = (SELECT n, at_s, hash, mac FROM ends WHERE end = 'head')"
    )
    db.execute("DELETE FROM entries")


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (change("body", canonical({"type": "door.closed", "data": {}})), ("changed", 12)),
        (change("at_s", 1), ("changed", 12)),
        (change("source", "/test-site/box-1/door-9"), ("changed", 12)),
        (change("id", "other"), ("changed", 12)),
        (change("hash", b"\0" * 32), ("changed", 12)),
        (change("hash", "text"), ("changed", 12)),
        (change("mac", b"\0" * 32), ("sealed", 12)),
        (lambda db: db.execute("DELETE FROM entries WHERE n = 12"), ("removed", 12)),
        (lambda db: db.execute("DELETE FROM entries WHERE n BETWEEN 1 AND 3"), ("removed", 1)),
        (remove_and_close_up, ("changed", 12)),
        (remove_and_make_it_fit, ("sealed", 12)),
        (swap, ("changed", 12)),
        (insert, ("changed", 12)),
        (insert_and_make_it_fit, ("sealed", 12)),
        (change_and_make_it_fit, ("sealed", 12)),
        (lambda db: inserted(db, 31), ("changed", 31)),
        (lambda db: inserted(db, 0), ("changed", 0)),
        (lambda db: inserted(db, -5), ("changed", -5)),
        (copy_with_its_seal, ("changed", 31)),
        (cut, ("cut", 21)),
        (cut_and_make_it_fit, ("head", None)),
        (lambda db: db.execute("DELETE FROM entries"), ("cut", 1)),
        (lambda db: db.execute("DELETE FROM ends WHERE end = 'head'"), ("head", None)),
        (drop_the_beginning, ("start", None)),
        (head_as_start, ("start", None)),
        (lambda db: db.execute("DELETE FROM ends WHERE end = 'start'"), ("start", None)),
        (lambda db: db.execute("UPDATE journal SET name = 'other'"), ("start", None)),
    ],
)
def test_tampering_is_found(
    journal: Journal, tamper: Callable[[sqlite3.Connection], object], found: tuple[str, int | None]
) -> None:
    with tampering(journal) as db:
        db.execute("DROP INDEX entries_once")
        tamper(db)
    assert problem_of(journal) == found


@pytest.mark.parametrize("tamper", [remove_and_make_it_fit, insert_and_make_it_fit, change_and_make_it_fit])
def test_without_the_key_what_was_made_to_fit_is_not_found_but_a_head_noted_elsewhere_tells(
    journal: Journal, tamper: Callable[[sqlite3.Connection], object]
) -> None:
    anchor = head_of(journal)
    with tampering(journal) as db:
        db.execute("DROP INDEX entries_once")
        tamper(db)
    report = verify(journal.store, None)
    assert report.problem is None
    assert report.notes == ["without the key: somebody may have made all of it anew"]
    assert (problem_of(journal, None, anchor) or ("",))[0] == "anchor"


def test_an_older_copy_is_found_with_a_head_that_was_noted(journal: Journal, tmp_path: Path) -> None:
    older = journal.store.path.read_bytes()
    fill(journal, 1, begin=5, board=Board("box-2"))
    anchor = head_of(journal)
    journal.store.path.write_bytes(older)
    assert problem_of(journal) is None
    assert problem_of(journal, KEY, anchor) == ("anchor", 31)
    with pytest.raises(ToolError, match="not as it was left"):
        fill(journal, 1, begin=6, board=Board("box-3"))  # the service that runs knows what it has noted


@pytest.mark.parametrize(
    "tamper", [cut, cut_and_make_it_fit, insert, head_as_start, lambda db: inserted(db, 0)]
)
def test_nothing_is_added_to_a_journal_whose_end_was_tampered_with(
    journal: Journal, tamper: Callable[[sqlite3.Connection], object], tmp_path: Path
) -> None:
    """It would cover the traces up."""
    with tampering(journal) as db:
        tamper(db)
    before = journal.store.path.read_bytes()
    with pytest.raises(ToolError, match="not as it was left") as caught:
        journal_in(tmp_path)
    assert "audit verify" in (caught.value.hint or "")
    with pytest.raises(ToolError, match="not as it was left"):
        fill(journal, 1, begin=9)
    assert journal.store.path.read_bytes() == before


def test_another_key_fits_nothing(journal: Journal) -> None:
    other = Key(b"k" * 32)
    assert problem_of(journal, other) == ("start", None)
    with pytest.raises(ToolError, match="another key"):
        Journal.open(journal.store, other)
