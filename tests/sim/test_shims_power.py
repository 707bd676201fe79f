"""Deep sleep and supply as firmware meets them: wake sources, RTC memory, the reset register, voltages."""

import json

import pytest

from host_tools.errors import BadInput, ToolError
from host_tools.sim import layout
from tests.sim.boards import Bench, facts, said, until

C3 = {"chip": "esp32c3"}
POWER = {
    "battery": {"pin": 1, "ratio_permille": 2000, "ok_mv": 3700},
    "solar": {"pin": 3, "ratio_permille": 11000},
}
SLEEP = """
import json, machine, esp32
from machine import Pin
rtc = machine.RTC()
before = rtc.memory()
rtc.memory(before + b"x")
print(json.dumps({"cause": machine.reset_cause(), "why": machine.wake_reason(), "pins": machine.wake_pins(),
    "memory": len(before), "feeds": 0}))
machine.WDT(timeout=300)
pir = Pin(4, Pin.IN, Pin.PULL_DOWN)
"""


def of(board: str) -> dict[str, str]:
    return {"board": board, "chip": board.rpartition("-")[2]}


def test_the_timer_wakes_and_the_watchdog_does_not_bite_in_sleep(bench: Bench) -> None:
    board = bench.boot(SLEEP + "machine.deepsleep(900)\n", **C3)
    assert bench.zygote.wait_event()["event"] == "asleep"
    assert board.show()["asleep"] and board.show()["power"] and board.pid() == 0
    assert bench.zygote.wait_event()["cause"] == layout.DEEPSLEEP_RESET
    said(board, "cause", 2)
    seen = facts(board)
    assert (seen["cause"], seen["why"], seen["pins"]) == (layout.DEEPSLEEP_RESET, layout.TIMER_WAKE, [])
    assert seen["memory"] == 1, "RTC memory outlives the sleep"


@pytest.mark.parametrize(
    ("chip", "arm", "why"),
    [
        ("esp32c3", "esp32.wake_on_gpio([pir], esp32.WAKEUP_ANY_HIGH)", layout.GPIO_WAKE),
        ("esp32s3", "esp32.wake_on_ext1([pir], esp32.WAKEUP_ANY_HIGH)", layout.EXT1_WAKE),
    ],
)
def test_a_pin_wakes(bench: Bench, chip: str, arm: str, why: int) -> None:
    court = {"components": {"court-1": {"kind": "occupancy", "pir": {"pin": 4, "active": 1}}}}
    sim = bench.boot(SLEEP + arm + "\nmachine.deepsleep(3600000)\n", chip=chip, **court)
    assert bench.zygote.wait_event()["event"] == "asleep"
    assert sim.set("court-1", "occupied")["awake"], "its doorbell is heard while it sleeps"
    assert bench.zygote.wait_event()["cause"] == layout.DEEPSLEEP_RESET
    said(sim, "cause", 2)
    assert (facts(sim)["why"], facts(sim)["pins"]) == (why, [4])


def test_a_pin_that_has_its_level_already_wakes_at_once(bench: Bench) -> None:
    court = {"components": {"court-1": {"kind": "occupancy", "pir": {"pin": 4, "active": 1}}}}
    sim = bench.boot(SLEEP + "esp32.wake_on_gpio([pir], False)\nmachine.deepsleep()\n", **C3, **court)
    assert bench.zygote.wait_event()["event"] == "asleep"
    assert bench.zygote.wait_event()["cause"] == layout.DEEPSLEEP_RESET
    said(sim, "cause", 2)


@pytest.mark.parametrize(
    ("chip", "code", "error"),
    [
        (
            "esp32c3",
            "esp32.wake_on_gpio([Pin(6)], True)\nmachine.deepsleep(9)",
            "wake-up pin not supported",
        ),
        ("esp32c3", "esp32.wake_on_ext1([pir], True)", "has no attribute"),
        (
            "esp32s3",
            "esp32.wake_on_gpio([pir], True)\nmachine.deepsleep(9)",
            "not supported on this chip",
        ),
        ("esp32s3", "esp32.wake_on_ext1([Pin(38)], True)", "invalid pin"),
        ("esp32", "esp32.mcu_temperature()", "has no attribute"),
        ("esp32s3", "rtc.memory(bytes(2049))", "buffer too long"),
        ("esp32s3", "machine.mem32[0x60008034]", "no register"),
    ],
)
def test_what_the_chip_cannot_is_refused(bench: Bench, chip: str, code: str, error: str) -> None:
    sim = bench.boot(SLEEP + code + "\n", chip=chip)
    said(sim, error)


