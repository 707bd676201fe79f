"""Boards on battery: asleep most of the time, taken for dead by nobody, and nothing is lost.

Times that a board sleeps are real here, so they are short; what is waited for has a bound and is an event, a
message or the world's own state, never a guess of how long something takes.
"""

from pathlib import Path
from typing import Any

from host_tools.broker import BrokerProcess
from host_tools.sim.flash import read_file
from host_tools.sim.world import FLASH_FILE
from tests.faults.helpers import Bench, Board, patched_firmware, wait_until
from tests.faults.helpers_check import check_events, first_events, of_components
from tests.faults.helpers_listen import Listener
from tests.faults.helpers_stage import side_by_side

Json = dict[str, Any]

LONG_S = 3600
"""The timer does not wake the board while the test lasts."""
BATTERY = {"pin": 3, "ratio_permille": 2000, "low_mv": 3500, "critical_mv": 3300, "ok_mv": 3700}
COURT = {
    "kind": "occupancy",
    "hold_ms": 500,
    "stuck_ms": 1_800_000,
    "silent_ms": 5000,
    "pir": {"pin": 4, "active": 1},
    "radar": None,
    "tof": None,
    "gate": None,
}


def field_board(
    bench: Bench, broker: Any, *, every_s: int = LONG_S, awake_s: int = 8, **changes: Any
) -> Board:
    power = {
        "source": "battery",
        "battery": BATTERY,
        "solar": None,
        "sleep": {"every_s": every_s, "awake_s": awake_s, "hold_s": 0},
    }
    where = (broker.host, broker.port)
    chip = {"board": "field-esp32c3", "chip": "esp32c3"}
    return bench.add("field-1", where, components={"court-1": COURT}, power=power, **{**chip, **changes})


def asleep(board: Board, starts: int = 1) -> None:
    """Until it sleeps after its n-th start."""

    def sleeps() -> bool:
        world = board.sim.view.world
        return bool(world.get("asleep")) and world.get("starts") >= starts

    wait_until(sleeps, f"{board.name} to sleep after its start {starts}\n{board.sim.log()[-1500:]}", 20)


def comes(board: Board) -> None:
    """Somebody comes; until the board sleeps again and need not look for a while."""
    board.set("court-1", "occupied")
    wait_until(
        board.sim.view.world.has_noticed_motion, f"{board.name} to notice\n{board.sim.log()[-1500:]}", 20
    )


def goes(board: Board) -> None:
    """Until the court is free, as the board sees it, and it sleeps."""
    board.set("court-1", "free")
    settled(board)


def settled(board: Board) -> None:
    wait_until(board.sim.view.world.has_settled, f"{board.name} to settle\n{board.sim.log()[-1500:]}", 20)


def availability(heard: Listener, board: Board) -> list[str]:
    return [m.payload.decode() for m in heard.of(board, "availability")]


def states(events: list[Json]) -> list[str]:
    return [e["data"]["state"] for e in events if e["type"] == "sportbox.occupancy.changed"]


def it_says_that_it_sleeps_and_when_it_wakes(bench: Bench, mosquitto: BrokerProcess, heard: Listener) -> None:
    board = field_board(bench, mosquitto, every_s=2)
    board.boot()
    asleep(board)
    heard.wait(lambda h: availability(h, board)[:2] == ["online", "sleeping"], "its good night")
    info = [m.content for m in heard.of(board, "info") if m.content["wakes"] == 0][-1]
    assert (info["sleeping"], info["sleep_s"]) == (True, 2)
    assert info["wake_by"] > heard.events(board, "device.clock")[0]["time"]
    board.sim.view.world.put("time_server_up", 0)  # else network time may be there before the broker
    heard.wait(lambda h: availability(h, board)[2:] == ["online", "sleeping"], "a report by timer")
    info = heard.latest(board, "info")
    assert (info["reset"], info["boot"], info["wakes"]) == ("deepsleep", 1, 1)
    infos = [m.content for m in heard.of(board, "info")]
    assert len({i["bootid"] for i in infos}) == len({i["nonce"] for i in infos}) == 1, "a sleep is no boot"
    first = next(i["clock"] for i in infos if i["wakes"] == 1)
    assert first == "rtc", "the clock goes on in deep sleep"
    uptimes = [m.content["uptime"] for m in heard.of(board, "telemetry")]
    assert uptimes == sorted(uptimes) and uptimes[-1] >= 2
    assert "offline" not in availability(heard, board)
    assert len(heard.events(board, "device.booted")) == 1
    check_events(board, heard.of(board, "event"))


