"""A container door with a motor lock, while bolts jam, wires are cut and somebody is inside."""

import asyncio
from typing import Any

from host_tools.broker import BrokerProcess
from tests.components import door, inside, motor, release
from tests.faults.helpers import Bench, eventually
from tests.faults.helpers_lock import ACCEPTED, DONE, RELEASE_S, failed, lend
from tests.faults.helpers_stage import LATE_S, BoxStage, play

Json = dict[str, Any]


def container(**changes: Any) -> Json:
    """A container door: motor lock, inside release, sensor inside."""
    return {
        "lock-1": motor(1, **changes),
        "door-1": door(1, release="release-1", inside="inside-1"),
        "release-1": release(1),
        "inside-1": inside(1),
    }


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