def test_power_on_and_brownout_alone_lose_the_rtc_memory(bench: Bench) -> None:
    main = """
import json, machine
rtc = machine.RTC()
rtc.memory(rtc.memory() + b"x")
address = {"esp32": 0x3FF48034}.get(BOARD, 0x60008038)
state = machine.mem32[address] & 63
print(json.dumps({"kept": len(rtc.memory()), "cause": machine.reset_cause(), "state": state}))
if len(rtc.memory()) == 1 and machine.reset_cause() == 1 and state == 1:
    machine.reset()
"""
    for name, brownout in (("esp32s3", 15), ("esp32", 12)):
        board = bench.boot(main.replace("BOARD", repr(name)), chip=name)
        said(board, "cause", 2)
        assert facts(board) == {"kept": 2, "cause": layout.HARD_RESET, "state": 12}
        count = board.log().count("cause")
        board.brownout()
        said(board, "cause", count + 1)
        assert facts(board) == {"kept": 1, "cause": layout.PWRON_RESET, "state": brownout}
        board.cut()
        board.boot()
        said(board, "cause", count + 2)
        lines = [json.loads(line) for line in board.log().splitlines() if line.startswith("{")]
        assert lines[count + 1] == {"kept": 1, "cause": layout.PWRON_RESET, "state": 1}
        board.cut()
        (board.folder / "log.txt").unlink()
        bench.zygote.events()


def test_voltages_and_temperature_can_be_set(bench: Bench) -> None:
    main = """
import json, machine, esp32
adc = machine.ADC(machine.Pin(1), atten=machine.ADC.ATTN_11DB)
print(json.dumps({"uv": adc.read_uv(), "c": esp32.mcu_temperature()}))
"""
    seen = bench.result(main, power=POWER, **C3)
    assert seen == {"uv": 1_850_000, "c": 24}, "a new board's battery is charged"
    board = bench.board
    assert board.set("battery", "3300")["state"] == 3300
    board.set("temperature", "-12")
    board.set("solar", "5600")
    supply = board.show()["supply"]
    assert supply == {"temperature_c": -12, "battery_mv": 3300, "solar_mv": 5600}
    for wrong in ("low", "-1", "60001", ""):
        with pytest.raises(BadInput, match="not a number of mV"):
            board.set("battery", wrong)
    board.cut()
    board.boot()
    said(board, '"uv"', 2)
    assert facts(board) == {"uv": 1_650_000, "c": -12}


def test_a_board_without_a_battery_measures_none(bench: Bench) -> None:
    bench.result("print('{}')")
    with pytest.raises(BadInput, match="measures no battery"):
        bench.board.set("battery", "3300")


def test_awake_and_radio_time_are_counted(bench: Bench) -> None:
    main = """
import machine, network, time
time.sleep_ms(100)
if machine.reset_cause() == 1:
    network.WLAN(0).active(True)
    time.sleep_ms(150)
    network.WLAN(0).active(False)
    network.WLAN(0).active(True)
    time.sleep_ms(50)
    machine.deepsleep(0)
machine.deepsleep()
"""
    board = bench.boot(main, **C3)
    for _ in range(3):
        event = bench.zygote.wait_event()
    assert event["event"] == "asleep"
    shown = board.show()
    assert shown["radio_ms"] >= 200
    assert shown["awake_ms"] >= shown["radio_ms"] + 200
    assert board.view.world.get("starts") == 2
    until(lambda: board.show()["awake_ms"] == shown["awake_ms"], "nothing is counted in sleep")


def test_power_can_be_cut_in_sleep(bench: Bench) -> None:
    board = bench.boot(SLEEP + "machine.deepsleep(3600000)\n", **C3)
    bench.zygote.wait_event()
    with pytest.raises(ToolError, match="has power already"):
        board.boot()
    board.cut()
    assert not board.show()["power"] and not board.show()["asleep"]
    board.boot()
    said(board, "cause", 2)
    assert (facts(board)["cause"], facts(board)["memory"]) == (layout.PWRON_RESET, 0)
