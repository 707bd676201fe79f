"""The oracle on an outbox that was full: what was dropped had to be, and was counted as what it was."""

from tests.storm.tales import Record, Tale, day

URGENT_BYTES = 16_384


def filled(tale: Tale, count: int) -> list[Record]:
    """Urgent events of an outage."""
    return [tale.made(200, "lock.blocked", "lock-1", why="inside") for _ in range(count)]


def changed(tale: Tale) -> Record:
    return tale.made(200, "occupancy.changed", "court-1", state="free", count=0, confidence=100)


def back(tale: Tale, there: list[Record], first: int, last: int, ordinary: int, urgent: int) -> Tale:
    """What is there comes, and a report of the rest."""
    tale.fault(150, 380, "partition")
    for event in there:
        tale.deliver(400, event, historical=True)
    totals = {"ordinary_total": ordinary, "urgent_total": urgent}
    tale.event(401, "device.dropped", count=last - first + 1, first=first, last=last, **totals)
    return tale


def texts(tale: Tale) -> list[str]:
    return [b.text for b in tale.judged() if b.invariant in ("lost", "outbox", "told")]


def test_the_oldest_make_room_when_the_journal_is_full() -> None:
    tale = day()
    made = filled(tale, 260)
    assert texts(back(tale, made[30:], 2, 31, 0, 30)) == []


def test_nothing_is_dropped_while_there_is_room() -> None:
    tale = day()
    made = filled(tale, 60)
    found = texts(back(tale, made[30:], 2, 31, 0, 30))
    assert len(found) == 1 and found[0].startswith("30 urgent events were dropped, and ")
    assert found[0].endswith(" of 16384 bytes waited")


def test_ordinary_ones_have_their_own_room() -> None:
    tale = day()
    made = [changed(tale) for _ in range(40)] + filled(tale, 260)
    found = texts(back(tale, made[10:], 2, 11, 10, 0))
    assert len(found) == 1 and found[0].startswith("10 ordinary events were dropped, and ")
    assert found[0].endswith(" of 49152 bytes waited")


def test_a_number_may_have_been_longer_on_flash() -> None:
    """0.99 is 0.98999999999999999 there."""
    for confidence, expected in ((0.99, []), (99, ["10 ordinary events were dropped, and "])):
        tale = day()
        data = {"state": "free", "count": 0, "confidence": confidence}
        made = [tale.made(200, "occupancy.changed", "court-1", **data) for _ in range(400)]
        found = texts(back(tale, made[10:], 2, 11, 10, 0))
        assert [text[: len("10 ordinary events were dropped, and ")] for text in found] == expected


def test_what_is_dropped_later_waited_until_then() -> None:
    """Reports of what was dropped push out more, while the rest is on its way."""
    for later, expected in ((True, 0), (False, 1)):
        tale = day()
        made = filled(tale, 260)
        back(tale, made[30:100] + made[150:], 2, 31, 0, 30)
        if later:
            tale.event(
                402, "device.dropped", count=50, first=102, last=151, ordinary_total=0, urgent_total=80
            )
        assert len([text for text in texts(tale) if text.startswith("30 urgent")]) == expected


def test_what_is_missing_is_in_the_totals() -> None:
    tale = day()
    made = filled(tale, 260)
    expected = "30 events are missing, and (0, 20) were dropped as the totals say"
    assert texts(back(tale, made[30:], 2, 31, 0, 20)) == [expected]


def test_after_a_power_cut_the_totals_may_be_less() -> None:
    tale = day()
    made = filled(tale, 260)
    tale.fault(210, 211, "power_cut", 2)
    assert texts(back(tale, made[30:], 2, 31, 0, 20)) == []


def test_a_power_cut_before_the_first_that_is_there_may_have_lost_totals_too() -> None:
    """An ordinary event may have waited beside the urgent ones that were dropped."""
    tale = day()
    made = [changed(tale), *filled(tale, 260)]
    tale.fault(210, 211, "power_cut", 2)
    assert texts(back(tale, [made[0], *made[31:]], 3, 32, 0, 20)) == []


def test_a_forced_door_is_told_though_ordinary_events_were_dropped() -> None:
    for ordinary, expected in ((500, 1), (499, 0)):
        tale = day()
        made = [changed(tale) for _ in range(1200)]
        tale.moves(100, True, "force", "door-1")
        tale.state(101, "door-1", "forced")
        tale.moves(120, False, "push", "door-1")
        tale.event(120.2, "door.closed", "door-1", open_s=20)
        back(tale, made[500:], 2, 501, ordinary, 500 - ordinary)
        tale.note(900, "end")
        told = [text for text in texts(tale) if text.startswith("door-1 opened (force)")]
        assert len(told) == expected


def test_a_forced_door_is_told_though_others_were_dropped_before() -> None:
    for forced_s, expected in ((150, 0), (250, 1)):
        tale = day()
        made = filled(tale, 260)
        tale.moves(forced_s, True, "force", "door-1")
        tale.state(forced_s + 1, "door-1", "forced")
        back(tale, made[30:], 2, 31, 0, 30)
        tale.note(900, "end")
        told = [text for text in texts(tale) if text.startswith("door-1 opened (force)")]
        assert len(told) == expected


def test_the_bound_of_an_outbox() -> None:
    limit = 49_152 + URGENT_BYTES
    for more, fault, expected in ((0, None, 0), (1, None, 1), (1, "rot", 0), (13_000, "rot", 1)):
        tale = day()
        if fault is not None:
            tale.fault(50, 60, fault, count=1)
            tale.note(50, "rot", files=[])
        tale.telemetry(100, queue_bytes=limit + more)
        assert len(texts(tale)) == expected
