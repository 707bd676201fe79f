"""The oracle on what a board says twice: in states and in events, and from one event to the next."""

from typing import Any

from host_tools.storm.oracle import judge
from tests.storm.tales import Tale, day

FAULT_S = 400.0


def of_door_1(tale: Tale) -> list[str]:
    found = judge(sorted(tale.records, key=lambda r: r["us"]), tale.config)
    return [broken.text for broken in found if broken.text.startswith("door-1")]


def forced_at_500(said: str | None, said_s: float = 500.1) -> Tale:
    """A door is forced and told so; its state is published, or not."""
    tale = day()
    tale.moves(500, True, by="force")
    if said is not None:
        tale.state(said_s, "door-1", said)
    tale.event(500.1, "door.forced", "door-1")
    tale.note(700, "end")
    return tale


def test_a_state_that_its_event_tells() -> None:
    assert of_door_1(forced_at_500("forced")) == []
    otherwise = "door-1 was `open` at 0:08:20.100, and its events tell otherwise"
    assert otherwise in of_door_1(forced_at_500("open"))


def test_a_state_that_was_not_published() -> None:
    never = "door-1 told door.forced at 0:08:20.100, and its state was not published then"
    assert never in of_door_1(forced_at_500(None))
    assert never in of_door_1(forced_at_500("forced", 510))


def test_a_wrong_state_beside_a_broken_sensor() -> None:
    """What is true does not matter then; what the board has told does."""
    text = "door-1 was `open` at 0:08:20.000, and its events tell otherwise"
    for state, found in (("closed", []), ("open", [text])):
        tale = Tale().starts(0)
        tale.booted(1)
        tale.fault(FAULT_S, 690, "door_cut", component="door-1")
        tale.state(500, "door-1", state)
        tale.note(700, "end")
        assert of_door_1(tale) == found


def test_no_event_tells_that_a_release_cannot_be_read() -> None:
    for state, found in (("unknown", 0), ("pressed", 1)):
        tale = day()
        tale.fault(499, 515, "expander_lost")
        for s, is_pressed, kind in ((300, True, "pressed"), (310, False, "cleared")):
            tale.note(s, "release", component="release-9", pressed=is_pressed)
            tale.state(s + 0.1, "release-9", "pressed" if is_pressed else "clear")
            tale.event(s + 0.1, "release." + kind, "release-9", **({} if is_pressed else {"pressed_s": 10}))
        tale.state(500, "release-9", state)
        tale.note(700, "end")
        said = judge(sorted(tale.records, key=lambda r: r["us"]), tale.config)
        assert len([b for b in said if "release-9 was" in b.text and "tell otherwise" in b.text]) == found


def test_a_contact_that_is_broken_from_the_very_beginning() -> None:
    """What is so at the first start of all is no event."""
    text = "door-1 was `open` at 0:00:01.500, and its events tell otherwise"
    for fault_s, found in ((0.1, []), (5, [text])):
        tale = Tale()
        tale.fault(fault_s, 400, "stuck", component="door-1", level=1)
        tale.starts(0.3, connects=False)
        tale.note(1, "connect", conn=1, client="box-1")
        tale.state(1.5, "door-1", "open")
        tale.booted(2)
        tale.note(300, "end")
        assert of_door_1(tale) == found


def test_a_state_on_a_broken_network_may_be_an_old_one() -> None:
    tale = day()
    tale.fault(FAULT_S, 560, "latency", latency_us=[1, 60_000_000])
    tale.moves(500, True, by="force")
    tale.state(540, "door-1", "closed")
    tale.deliver(541, tale.made(500.1, "door.forced", "door-1"))
    tale.state(541, "door-1", "forced")
    tale.note(700, "end")
    assert of_door_1(tale) == []


def test_a_broker_that_thaws_reads_what_has_come_since_it_froze() -> None:
    text = "door-1 was `closed` at 0:20:00.000, and its events tell otherwise"
    for fault, found in (("broker_freeze", []), ("loss", [text])):
        tale = day()
        tale.fault(500, 1200, fault, loss=0.1)
        tale.moves(520, True, by="force")
        tale.state(1200, "door-1", "closed")
        tale.state(1200.1, "door-1", "forced")
        tale.deliver(1200.1, tale.made(520.1, "door.forced", "door-1"))
        tale.note(1300, "end")
        assert of_door_1(tale) == found, fault


