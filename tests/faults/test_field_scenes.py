"""Courts and gates on simulated boards, while people move and sensors fail.

What a subscriber hears is compared with what is so: a court that cannot be judged says `unknown`, never a
false `free`, and nothing floods. Scenes are played side by side, each on a board of its own.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from host_tools.broker import BrokerProcess
from tests.faults.helpers import Bench, eventually, gather_all, jti_of
from tests.faults.helpers_check import answers, check_events, check_stalls, of_components
from tests.faults.helpers_listen import Listener

Json = dict[str, Any]

HOLD_S = 0.4
STUCK_S = 4.0
SILENT_S = 1.0
EMPTY_S = 3.0
TICK_S = 1.0
"""The parts look at the time at least once a second."""
LATE_S = 3.0
"""From a change at the board to the subscriber, on a busy machine."""
BOOT_S = 15.0
FLICKER_S = 0.2
RETURN_S = 7.0
"""A time-of-flight sensor that was lost is tried again every 5 s, and needs 0.3 s to begin."""
REFRESH_S = 5.0
"""After that, a confidence that has changed by itself is told."""
BOTH_FREE, BOTH_OCCUPIED = 0.94, 0.98
"""The confidence when motion sensor and radar agree."""
PIR = {"pin": 23, "active": 1}
RADAR = {"uart": 1, "rx": 5, "tx": 6}
TOF = {"xshut": 7, "address": 0x30, "near_mm": 1500}
I2C = {"sda": 8, "scl": 9, "hz": 400000}


def court(**sensors: Any) -> Json:
    facts = {
        "kind": "occupancy",
        "hold_ms": int(HOLD_S * 1000),
        "stuck_ms": int(STUCK_S * 1000),
        "silent_ms": int(SILENT_S * 1000),
    }
    return {**facts, "pir": None, "radar": None, "tof": None, "gate": None, **sensors}


def gate(stuck_ms: int = 2000, empty_ms: int = 60_000) -> Json:
    return {
        "kind": "gate",
        "pins": [21, 22],
        "blocked_level": 1,
        "stuck_ms": stuck_ms,
        "empty_ms": empty_ms,
    }


class Scene:
    """One board, and what was heard of it."""

    def __init__(self, bench: Bench, broker: BrokerProcess, heard: Listener, name: str) -> None:
        self.bench = bench
        self.broker = broker
        self.heard = heard
        self.name = name

    async def boot(self, components: Json, **config: Any) -> None:
        where = (self.broker.host, self.broker.port)
        self.board = self.bench.add(self.name, where, components=components, **config)
        await self.boot_again(1)

    async def boot_again(self, number: int) -> None:
        self.board.boot()

        def is_ready() -> bool:
            info = self.heard.latest(self.board, "info")
            return info is not None and (info["boot"], info["clock"]) == (number, "ntp")

        await eventually(is_ready, f"boot {number}", BOOT_S)

    def set(self, component: str, value: str) -> None:
        self.board.set(component, value)

    async def walk(self, direction: str) -> None:
        """The steps of a person take a moment."""
        await asyncio.to_thread(self.board.set, "gate-1", direction)

    def state(self, component: str = "court-1") -> Json:
        found: Json = self.heard.latest(self.board, f"{component}/state") or {"state": None}
        return found

    async def shows(self, state: str, within_s: float, component: str = "court-1", **more: Any) -> None:
        """Until the component's state is that, and has what else is named."""
        wanted = {"state": state, **more}

        def is_shown() -> bool:
            return all(self.state(component).get(name) == value for name, value in wanted.items())

        await eventually(is_shown, f"{component} {wanted}", within_s + TICK_S + LATE_S)

    async def stays(self, state: str, for_s: float, component: str = "court-1") -> None:
        """It has that state all the time."""
        began = len(self.heard.of(self.board, f"{component}/state"))
        assert self.state(component)["state"] == state
        await asyncio.sleep(for_s)
        later = self.heard.of(self.board, f"{component}/state")[began:]
        assert {m.content["state"] for m in later} <= {state}

    async def order(self, component: str, **args: Any) -> str:
        """An `ops` order to configure something; its `jti`."""
        token = self.board.token(component, kid="ops-1", act="configure", args=args)
        await asyncio.to_thread(self.heard.send, self.board, token)
        jti = jti_of(token)
        await eventually(lambda: len(self.heard.acks(self.board, jti)) == 2, f"both answers for {component}")
        return jti

    def told(self, component: str = "court-1") -> list[str]:
        """The states that events told of, in order."""
        events = check_events(self.board, self.heard.messages)
        return [e["data"]["state"] for e in events if e["source"].endswith(f"/{component}")]

    async def told_in_the_end(self, *states: str) -> None:
        """Exactly these, once every event has left the board's batch."""
        await eventually(lambda: len(self.told()) >= len(states), f"events {states}", LATE_S)
        assert self.told() == list(states)

    def check(self) -> None:
        """Nothing lost, nothing crashed, the loop never held up."""
        events = check_events(self.board, self.heard.messages)
        assert not [e for e in events if e["type"] in ("sportbox.device.crashed", "sportbox.device.fault")]
        check_stalls(self.board, self.heard.messages)
        telemetry = self.heard.latest(self.board, "telemetry")
        assert (telemetry["task_restarts"], telemetry["dropped"]) == (0, 0)


