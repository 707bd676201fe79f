"""The oracle on events: none lost, none twice with two contents, none out of order."""

from tests.storm.tales import Tale, day


def test_a_good_day_is_good() -> None:
    tale = day()
    tale.visit(100, "a")
    tale.visit(200, "b")
    assert tale.ends(1000, 1900).texts() == []


def test_a_duplicate_is_none() -> None:
    tale = day()
    event = tale.made(100, "lock.blocked", "lock-1")
    tale.deliver(100, event)
    tale.deliver(130, event, historical=True)
    assert tale.ends(1000, 1900).texts() == []


def test_an_event_that_came_again_with_another_content() -> None:
    tale = day()
    event = tale.made(100, "lock.blocked", "lock-1")
    tale.deliver(100, event)
    tale.deliver(130, event, data={"inside": True})
    assert tale.texts() == ["event box-1-b1-2 came again with another content: data changed"]


def test_two_events_of_one_number() -> None:
    tale = day()
    tale.event(100, "lock.blocked", "lock-1")
    tale.seq -= 1
    tale.bootid = "b1"
    event = tale.made(101, "release.cleared", "release-9")
    event["id"] += "x"
    tale.deliver(101, event)
    texts = tale.texts()
    assert "two events have the number 2: lock.blocked and release.cleared" in texts
    assert "event 2 has the id box-1-b1-2x, not box-1-b1-2" in texts


def test_a_number_that_is_missing() -> None:
    tale = day()
    tale.made(100, "lock.blocked", "lock-1")
    tale.event(110, "lock.blocked", "lock-1")
    assert tale.texts() == ["event 2 never came, and no device.dropped counts it; event 3 came"]


def test_the_first_number_is_one() -> None:
    tale = Tale()
    tale.seq = 5
    tale.starts(0).booted(1)
    assert tale.texts() == ["events 1 to 5 never came, and no device.dropped counts it; event 6 came"]


def test_missing_numbers_that_are_counted() -> None:
    tale = day()
    for _ in range(3):
        tale.made(100, "lock.blocked", "lock-1")
    tale.event(110, "device.dropped", count=3, first=2, last=4)
    assert tale.texts() == []


def test_missing_numbers_that_are_counted_wrongly() -> None:
    tale = day()
    for _ in range(3):
        tale.made(100, "lock.blocked", "lock-1")
    tale.event(110, "device.dropped", count=2, first=2, last=4)
    assert tale.texts() == ["3 events between 2 and 4 did not come, device.dropped counts 2"]


def test_more_dropped_than_there_were() -> None:
    tale = day()
    tale.made(100, "lock.blocked", "lock-1")
    tale.event(110, "device.dropped", count=7, first=2, last=2)
    assert tale.texts() == ["device.dropped counts 7 numbers between 2 and 2"]


def test_dropped_without_sense() -> None:
    tale = day()
    tale.event(110, "device.dropped", count=1, first=9, last=4)
    assert tale.texts() == [
        "device.dropped with data that cannot be so: {'count': 1, 'first': 9, 'last': 4}",
    ]


def test_two_events_that_changed_places() -> None:
    tale = day()
    first = tale.made(100, "lock.blocked", "lock-1")
    tale.event(101, "lock.blocked", "lock-2")
    tale.deliver(102, first)
    assert tale.texts() == ["event 2 (lock.blocked) came for the first time after event 3"]


def test_what_waits_at_the_end() -> None:
    tale = day()
    tale.note(1000, "calm")
    tale.event(1700, "lock.blocked", "lock-1")
    tale.telemetry(1800, queue=1)
    tale.note(1900, "end")
    assert "1 events still wait at the end of the calm phase, and 0 came then" in tale.texts()


def test_what_is_just_on_its_way_does_not_wait() -> None:
    """Figures that go out in the same millisecond as an event count it."""
    tale = day()
    tale.note(1000, "calm")
    tale.telemetry(1800, queue=1, accepted=2)
    tale.event(1800.001, "lock.blocked", "lock-1")
    tale.telemetry(1895, queue=3, accepted=5)
    tale.note(1900, "end")
    assert not [broken for broken in tale.judged() if broken.invariant == "left"]


def test_no_word_in_the_calm_phase() -> None:
    tale = day()
    tale.note(1000, "calm")
    tale.note(1900, "end")
    assert "no telemetry came in the calm phase" in tale.texts()


def test_what_was_accepted_has_come() -> None:
    tale = day()
    tale.note(1000, "calm")
    tale.telemetry(1800, accepted=4)
    tale.note(1900, "end")
    assert "4 events were accepted and none waits, but only 1 came" in tale.texts()
