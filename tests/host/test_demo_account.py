"""The arithmetic of the demo: what is lost, doubled, out of order or opened wrongly must not pass unseen."""

from dataclasses import replace
from typing import Any

import pytest

from host_tools.demo.account import (
    Answer,
    Event,
    Ledger,
    Order,
    Refusal,
    Summary,
    distinct,
    faults,
    missing,
    read_event,
    reordered,
    summarize,
)

BOX = "box-1"
ENVELOPE = {
    "specversion": "1.0",
    "id": "box-1-ab12-7",
    "source": "/harbour/box-1/door-2",
    "type": "sportbox.door.opened",
    "data": {"jti": "j"},
    "seq": 7,
}


def event(seq: int, kind: str = "gate.passed", component: str = "gate-1", **data: Any) -> Event:
    return Event(BOX, component, f"{BOX}-b-{seq}", seq, kind, data)


def access(seq: int, what: str, jti: str, lock: str = "lock-2", **data: Any) -> Event:
    return event(seq, f"access.{what}", lock, jti=jti, act="unlock", **data)


def good_evening() -> Ledger:
    """A lend, a refusal, a break-in, and an order that the power cut off."""
    return Ledger(
        events=[
            access(1, "accepted", "lend"),
            event(2, "door.opened", "door-2", jti="lend"),
            access(3, "done", "lend", reason=None),
            access(4, "rejected", "bad", "access", reason="expired"),
            event(5, "door.forced", "door-3"),
            access(6, "accepted", "cut"),
            access(7, "failed", "cut", reason="power"),
            event(8, "door.opened", "door-2", while_off=True),
            access(9, "rejected", "cut", reason="replayed"),
        ],
        answers=[
            Answer(BOX, "lend", "accepted", None),
            Answer(BOX, "lend", "done", None),
            Answer(BOX, "bad", "rejected", "expired"),
            Answer(BOX, "cut", "accepted", None),
            Answer(BOX, "cut", "failed", "power"),
            Answer(BOX, "cut", "failed", "power"),  # said again, for the board cannot know that it was heard
            Answer(BOX, "cut", "rejected", "replayed"),
        ],
        accepted={BOX: 9},
        pulses={(BOX, "lock-1"): 0, (BOX, "lock-2"): 2, (BOX, "lock-3"): 0},
        orders=[Order(BOX, "lock-2", "lend"), Order(BOX, "lock-2", "cut", "failed", "power")],
        refusals=[Refusal(BOX, "bad", "expired"), Refusal(BOX, "cut", "replayed")],
        break_ins=1,
    )


def kinds(ledger: Ledger) -> set[str]:
    return {fault.key for fault in faults(ledger)}


def without(ledger: Ledger, seq: int) -> None:
    ledger.events = [event for event in ledger.events if event.seq != seq]


def test_a_good_evening() -> None:
    ledger = good_evening()
    assert faults(ledger) == []
    assert summarize(ledger) == Summary(
        accepted=9,
        delivered=9,
        lost=0,
        duplicates=0,
        reordered=0,
        unlocks_done=1,
        refused={"expired": 1, "replayed": 1},
        forced=1,
    )


def test_duplicates_are_counted_and_change_nothing_else() -> None:
    ledger = good_evening()
    ledger.events += [replace(found, historical=True) for found in ledger.events[4:]]
    assert summarize(ledger) == replace(summarize(good_evening()), duplicates=5)
    assert faults(ledger) == []


def test_a_lost_event() -> None:
    ledger = good_evening()
    without(ledger, 2)
    summary = summarize(ledger)
    assert (summary.accepted, summary.delivered, summary.lost) == (9, 8, 1)
    (fault,) = faults(ledger)
    assert (fault.key, fault.values["seqs"]) == ("lost", "2")


def test_the_newest_event_is_missed_too() -> None:
    ledger = good_evening()
    ledger.accepted[BOX] = 11
    assert summarize(ledger).lost == 2
    assert kinds(ledger) == {"lost"}


def test_a_board_that_was_not_heard_at_all() -> None:
    assert missing([], {"court-1": 3}) == {"court-1": [1, 2, 3]}


def test_what_was_dropped_on_purpose_is_not_lost() -> None:
    firsts = [event(1), event(4), event(5, "device.dropped", "device", count=2, first=2, last=3)]
    assert missing(firsts, {BOX: 5}) == {BOX: []}
    assert missing(firsts[:2], {BOX: 5}) == {BOX: [2, 3, 5]}


@pytest.mark.parametrize(
    ("order", "count"),
    [((1, 2, 3), 0), ((1, 3, 2), 1), ((2, 1, 3), 1), ((3, 1, 2), 2), ((1, 2, 1, 2, 3), 0), ((1, 3), 0)],
)
def test_order_is_judged_by_first_occurrences(order: tuple[int, ...], count: int) -> None:
    assert reordered(distinct(event(seq) for seq in order)) == count


