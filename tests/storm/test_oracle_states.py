"""The oracle on published states: they are true."""

from tests.storm.tales import COURT, Record, Tale, day


def test_a_door_that_opened_and_nobody_heard_of_it() -> None:
    tale = day()
    tale.moves(500, True, by="force")
    tale.event(500.1, "door.forced", "door-1")
    tale.note(700, "end")
    assert tale.texts() == ["door-1 was `closed` at 0:08:24.050, and open for 4.05 s"]


def test_a_door_that_is_told_open_though_closed() -> None:
    tale = day()
    tale.state(500, "door-1", "open")
    tale.note(700, "end")
    assert tale.texts() == ["door-1 was `open` at 0:08:20.000, and closed for 8.333 min"]


def test_a_door_that_was_open_for_a_moment() -> None:
    tale = day()
    tale.moves(500, True, by="force")
    tale.moves(501, False)
    tale.note(700, "end")
    assert tale.texts() == []


def test_a_door_is_not_unknown_while_its_contact_is_whole() -> None:
    tale = day()
    tale.state(500, "door-1", "unknown")
    tale.note(700, "end")
    assert tale.texts() == ["door-1 was `unknown` at 0:08:20.000, and closed for 8.333 min"]
    tale.fault(490, 690, "stuck", component="door-1", level=1)
    assert tale.texts() == []


def test_a_cut_wire() -> None:
    tale = day()
    tale.note(500, "wire", door="door-1", state="cut")
    tale.state(500.1, "door-1", "forced")
    tale.event(500.1, "door.forced", "door-1")
    tale.note(700, "end")
    assert tale.texts() == []
    tale.note(600, "wire", door="door-1", state="joined")
    assert tale.texts() == ["door-1 was `forced` at 0:10:10.000, and closed for 10.17 min"]


def test_who_is_cut_off_cannot_tell() -> None:
    tale = day()
    tale.fault(495, 620, "partition")
    tale.moves(500, True, by="force")
    tale.deliver(630, tale.made(500.1, "door.forced", "door-1"), historical=True)
    tale.note(690, "end")
    assert tale.texts() == []


def test_after_an_outage_the_state_is_told() -> None:
    tale = day()
    tale.note(495, "gone", conn=1, why="reset")
    tale.moves(500, True, by="force")
    tale.connects(520)
    tale.deliver(520, tale.made(500.1, "door.forced", "door-1"), historical=True)
    tale.note(690, "end")
    assert tale.texts() == ["door-1 was `closed` at 0:09:00.000, and open for 40 s"]


def play(state: str, hold_s: float = 1000, **more: object) -> Tale:
    tale = day()
    tale.note(500, "true", component="court-1", value="occupied")
    tale.state(501, "court-1", state, **more)
    tale.note(500 + hold_s, "end")
    return tale


def test_a_court_that_is_played_on() -> None:
    assert play("occupied").texts() == []
    assert play("free").texts() == ["court-1 was `free` at 0:08:29.000, and occupied for 9 s"]
    assert play("unknown").texts() == ["court-1 was `unknown` at 0:08:29.000, and occupied for 9 s"]


def test_a_court_that_is_told_occupied_for_ever() -> None:
    tale = play("occupied")
    tale.note(600, "true", component="court-1", value="free")
    assert tale.texts() == ["court-1 was `occupied` at 0:10:09.000, and free for 9 s"]


def test_motion_without_a_pause_may_look_stuck() -> None:
    tale = play("occupied", 3000)
    tale.state(2300, "court-1", "unknown")
    assert tale.texts() == []
    tale = play("occupied", 3000)
    tale.state(1500, "court-1", "unknown")
    assert tale.texts() == ["court-1 was `unknown` at 0:25:00.000, and occupied for 16.67 min"]


def broken(name: str, state: str, court: Record, **more: object) -> Tale:
    tale = day()
    tale.config = {**tale.config, "components": {**tale.config["components"], "court-1": court}}
    tale.fault(500, 1500, name, component="court-1")
    tale.state(520, "court-1", state, **more)
    tale.note(1600, "end")
    return tale


def test_a_court_whose_only_sensor_is_broken_is_not_free() -> None:
    assert broken("pir_fails", "occupied", COURT).texts() == []
    assert broken("pir_fails", "unknown", COURT).texts() == []
    assert broken("pir_fails", "free", COURT).texts() == [
        "court-1 was `free` at 0:08:55.000, and its pir had been out of order since 0:08:20.000"
    ]


