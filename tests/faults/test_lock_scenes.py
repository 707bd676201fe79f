"""Locks on simulated boards, while doors stick, bolts jam, wires are cut and somebody is inside.

Each scene is one outcome that the firmware must tell apart, with the physics of the world page behind it, and
ends with a box that still opens.
"""

import asyncio
from typing import Any

from host_tools.broker import BrokerProcess
from tests.components import EXPANDER, I2C, door, inside, latch, lock, motor, release, tamper
from tests.faults.helpers import Bench, eventually, patched_firmware
from tests.faults.helpers_stage import LATE_S, BoxStage, play

Json = dict[str, Any]

ACCEPTED = ("accepted", None)
DONE = ("done", None)
RELEASE_S = 2.0
"""Of the strikes and motor locks of tests/components.py."""
BUZZER = 60


def failed(reason: str) -> tuple[str, str | None]:
    return ("failed", reason)


def strike(**changes: Any) -> Json:
    return {"lock-1": lock(1, **changes), "door-1": door(1)}


def container(**changes: Any) -> Json:
    """A container door: motor lock, inside release, sensor inside."""
    return {
        "lock-1": motor(1, **changes),
        "door-1": door(1, release="release-1", inside="inside-1"),
        "release-1": release(1),
        "inside-1": inside(1),
    }


async def lend(stage: BoxStage, number: int = 1) -> None:
    """It opens, closes and locks."""
    order = await stage.order(f"lock-{number}")
    await stage.answered(order, ACCEPTED)
    await stage.pull(f"door-{number}")
    await stage.answered(order, ACCEPTED, DONE)
    assert stage.set(f"door-{number}", "closed")["state"] == "closed"
    await stage.shows(f"lock-{number}", "locked", LATE_S + 5)


# ---- strikes


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
        a_latch_that_does_not_catch,
        a_contact_with_a_cut_wire,
        a_program_that_hangs,
        tampered_with,
        heard_and_seen,
    )


# ---- motor locks


async def an_evening_with_trainers(stage: BoxStage) -> None:
    await stage.boot(container())
    await stage.shows("inside-1", "free")
    await lend(stage)
    assert stage.lock("lock-1")["is"] == "locked"
    await stage.tells("lock.locked")
    assert stage.told("lock-1", "door-1") == [
        "access.accepted",
        "lock.unlocked",
        "door.opened",
        "access.done",
        "door.closed",
        "lock.locked",
    ]


async def nobody_opens_the_container(stage: BoxStage) -> None:
    await stage.boot(container())
    await stage.shows("inside-1", "free")
    order = await stage.order("lock-1")
    await stage.answered(order, ACCEPTED, failed("not_opened"), within_s=RELEASE_S + LATE_S)
    await stage.shows("lock-1", "locked")
    assert stage.lock("lock-1")["is"] == "locked"


async def somebody_is_inside(stage: BoxStage) -> None:
    await stage.boot(container())
    await stage.shows("inside-1", "free")
    await stage.order("lock-1")
    await stage.pull("door-1")
    stage.set("inside-1", "occupied")
    await stage.shows("inside-1", "occupied")
    stage.set("door-1", "closed")
    await stage.tells("lock.blocked", why="inside")
    refused = await stage.order("lock-1", "lock")
    await stage.answered(refused, ("rejected", "busy"))
    assert stage.lock("lock-1")["is"] == "unlocked"
    assert stage.set("door-1", "pull")["moved"], "nobody is shut in"
    stage.set("inside-1", "free")
    stage.set("door-1", "closed")
    await stage.shows("lock-1", "locked", LATE_S + 3)
    assert stage.lock("lock-1")["is"] == "locked"


async def shut_in_and_out_again(stage: BoxStage) -> None:
    """The inside release opens whatever the lock does, is told at once, and nothing runs against it."""
    await stage.boot(container())
    await stage.shows("inside-1", "free")
    pulses = stage.lock("lock-1")["pulses"]
    stage.set("release-1", "press")
    assert stage.set("door-1", "pull")["moved"], "the release opens by itself"
    await stage.tells("release.pressed")
    await stage.shows("release-1", "pressed")
    await stage.tells("door.opened", release=True)
    stage.set("door-1", "closed")
    await stage.tells("lock.blocked", why="release")
    assert stage.lock("lock-1")["pulses"] == pulses
    stage.set("release-1", "clear")
    await stage.tells("release.cleared")
    await stage.shows("lock-1", "locked", LATE_S + 3)
    assert "door.forced" not in stage.told("door-1")