Play = Callable[[Scene], Coroutine[Any, Any, None]]


def play(bench: Bench, broker: BrokerProcess, *plays: Play) -> None:
    """All of them side by side."""

    async def one(heard: Listener, scene_of: Play, number: int) -> None:
        scene = Scene(bench, broker, heard, f"board-{number}")
        try:
            await scene_of(scene)
            scene.check()
        except BaseException as error:
            error.add_note(f"in the scene `{scene_of.__name__}` on {scene.name}")
            raise

    async def all_of_them(heard: Listener) -> None:
        await gather_all(*(one(heard, scene_of, i) for i, scene_of in enumerate(plays, 1)))

    with Listener(broker.host, broker.port, bench.folder, qos=0) as heard:
        asyncio.run(all_of_them(heard))


# --- a gate ---


async def a_count_from_nowhere(scene: Scene) -> None:
    """Unknown at first, told by an order, kept over a power cut, corrected by an empty night."""
    await scene.boot({"gate-1": gate(empty_ms=int(EMPTY_S * 1000) + 4000)})
    assert scene.state("gate-1")["state"] == "unknown"
    await scene.walk("in")
    await eventually(lambda: scene.heard.events(scene.board, "gate.passed"), "a passage", LATE_S)
    assert scene.state("gate-1") == {**scene.state("gate-1"), "state": "unknown", "count": None}
    jti = await scene.order("gate-1", count=2)
    assert answers(scene.board, scene.heard.messages, jti) == [("accepted", None), ("done", None)]
    await scene.shows("occupied", 0, "gate-1", count=2)
    for direction, count in (("out", 1), ("in", 2), ("in", 3)):
        await scene.walk(direction)
        await scene.shows("occupied", 0, "gate-1", count=count)
    await scene.order("gate-1", count=1)  # remembered at once, a passage within a minute
    scene.board.cut()
    await scene.boot_again(2)
    await scene.shows("occupied", 0, "gate-1", count=1)
    await scene.shows("free", EMPTY_S + 4, "gate-1", count=0)
    await eventually(lambda: len(scene.heard.events(scene.board, "gate.reset")) >= 3, "the reset", LATE_S)
    resets = [e["data"] for e in check_events(scene.board, scene.heard.messages) if "reset" in e["type"]]
    assert resets == [
        {"count": 2, "was": None, "why": "order"},
        {"count": 1, "was": 3, "why": "order"},
        {"count": 0, "was": 1, "why": "empty"},
    ]


async def more_leave_than_came(scene: Scene) -> None:
    """Nobody is counted below nought, and it shows that the count cannot be right."""
    await scene.boot({"gate-1": gate()})
    await scene.order("gate-1", count=1)
    await scene.shows("occupied", 0, "gate-1", count=1, confidence=0.8)
    await scene.walk("out")
    await scene.shows("free", 0, "gate-1", count=0, confidence=0.8)
    await scene.walk("out")
    await scene.shows("free", 0, "gate-1", count=0, confidence=0.7)
    await scene.walk("in")
    await scene.shows("occupied", 0, "gate-1", count=1)

    def passages() -> list[str]:
        events = check_events(scene.board, scene.heard.messages)
        return [kind for kind in of_components(events, "gate-1") if kind.startswith("gate.passed")]

    await eventually(lambda: len(passages()) >= 3, "the passages", LATE_S)
    assert passages() == ["gate.passed out", "gate.passed out", "gate.passed in"]