def visits_are_kept_on_flash_without_the_radio_and_arrive_together(
    bench: Bench, mosquitto: BrokerProcess, heard: Listener
) -> None:
    board = field_board(bench, mosquitto)
    board.boot()
    settled(board)
    heard.wait(lambda h: availability(h, board) == ["online", "sleeping"], "its good night")
    radio_ms, told = board.sim.show()["radio_ms"], len(heard.events(board))
    for _ in range(3):
        comes(board)
        goes(board)
    assert board.sim.show()["radio_ms"] == radio_ms, "not worth the radio"
    assert len(heard.events(board)) == told
    comes(board)
    board.set("court-1", "free")  # the eighth change
    heard.wait(
        lambda h: states(h.events(board))[-1:] == ["free"] and len(states(h.events(board))) == 9, "all", 20
    )
    events = check_events(board, heard.of(board, "event"))
    assert states(events) == ["free"] + ["occupied", "free"] * 4
    assert all(e["time"] for e in events if e["type"] == "sportbox.occupancy.changed" and e["seq"] > 3)
    late = [e.get("historical", False) for e in events if e["type"] == "sportbox.occupancy.changed"]
    assert late[1:-1] == [True] * 7 and not late[-1], "the one that was worth it is fresh"
    assert heard.latest(board, "court-1/state")["state"] == "free"
    settled(board)
    assert "offline" not in availability(heard, board)


def a_power_cut_in_sleep_loses_no_event(bench: Bench, mosquitto: BrokerProcess, heard: Listener) -> None:
    board = field_board(bench, mosquitto)
    board.boot()
    settled(board)
    comes(board)
    goes(board)
    comes(board)
    board.cut()
    board.set("court-1", "free")
    board.boot()
    heard.wait_ready(board, boots=2)
    heard.wait(lambda h: states(h.events(board))[-1:] == ["free"], "the court as it is now")
    events = check_events(board, heard.of(board, "event"))
    assert states(events) == ["free", "occupied", "free", "occupied", "free"]
    boots = [(e["data"]["boot"], e["data"]["reset"]) for e in events if e["type"] == "sportbox.device.booted"]
    assert boots == [(1, "power_on"), (2, "power_on")]
    assert len({e["bootid"] for e in events}) == 2


def a_broker_that_is_away_costs_no_event_and_little_radio(
    bench: Bench, mosquitto: BrokerProcess, heard: Listener
) -> None:
    board = field_board(bench, mosquitto, every_s=1, awake_s=1)
    board.set("wifi", "down")
    board.boot()
    asleep(board, 2)  # reports are tried less and less often
    assert board.sim.show()["radio_ms"] >= 1000
    board.set("wifi", "up")
    heard.wait(lambda h: availability(h, board)[-1:] == ["sleeping"], "a report", 40)
    check_events(board, heard.of(board, "event"))
    assert states(heard.events(board)) == ["free"]


def an_order_keeps_it_awake(bench: Bench, mosquitto: BrokerProcess, heard: Listener) -> None:
    board = field_board(bench, mosquitto, every_s=2)
    board.boot()
    heard.wait(lambda h: availability(h, board) == ["online"], "the board")
    order = board.token(None, kid="ops-1", act="identify", nonce=heard.latest(board, "info")["nonce"])
    heard.send(board, order)
    heard.wait_ack(board, order, "done")
    done_s = heard.of(board, "ack")[-1].at_s
    asleep(board)
    heard.wait(lambda h: "sleeping" in availability(h, board), "its good night")
    said = [m.at_s for m in heard.of(board, "availability") if m.payload == b"sleeping"]
    assert said[0] - done_s >= 9, "it blinks for 10 s"


def a_nonce_that_is_used_up_does_not_come_back(
    bench: Bench, mosquitto: BrokerProcess, heard: Listener
) -> None:
    board = field_board(bench, mosquitto, every_s=2)
    board.boot()
    heard.wait(lambda h: availability(h, board) == ["online"], "the board")
    used = heard.latest(board, "info")["nonce"]
    order = board.token(None, kid="ops-1", act="configure", args={"reset": "clock"}, nonce=used)
    heard.send(board, order)
    heard.wait_ack(board, order, "done")
    heard.wait(lambda h: h.latest(board, "info")["nonce"] != used, "another nonce")
    another = heard.latest(board, "info")["nonce"]
    heard.wait(lambda h: availability(h, board).count("sleeping") >= 2, "its second report", 40)
    assert heard.latest(board, "info")["nonce"] == another