async def released_while_it_locks(stage: BoxStage) -> None:
    await stage.boot(container())
    await stage.shows("inside-1", "free")
    await stage.order("lock-1")
    await stage.pull("door-1")
    stage.set("door-1", "closed")
    await stage.shows("lock-1", "locking")
    await eventually(lambda: stage.lock("lock-1")["is"] == "between", "the bolt on its way")
    stage.set("release-1", "press")
    await eventually(lambda: not stage.lock("lock-1")["energised"], "the motor to stop", 0.5)
    assert stage.set("door-1", "pull")["moved"]
    stage.set("release-1", "clear")
    stage.set("door-1", "closed")
    await stage.shows("lock-1", "locked", LATE_S + 3)


async def a_bolt_that_jams(stage: BoxStage) -> None:
    await stage.boot(container())
    await stage.shows("inside-1", "free")
    stage.set("lock-1", "jam")
    order = await stage.order("lock-1")
    await stage.answered(order, ACCEPTED, failed("jammed"), within_s=RELEASE_S + 3 + LATE_S)
    assert stage.lock("lock-1")["pulses"] >= 2, "it is tried once more"
    stage.set("lock-1", "ok")
    await stage.shows("lock-1", "locked", LATE_S + 5)
    await lend(stage)


async def a_bolt_that_cannot_lock(stage: BoxStage) -> None:
    await stage.boot(container())
    await stage.shows("inside-1", "free")
    order = await stage.order("lock-1")
    await stage.pull("door-1")
    await stage.answered(order, ACCEPTED, DONE)
    stage.set("lock-1", "jam")
    stage.set("door-1", "closed")
    await stage.tells("lock.jammed", 2 * LATE_S, way="lock")
    await stage.shows("lock-1", "jammed")
    await eventually(lambda: stage.lock("lock-1")["is"] == "unlocked", "the bolt drawn back")
    stage.set("lock-1", "ok")
    stage.set("door-1", "open")
    await stage.shows("door-1", "open")
    stage.set("door-1", "closed")
    await stage.shows("lock-1", "locked", LATE_S + 3)


async def end_switches_with_cut_wires(stage: BoxStage) -> None:
    """Reported, opened all the same, never locked without an order."""
    await stage.boot(container())
    await stage.shows("inside-1", "free")
    stage.set("lock-1", "cut")
    await stage.tells("door.forced", latch=True)
    order = await stage.order("lock-1")
    await stage.tells("lock.fault", 2 * LATE_S, what="contact")
    await stage.pull("door-1")
    await stage.answered(order, ACCEPTED, DONE)
    stage.set("lock-1", "joined")
    await stage.shows("lock-1", "unlocked")
    stage.set("door-1", "closed")
    await stage.shows("lock-1", "locked", LATE_S + 3)


async def a_contact_that_never_reports_closed(stage: BoxStage) -> None:
    """It stays open, is reported, and is locked only by an order that says so."""
    await stage.boot(container())
    await stage.shows("inside-1", "free")
    await stage.order("lock-1")
    await stage.pull("door-1")
    stage.set("door-1", "cut")
    stage.set("door-1", "closed")
    refused = await stage.order("lock-1", "lock")
    await stage.answered(refused, ACCEPTED, failed("contact"))
    assert stage.lock("lock-1")["is"] == "unlocked"
    vouched = await stage.order("lock-1", "lock", override="contact")
    await stage.answered(vouched, ACCEPTED, DONE)
    assert stage.lock("lock-1")["is"] == "locked"
    await stage.tells("door.fault", what="contact")


async def the_power_goes_while_it_is_unlocked(stage: BoxStage) -> None:
    """Nothing moves at boot."""
    await stage.boot(container())
    await stage.shows("inside-1", "free")
    order = await stage.order("lock-1")
    await stage.shows("lock-1", "unlocked")
    stage.board.cut()
    pulses = stage.lock("lock-1")["pulses"]
    await stage.boot_again(2)
    await stage.answered(order, ACCEPTED, failed("power"))
    await stage.tells("lock.unlocked", at_boot=True)
    await asyncio.sleep(3)
    assert stage.lock("lock-1")["pulses"] == pulses
    locked = await stage.order("lock-1", "lock")
    await stage.answered(locked, ACCEPTED, DONE)


def test_motor_locks(bench: Bench, mosquitto: BrokerProcess) -> None:
    play(
        bench,
        mosquitto,
        BoxStage,
        an_evening_with_trainers,
        nobody_opens_the_container,
        somebody_is_inside,
        shut_in_and_out_again,
        released_while_it_locks,
        a_bolt_that_jams,
        a_bolt_that_cannot_lock,
        end_switches_with_cut_wires,
        a_contact_that_never_reports_closed,
        the_power_goes_while_it_is_unlocked,
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
