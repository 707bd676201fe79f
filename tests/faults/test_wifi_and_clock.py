"""Lost Wi-Fi, a clock that jumps, a program that hangs: what the surroundings do to a board."""

import time
from pathlib import Path

from host_tools.broker import BrokerProcess
from host_tools.sim import layout
from tests.brokers import wait_until
from tests.faults.helpers import Bench, Board, jti_of, patched_firmware
from tests.faults.helpers_check import check_events, check_stalls, of_components
from tests.faults.helpers_listen import Listener
from tests.faults.helpers_stage import side_by_side
from tests.lateness import rest

DEBOUNCE_S = 0.05
SEEN_S = 0.5
"""For a movement of which nothing can be heard: the board may stand still while this process does not."""
NOTICE_S = 3.0
"""The link is looked at once a second; joining takes up to 0.3 s."""
CLOCKS = ["ntp", "floor", "ntp"]
BACK_S = 12.0
"""Joining, its pause, and a reconnect with its longest pause."""


def started(bench: Bench, broker: BrokerProcess, heard: Listener, firmware: Path | None = None) -> Board:
    board = bench.add("box-1", (broker.host, broker.port), firmware=firmware)
    board.boot()
    heard.wait_ready(board)
    return board


def hold(seconds: float = 3 * DEBOUNCE_S) -> None:
    """A person leaves a door as it is for that long: time in the world, which no condition stands for."""
    rest(seconds)


def link(board: Board, up: bool) -> None:
    """Switch the access point, and wait until the board has noticed."""
    board.set("wifi", "up" if up else "down")
    newest = "wifi up" if up else "wifi down"

    def noticed() -> bool:
        said = [line for line in board.sim.log().splitlines() if " info wifi " in line]
        return said[-1].endswith(newest)

    wait_until(noticed, newest, BACK_S if up else NOTICE_S)


def check_sound(board: Board, heard: Listener) -> None:
    """Nothing lost, nothing crashed, the loop never held up."""
    events = check_events(board, heard.messages)
    assert not [e for e in events if e["type"] in ("sportbox.device.crashed", "sportbox.device.fault")]
    check_stalls(board, heard.messages)
    telemetry = heard.latest(board, "telemetry")
    assert (telemetry["task_restarts"], telemetry["dropped"]) == (0, 0)


