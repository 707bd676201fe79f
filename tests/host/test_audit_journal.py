"""A journal shows what was done to it; what is pruned is gone, and the rest still holds together."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from host_tools.audit.journal import DAY_S, Journal
from host_tools.audit.seal import End, Entry, Key, canonical, hash_of
from host_tools.audit.store import Store, end_of, entries_after
from host_tools.audit.verify import Report, read_anchor, verify
from host_tools.errors import BadInput, ToolError
from tests.host.audits import KEY, SITE, Board, Clock, fill, journal_in, tampering
from tests.host.helpers import ROOT


def problem_of(
    journal: Journal, key: Key | None = KEY, anchor: End | None = None
) -> tuple[str, int | None] | None:
    found = verify(journal.store, key, anchor).problem
    return None if found is None else (found.what, found.entry)


def head_of(journal: Journal) -> End:
    with journal.store.reading() as db:
        return end_of(db, "head")


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


# --- pruning ---


def aged(tmp_path: Path) -> tuple[Journal, Clock]:
    """Five openings, and five more 40 days later."""
    clock = Clock()
    journal, board = journal_in(tmp_path, clock), Board()
    fill(journal, 5, board=board)
    clock.now_s += 40 * DAY_S
    fill(journal, 5, begin=5, board=board)
    return journal, clock


def test_what_is_pruned_is_gone_and_the_rest_holds_together(tmp_path: Path) -> None:
    journal, clock = aged(tmp_path)
    before = head_of(journal)
    assert b"person-0" in journal.store.path.read_bytes()
    pruned = journal.prune(30)
    assert (pruned.count, pruned.through, pruned.head.n) == (30, 30, 61)
    content = journal.store.path.read_bytes()
    assert [n for n in range(10) if f"person-{n}".encode() in content] == [5, 6, 7, 8, 9]
    assert [n for n in range(10) if f"order-{n}".encode() in content] == [5, 6, 7, 8, 9]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.audit.db"]
    report = verify(journal.store, KEY, before)
    assert (report.problem, report.start.n, report.count) == (None, 30, 31)
    assert journal.prune(30).count == 0
    clock.now_s += 31 * DAY_S
    assert journal.prune(30).count == 31
    content = journal.store.path.read_bytes()
    assert b"person-" not in content and b"order-" not in content
    fill(journal_in(tmp_path, clock), 2, board=Board(boot="ba9876543210"))
    report = verify(journal.store, KEY, before)
    assert (report.problem, report.start.n, report.count) == (None, 61, 13)
    assert report.notes and "cannot be compared" in report.notes[0]


@pytest.mark.parametrize("rounds", [3, 7])
def test_nothing_of_a_person_is_left_in_a_large_journal(tmp_path: Path, rounds: int) -> None:
    """Pages that are split, joined and used again."""
    clock = Clock()
    journal, board = journal_in(tmp_path, clock), Board()
    for n in range(rounds):
        for part in range(10):
            fill(journal, 10, begin=100 * n + 10 * part, board=board)
        clock.now_s += DAY_S
        journal.prune(2)
    content = journal.store.path.read_bytes()
    left = {n // 100 for n in range(100 * rounds) if f'person-{n}"'.encode() in content}
    assert left == {rounds - 1, rounds - 2}
    assert verify(journal.store, KEY).problem is None


@pytest.mark.parametrize(
    "tamper", [drop_the_beginning, lambda db: db.execute("DELETE FROM entries WHERE n = 31")]
)
def test_a_start_that_was_replaced_is_found_after_pruning_too(
    tmp_path: Path, tamper: Callable[[sqlite3.Connection], object]
) -> None:
    journal, _ = aged(tmp_path)
    journal.prune(30)
    assert problem_of(journal) is None
    with tampering(journal) as db:
        db.execute(
            "INSERT INTO entries SELECT 11, at_s, source, 'x', body, hash, mac FROM entries WHERE n = 40"
        )
        tamper(db)
    assert problem_of(journal) is not None


def test_what_was_tampered_with_is_not_pruned(tmp_path: Path) -> None:
    """It is evidence."""
    journal, _ = aged(tmp_path)
    with tampering(journal) as db:
        db.execute("UPDATE entries SET body = replace(body, 'person-3', 'person-4')")
    with pytest.raises(ToolError, match=r"entry 19 .*nothing is removed"):
        journal.prune(30)
    assert problem_of(journal) == ("changed", 19)


def test_wrong_clocks_remove_nothing_too_early(tmp_path: Path) -> None:
    clock = Clock()
    journal, board = journal_in(tmp_path, clock), Board()
    for ahead_days in (0, 3_000, 1):  # the clock was wrong for a while
        clock.now_s = Clock().now_s + ahead_days * DAY_S
        fill(journal, 1, begin=ahead_days, board=board)
    assert journal.prune(30).count == 0
    clock.now_s = Clock().now_s + 30.5 * DAY_S
    assert journal.prune(30).count == 6  # not yet those of the wrong clock: the ones after it are young
    clock.now_s += DAY_S
    assert journal.prune(30).count == 12
    clock.now_s = 0
    with pytest.raises(ToolError, match="clock says 1970-01-01"):
        journal.prune(30)
    with pytest.raises(ToolError, match="clock says 1970-01-01"):
        fill(journal, 1)


# --- events ---


def bodies(journal: Journal) -> list[dict[str, object]]:
    with journal.store.reading() as db:
        return [one.entry.content() for one in entries_after(db, 0, 1_000)]


def test_duplicates_are_noted_once_and_gaps_are_told(tmp_path: Path) -> None:
    journal, board = journal_in(tmp_path), Board()
    first = board.lend("person-1", "order-1")
    assert (journal.note(first).new, journal.note(first).new, journal.note([*first, first[0]]).new) == (
        6,
        0,
        0,
    )
    board.seq += 3
    journal.note([board.event("court-1", "occupancy.changed", state="free")])
    journal.note([board.event("inside-1", "occupancy.changed", state="occupied", alarm=True)])
    late = board.event("door-1", "door.opened")
    journal.note([board.event("door-1", "door.closed", open_s=1), late])
    again = Board(boot="ba9876543210")  # another board in its place counts from 1
    journal.note([again.event("device", "device.booted")])
    kinds = [body["type"] for body in bodies(journal)[6:]]
    assert kinds == [
        "audit.gap",
        "occupancy.changed",
        "audit.gap",
        "door.closed",
        "door.opened",
        "device.booted",
    ]
    assert bodies(journal)[6]["data"] == {"device": "box-1", "first": 7, "last": 9}


# --- files ---


def test_another_sites_journal_is_refused(journal: Journal) -> None:
    with pytest.raises(BadInput, match="is the journal of `test-site`, not of `other`"):
        verify(Store(journal.store.path, "other"), KEY)


@pytest.mark.parametrize("content", [b"hello world, this is no database at all" * 50, b""])
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.audit.db"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"damaged|empty"):
        verify(Store(path, SITE), KEY)


def test_another_database_is_refused(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "x.audit.db")
    with db:
        db.execute("CREATE TABLE boards (mac TEXT)")
    db.close()
    with pytest.raises(BadInput, match="is no journal"):
        journal_in(tmp_path)


def test_a_damaged_journal_is_told_of(journal: Journal) -> None:
    content = bytearray(journal.store.path.read_bytes())
    content[4_096:] = b"\xff" * (len(content) - 4_096)
    journal.store.path.write_bytes(content)
    with pytest.raises(BadInput, match="is damaged") as caught:
        verify(journal.store, KEY)
    assert caught.value.hint


def test_a_full_disk_is_told_of_and_nothing_is_half_noted(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def small(*args: object, **options: object) -> sqlite3.Connection:
        db: sqlite3.Connection = connect(*args, **options)  # type: ignore[call-overload]
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
        return db

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(ToolError, match="full") as caught:
        fill(journal, 200, begin=5)
    assert "make room" in (caught.value.hint or "")
    assert verify(journal.store, KEY).count == 30


NOTING = """
import sys
from pathlib import Path
from tests.host.audits import Board, Clock, fill, journal_in
journal, board = journal_in(Path(sys.argv[1])), Board(sys.argv[2])
for n in range(100_000):
    fill(journal, 1, n, board)
    print(n, flush=True)