def a_reboot_ends_the_sleep_of_before(bench: Bench, mosquitto: BrokerProcess, heard: Listener) -> None:
    board = field_board(bench, mosquitto)
    board.boot()
    heard.wait_ready(board)
    order = board.token(None, kid="ops-1", act="reboot")
    heard.send(board, order)
    heard.wait_ack(board, order, "done")
    heard.wait_ready(board, boots=2)
    booted = heard.events(board, "device.booted")[-1]["data"]
    assert (booted["boot"], booted["reset"]) == (2, "hard")
    asleep(board, 2)


def a_battery_that_is_nearly_empty(bench: Bench, mosquitto: BrokerProcess, heard: Listener) -> None:
    board = field_board(bench, mosquitto, every_s=1, awake_s=20)
    board.boot()
    asleep(board)
    board.set("battery", "3250")
    heard.wait(lambda h: h.events(board, "device.battery"), "the alarm", 20)
    data = heard.events(board, "device.battery")[0]["data"]
    assert (data["level"], data["mv"], data["shed"]) == ("critical", 3250, ["led", "telemetry"])
    heard.wait(
        lambda h: h.latest(board, "court-1/state")["state"] == "unknown", "a court that is not looked at"
    )
    asleep(board)
    board.set("battery", "3800")
    heard.wait(lambda h: len(h.events(board, "device.battery")) == 2, "the battery to be well", 20)
    assert heard.events(board, "device.battery")[1]["data"]["level"] == "ok"
    heard.wait(lambda h: h.latest(board, "court-1/state")["state"] == "free", "the court", 20)
    check_events(board, heard.of(board, "event"))


def a_battery_that_is_missing_sheds_nothing(bench: Bench, mosquitto: BrokerProcess, heard: Listener) -> None:
    board = field_board(bench, mosquitto)
    board.set("battery", "0")
    board.boot()
    heard.wait(lambda h: h.events(board, "device.battery"), "the alarm")
    assert heard.events(board, "device.battery")[0]["data"] == {"level": "unknown", "mv": None, "shed": []}
    heard.wait(lambda h: h.latest(board, "court-1/state")["state"] == "free", "the court")


def a_brownout_is_told_apart(bench: Bench, mosquitto: BrokerProcess, heard: Listener) -> None:
    for number, (name, chip) in enumerate((("box-esp32s3", "esp32s3"), ("box-esp32", "esp32")), start=1):
        board = bench.add(f"box-{number}", (mosquitto.host, mosquitto.port), board=name, chip=chip)
        board.boot()
        heard.wait_ready(board)
        assert heard.latest(board, "info")["reset"] == "power_on"
        board.sim.brownout()
        heard.wait_ready(board, boots=2)
        assert heard.latest(board, "info")["reset"] == "brownout"
        assert heard.events(board, "device.booted")[-1]["data"]["reset"] == "brownout"
        board.cut()


def told(heard: Listener, board: Board, kind: str) -> list[Json]:
    """Each event of a type once, though it may have come twice."""
    return [e for e in first_events(board, heard.of(board, "event")) if e["type"] == f"sportbox.{kind}"]


def crashed(heard: Listener, board: Board) -> Json:
    heard.wait(lambda h: h.events(board, "device.crashed"), "the report of the crash", 20)
    found = told(heard, board, "device.crashed")
    assert len(found) == 1
    data: Json = found[0]["data"]
    return data


BOX = "sportbox/box.py"
LOOP = "            stuck = self.supervisor.stuck(self.uptime.ms())\n"
FIRST_BOOT = "self.history.boots == 1 and self.uptime.ms() > 500"


def the_stack_of_a_crash_outlives_the_restart(
    bench: Bench, mosquitto: BrokerProcess, heard: Listener, power_goes: bool = False
) -> None:
    broken = f"            if {FIRST_BOOT}:\n                self._no_such_thing()\n"
    firmware = patched_firmware(bench.folder, {BOX: [(LOOP, broken + LOOP)]})
    board = bench.add("box-1", (mosquitto.host, mosquitto.port), firmware=firmware)
    board.boot()
    if power_goes:
        flash = board.sim.folder / FLASH_FILE
        wait_until(lambda: b"_no_such_thing" in (read_file(flash, "/data/crash") or b""), "the note on flash")
        board.cut()
        board.boot()
    data = crashed(heard, board)
    assert data["task"] == "main"
    assert "_no_such_thing" in data["error"] and data["error"].startswith("AttributeError")
    assert "sportbox.box" in data["stack"] and "in run" in data["stack"]
    assert len(data["stack"]) <= 600
    reset = [e["data"]["reset"] for e in told(heard, board, "device.booted")]
    assert reset == (["power_on"] * 2 if power_goes else ["power_on", "hard"])
    board.cut()
    board.boot()
    heard.wait_ready(board, boots=3)
    board.set("door-1", "open")
    heard.wait(lambda h: told(h, board, "door.forced"), "what comes after a report of a crash")
    crashed(heard, board)  # it is not told again


