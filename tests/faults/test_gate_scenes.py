"""Gates, and courts with a motion sensor, on simulated boards while people move.

What a subscriber hears is compared with what is so: a court that cannot be judged says `unknown`, never a
false `free`, and nothing floods. Scenes are played side by side, each on a board of its own.
"""

import asyncio

from host_tools.broker import BrokerProcess
from tests.faults.helpers import Bench, eventually, jti_of
from tests.faults.helpers_check import answers, check_events, of_components
from tests.faults.helpers_field import EMPTY_S, HOLD_S, PIR, STUCK_S, Json, Scene, court, gate
from tests.faults.helpers_stage import LATE_S, play

FLICKER_S = 0.2


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

    def resets() -> list[Json]:
        events = check_events(scene.board, scene.heard.messages)
        return [event["data"] for event in events if event["type"] == "sportbox.gate.reset"]

    await eventually(lambda: len(resets()) >= 3, "the reset", LATE_S)
    assert resets() == [
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


def test_gates_and_motion_sensors(bench: Bench, mosquitto: BrokerProcess) -> None:
    play(
        bench,
        mosquitto,
        Scene,
        a_count_from_nowhere,
        more_leave_than_came,
        wrong_orders,
        a_stuck_motion_sensor,
        somebody_counted_whom_nobody_sees,
        somebody_over_the_fence,
        a_flickering_motion_sensor,
    )