def test_each_device_has_an_order_of_its_own() -> None:
    other = replace(event(1), device="court-1", id="court-1-b-1")
    assert reordered([event(5), other, event(6)]) == 0


def test_reordered_events_are_a_fault() -> None:
    ledger = good_evening()
    ledger.events[3], ledger.events[4] = ledger.events[4], ledger.events[3]
    assert summarize(ledger).reordered == 1
    assert kinds(ledger) == {"reordered"}


def test_one_number_for_two_events() -> None:
    ledger = good_evening()
    ledger.events.append(replace(event(9), id="box-1-other-9"))
    assert kinds(ledger) == {"same_number"}


def test_an_event_that_the_board_did_not_count() -> None:
    ledger = good_evening()
    ledger.events.append(event(10))
    assert kinds(ledger) == {"uncounted"}


def test_a_door_that_opens_without_an_order() -> None:
    ledger = good_evening()
    ledger.events.append(event(10, "door.opened", "door-1"))
    ledger.accepted[BOX] = 10
    assert kinds(ledger) == {"opened"}


@pytest.mark.parametrize(
    ("door", "data"),
    [("door-2", {"jti": "lend"}), ("door-1", {"jti": "lend"}), ("door-2", {"while_off": True})],
    ids=["the same order twice", "another door's order", "no power cut left"],
)
def test_an_order_opens_its_door_once(door: str, data: dict[str, Any]) -> None:
    ledger = good_evening()
    ledger.events.append(event(10, "door.opened", door, **data))
    ledger.accepted[BOX] = 10
    assert kinds(ledger) == {"opened"}


def test_a_refused_token_that_was_accepted_as_well() -> None:
    ledger = good_evening()
    ledger.events.append(access(10, "accepted", "bad"))
    ledger.accepted[BOX] = 10
    ledger.pulses[BOX, "lock-2"] = 3
    assert kinds(ledger) == {"unordered"}


def test_a_used_token_that_was_accepted_again() -> None:
    ledger = good_evening()
    ledger.events.append(access(10, "accepted", "lend"))
    ledger.accepted[BOX] = 10
    ledger.pulses[BOX, "lock-2"] = 3
    assert kinds(ledger) == {"outcome"}


@pytest.mark.parametrize(("lock", "pulses"), [("lock-2", 3), ("lock-2", 1), ("lock-1", 1)])
def test_a_strike_moves_once_an_order_and_never_else(lock: str, pulses: int) -> None:
    ledger = good_evening()
    ledger.pulses[BOX, lock] = pulses
    assert kinds(ledger) == {"strike"}


@pytest.mark.parametrize(
    "answers",
    [
        [Answer(BOX, "lend", "accepted", None)],
        [Answer(BOX, "lend", "done", None), Answer(BOX, "lend", "failed", "not_opened")],
        [Answer(BOX, "lend", "failed", "power")],
        [Answer("box-9", "lend", "done", None)],
    ],
    ids=["none", "two", "a wrong one", "from elsewhere"],
)
def test_an_order_has_one_final_answer(answers: list[Answer]) -> None:
    ledger = good_evening()
    ledger.answers = ledger.answers[3:] + answers
    assert kinds(ledger) == {"outcome"}


def test_a_final_event_twice() -> None:
    ledger = good_evening()
    ledger.events.append(access(10, "failed", "cut", reason="power"))
    ledger.accepted[BOX] = 10
    assert kinds(ledger) == {"outcome"}


def test_a_refusal_for_a_wrong_reason() -> None:
    ledger = good_evening()
    ledger.events[3] = access(4, "rejected", "bad", "access", reason="signature")
    assert {fault.values["reason"] for fault in faults(ledger)} == {"expired", "signature"}


@pytest.mark.parametrize("break_ins", [0, 2])
def test_break_ins_and_reports_of_them_agree(break_ins: int) -> None:
    ledger = good_evening()
    ledger.break_ins = break_ins
    assert kinds(ledger) == {"forced"}


def test_messages_that_cannot_be_read() -> None:
    ledger = good_evening()
    ledger.malformed = 1
    assert kinds(ledger) == {"malformed"}


def test_reading_an_event() -> None:
    found = read_event("harbour", BOX, {**ENVELOPE, "time": "2026-11-22T18:00:00Z", "historical": True})
    expected = Event(BOX, "door-2", "box-1-ab12-7", 7, "door.opened", {"jti": "j"})
    assert found == replace(expected, time="2026-11-22T18:00:00Z", historical=True)


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"},
        {"source": "/harbour/box-2/door-2"},
        {"source": None},
        {"id": 7},
        {"seq": True},
        {"seq": 0},
        {"seq": "7"},
        {"type": "door.opened"},
        {"data": None},
        {"time": 5},
    ],
)
def test_what_is_no_event_of_the_board(change: dict[str, Any]) -> None:
    assert read_event("harbour", BOX, {**ENVELOPE, **change}) is None


@pytest.mark.parametrize("payload", [None, "text", [], 1])
def test_what_is_no_object(payload: object) -> None:
    assert read_event("harbour", BOX, payload) is None
