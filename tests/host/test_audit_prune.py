"""What is pruned from a journal is gone from its file, and the rest still holds together."""

from pathlib import Path

import pytest

from host_tools.audit.journal import DAY_S, Journal
from host_tools.audit.seal import End
from host_tools.audit.store import end_of
from host_tools.audit.verify import verify
from host_tools.errors import ToolError
from tests.host.audits import KEY, Board, Clock, fill, head_of, journal_in, problem_of, tampering


def start_of(journal: Journal) -> End:
    with journal.store.reading() as db:
        return end_of(db, "start")


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
    assert (pruned.count, pruned.through, pruned.head.n) == (30, 30, 60)
    content = journal.store.path.read_bytes()
    assert [n for n in range(10) if f"person-{n}".encode() in content] == [5, 6, 7, 8, 9]
    assert [n for n in range(10) if f"order-{n}".encode() in content] == [5, 6, 7, 8, 9]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.audit.db"]
    report = verify(journal.store, KEY, before)
    assert (report.problem, report.start.n, report.count) == (None, 30, 30)
    assert journal.prune(30).count == 0
    clock.now_s += 31 * DAY_S
    assert journal.prune(30).count == 30
    content = journal.store.path.read_bytes()
    assert b"person-" not in content and b"order-" not in content
    fill(journal_in(tmp_path, clock), 2, board=Board(boot="ba9876543210"))
    report = verify(journal.store, KEY, before)
    assert (report.problem, report.start.n, report.count) == (None, 60, 12)
    assert report.notes == []
    report = verify(journal.store, KEY, End(59, 0, before.hash))
    assert report.problem is None and "cannot be compared" in report.notes[0]


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


def test_a_start_that_was_replaced_is_found(tmp_path: Path) -> None:
    journal, _ = aged(tmp_path)
    whole = journal.store.path.read_bytes()
    older = start_of(journal)
    journal.prune(30)
    pruned = journal.store.path.read_bytes()
    assert problem_of(journal) is None

    with tampering(journal) as db:  # more removed, with the genuine seal of an entry
        db.execute(
            "UPDATE ends SET (n, hash, mac) = (SELECT n, hash, mac FROM entries WHERE n = 40)"
            " WHERE end = 'start'"
        )
        db.execute("DELETE FROM entries WHERE n <= 40")
    assert problem_of(journal) == ("start", None)

    journal.store.path.write_bytes(pruned)
    with tampering(journal) as db:  # the genuine start of before
        db.execute(
            "UPDATE ends SET n = ?, at_s = ?, hash = ?, mac = ? WHERE end = 'start'",
            (older.n, older.at_s, older.hash, older.mac),
        )
    assert problem_of(journal) == ("removed", 1)

    journal.store.path.write_bytes(pruned)
    with tampering(journal) as db:
        db.execute("UPDATE ends SET at_s = at_s - 1 WHERE end = 'start'")
    assert problem_of(journal) == ("start", None)

    journal.store.path.write_bytes(pruned)
    fill(journal, 1, board=Board("box-2"))
    newer = head_of(journal)
    journal.store.path.write_bytes(whole)  # all of what was pruned is back
    assert problem_of(journal, anchor=newer) == ("anchor", 61)


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
