"""What `audit show` makes of a journal: orders and doors put together, whatever the order they came in."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from host_tools.audit import listing
from host_tools.audit.openings import Row
from tests.host.audits import NOW_S, Board, shown

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def board() -> Board:
    return Board()


def brief(found: Sequence[Row]) -> list[tuple[Any, ...]]:
    return [(row.what, row.component, row.sub, row.open_s, row.is_open, row.result) for row in found]


def test_an_opening_is_one_row(board: Board, tmp_path: Path) -> None:
    (row,) = shown(tmp_path, board.lend("booking-1", "order-1"))
    assert brief([row]) == [("opening", "door-2", "booking-1", 60, False, "done")]
    assert listing.as_data(row) == {
        "what": "opening",
        "device": "box-1",
        "component": "door-2",
        "sub": "booking-1",
        "how": "order",
        "at": "2026-11-18T11:06:43Z",
        "closed": "2026-11-18T11:07:43Z",
        "open_s": 60,
        "still_open": False,
        "ordered": "2026-11-18T11:06:41Z",
        "act": "unlock",
        "result": "done",
        "notes": [],
        "jti": "order-1",
        "about": False,
        "historical": False,
        "noted": "2026-11-18T11:06:40Z",
        "entries": [1, 3, 4, 6],
    }
    assert set(listing.as_data(row)) == set(listing.FIELDS)
    assert listing.as_lines([row], BERLIN) == [
        "  2026-11-18 12:06:43  box-1/door-2  booking-1  opened, 0:01:00"
    ]


def test_each_outcome_of_an_order(board: Board, tmp_path: Path) -> None:
    found = shown(
        tmp_path,
        [
            board.event("lock-2", "access.accepted", jti="a", sub="one", act="unlock"),
            board.event("lock-2", "access.failed", jti="a", sub="one", act="unlock", reason="not_opened"),
            board.event("lock-2", "access.rejected", jti="b", sub="", reason="signature"),
            board.event("lock-2", "access.rejected", jti=None, sub="", reason="malformed"),
            board.event("lock-2", "access.rejected", jti="c", sub="two", reason="expired"),
            board.event("lock-1", "access.accepted", jti="d", sub="three", act="lock"),
            board.event("lock-1", "access.done", jti="d", sub="three", act="lock", reason=None),
            board.event("device", "access.accepted", jti="e", sub="four", act="reboot"),
            board.event("lock-2", "access.accepted", jti="code-lock-2-7", sub="keypad", act="unlock"),
        ],
    )
    assert brief(found) == [
        ("order", "lock-2", "one", None, False, "not_opened"),
        ("refused", "lock-2", None, None, False, "signature"),
        ("refused", "lock-2", None, None, False, "malformed"),
        ("refused", "lock-2", "two", None, False, "expired"),
        ("order", "lock-1", "three", None, False, "done"),
        ("order", "device", "four", None, False, "running"),
        ("order", "lock-2", "keypad", None, False, "running"),
    ]
    assert found[-1].how == "code"
    assert [line.split("  ")[-1] for line in listing.as_lines(found, BERLIN)][:2] == [
        "unlock: not_opened",
        "refused: signature",
    ]


def test_forced_doors_nobody_and_alarms(board: Board, tmp_path: Path) -> None:
    found = shown(
        tmp_path,
        [
            board.event("door-3", "door.forced", alarm=True),
            board.event("door-3", "door.closed", open_s=30),
            board.event("door-1", "door.opened", release=True),
            board.event("door-1", "door.ajar", open_s=60, level="warning"),
            board.event("door-1", "door.ajar", open_s=600, level="alarm"),
            board.event("device", "device.tamper", open=True, alarm=True),
            board.event("device", "device.tamper", open=False),
            board.event("inside-1", "occupancy.changed", state="occupied", alarm=True),
            board.event("keypad-1", "keypad.locked", wrong=5, lock_s=60),
            board.event("lock-1", "lock.jammed", way="lock"),
            board.event("door-3", "door.forced", latch=True),
        ],
    )
    assert brief(found) == [
        ("forced", "door-3", None, 30, False, "forced"),
        ("opening", "door-1", None, None, True, None),
        ("alarm", "device", None, 1, False, "housing opened"),
        ("alarm", "inside-1", None, None, False, "somebody inside in alarm times"),
        ("alarm", "keypad-1", None, None, False, "keypad locked: too many wrong codes"),
        ("alarm", "lock-1", None, None, False, "jammed"),
        ("forced", "door-3", None, None, True, "forced"),
    ]
    lines = [line.split("box-1/")[1] for line in listing.as_lines(found, BERLIN)]
    assert lines[0] == "door-3    (nobody)  FORCED, 0:00:30; in alarm times"
    assert lines[1] == "door-1    (inside)  opened, still open; from inside; ajar: alarm"
    assert lines[6] == "door-3    (nobody)  FORCED, still open; its latch let go"


def test_a_door_opened_twice_under_one_order_and_two_orders_for_an_open_door(
    board: Board, tmp_path: Path
) -> None:
    found = shown(
        tmp_path,
        [
            board.event("lock-1", "access.accepted", jti="a", sub="one", act="unlock"),
            board.event("lock-1", "lock.unlocked", jti="a"),
            board.event("door-1", "door.opened", jti="a"),
            board.event("lock-1", "access.done", jti="a", sub="one", act="unlock", reason=None),
            board.event("lock-1", "access.accepted", jti="b", sub="two", act="unlock"),
            board.event("lock-1", "access.done", jti="b", sub="two", act="unlock", reason=None),
            board.event("door-1", "door.closed", open_s=3),
            board.event("door-1", "door.opened"),  # the lock is open still
            board.event("door-1", "door.closed", open_s=1),
            board.event("lock-1", "lock.locked"),
            board.event("door-1", "door.opened"),
        ],
    )
    assert brief(found) == [
        ("opening", "door-1", "one", 3, False, "done"),
        ("order", "lock-1", "two", None, False, "done"),
        ("opening", "door-1", "one", 1, False, None),
        ("opening", "door-1", None, None, True, None),
    ]


def test_events_out_of_order_duplicates_and_a_second_board(board: Board, tmp_path: Path) -> None:
    other = Board("box-2", "ba9876543210", NOW_S + 30)
    mixed = board.lend("one", "a") + board.lend("two", "b")
    theirs = other.lend("three", "c")
    random.Random(7).shuffle(mixed)
    found = shown(tmp_path, mixed[:5], theirs, mixed, mixed)
    openings = [row for row in found if row.what != "missing"]
    assert brief(openings) == [
        ("opening", "door-2", "one", 60, False, "done"),
        ("opening", "door-2", "three", 60, False, "done"),
        ("opening", "door-2", "two", 60, False, "done"),
    ]


def test_a_time_that_the_board_did_not_know_is_worked_out_from_its_uptime(
    board: Board, tmp_path: Path
) -> None:
    found = shown(
        tmp_path,
        [
            board.event("lock-2", "access.accepted", timed=False, jti="a", sub="one", act="unlock"),
            board.event("door-2", "door.opened", timed=False, jti="a"),
            board.event("device", "device.clock", trust="ntp", why="from unknown"),
            board.event("door-2", "door.closed", historical=True, open_s=2),
        ],
    )
    data = listing.as_data(found[0])
    assert (data["ordered"], data["at"], data["about"], data["historical"]) == (
        "2026-11-18T11:06:41Z",
        "2026-11-18T11:06:42Z",
        True,
        True,
    )
    assert listing.as_lines(found, BERLIN)[0].startswith("~ 2026-11-18 12:06:42")
    dark = Board("box-2")
    rest = shown(tmp_path, [dark.event("door-1", "door.opened", timed=False)])
    assert listing.as_data(rest[0])["at"] is None
    assert listing.as_lines(rest[:1], BERLIN)[0].startswith("< 2026-11-18 12:06:40")  # when it was noted


def test_what_is_not_in_the_journal_is_said(board: Board, tmp_path: Path) -> None:
    lent = board.lend("one", "a")
    found = shown(tmp_path, lent[2:], board.lend("two", "b")[5:])
    assert [(row.what, row.sub, row.notes) for row in found if row.what == "opening"] == [
        ("opening", "one", ["its order is not in the journal"]),
        ("opening", None, ["its opening is not in the journal"]),
    ]
    assert [row.result for row in found if row.what == "missing"] == ["events 7 to 11 never came"]
    twice = [board.event("door-1", "door.opened"), board.event("door-1", "door.opened")]
    off = [board.event("door-1", "door.closed", while_off=True)]
    dropped = [board.event("device", "device.dropped", count=2, first=1, last=2)]
    later = shown(tmp_path, twice, off, dropped)[-3:]
    assert [(row.open_s, row.is_open, row.notes) for row in later[:2]] == [
        (None, False, ["closing is not known"]),
        (None, False, ["closed while the board was off"]),
    ]
    assert later[2].result == "events 1 to 2 dropped by the board"


def test_what_a_board_has_dropped_and_tells_is_told_once(board: Board, tmp_path: Path) -> None:
    first = board.event("door-1", "door.opened")
    board.seq += 3
    told = board.event("device", "device.dropped", count=3, first=2, last=4)
    board.seq += 1
    found = shown(tmp_path, first, told, board.event("door-1", "door.closed", open_s=1))
    assert {row.result for row in found if row.what == "missing"} == {
        "events 2 to 4 dropped by the board",
        "event 6 never came",
    }


@pytest.mark.parametrize("open_s", [10**30, -1, True, "1", None, [1]])
def test_nonsense_of_a_board_is_shown_all_the_same(open_s: object, tmp_path: Path) -> None:
    board = Board()
    found = shown(
        tmp_path,
        [
            board.event("door-1", "door.closed", open_s=open_s),
            board.event("door-1", "door.ajar", level=open_s),
            board.event("device", "device.dropped", first=open_s, last=open_s),
            board.event("lock-1", "access.accepted", jti=open_s, sub=open_s, act=open_s),
            board.event("lock-1", "access.done"),
            board.event("lock-1", "access.rejected"),
            board.event("lock-1", "lock.jammed", why={"a": "\x1b[2J"}),
            board.event("door-1", "door.opened", timed=False, jti=open_s),
        ],
    )
    lines = listing.as_lines(found, BERLIN)
    assert len(lines) >= 6 and all(line.isprintable() for line in lines)
    for row in found:
        json.dumps(listing.as_data(row), allow_nan=False)