def test_a_court_with_another_sensor_is_free_and_says_what_is_lost() -> None:
    both = COURT | {"radar": {"uart": 1}}
    assert broken("radar", "free", both, lost=["radar"]).texts() == []
    assert broken("radar", "free", both).texts() == [
        "court-1 was `free` at 0:11:25.000, and its radar had been out of order since 0:08:20.000"
    ]


def test_a_radar_that_begins_to_fail_in_another_way_may_be_heard_again() -> None:
    both = COURT | {"radar": {"uart": 1}}
    for other_s, expected in ((1000, 0), (1500, 1)):
        tale = broken("radar", "free", both, lost=["radar"])
        tale.fault(other_s, 1550, "radar", number=2, component="court-1")
        tale.state(1000.1, "court-1", "free")
        tale.state(1010, "court-1", "occupied")
        assert len([text for text in tale.texts() if "out of order" in text]) == expected


def test_a_court_whose_gate_counts_somebody_is_occupied() -> None:
    tale = day()
    court: Record = COURT | {"gate": "gate-1"}
    tale.config = {**tale.config, "components": {**tale.config["components"], "court-1": court}}
    tale.state(500, "court-1", "occupied", count=1)
    tale.note(700, "end")
    assert tale.texts() == ["court-1 was `occupied` at 0:08:20.000, and free for 8.333 min"]
    tale.state(499, "gate-1", "occupied", count=1)
    assert tale.texts() == []


def test_a_strike_at_rest_is_locked() -> None:
    tale = day()
    tale.visit(100, "a")
    tale.state(100.2, "lock-1", "unlocked")
    tale.state(102.5, "lock-1", "locked")
    assert tale.ends(1000, 1900).texts() == []
    for state in ("unlocked", "jammed", "fault"):
        tale = day()
        tale.visit(100, "a")
        tale.state(102.5, "lock-1", state)
        text = f"lock-1 was `{state}` at 0:02:12.500, with its door closed and without a pulse"
        assert tale.ends(1000, 1900).texts() == [text]
        tale.fault(90, 105, "lock_jam", component="lock-1")
        assert tale.texts() == []


def test_contacts() -> None:
    tale = day()
    tale.config = {**tale.config, "components": {**tale.config["components"], "tamper-1": {"kind": "tamper"}}}
    tale.state(100, "release-9", "clear")
    tale.state(100, "tamper-1", "closed")
    tale.note(200, "release", component="release-9", pressed=True)
    tale.event(200.1, "release.pressed", "release-9")
    tale.note(300, "true", component="tamper-1", value="open")
    tale.note(700, "end")
    assert tale.texts() == [
        "release-9 was `clear` at 0:03:24.000, and pressed for 4 s",
        "tamper-1 was `closed` at 0:05:04.000, and open for 4 s",
    ]
    tale.state(200.2, "release-9", "pressed")
    tale.state(300.2, "tamper-1", "open")
    assert tale.texts() == []


def test_a_court_is_free_when_it_was_still_for_the_hold_time() -> None:
    for free_s, expected in ((3, 1), (5, 0)):
        tale = Tale().starts(0)
        tale.records = [
            r for r in tale.records if not ("court-1" in r.get("topic", "") and "free" in r["payload"])
        ]
        tale.state(free_s, "court-1", "free")
        tale.booted(1)
        found = [text for text in tale.texts() if text.endswith("after a start")]
        assert found == [f"court-1 was `free` at 0:00:03.000, {free_s} s after a start"] * expected


def test_a_release_is_unknown_only_while_nobody_can_read_it() -> None:
    """No event tells of that."""
    tale = day()
    for s, pressed, kind in ((300, True, "pressed"), (310, False, "cleared")):
        tale.note(s, "release", component="release-9", pressed=pressed)
        tale.event(s + 0.1, f"release.{kind}", "release-9", **({} if pressed else {"pressed_s": 10}))
    tale.state(310.2, "release-9", "clear")
    tale.state(500, "release-9", "unknown")
    tale.state(520, "release-9", "clear")
    tale.note(700, "end")
    assert tale.texts() == ["release-9 was `unknown` at 0:08:20.000, and clear for 3.167 min"]
    tale.fault(499, 515, "expander_lost")
    assert tale.texts() == []
