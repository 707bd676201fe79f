"""The oracle on starts: each has its own names, and is told as what it was."""

from tests.storm.tales import Tale, day


def second(cause: str = "power_on", **more: str) -> Tale:
    tale = day()
    tale.stops(500)
    tale.starts(510, cause)
    if more:
        tale.booted(511, **more)
    tale.note(700, "end")
    return tale


def test_starts_that_are_told() -> None:
    assert second(reset="power_on").texts() == []
    assert second("brownout", reset="brownout").texts() == []
    assert second("15", reset="brownout").texts() == []
    assert second("watchdog", reset="power_on").texts() == [
        "the start at 0:08:30.000 was told as power_on, and was watchdog"
    ]


def test_a_start_that_is_not_told() -> None:
    assert second().texts() == ["the start at 0:08:30.000 was never told"]


def test_names_that_come_again() -> None:
    for name in ("nonce", "bootid"):
        tale = second(reset="power_on")
        old = {"nonce": ("n2", "n1"), "bootid": ("b2", "b1")}[name]
        for record in tale.records:
            if record.get("topic", "").endswith("info"):
                record["payload"] = record["payload"].replace(*old)
        assert f"start 2 has the {name} {old[1]} of start 1" in tale.texts()


def test_a_sleep_is_a_pause_within_a_start() -> None:
    """Nonce and bootid stay, and uptime goes on."""
    tale = day()
    tale.note(100, "gone", conn=1, why="disconnect")
    tale.note(100, "died", cause="deep_sleep", status=9)
    tale.note(400, "boot", n=2, cause="deep_sleep")
    tale.connects(401)
    tale.moves(401.5, True, by="force")
    tale.state(401.6, "door-1", "forced")
    tale.event(401.6, "door.forced", "door-1")
    assert [text for text in tale.texts() if "offline" not in text] == []


def test_a_board_that_sleeps_need_not_be_online() -> None:
    tale = day()
    tale.config = {**tale.config, "power": {"sleep": {"every_s": 1800, "hold_s": 5}}}
    tale.note(100, "gone", conn=1, why="disconnect")
    tale.note(100, "died", cause="deep_sleep", status=9)
    tale.note(800, "calm")
    tale.note(1700, "end")
    assert tale.texts() == []


def test_uptime_over_sleeps_goes_by_a_clock_that_may_have_jumped() -> None:
    tale = day()
    tale.config = {**tale.config, "power": {"sleep": {"every_s": 1800, "hold_s": 5}}}
    tale.event(500, "occupancy.changed", "court-1", state="occupied")
    assert len(tale.texts()) == 1
    tale.fault(200, 200, "jump_wall", jump_s=100)
    assert tale.texts() == []


def test_an_uptime_that_is_ahead() -> None:
    """Once is told, and what was made later in that start cannot be placed."""
    tale = day()
    tale.telemetry(600, uptime=601)
    assert tale.texts() == []
    tale.telemetry(700, uptime=866)
    tale.telemetry(800, uptime=966)
    tale.event(900, "door.forced", "door-1")
    assert tale.texts() == ["uptime 866 s is 2.767 min ahead"]


def test_an_uptime_that_a_frozen_broker_hears_of_after_the_next_start() -> None:
    for uptime, expected in ((599, []), (650, ["uptime 650 s is 50 s ahead"])):
        tale = day()
        tale.stops(600)
        tale.starts(605)
        tale.boot = 1
        tale.telemetry(660, uptime=uptime)
        tale.boot = 2
        assert tale.texts() == expected


def test_a_clock_that_jumped_back_makes_events_look_older() -> None:
    """They were made after the jump, though their uptime says before it."""
    tale = day()
    tale.config = {**tale.config, "power": {"sleep": {"every_s": 1800, "hold_s": 5}}}
    tale.fault(700, 700, "jump_wall", jump_s=-400)
    tale.deliver(900, tale.made(500, "occupancy.changed", "court-1", state="occupied"))
    assert tale.texts() == []


