"""Strikes on simulated boards, one or many, while doors stick, latches jam, wires are cut, programs hang.

Each scene is one outcome that the firmware must tell apart, with the physics of the world page behind it, and
ends with a box that still opens.
"""

import asyncio
from typing import Any

from host_tools.broker import BrokerProcess
from tests.components import EXPANDER, I2C, door, latch, lock, tamper
from tests.faults.helpers import Bench, eventually, jti_of, patched_firmware
from tests.faults.helpers_lock import ACCEPTED, DONE, RELEASE_S, failed, lend, strike
from tests.faults.helpers_stage import LATE_S, BoxStage, play

Json = dict[str, Any]

BUZZER = 60


async def nobody_opens(stage: BoxStage) -> None:
    await stage.boot(strike())
    order = await stage.order("lock-1")
    await stage.answered(order, ACCEPTED, failed("not_opened"), within_s=RELEASE_S + LATE_S)
    await stage.shows("lock-1", "locked")
    assert not stage.set("door-1", "pull")["moved"], "it must have locked by itself"
    await lend(stage)
    assert stage.told("lock-1")[:5] == [
        "access.accepted",
        "lock.unlocked",
        "lock.not_opened",
        "access.failed",
        "lock.locked",
    ]


async def a_door_that_sticks(stage: BoxStage) -> None:
    await stage.boot(strike())
    stage.set("door-1", "stuck")
    order = await stage.order("lock-1")
    await stage.answered(order, ACCEPTED, failed("not_opened"), within_s=RELEASE_S + LATE_S)
    stage.set("door-1", "free")
    await lend(stage)


async def left_ajar(stage: BoxStage) -> None:
    await stage.boot({"lock-1": lock(1), "door-1": door(1, ajar_ms=1000, ajar_alarm_ms=2500)})
    await stage.order("lock-1")
    await stage.pull("door-1")
    await stage.tells("door.ajar", level="warning")
    await stage.shows("door-1", "ajar")
    await stage.tells("door.ajar", level="alarm", open_s=2)
    stage.set("door-1", "closed")
    await stage.shows("lock-1", "locked")
    assert [found["level"] for found in stage.data("door.ajar")] == ["warning", "alarm"]


async def forced(stage: BoxStage) -> None:
    await stage.boot(strike(latch=latch(1)))
    stage.set("lock-1", "lost")
    await stage.tells("door.forced", latch=True)
    await stage.shows("door-1", "forced")
    stage.set("lock-1", "ok")
    await stage.shows("lock-1", "locked")
    stage.set("door-1", "open")
    await eventually(lambda: stage.told("door-1").count("door.forced") == 2, "the break-in", LATE_S)
    stage.set("door-1", "closed")
    await lend(stage)


async def out_of_hours(stage: BoxStage) -> None:
    """A booking is told so and nothing moves; ops opens; a door by force and an open housing are alarms."""
    components = {**strike(opening=0), "tamper-1": tamper()}
    never = [[0, 1, 0]]  # on no day of the week
    hours = {"openings": never, "alarm_times": [0, 86_400, 0b1111111], "utc_offsets": [[0, 3_600]]}
    await stage.boot(components, **hours, buzzer={"pin": BUZZER, "active": 1})
    await stage.answered(await stage.order("lock-1"), ("rejected", "closed"))
    assert stage.board.pulses()["lock-1"] == 0
    token = stage.board.token("lock-1", kid="ops-1")
    await asyncio.to_thread(stage.heard.send, stage.board, token)
    await stage.pull("door-1")
    await stage.answered(jti_of(token), ACCEPTED, DONE)
    stage.set("door-1", "closed")
    await stage.shows("lock-1", "locked")
    assert "alarm" not in stage.data("door.opened")[0]
    stage.set("door-1", "open")
    await stage.tells("door.forced", alarm=True)
    stage.set("tamper-1", "open")
    await stage.tells("device.tamper", open=True, alarm=True)


async def a_latch_that_does_not_catch(stage: BoxStage) -> None:
    await stage.boot(strike(latch=latch(1)))
    order = await stage.order("lock-1")
    await stage.pull("door-1")
    await stage.answered(order, ACCEPTED, DONE)
    stage.set("lock-1", "lost")
    stage.set("door-1", "closed")
    await stage.tells("lock.jammed", way="lock")
    await stage.shows("lock-1", "jammed")
    stage.set("lock-1", "ok")
    await stage.shows("lock-1", "locked")
    await lend(stage)


async def a_contact_with_a_cut_wire(stage: BoxStage) -> None:
    """It says open for ever; that does not keep the box from opening."""
    await stage.boot(strike(latch=latch(1)))
    stage.set("door-1", "cut")
    await stage.tells("door.fault", what="contact")
    await stage.shows("door-1", "unknown")
    order = await stage.order("lock-1")
    await stage.answered(order, ACCEPTED, DONE)
    await stage.pull("door-1")
    stage.set("door-1", "closed")
    stage.set("door-1", "joined")
    await stage.shows("door-1", "closed")
    await lend(stage)


