"""The oracle on the board as such: online, alive, within its bounds, its clock right."""

from datetime import UTC, datetime

from tests.storm.tales import WALL_BEGIN_S, S, Tale, day


def test_offline_with_nothing_in_the_way() -> None:
    tale = day()
    tale.note(500, "gone", conn=1, why="keepalive")
    tale.connects(590)
    tale.note(700, "end")
    text = "offline for 90 s from 0:08:20.000 on, with nothing in the way; 59 s are the bound"
    assert tale.texts() == [text]


def test_back_within_the_bound() -> None:
    tale = day()
    tale.note(500, "gone", conn=1, why="reset")
    tale.connects(550)
    tale.fault(600, 900, "wifi_down")
    tale.note(601, "gone", conn=1, why="keepalive")
    tale.connects(950)
    tale.note(1000, "end")
    assert tale.texts() == []


def test_not_back_after_the_fault() -> None:
    tale = day()
    tale.fault(600, 900, "wifi_down")
    tale.note(601, "gone", conn=1, why="keepalive")
    tale.note(1000, "end")
    assert tale.texts() == [
        "offline for 100 s from 0:15:00.000 on, with nothing in the way; 59 s are the bound"
    ]


def test_a_board_without_power_need_not_be_online() -> None:
    tale = day()
    tale.stops(500)
    tale.starts(5000)
    tale.booted(5001)
    tale.note(6000, "end")
    assert tale.texts() == []


def test_a_board_that_never_came() -> None:
    tale = Tale().starts(0, connects=False)
    tale.note(100, "end")
    assert tale.texts() == [
        "offline for 100 s from 0:00:00.000 on, with nothing in the way; 44 s are the bound"
    ]


def test_calm_means_online() -> None:
    tale = day()
    tale.note(1200, "gone", conn=1, why="reset")
    tale.connects(1201)
    assert tale.ends(1000, 1900).texts() == ["the connection went in the calm phase (reset)"]
    tale = day()
    tale.note(1899.5, "gone", conn=1, why="reset")
    assert "offline at the end of the calm phase" in tale.ends(1000, 1900).texts()


def test_an_outbox_that_grows() -> None:
    tale = day()
    tale.telemetry(500, queue_bytes=65_000)
    assert tale.texts() == []
    tale.telemetry(600, queue_bytes=80_000)
    assert tale.texts() == ["80000 bytes wait in the outbox, more than 65536"]


def test_a_task_that_restarts() -> None:
    tale = day()
    tale.telemetry(500, task_restarts=1)
    assert tale.texts() == ["1 tasks restarted, and memory was not short"]
    tale.telemetry(600, task_restarts=1)
    tale.fault(400, 410, "deny_heap")
    assert tale.texts() == []


def test_a_crash() -> None:
    tale = day()
    tale.event(500, "device.crashed", task="mqtt", error="MemoryError")
    assert tale.texts() == ["device.crashed, mqtt: MemoryError"]
    tale.fault(490, 495, "deny_heap")
    assert tale.texts() == []


def test_a_crash_of_which_nobody_knows_when_it_was() -> None:
    """Uptime is ahead in its life: it was some time in it, before it was told."""
    for heap_s, expected in ((490, 0), (None, 1), (900, 1)):
        tale = day()
        if heap_s is not None:
            tale.fault(heap_s, heap_s + 5, "deny_heap")
        tale.deliver(800, tale.made(500, "device.crashed", task="sleep", error="MemoryError"))
        tale.telemetry(700, uptime=866)
        assert len([text for text in tale.texts() if "device.crashed" in text]) == expected, heap_s


def test_a_life_that_ends() -> None:
    for cause in ("watchdog", "reset", "none"):
        tale = day()
        tale.note(500, "died", cause=cause, status=9)
        tale.starts(501, cause)
        assert tale.texts() == [f"the board ended by itself: {cause}, status 9"]
    tale = day()
    tale.order(490, "r", act="reboot", component=None)
    tale.ack(490, "r", "accepted")
    tale.ack(490.1, "r", "done")
    tale.note(491, "died", cause="reset", status=9)
    tale.starts(492, "reset")
    assert tale.texts() == []


def test_a_board_that_hangs() -> None:
    tale = day()
    tale.note(500, "hang", watchdog=False)
    assert tale.texts() == ["the board hangs, and no watchdog is on"]


def test_a_console() -> None:
    tale = day()
    tale.note(500, "console", text="sportbox: up")
    tale.note(501, "console", text="Traceback (most recent call last):")
    assert tale.texts() == ["the console says 'Traceback (most recent call last):'"]
    tale.fault(400, 410, "deny_heap")
    assert tale.texts() == []


