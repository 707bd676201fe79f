"""The oracle on what happens: it is told, by the event that fits."""

from typing import Any

from tests.storm.tales import Record, Tale, day


def forced(*events: str, at_s: float = 500, **more: Any) -> Tale:
    tale = day()
    tale.moves(500, True, by="force")
    tale.state(500.1, "door-1", "forced")
    for type_ in events:
        tale.event(at_s + 0.1, type_, "door-1", **more)
    tale.note(700, "end")
    return tale


def test_a_door_that_is_forced_open() -> None:
    assert forced("door.forced").texts() == []
    told = "door-1 opened (force) at 0:08:20.000; told was "
    assert forced().texts() == [told + "nothing, not door.forced"]
    nameless = "door-1 told door.opened, and nothing that released its lock"
    assert sorted(forced("door.opened").texts()) == [told + "door.opened, not door.forced", nameless]


def test_a_door_that_is_closed() -> None:
    tale = forced("door.forced")
    tale.moves(600, False, by="push")
    tale.state(600.1, "door-1", "closed")
    tale.note(700, "end")
    assert tale.texts() == ["door-1 closed at 0:10:00.000; told was nothing, not door.closed"]


def test_a_door_that_is_opened_with_an_order_is_not_forced() -> None:
    tale = day()
    tale.visit(100, "a")
    for record in tale.records:
        if "door.opened" in record.get("payload", ""):
            record["payload"] = record["payload"].replace("door.opened", "door.forced")
    assert tale.ends(1000, 1900).texts() == [
        "door-1 opened (pull) at 0:01:42.000; told was door.forced, not door.opened",
        "door-1 told door.forced {'jti': 'a'}, and its lock was told unlocked",
    ]


def test_a_door_that_moves_while_it_cannot_be_told() -> None:
    tale = forced()
    tale.fault(450, 510, "deny_heap")
    assert tale.texts() == []
    tale = forced()
    tale.fault(480, 490, "chatter", component="door-1")
    assert tale.texts() == []


def with_gate() -> Tale:
    tale = day()
    gate: Record = {"kind": "gate", "stuck_ms": 10_000}
    tale.config = {**tale.config, "components": {**tale.config["components"], "gate-1": gate}}
    return tale


def test_each_passage_is_told() -> None:
    tale = with_gate()
    for n in range(3):
        tale.note(100 + n, "true", component="gate-1", value="in")
        tale.event(100.1 + n, "gate.passed", "gate-1", direction="in", count=n + 1)
    assert tale.ends(1000, 1900).texts() == []
    tale = with_gate()
    for s in (100, 101):
        tale.note(s, "true", component="gate-1", value="in")
    tale.event(100.1, "gate.passed", "gate-1", direction="in", count=1)
    assert tale.ends(1000, 1900).texts() == [
        "somebody went in through gate-1 at 0:01:41.000, and no event tells of it"
    ]


def test_who_passed_while_events_were_dropped_takes_no_event_of_the_next() -> None:
    tale = with_gate()
    for n in range(40):
        s = 100 + 0.4 * n
        tale.note(s, "true", component="gate-1", value="in")
        if n < 20:
            tale.made(s + 0.1, "gate.passed", "gate-1", direction="in", count=n + 1)
        else:
            tale.event(s + 0.1, "gate.passed", "gate-1", direction="in", count=n + 1)
    tale.event(600, "device.dropped", first=2, last=21, count=20)
    assert tale.ends(1000, 1900).texts() == []


def test_a_right_code_is_answered() -> None:
    tale = day()
    tale.note(200, "code", component="keypad-1", lock="lock-1", digits_ok=True, slot=7, first=True)
    tale.ends(1000, 1900)
    assert tale.texts() == ["a right code for lock-1 was typed at 0:03:20.000, and nothing came of it"]
    tale.records = tale.records[:-3]
    tale.event(200.1, "access.rejected", "lock-1", jti="code-lock-1-7", sub="keypad", reason="busy")
    assert tale.ends(1000, 1900).texts() == []


def test_where_something_was_dropped_nothing_is_missed() -> None:
    tale = forced()
    tale.made(500, "door.forced", "door-1")
    tale.event(600, "device.dropped", first=2, last=2, count=1)
    assert tale.texts() == []


def ended(result: str, reason: str | None, opens: bool) -> list[str]:
    """An order that was accepted at 100 and ended at 110."""
    tale = day()
    tale.order(100, "a")
    tale.event(100, "access.accepted", "lock-1", jti="a", sub="", act="unlock")
    tale.ack(100, "a", "accepted")
    tale.pulse(100.1, 9.8)
    if opens:
        tale.moves(105, True)
        tale.state(105.1, "door-1", "open")
        tale.event(105.1, "door.opened", "door-1", jti="a")
    tale.event(110, f"access.{result}", "lock-1", jti="a", sub="", act="unlock", reason=reason)
    tale.ack(110, "a", result, reason)
    return tale.ends(1000, 1900).texts()


def test_an_order_that_had_no_turn_within_a_minute() -> None:
    """It may end so then, and only if nothing has moved for it."""
    for ends_s, pulse_s, expected in ((160, None, 0), (140, None, 1), (160, 101, 1)):
        tale = day()
        tale.order(100, "a")
        tale.event(100.1, "access.accepted", "lock-1", jti="a", sub="", act="unlock")
        tale.ack(100.1, "a", "accepted")
        if pulse_s is not None:
            tale.pulse(pulse_s, 2)
        tale.event(ends_s, "access.failed", "lock-1", jti="a", sub="", act="unlock", reason="power")
        tale.ack(ends_s, "a", "failed", "power")
        found = [text for text in tale.ends(1000, 1900).texts() if "the power was there" in text]
        assert len(found) == expected