def test_after_a_start_it_stands_open_still() -> None:
    for state in ("open", "ajar"):
        tale = forced_at_500("forced")
        tale.stops(600)
        tale.starts(610, connects=False)
        tale.note(611, "up", conn=2)
        tale.state(611, "door-1", state)
        tale.booted(612)
        wrong = [text for text in of_door_1(tale) if "tell otherwise" in text]
        assert bool(wrong) == (state == "ajar")


def test_a_state_whose_event_went_with_the_power() -> None:
    """It may arrive a little after the board has ended."""
    for ends_s, is_wrong in ((500.05, False), (501, False), (505, True)):
        tale = day()
        tale.moves(500, True, by="force")
        tale.state(500.1, "door-1", "forced")
        tale.stops(ends_s)
        tale.starts(510)
        tale.booted(512)
        tale.note(700, "end")
        assert any("tell otherwise" in text for text in of_door_1(tale)) == is_wrong


def told(*events: tuple[str, dict[str, Any]], component: str = "door-1") -> list[str]:
    tale = day()
    for n, (type_, data) in enumerate(events):
        tale.event(500 + 60 * n, type_, component, **data)
    return [text for text in tale.texts() if " and then " in text]


def test_nothing_happens_twice() -> None:
    opened = ("door.opened", {"release": True})
    closed = ("door.closed", {"open_s": 1})
    assert told(closed, opened, closed) == []
    assert len(told(opened, closed, closed)) == 1
    assert len(told(opened, ("door.ajar", {"level": "alarm"}), opened)) == 1
    assert told(opened, ("door.fault", {"what": "contact"}), opened) == []
    free, busy = ({"state": state, "count": None} for state in ("free", "occupied"))
    changed = "occupancy.changed"
    assert told((changed, busy), (changed, free), component="court-1") == []
    assert len(told((changed, free), (changed, free), component="court-1")) == 1


def test_counts_go_by_one() -> None:
    def passed(direction: str, count: int | None) -> tuple[str, dict[str, Any]]:
        return "gate.passed", {"direction": direction, "count": count}

    assert told(passed("in", None), passed("in", 1), passed("in", 2), passed("out", 1)) == []
    assert told(passed("out", 0), passed("out", 0)) == []
    assert len(told(passed("in", 1), passed("out", 2))) == 1


def test_what_opened_a_door_is_so() -> None:
    def opened(s: float, **data: Any) -> list[str]:
        tale = day()
        tale.visit(100, "a")
        tale.moves(s, True)
        tale.event(s + 0.1, "door.opened", "door-1", **data)
        return [text for text in tale.texts() if "told door.opened {" in text and " and then " not in text]

    late = "door-1 told door.opened {'jti': 'a'}, and no such order was for its lock, or it was locked again"
    assert opened(300, jti="a") == [late]
    assert opened(300) == ["door-1 told door.opened {}, and its lock was told locked"]
    by_hand = "door-1 told door.opened {'release': True}, and nobody had pressed the release"
    assert opened(300, release=True) == [by_hand]
    assert opened(300, while_off=True) == []


def test_a_release_that_was_pressed() -> None:
    tale = day()
    tale.note(500, "release", component="release-9", pressed=True)
    tale.note(502, "release", component="release-9", pressed=False)
    tale.moves(505, True, by="release", name="door-9")
    tale.event(505.1, "door.opened", "door-9", release=True)
    assert not [text for text in tale.texts() if "nobody had pressed" in text]
    tale.event(600, "door.opened", "door-9", release=True)
    assert [text for text in tale.texts() if "nobody had pressed" in text]


def test_after_a_start_a_door_whose_latch_let_go_is_what_its_contact_says() -> None:
    for data, expected in (({"latch": True}, 0), ({}, 1)):
        tale = day()
        tale.state(500, "door-1", "forced")
        tale.event(500, "door.forced", "door-1", **data)
        tale.stops(600)
        tale.starts(700)
        tale.booted(701)
        tale.note(900, "end")
        assert len([text for text in of_door_1(tale) if text.endswith("tell otherwise")]) == expected
