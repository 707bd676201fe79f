"""A journal's file: what is noted once, other files, a full disk, a kill, several users at once."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from host_tools.audit.journal import DAY_S, Journal
from host_tools.audit.store import Store, entries_after
from host_tools.audit.verify import Report, verify
from host_tools.errors import BadInput, ToolError
from tests.host.audits import KEY, SITE, Board, Clock, fill, journal_in
from tests.host.helpers import ROOT


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = journal_in(tmp_path)
    fill(made, 5)  # 30 entries
    return made


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