def and_a_power_cut(bench: Bench, mosquitto: BrokerProcess, heard: Listener) -> None:
    the_stack_of_a_crash_outlives_the_restart(bench, mosquitto, heard, power_goes=True)


def the_task_that_the_watchdog_bit_for(bench: Bench, mosquitto: BrokerProcess, heard: Listener) -> None:
    stuck = f"            if {FIRST_BOOT}:\n                await asyncio.sleep(3600)\n"
    house = "            self.beat_ms = now_ms\n"
    firmware = patched_firmware(
        bench.folder,
        {BOX: [(house, house + stuck)]},
        {BOX: {"_WATCHDOG_MS": 2500}, "sportbox/assembly.py": {"_SILENT_MS": 1500}},
    )
    board = bench.add("box-1", (mosquitto.host, mosquitto.port), firmware=firmware)
    board.boot()
    assert crashed(heard, board) == {"task": "house", "error": "no progress"}
    assert heard.events(board, "device.booted")[-1]["data"]["reset"] == "watchdog"


def a_loop_that_stood_still_is_told_of(bench: Bench, mosquitto: BrokerProcess, heard: Listener) -> None:
    hang = f"            while {FIRST_BOOT}:\n                pass\n"
    firmware = patched_firmware(bench.folder, {BOX: [(LOOP, hang + LOOP)]}, {BOX: {"_WATCHDOG_MS": 1500}})
    board = bench.add("box-1", (mosquitto.host, mosquitto.port), firmware=firmware)
    board.boot()
    assert crashed(heard, board) == {"task": "loop", "error": "watchdog"}


def telemetry_tells_how_the_board_does(bench: Bench, mosquitto: BrokerProcess, heard: Listener) -> None:
    board = bench.add("box-1", (mosquitto.host, mosquitto.port))
    board.set("temperature", "-7")
    board.boot()
    heard.wait_ready(board)
    heard.wait(lambda h: h.latest(board, "telemetry"), "telemetry")
    first = heard.latest(board, "telemetry")
    assert (first["temperature"], first["battery"], first["boot"], first["reset"]) == (
        -7,
        None,
        1,
        "power_on",
    )
    assert first["flash_bytes"] > 0 and first["flash_files"] > 0
    board.set("door-1", "open")
    heard.wait(
        lambda h: h.latest(board, "telemetry")["flash_files"] > first["flash_files"], "wear of an event"
    )
    written = heard.latest(board, "telemetry")["flash_bytes"]
    board.cut()
    board.boot()
    heard.wait_ready(board, boots=2)
    heard.wait(lambda h: h.latest(board, "telemetry")["boot"] == 2, "telemetry")
    assert 0 < heard.latest(board, "telemetry")["flash_bytes"] <= written + 2000
    assert of_components(check_events(board, heard.of(board, "event")), "door-1")[0] == "door.forced"


def test_boards_on_battery(run_dir: Path) -> None:
    side_by_side(
        run_dir,
        it_says_that_it_sleeps_and_when_it_wakes,
        visits_are_kept_on_flash_without_the_radio_and_arrive_together,
        a_power_cut_in_sleep_loses_no_event,
        a_broker_that_is_away_costs_no_event_and_little_radio,
        an_order_keeps_it_awake,
        a_nonce_that_is_used_up_does_not_come_back,
        a_reboot_ends_the_sleep_of_before,
        a_battery_that_is_nearly_empty,
        a_battery_that_is_missing_sheds_nothing,
    )


def test_health(run_dir: Path) -> None:
    side_by_side(
        run_dir,
        a_brownout_is_told_apart,
        the_stack_of_a_crash_outlives_the_restart,
        and_a_power_cut,
        the_task_that_the_watchdog_bit_for,
        a_loop_that_stood_still_is_told_of,
        telemetry_tells_how_the_board_does,
    )