"""


def test_killed_while_noting_a_journal_is_whole_and_has_all_that_was_committed(tmp_path: Path) -> None:
    for turn in range(3):
        command = [sys.executable, "-c", NOTING, str(tmp_path), f"box-{turn}"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(3 + turn):
                process.stdout.readline()
            os.kill(process.pid, signal.SIGKILL)
            said = 3 + turn + len(process.stdout.read().split())
        store = Store(tmp_path / "x.audit.db", SITE)
        assert verify(store, KEY).problem is None
        with store.reading() as db:
            kept = [
                one
                for one in entries_after(db, 0, 100_000)
                if one.entry.source.startswith(f"/{SITE}/box-{turn}/")
            ]
        assert len(kept) >= 6 * said and len(kept) % 6 == 0


def test_noting_pruning_and_checking_go_on_side_by_side(tmp_path: Path) -> None:
    clock = Clock()
    journal, board = journal_in(tmp_path, clock), Board()
    fill(journal, 50, board=board)
    clock.now_s += 2 * DAY_S
    reports: list[Report] = []
    end = threading.Event()

    def look() -> None:
        while not end.is_set() or not reports:
            reports.append(verify(Store(tmp_path / "x.audit.db", SITE), KEY))

    looking = threading.Thread(target=look)
    looking.start()
    for n in range(30):
        fill(journal, 1, 100 + n, board)
        if n % 10 == 5:
            journal_in(tmp_path, clock).prune(1)
    end.set()
    looking.join(20)
    assert reports and all(report.problem is None for report in reports)
    assert reports[-1].head.n >= 50 * 6