async def a_program_that_hangs(stage: BoxStage) -> None:
    """The pulse ends all the same, and the coil lives."""
    hung = patched_firmware(
        stage.bench.folder / "hung",
        {"sportbox/drivers/strike.py": [("        self._pulse.start(pulse_ms)\n", HANG)]},
        {"sportbox/box.py": {"_WATCHDOG_MS": 3000}},
    )
    stage.crashes = True
    await stage.boot(strike(), firmware=hung)
    order = await stage.order("lock-1")
    await eventually(lambda: stage.lock("lock-1")["energised"], "the strike to be energised")
    await eventually(lambda: not stage.lock("lock-1")["energised"], "the strike to drop", RELEASE_S + 1)
    assert RELEASE_S * 1000 - 100 <= stage.lock("lock-1")["longest_ms"] <= RELEASE_S * 1000 + 200
    await stage.answered(order, ACCEPTED, failed("power"), within_s=15)
    await stage.tells("device.booted", reset="watchdog")


HANG = "        self._pulse.start(pulse_ms)\n        while True:\n            pass\n"


async def tampered_with(stage: BoxStage) -> None:
    await stage.boot({**strike(), "tamper-1": tamper()})
    stage.set("tamper-1", "open")
    await stage.tells("device.tamper", open=True)
    await stage.shows("tamper-1", "open")
    stage.board.cut()
    stage.set("tamper-1", "closed")
    await stage.boot_again(2)
    await stage.tells("device.tamper", open=False, while_off=True)


async def heard_and_seen(stage: BoxStage) -> None:
    """Granted is a long tone."""
    await stage.boot(strike(), buzzer={"pin": BUZZER, "active": 1})
    world = stage.board.sim.view.world
    assert world.output_level(BUZZER) == 0
    order = await stage.order("lock-1")
    await eventually(lambda: world.output_level(BUZZER) == 1, "the buzzer")
    await stage.pull("door-1")
    await eventually(lambda: world.output_level(BUZZER) == 0, "the end of the tone")
    await stage.answered(order, ACCEPTED, DONE)


def test_strikes(bench: Bench, mosquitto: BrokerProcess) -> None:
    play(
        bench,
        mosquitto,
        BoxStage,
        nobody_opens,
        a_door_that_sticks,
        left_ajar,
        forced,
        out_of_hours,
        a_latch_that_does_not_catch,
        a_contact_with_a_cut_wire,
        a_program_that_hangs,
        tampered_with,
        heard_and_seen,
    )


# ---- many locks on one board


def wall() -> Json:
    """Eight compartments on a port expander, coils and contacts."""
    found: Json = {}
    for n in range(1, 9):
        found[f"lock-{n}"] = lock(n, pin=63 + n)
        found[f"door-{n}"] = door(n, pin=71 + n if n < 8 else 18)
    return found


EXPANDED = {"i2c": I2C, "expander": EXPANDER}


async def eight_at_once(stage: BoxStage) -> None:
    """One open order at a time a supply; the others wait in line, and each is opened."""
    await stage.boot(wall(), **EXPANDED)
    orders = [await stage.order(f"lock-{n}") for n in range(1, 9)]
    most = 0

    def look() -> list[str]:
        return [name for name, facts in stage.board.sim.show()["locks"].items() if facts["energised"]]

    def energised() -> list[str]:
        """One look reads the locks one after the other; what two looks see was so between them."""
        nonlocal most
        found = look()
        if len(found) > 1:
            again = look()
            found = [name for name in found if name in again]
        most = max(most, len(found))
        return found

    for n, order in enumerate(orders, 1):
        await eventually(lambda n=n: energised() == [f"lock-{n}"], f"lock-{n}'s turn")  # type: ignore[misc]
        await stage.pull(f"door-{n}")
        await stage.answered(order, ACCEPTED, DONE)
    await eventually(lambda: not energised(), "the last strike to drop")
    assert most == 1
    for n in range(1, 9):
        stage.set(f"door-{n}", "closed")
        await stage.shows(f"lock-{n}", "locked")


async def an_expander_that_is_lost(stage: BoxStage) -> None:
    await stage.boot(wall(), **EXPANDED)
    stage.set("expander", "lost")
    await stage.tells("door.fault", what="expander")
    await stage.shows("door-3", "unknown")
    order = await stage.order("lock-3")
    await stage.answered(order, ACCEPTED, failed("power"))
    await stage.tells("lock.fault", what="expander")
    stage.set("expander", "ok")
    await stage.shows("door-3", "closed")
    await lend(stage, 3)


async def a_chip_that_cannot_end_a_pulse(stage: BoxStage) -> None:
    """The classic ESP32: the pin is taken away from the RMT, and the next order waits for the sequence."""
    slow = {"can_stop": False}
    components = {"lock-1": lock(1, **slow), "door-1": door(1), "lock-2": lock(2, **slow), "door-2": door(2)}
    await stage.boot(components, board="box-esp32", chip="esp32")
    for number in (1, 2, 1):
        await lend(stage, number)
    assert stage.lock("lock-1")["longest_ms"] < RELEASE_S * 1000 - 500
    assert stage.heard.latest(stage.board, "info")["boot"] == 1


def test_many_locks(bench: Bench, mosquitto: BrokerProcess) -> None:
    play(bench, mosquitto, BoxStage, eight_at_once, an_expander_that_is_lost, a_chip_that_cannot_end_a_pulse)