def test_nor_can_they_be_placed_where_that_would_be_in_the_next_start() -> None:
    """A storm had uptime 22 minutes ahead: what was made before a restart seemed to be made after it."""
    tale = day()
    tale.config = {**tale.config, "power": {"sleep": {"every_s": 1800, "hold_s": 5}}}
    tale.fault(200, 200, "jump_wall", jump_s=100)
    tale.note(480, "true", component="court-1", value="occupied")
    event = tale.made(595, "occupancy.changed", "court-1", state="occupied")
    tale.deliver(498, event)
    tale.note(485, "true", component="court-1", value="free")
    tale.stops(600)
    tale.starts(605)
    assert [text for text in tale.texts() if "which was not so" in text] == []


def test_sleeps_lose_some_seconds() -> None:
    tale = day()
    tale.config = {**tale.config, "power": {"sleep": {"every_s": 1800, "hold_s": 5}}}
    tale.note(505, "true", component="court-1", value="occupied")
    tale.state(505, "court-1", "occupied")
    tale.deliver(506, tale.made(495, "occupancy.changed", "court-1", state="occupied"))
    assert tale.texts() == []
    tale.deliver(507, tale.made(470, "occupancy.changed", "court-1", state="occupied", count=2))
    assert len(tale.texts()) == 1


def test_the_rate_of_a_clock_asleep_is_known_to_a_part_of_it() -> None:
    for uptime, expected in ((10_021, []), (10_024, ["uptime 10024 s is 24 s ahead"])):
        tale = day()
        tale.config = {**tale.config, "power": {"sleep": {"every_s": 1800, "hold_s": 5}}}
        tale.telemetry(10_000, uptime=uptime)
        assert tale.texts() == expected


def test_what_a_life_has_sent_over_a_slow_line_may_arrive_in_the_next_one() -> None:
    """It comes on the connection of the life that has sent it."""
    for conn, expected in ((1, 0), (2, 2)):
        tale = second(reset="power_on")
        late = tale.publish(510.5, "info", {"bootid": "b1", "nonce": "n1", "clock": "ntp"}, retain=True)
        late["conn"] = conn
        assert len([text for text in tale.texts() if "start 2 has" in text]) == expected, conn


def test_of_two_starts_that_nobody_heard_of_one_with_a_wrong_clock_may_be_meant() -> None:
    """Then it is not known when an event was made."""
    for lie_s, expected in ((None, 1), (350, 0)):
        tale = day()
        tale.config = {**tale.config, "power": {"sleep": {"every_s": 1800, "hold_s": 5}}}
        tale.stops(300)
        for begin_s in (310, 500):
            tale.starts(begin_s, connects=False)
            tale.stops(begin_s + 150)
        unheard = tale.made(tale.booted_s + 100, "occupancy.changed", "court-1", state="occupied")
        unheard["bootid"] = "b2"
        tale.starts(700)
        tale.deliver(703, unheard, historical=True)
        tale.note(900, "end")
        if lie_s is not None:
            tale.fault(lie_s, lie_s + 10, "time_lie", lie_s=1000)
        assert len([text for text in tale.texts() if "told occupancy.changed" in text]) == expected, lie_s


def test_a_nonce_that_was_used_is_not_told_again() -> None:
    for nonce, component, expected in (("n1", "device", 1), ("n9", "device", 0), ("n1", "gate-1", 0)):
        tale = day()
        tale.order(100, "a", act="configure", component=component, nonce="n1")
        tale.ack(100.1, "a", "accepted")
        tale.ack(100.2, "a", "done")
        tale.note(110, "gone", conn=1, why="keepalive")
        tale.note(111, "connect", conn=7, client="box-1")
        info = tale.publish(112, "info", {"bootid": "b1", "nonce": nonce, "clock": "ntp"}, retain=True)
        info["conn"] = 7
        assert len([text for text in tale.texts() if "was carried out with it" in text]) == expected


def test_a_board_may_connect_at_once() -> None:
    tale = day()
    tale.stops(500)
    tale.starts(510, connects=False)
    tale.connects(510.1)
    tale.booted(510.2)
    tale.note(700, "end")
    assert tale.texts() == []