async def wrong_orders(scene: Scene) -> None:
    await scene.boot({"gate-1": gate()})
    for kid, args, reason in (
        ("ops-1", {"count": -1}, "malformed"),
        ("ops-1", {"count": 1, "more": 1}, "malformed"),
        ("booking-1", {"count": 1}, "role"),
    ):
        token = scene.board.token("gate-1", kid=kid, act="configure", args=args)
        await asyncio.to_thread(scene.heard.send, scene.board, token)
        jti = jti_of(token)
        await eventually(lambda jti=jti: scene.heard.acks(scene.board, jti), f"an answer to {args}")
        assert scene.heard.acks(scene.board, jti) == [("rejected", reason)]
    assert scene.state("gate-1")["state"] == "unknown"


# --- a court with a motion sensor, and with a gate beside it ---


async def a_stuck_motion_sensor(scene: Scene) -> None:
    await scene.boot({"court-1": court(pir=PIR)})
    await scene.shows("free", HOLD_S, count=0)
    scene.set("pir-1", "stuck")
    await scene.shows("occupied", 0, count=None)
    await scene.shows("unknown", STUCK_S, lost=["pir"], confidence=0)
    await scene.stays("unknown", 2 * HOLD_S)
    scene.set("pir-1", "ok")
    await scene.shows("free", HOLD_S)
    await scene.told_in_the_end("free", "occupied", "unknown", "free")


async def somebody_counted_whom_nobody_sees(scene: Scene) -> None:
    """Gate and motion sensor contradict each other: occupied for a while, then nobody can tell."""
    await scene.boot({"gate-1": gate(), "court-1": court(pir=PIR, gate="gate-1")})
    await scene.order("gate-1", count=0)
    await scene.shows("free", HOLD_S, count=0)
    surer = scene.state()["confidence"]
    await scene.walk("in")
    await scene.shows("occupied", 0, count=1)
    assert scene.state()["confidence"] < surer
    await scene.shows("unknown", STUCK_S, count=None)
    scene.set("court-1", "occupied")
    await scene.shows("occupied", 0, count=1)
    scene.set("court-1", "free")
    await scene.walk("out")
    await scene.shows("free", HOLD_S, count=0)
    await eventually(lambda: scene.told()[-1] == "free", "the event of that", LATE_S)
    assert scene.told()[:3] == ["free", "occupied", "unknown"]


async def somebody_over_the_fence(scene: Scene) -> None:
    """Seen, but not counted: no count, and after a while nobody can tell."""
    await scene.boot({"gate-1": gate(), "court-1": court(pir=PIR, gate="gate-1")})
    await scene.order("gate-1", count=0)
    await scene.shows("free", HOLD_S, count=0)
    scene.set("court-1", "occupied")
    await scene.shows("occupied", 0, count=None)
    await scene.shows("unknown", STUCK_S)


async def a_flickering_motion_sensor(scene: Scene) -> None:
    """It comes and goes within its hold time: one event."""
    await scene.boot({"court-1": court(pir=PIR)})
    await scene.shows("free", HOLD_S)
    for _ in range(10):
        scene.set("court-1", "occupied")
        await asyncio.sleep(FLICKER_S / 2)
        scene.set("court-1", "free")
        await asyncio.sleep(FLICKER_S / 2)
    await scene.shows("free", HOLD_S)
    await scene.told_in_the_end("free", "occupied", "free")


def test_gates_and_motion_sensors(bench: Bench, mosquitto: BrokerProcess, run_dir: Path) -> None:
    play(
        bench,
        mosquitto,
        a_count_from_nowhere,
        more_leave_than_came,
        wrong_orders,
        a_stuck_motion_sensor,
        somebody_counted_whom_nobody_sees,
        somebody_over_the_fence,
        a_flickering_motion_sensor,
    )


# --- radar and time-of-flight sensor ---


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


def test_radars_and_time_of_flight_sensors(bench: Bench, mosquitto: BrokerProcess, run_dir: Path) -> None:
    play(
        bench,
        mosquitto,
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