def without_wifi_nothing_is_lost(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    """An order runs when the link goes; doors, gate and court move: all of it arrives, with its own time."""
    board = started(bench, broker, heard)
    token = board.token()
    heard.send(board, token)
    heard.wait_ack(board, token, "accepted")
    link(board, up=False)
    wait_until(lambda: bool(board.set("door-1", "pull")["moved"]), "the door to open")
    wait_until(lambda: not board.energised(), "the strike to drop", 1.5)
    board.set("door-1", "closed")
    board.set("court-1", "occupied")
    for _ in range(4):
        board.set("door-2", "open")
        hold()
        board.set("door-2", "closed")
        hold()
        board.set("gate-1", "in")
    board.set("court-1", "free")
    hold(1.0)  # past the court's hold time, and the batch on flash
    assert not heard.events(board, "door.forced"), "without a link?"
    link(board, up=True)
    heard.wait_ack(board, token, "done", timeout_s=BACK_S)
    heard.wait(
        lambda h: len(h.events(board, "gate.passed")) == 4 and len(h.events(board, "occupancy.changed")) == 3,
        "the last passage and a free court",
        BACK_S,
    )
    events = check_events(board, heard.messages)
    assert of_components(events, "door-2") == ["door.forced", "door.closed"] * 4
    assert of_components(events, "gate-1") == ["gate.passed in"] * 4
    assert of_components(events, "door-1") == ["door.opened", "door.closed"]
    assert of_components(events, "court-1") == ["occupancy.changed"] * 3
    waited = [e for e in events if e["source"].rpartition("/")[2] in ("door-1", "door-2", "gate-1")]
    assert all(e.get("historical") for e in waited), "what waited out an outage says so"
    times = [e["time"] for e in waited if e["source"].endswith("door-2")]
    assert times == sorted(times) and times[0] < times[-1], "each has the time at which it happened"
    assert dict.fromkeys(heard.acks(board, jti_of(token))) == {("accepted", None): None, ("done", None): None}
    assert board.pulses() == {"lock-1": 1, "lock-2": 0}
    assert heard.latest(board, "telemetry")["connects"] == 2
    check_sound(board, heard)


def wifi_that_comes_and_goes(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    """Long enough to be noticed, and too short for that; the board always comes back."""
    board = started(bench, broker, heard)
    for _ in range(3):
        board.set("door-2", "open")
        link(board, up=False)
        board.set("door-2", "closed")
        hold()
        link(board, up=True)
    for _ in range(5):
        board.set("wifi", "down")
        board.set("door-2", "open")
        hold(SEEN_S)
        board.set("wifi", "up")
        board.set("door-2", "closed")
        hold(SEEN_S)
    told = ["door.forced", "door.closed"] * 8
    heard.wait(
        lambda h: of_components(check_events(board, h.messages), "door-2") == told, "every movement", BACK_S
    )
    token = board.token()
    heard.send(board, token)
    heard.wait_ack(board, token, "accepted")
    check_sound(board, heard)


def an_access_point_that_stays_away(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    """Longer than many attempts to join take (in a copy of the firmware that gives each up after 0.5 s, not
    after 15): the tasks go on, nothing restarts."""
    firmware = patched_firmware(bench.folder, constants={"sportbox/net/wifi.py": {"_JOIN_MS": 500}})
    board = started(bench, broker, heard, firmware)
    link(board, up=False)
    deadline = time.monotonic() + 8
    moved = 0
    while time.monotonic() < deadline:
        board.set("door-2", "open" if moved % 2 == 0 else "closed")
        moved += 1
        hold(0.5)
    link(board, up=True)
    heard.wait(lambda h: len(of_components(h.events(board), "door-2")) >= moved, "every movement", 2 * BACK_S)
    check_sound(board, heard)
    assert board.sim.show()["boot_count"] == 1


def clock_of(heard: Listener, board: Board) -> str:
    return str(heard.latest(board, "info")["clock"])


def a_wall_clock_that_jumps(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    """Back to the floor, said at once and everywhere; a time server brings it back (asked every second here,
    instead of every five)."""
    often = {"sportbox/system/timekeeper.py": {"_SYNC_RETRY_MS": 1000}}
    firmware = patched_firmware(bench.folder, constants=often)
    board = started(bench, broker, heard, firmware)
    assert heard.latest(board, "door-1/state")["since"] is not None
    board.set("clock", "lost")
    heard.wait(lambda h: clock_of(h, board) == "floor", "`floor`")
    heard.wait(lambda h: h.events(board, "device.clock")[-1]["data"]["trust"] == "floor", "device.clock")
    changed = heard.events(board, "device.clock")[-1]
    assert "time" not in changed and changed["data"]["why"]
    states = [f"{name}/state" for name in board.config["components"]]
    heard.wait(lambda h: all(h.latest(board, s)["since"] is None for s in states), "states without a time")
    board.set("door-2", "open")
    heard.wait(lambda h: h.events(board, "door.forced"), "an event")
    assert "time" not in heard.events(board, "door.forced")[-1]
    nonce = heard.latest(board, "info")["nonce"]
    refused, taken = board.token(), board.token(nonce=nonce)
    heard.send(board, refused)
    heard.wait_ack(board, refused, "rejected")
    assert heard.acks(board, jti_of(refused)) == [("rejected", "clock")]
    heard.send(board, taken)
    heard.wait_ack(board, taken, "accepted")
    answer = heard.of(board, "ack")[-1].content
    assert answer["time"] is None
    board.set("clock", "set")
    heard.wait(lambda h: clock_of(h, board) == "ntp", "`ntp`", BACK_S)
    heard.wait(lambda h: all(h.latest(board, s)["since"] for s in states), "states with a time")
    board.set("door-2", "closed")
    heard.wait(lambda h: h.events(board, "door.closed"), "an event")
    assert heard.events(board, "door.closed")[-1]["time"]
    heard.wait(
        lambda h: [e["data"]["trust"] for e in h.events(board, "device.clock")] == CLOCKS, "its history"
    )
    assert heard.latest(board, "info")["nonce"] == nonce
    heard.wait_ack(board, taken, "failed")  # nobody opened
    check_sound(board, heard)


HANG = "            self.session.check(now_ms)\n"
"""A line of the house task, once a second. What hangs there, hangs in the first boot alone."""
HANGS = {
    "busy": "            while self.history.boots == 1 and now_ms > 1500:\n                pass\n",
    "waiting": "            while self.history.boots == 1 and now_ms > 1500:\n"
    "                await asyncio.sleep(60)\n",
    "crashing": "            if self.history.boots == 1 and now_ms > 1500:\n"
    "                raise OSError(5)\n",
}


def busy_for_ever(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    the_watchdog_brings_it_back("busy", bench, broker, heard)


def waiting_for_ever(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    the_watchdog_brings_it_back("waiting", bench, broker, heard)


def crashing_too_often(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    the_watchdog_brings_it_back("crashing", bench, broker, heard)


def the_watchdog_brings_it_back(how: str, bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    """A house task that hangs, in a copy of the firmware whose patience is shorter."""
    shorter = {
        "sportbox/box.py": {"_WATCHDOG_MS": 2000},
        "sportbox/assembly.py": {"_SILENT_MS": 2500},
        "sportbox/system/supervisor.py": {"_RESTARTS_MAX": 3, "_PAUSE_MS": 50},
    }
    firmware = patched_firmware(bench.folder, {"sportbox/box.py": [(HANG, HANGS[how] + HANG)]}, shorter)
    board = bench.add("box-1", (broker.host, broker.port), firmware=firmware)
    board.boot()
    heard.wait_ready(board, 1)
    token = board.token()
    heard.send(board, token)
    heard.wait_ack(board, token, "accepted")
    wait_until(lambda: board.pulses()["lock-1"] == 1, "the pulse")
    pulses = board.pulses()
    event = bench.zygote.wait_event(20)
    assert (event["event"], event["cause"]) == ("reset", layout.WDT_RESET)
    assert not board.energised()
    heard.wait_ready(board, 2)
    info = heard.latest(board, "info")
    assert (info["boot"], info["reset"]) == (2, "watchdog")
    booted = heard.events(board, "device.booted")[-1]
    assert booted["data"]["reset"] == "watchdog"
    answers = heard.wait_ack(board, token, "failed")
    assert answers[-1][0] == "failed"
    assert board.pulses() == pulses
    check_events(board, heard.messages)
    board.set("door-2", "open")
    heard.wait(lambda h: h.events(board, "door.forced"), "a board that works")
    assert len(bench.zygote.events()) == 0


def test_what_the_surroundings_do(run_dir: Path) -> None:
    side_by_side(
        run_dir,
        without_wifi_nothing_is_lost,
        wifi_that_comes_and_goes,
        an_access_point_that_stays_away,
        a_wall_clock_that_jumps,
        busy_for_ever,
        waiting_for_ever,
        crashing_too_often,
        kind=None,
    )