def leaking(fall: int) -> Tale:
    tale = day()
    for n in range(500):
        tale.telemetry(60 + 30 * n, heap_free=90_000 - n * fall)
    return tale


def test_a_heap_that_falls() -> None:
    assert leaking(0).texts() == []
    assert leaking(10).texts() == []
    assert leaking(50).texts() == ["free heap fell from 89050 to 71050 bytes within 4.008 h"]


def test_heap_that_runs_out() -> None:
    tale = day()
    tale.telemetry(500, heap_free=20_000)
    assert tale.texts() == ["20000 bytes of heap are free, less than 24576"]
    tale.fault(400, 410, "deny_heap")
    assert tale.texts() == []


def test_flash_wear() -> None:
    tale = day()
    tale.note(3600, "flash", programmed_bytes=90_000, erases=100)
    assert tale.texts() == []
    tale.note(3600, "flash", programmed_bytes=400_000, erases=1000)
    assert tale.texts() == ["400000 bytes of flash were programmed, more than 93184"]


def told(wrong_s: float, clock: str | None = None) -> list[str]:
    tale = day()
    if clock is not None:
        tale.fault(100, 101, clock)
    event = tale.made(500, "device.battery")
    event["time"] = (
        datetime.fromtimestamp(WALL_BEGIN_S + 500 + wrong_s, UTC).isoformat().replace("+00:00", "Z")
    )
    tale.deliver(500, event)
    return tale.texts()


def test_times_of_events() -> None:
    assert told(0) == told(-50) == told(50) == told(9000, "jump_wall") == []
    what = "event 2 (device.battery) was made about 0:08:18.500, and its time is "
    assert told(9000) == [what + "2.499 h ahead"]
    assert told(-90, "time_silent") == [what + "88.5 s behind"]


def test_a_lie_far_ahead_may_stay_in_the_clock_for_hours() -> None:
    for lie_s, wrong_s, expected in ((9000, 9010, 0), (9000, 8000, 1), (-9000, -9000, 1)):
        tale = day()
        tale.fault(100, 101, "time_lie", lie_s=lie_s)
        event = tale.made(30_000, "device.battery")
        time = datetime.fromtimestamp(WALL_BEGIN_S + 30_000 + wrong_s, UTC)
        tale.deliver(30_000, event | {"time": time.isoformat().replace("+00:00", "Z")})
        assert len([text for text in tale.texts() if "its time is" in text]) == expected


def test_a_time_that_is_none() -> None:
    tale = day()
    tale.deliver(500, tale.made(500, "device.battery") | {"time": "noon"})
    assert tale.texts() == ["event 2 has the time 'noon'"]


def test_a_day_is_judged_in_half_a_second() -> None:
    """About twenty thousand records; with room for a busy machine."""
    import time

    tale = day()
    for n in range(2800):
        tale.telemetry(60 + 30 * n)
        if n % 4 == 0:
            tale.visit(70 + 30 * n, f"a{n}")
    tale.ends(85_000, 86_400)
    records = sorted(tale.records, key=lambda r: r["us"])
    assert records[-1]["us"] == (86_400 + 1000) * S
    begin_s = time.process_time()
    assert tale.judged() == []
    assert time.process_time() - begin_s < 2


def rotten(*files: str) -> list[str]:
    tale = day()
    tale.fault(100, 100, "rot", count=1)
    if files:
        tale.note(100, "rot", files=list(files))
    tale.event(500, "device.crashed", task="house", error="TypeError")
    tale.pulse(600, 1)
    return tale.texts()


def test_rot_in_the_firmware_excuses_all_but_opening() -> None:
    pulse = "lock-1 pulsed at 0:10:00.000 for 1 s without an order"
    assert rotten() == rotten("/a/sportbox/app.mpy") == rotten("/data/x", "/config.json") == [pulse]
    assert rotten("/data/x") == ["device.crashed, house: TypeError", pulse]


def test_rot_in_the_firmware_may_make_what_was_told_before_look_wrong() -> None:
    """Numbers may come again then."""
    for rots, expected in ((True, 0), (False, 1)):
        tale = day()
        tale.note(298, "true", component="court-1", value="occupied")
        late = tale.made(299, "occupancy.changed", "court-1", state="occupied", confidence=0.9, count=None)
        tale.event(300, "occupancy.changed", "court-1", state="occupied", confidence=0.9, count=None)
        if rots:
            tale.fault(500, 500, "rot", count=1)
        tale.deliver(700, late, historical=True)
        assert len([text for text in tale.texts() if "and then occupancy.changed" in text]) == expected
