"""Courts with radar and time-of-flight sensor on simulated boards, while people move and sensors fail.

What a subscriber hears is compared with what is so: a court that cannot be judged says `unknown`, never a
false `free`, and nothing floods. Scenes are played side by side, each on a board of its own.
"""

from host_tools.broker import BrokerProcess
from tests.faults.helpers import Bench
from tests.faults.helpers_field import (
    BOTH_FREE,
    BOTH_OCCUPIED,
    HOLD_S,
    I2C,
    PIR,
    RADAR,
    REFRESH_S,
    RETURN_S,
    SILENT_S,
    STUCK_S,
    TOF,
    Scene,
    court,
    gate,
)
from tests.faults.helpers_stage import play


async def ghosts_and_a_radar_alone(scene: Scene) -> None:
    """A phantom at distance 0 is nobody, and it is no empty court."""
    await scene.boot({"court-1": court(radar=RADAR)})
    await scene.shows("free", HOLD_S)
    scene.set("radar-1", "ghost")
    await scene.shows("unknown", SILENT_S, lost=["radar"])
    await scene.stays("unknown", 2 * SILENT_S)
    scene.set("radar-1", "ok")
    await scene.shows("free", HOLD_S, lost=None)
    await scene.told_in_the_end("free", "unknown", "free")


async def ghosts_beside_a_motion_sensor(scene: Scene) -> None:
    """The rest decides, less sure."""
    await scene.boot({"court-1": court(pir=PIR, radar=RADAR)})
    await scene.shows("free", REFRESH_S, confidence=BOTH_FREE)
    scene.set("radar-1", "ghost")
    await scene.shows("free", SILENT_S, lost=["radar"])
    assert scene.state()["confidence"] < 0.7
    await scene.stays("free", 2 * SILENT_S)
    scene.set("court-1", "occupied")
    await scene.shows("occupied", 0)
    scene.set("court-1", "free")
    await scene.shows("free", HOLD_S)
    scene.set("radar-1", "ok")
    await scene.shows("free", REFRESH_S, lost=None, confidence=BOTH_FREE)
    await scene.told_in_the_end("free", "occupied", "free")


async def a_radar_that_fails(scene: Scene, fault: str) -> None:
    """Whatever fails: never free while somebody is there, and unknown soon."""
    await scene.boot({"court-1": court(radar=RADAR)})
    await scene.shows("free", HOLD_S)
    scene.set("court-1", "occupied")
    await scene.shows("occupied", 0)
    scene.set("radar-1", fault)
    await scene.shows("unknown", 2 * SILENT_S, lost=["radar"])  # a latched one is noticed first, then missed
    await scene.stays("unknown", SILENT_S)
    scene.set("radar-1", "ok")
    await scene.shows("occupied", 0)
    scene.set("court-1", "free")
    await scene.shows("free", HOLD_S)
    await scene.told_in_the_end("free", "occupied", "unknown", "occupied", "free")


async def a_silent_radar(scene: Scene) -> None:
    await a_radar_that_fails(scene, "silent")


async def a_latched_radar(scene: Scene) -> None:
    await a_radar_that_fails(scene, "latched")


async def garbage(scene: Scene) -> None:
    await a_radar_that_fails(scene, "garbage")


async def a_radar_lost_with_somebody_before_it(scene: Scene) -> None:
    """It has not seen them leave: the court is not free at once, though the motion sensor is quiet."""
    stuck_s = REFRESH_S + 4  # the world's people move without a pause, which must not be too long here
    await scene.boot({"court-1": court(pir=PIR, radar=RADAR, stuck_ms=int(stuck_s * 1000))})
    await scene.shows("free", HOLD_S)
    scene.set("court-1", "occupied")
    await scene.shows("occupied", REFRESH_S, confidence=BOTH_OCCUPIED)
    scene.set("radar-1", "silent")
    await scene.shows("occupied", SILENT_S, lost=["radar"])
    scene.set("court-1", "free")
    await scene.shows("unknown", HOLD_S)
    await scene.stays("unknown", stuck_s / 2)
    await scene.shows("free", stuck_s)
    await scene.told_in_the_end("free", "occupied", "unknown", "free")


async def a_stuck_motion_sensor_beside_a_radar(scene: Scene) -> None:
    """Contradicted, then known to be stuck; in the end the radar decides alone."""
    await scene.boot({"court-1": court(pir=PIR, radar=RADAR)})
    await scene.shows("free", HOLD_S)
    scene.set("pir-1", "stuck")
    await scene.shows("occupied", 0)
    await scene.shows("unknown", STUCK_S, lost=["pir"])
    await scene.shows("free", STUCK_S, lost=["pir"])
    scene.set("court-1", "occupied")
    await scene.shows("occupied", 0, lost=["pir"])
    scene.set("court-1", "free")
    await scene.shows("free", HOLD_S)
    await scene.told_in_the_end("free", "occupied", "unknown", "free", "occupied", "free")


async def a_time_of_flight_sensor_that_is_lost(scene: Scene) -> None:
    await scene.boot({"court-1": court(tof=TOF)}, i2c=I2C)
    await scene.shows("free", HOLD_S)
    scene.set("court-1", "occupied")
    await scene.shows("occupied", 0)
    scene.set("tof-1", "lost")
    await scene.shows("unknown", SILENT_S, lost=["tof"])
    await scene.stays("unknown", SILENT_S)
    scene.set("tof-1", "ok")
    await scene.shows("occupied", RETURN_S, lost=None)
    scene.set("court-1", "free")
    await scene.shows("free", HOLD_S)
    await scene.told_in_the_end("free", "occupied", "unknown", "occupied", "free")


async def everything_at_once(scene: Scene) -> None:
    """A court with all that there is: what counts counts, and no loss of one sensor is a false `free`."""
    sensors = court(pir=PIR, radar=RADAR, tof=TOF, gate="gate-1", stuck_ms=60_000)
    await scene.boot({"gate-1": gate(), "court-1": sensors}, i2c=I2C)
    await scene.shows("free", HOLD_S, count=0)
    await scene.order("gate-1", count=0)
    await scene.walk("in")
    await scene.walk("in")
    scene.set("court-1", "2")
    await scene.shows("occupied", REFRESH_S, count=2, confidence=1.0)
    for component, value in (("radar-1", "garbage"), ("tof-1", "lost")):
        scene.set(component, value)
    await scene.shows("occupied", SILENT_S, lost=["radar", "tof"], count=2)
    scene.set("radar-1", "ok")
    scene.set("tof-1", "ok")
    await scene.shows("occupied", RETURN_S + REFRESH_S, lost=None, count=2, confidence=1.0)
    scene.set("court-1", "free")
    await scene.walk("out")
    await scene.walk("out")
    await scene.shows("free", HOLD_S, count=0)


def test_radars_and_time_of_flight_sensors(bench: Bench, mosquitto: BrokerProcess) -> None:
    play(
        bench,
        mosquitto,
        Scene,
        ghosts_and_a_radar_alone,
        ghosts_beside_a_motion_sensor,
        a_silent_radar,
        a_latched_radar,
        garbage,
        a_radar_lost_with_somebody_before_it,
        a_stuck_motion_sensor_beside_a_radar,
        a_time_of_flight_sensor_that_is_lost,
        everything_at_once,
    )
