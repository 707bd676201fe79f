"""The oracle on what events tell: it has happened."""

import pytest

from tests.storm.tales import BEGIN_US, S, Tale, day, strike
from tests.storm.tales import door as a_door


@pytest.mark.parametrize(
    ("type_", "component", "data", "what"),
    [
        ("door.opened", "door-9", {}, "and its contact did not open then"),
        ("door.forced", "door-1", {}, "and nothing opened it then"),
        ("door.forced", "door-9", {"latch": True}, "and nothing opened it then"),
        ("door.closed", "door-1", {}, "and its contact did not close then"),
        ("door.ajar", "door-1", {}, "and it was not open then"),
        ("lock.unlocked", "lock-1", {}, "and there was no pulse"),
        ("release.pressed", "release-9", {}, "and nobody pressed it"),
        ("release.cleared", "release-9", {}, "and nobody let it go"),
        ("occupancy.changed", "court-1", {"state": "occupied"}, "which was not so"),
        ("occupancy.changed", "inside-9", {"state": "occupied"}, "which was not so"),
    ],
)
def test_an_event_of_nothing(type_: str, component: str, data: dict[str, object], what: str) -> None:
    tale = day()
    tale.event(500.5, type_, component, **data)
    assert tale.texts() == [f"{component} told {type_} about 0:08:18.500, {what}"]


def court(free_s: float | None, state: str, at_s: float) -> Tale:
    """Somebody plays from 500 on, until then."""
    tale = day()
    tale.note(500, "true", component="court-1", value="occupied")
    tale.state(501, "court-1", "occupied")
    if free_s is not None:
        tale.note(free_s, "true", component="court-1", value="free")
        tale.state(free_s + 6, "court-1", "free")
    tale.event(at_s, "occupancy.changed", "court-1", state=state)
    return tale


def test_a_court() -> None:
    assert court(None, "occupied", 501).texts() == []
    assert court(600, "free", 605).texts() == []
    assert court(600, "occupied", 603).texts() == []
    assert court(None, "unknown", 2301).texts() == []
    told = "court-1 told occupancy.changed about "
    assert court(None, "free", 605).texts() == [told + "0:10:03.500, which was not so"]
    assert court(600, "occupied", 650).texts() == [told + "0:10:48.500, which was not so"]
    assert court(None, "unknown", 2101).texts() == [told + "0:34:59.500, which was not so"]


def test_a_battery_that_is_nearly_empty_costs_the_court() -> None:
    for until_s, expected in ((2200, 0), (2000, 1)):
        tale = court(None, "unknown", 2101)
        tale.fault(1950, until_s, "battery", mv=3250)
        assert len([b for b in tale.judged() if b.invariant == "made up"]) == expected


def test_pauses_that_a_board_that_sleeps_does_not_see() -> None:
    """It looks each half a minute: whoever moves at each look may be a sensor that is stuck."""
    for pause_s, sleep, told_at in (
        (25, {"hold_s": 30}, None),
        (70, {"hold_s": 30}, "0:41:43.480"),  # its uptime is known to 0.2 %
        (25, None, "0:41:48.500"),
    ):
        tale = court(None, "unknown", 2510)
        tale.config = {**tale.config, "power": {"sleep": sleep}}
        for s in range(600, 2400, 200):
            tale.note(s, "true", component="court-1", value="free")
            tale.note(s + pause_s, "true", component="court-1", value="occupied")
        told = f"court-1 told occupancy.changed about {told_at}, which was not so"
        found = [b.text for b in tale.judged() if b.invariant == "made up"]
        assert found == ([told] if told_at else [])


def test_a_gate() -> None:
    tale = day()
    tale.config = {**tale.config, "components": {**tale.config["components"], "gate-1": {"kind": "gate"}}}
    tale.note(100, "true", component="gate-1", value="in")
    tale.event(100.2, "gate.passed", "gate-1", direction="in", count=1)
    assert tale.texts() == []
    tale.event(200.2, "gate.passed", "gate-1", direction="in", count=2)
    tale.event(200.2, "gate.passed", "gate-1", direction="out", count=1)
    assert len(tale.texts()) == 2


def test_a_broken_sensor_may_tell_anything() -> None:
    tale = day()
    tale.fault(490, 510, "chatter", component="door-1")
    tale.event(500.5, "door.forced", "door-1")
    tale.event(512, "door.closed", "door-1")
    assert tale.texts() == []


def test_a_hand_on_the_release_forces_nothing() -> None:
    """The latch that it lets go has a moment to fall again, and so has that of a door which is shut behind
    whoever went out."""
    told = "told door.forced about"
    for hold_s, out_s, forced_s, fault, expected in (
        (2, None, 500.3, None, 1),
        (2, None, 502.2, None, 1),
        (2, None, 504.2, None, 1),
        (2, 4, 504.2, None, 1),
        (0.03, None, 500.2, None, 0),  # too short for the board to take note of it
        (0.03, None, 530, None, 1),
        (2, None, 504.2, "latch_lost", 0),
    ):
        for lock, door in (("lock-8", "door-8"), ("lock-9", "door-9")):
            tale = day()
            facts = tale.config["components"]
            more = {"lock-8": strike("door-8", latch=5), "door-8": a_door("lock-8", release="release-8")}
            more["release-8"] = {"kind": "release", "door": "door-8"}
            tale.config = {**tale.config, "components": {**facts, **more}}
            release = f"release-{door[-1]}"
            tale.note(500, "release", component=release, pressed=True)
            tale.note(500 + hold_s, "release", component=release, pressed=False)
            if out_s is not None:
                tale.moves(501, True, by="release", name=door)
                tale.moves(500 + out_s, False, by="push", name=door)
            if fault is not None:
                tale.fault(499, 510, fault, component=lock)
            tale.event(forced_s, "door.forced", door, latch=True)
            found = [text for text in tale.texts() if told in text]
            assert len(found) == expected, (lock, hold_s, out_s, forced_s, fault)