def test_a_stuck_line_of_rotten_code_opens_no_later_than_a_minute() -> None:
    for file, pulse_s, expected in (("/a/x.mpy", 155, 0), ("/data/x", 155, 1), ("/a/x.mpy", 175, 1)):
        tale = day()
        tale.fault(50, 50, "rot", count=1)
        tale.note(50, "rot", files=[file])
        tale.order(100, "a")
        tale.event(100.1, "access.accepted", "lock-1", jti="a", sub="", act="unlock")
        tale.ack(100.1, "a", "accepted")
        tale.pulse(pulse_s, 2)
        assert len([text for text in tale.texts() if "without an order" in text]) == expected


def test_how_an_order_ended() -> None:
    assert ended("done", None, opens=True) == ended("failed", "not_opened", opens=False) == []
    assert ended("done", None, opens=False) == [
        "order a for lock-1 is done about 0:01:48.500, and door-1 was not open"
    ]
    assert ended("failed", "not_opened", opens=True) == [
        "order a for lock-1 failed with not_opened about 0:01:48.500, and door-1 was open"
    ]
    assert ended("failed", "power", opens=False) == [
        "order a for lock-1 failed with power, and the power was there"
    ]
    assert ended("failed", "jammed", opens=False) == [
        "order a for lock-1 is jammed, and nothing is wrong with it"
    ]


def test_events_and_answers_say_the_same() -> None:
    tale = day()
    tale.visit(100, "a")
    for record in tale.records:
        if record.get("topic", "").endswith("/ack"):
            record["payload"] = record["payload"].replace(
                '"done", "reason": null', '"failed", "reason": "jammed"'
            )
    assert tale.ends(1000, 1900).texts() == [
        "event 5 says done (None) of order a, the answer was failed (jammed)"
    ]


def test_a_motor_locks_door_that_is_forced() -> None:
    for type_, is_well in (("door.forced", True), ("door.fault", True), ("door.opened", False)):
        tale = day()
        tale.state(2, "lock-9", "locked")
        tale.moves(500, True, by="force", name="door-9")
        tale.state(500.1, "door-9", "forced")
        tale.event(500.1, type_, "door-9")
        tale.note(700, "end")
        text = f"door-9 opened (force) at 0:08:20.000; told was {type_}, not door.forced or door.fault"
        assert tale.texts() == ([] if is_well else [text])


def nameless(name: str, fault: str = "", component: str = "door-1", **data: object) -> int:
    """`door.opened` of a door whose contact may be broken."""
    tale = day()
    if fault:
        tale.fault(499, 510, fault, component=component)
    tale.event(500.2, "door.opened", name, **data)
    return len([text for text in tale.texts() if text.endswith("and nothing that released its lock")])


def test_a_strike_is_opened_by_something_that_has_a_name() -> None:
    assert nameless("door-1") == 1
    assert nameless("door-1", jti="a") == nameless("door-1", while_off=True) == 0
    assert nameless("door-9") == 0, "a motor's bolt may be drawn back since long ago"
    assert nameless("door-1", "chatter") == 1, "its contact does not release its lock"
    assert nameless("door-1", "lock_cut", "lock-1") == 0


def locked_and_opened(*lost: int, pressed_s: float | None = None) -> list[str]:
    """A motor lock locks at 300, its door is told as opened at 500; some numbers in between are missing."""
    tale = day()
    tale.event(300, "lock.locked", "lock-9")
    if pressed_s is not None:
        tale.note(pressed_s, "release", component="release-9", pressed=True)
        tale.note(pressed_s + 1, "release", component="release-9", pressed=False)
    tale.fault(499, 501, "chatter", component="door-9")
    for number in range(2):
        event = tale.made(400, "lock.blocked", "lock-1")
        if number not in lost:
            tale.deliver(400, event)
    event = tale.made(500, "door.opened", "door-9")
    tale.deliver(900, event, historical=True)
    return [text for text in tale.texts() if text.endswith("its lock was told locked")]


def test_a_door_whose_lock_was_locked_was_not_opened() -> None:
    assert len(locked_and_opened()) == 1, "a contact that chatters moves no bolt"
    assert locked_and_opened(1) == [], "what was dropped may have told of it"
    assert locked_and_opened(pressed_s=450) == []
    assert len(locked_and_opened(pressed_s=200)) == 1, "before it was locked"
    assert len(locked_and_opened(pressed_s=700)) == 1, "after it was opened, and before that was heard of"


def test_a_boot_of_which_nothing_is_known_may_be_either_of_two() -> None:
    """A storm had its first event dropped: a broker refused the board for hours, over two more starts."""

    def told(pressed_s: float) -> list[str]:
        tale = day()
        tale.stops(100)
        tale.starts(110, connects=False)
        locked = tale.made(300, "lock.locked", "lock-9")
        tale.note(pressed_s, "release", component="release-9", pressed=True)
        tale.note(pressed_s + 1, "release", component="release-9", pressed=False)
        opened = tale.made(500, "door.opened", "door-9")
        tale.stops(600)
        tale.starts(610, connects=False)
        tale.stops(1500)
        tale.starts(1510)
        for number, event in enumerate((locked, opened)):
            tale.deliver(1512 + number, event, historical=True)
        return [text for text in tale.texts() if text.endswith("its lock was told locked")]

    assert told(400) == told(900) == [], "a board that began at 110 or at 610"
    assert len(told(200)) == len(told(550)) == 1, "before it was locked, and after it was opened"