def test_another_doors_sensor_is_whole() -> None:
    tale = day()
    tale.fault(490, 510, "chatter", component="door-2")
    tale.event(500.5, "door.forced", "door-1")
    assert len(tale.texts()) == 1


def test_what_happened_without_power() -> None:
    for opened in (True, False):
        tale = day()
        tale.stops(500)
        if opened:
            tale.moves(505, True, by="force")
        tale.starts(510)
        tale.booted(511)
        tale.event(511, "door.forced", "door-1", while_off=True)
        tale.state(511, "door-1", "forced" if opened else "closed")
        assert len(tale.texts()) == (0 if opened else 1)


def test_what_came_long_after_it_was_made() -> None:
    tale = day()
    tale.moves(500, True, by="force")
    tale.state(500.2, "door-1", "forced")
    event = tale.made(500.2, "door.forced", "door-1")
    tale.deliver(1400, event, historical=True)
    assert tale.texts() == []
    tale.deliver(1500, tale.made(900, "door.forced", "door-1"), historical=True)
    assert tale.texts() == ["door-1 told door.forced about 0:14:58.500, and nothing opened it then"]


def test_lives_of_which_nobody_heard_in_time() -> None:
    """The second life was never online; its event belongs between its neighbours."""
    tale = day()
    tale.stops(500)
    tale.starts(510, connects=False)
    event = tale.made(520, "door.forced", "door-1")
    tale.moves(519.8, True, by="force")
    tale.note(550, "power", what="cut")
    tale.starts(610)
    tale.state(611, "door-1", "forced")
    tale.deliver(612, event, historical=True)
    assert tale.texts() == []
    tale.records = [r for r in tale.records if r["kind"] != "door"]
    tale.moves(400, True, by="force")
    assert "door-1 told door.forced about 0:08:38.500, and nothing opened it then" in tale.texts()


def test_an_event_of_an_order_that_nobody_sent() -> None:
    tale = day()
    tale.event(100, "access.rejected", "lock-1", jti="ghost", sub="", reason="signature")
    tale.event(101, "access.rejected", "keypad-1", jti=None, sub="", reason="signature")
    assert tale.texts() == [
        "event 2 (access.rejected) names ghost, which nobody has sent",
        "event 3 (access.rejected) names no jti, which nobody has sent",
    ]
    tale.note(90, "code", component="lock-1", digits_ok=False)
    tale.note(90, "order", jti="ghost", good=False, why="signature", act="unlock", component="lock-1")
    tale.ack(100, "ghost", "rejected", "signature")
    assert tale.texts() == []


def test_where_records_are() -> None:
    tale = day()
    tale.event(500.5, "door.forced", "door-1")
    (broken,) = tale.judged()
    assert broken.us == BEGIN_US + 500.5 * S
    assert broken.records[0]["topic"].endswith("/event")
    assert str(broken).startswith("0:08:20.500 made up: door-1 told")
    assert broken.facts()["at"] == "0:08:20.500"


def test_a_bolt_that_the_release_has_drawn_back_is_unlocked_without_a_pulse() -> None:
    tale = day()
    tale.note(100, "release", component="release-9", pressed=True)
    tale.note(101, "release", component="release-9", pressed=False)
    tale.event(400, "lock.unlocked", "lock-9", jti="a")
    tale.event(400, "lock.unlocked", "lock-1", jti="b")
    assert tale.texts() == ["lock-1 told lock.unlocked about 0:06:38.500, and there was no pulse"]


def test_a_bolt_that_is_drawn_back_already() -> None:
    tale = day()
    tale.state(300, "lock-9", "jammed")
    tale.event(400, "lock.unlocked", "lock-9", jti="a")
    assert tale.texts() == []
    tale.state(350, "lock-9", "locked")
    assert len(tale.texts()) == 1


def test_a_bounce_is_motion_and_no_open_door() -> None:
    tale = day()
    tale.fault(500, 500, "bounce", component="inside-9")
    tale.event(500.1, "occupancy.changed", "inside-9", state="occupied")
    assert tale.texts() == []
    tale = day()
    tale.fault(500, 500, "bounce", component="door-1")
    tale.event(500.1, "door.forced", "door-1")
    assert len(tale.texts()) == 1


def test_a_wire_that_was_joined_without_power() -> None:
    tale = day()
    tale.note(400, "wire", door="door-1", state="cut")
    tale.state(400.1, "door-1", "forced")
    tale.event(400.1, "door.forced", "door-1")
    tale.stops(500)
    tale.note(600, "wire", door="door-1", state="joined")
    tale.starts(700)
    tale.booted(701)
    tale.event(701, "door.closed", "door-1", while_off=True)
    assert tale.texts() == []
