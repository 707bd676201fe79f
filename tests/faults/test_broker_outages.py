"""A broker that is frozen for 30 s or dead for 10 s while doors, gate and court move and an order runs.

An independent subscriber, there before the boards return, hears of everything that happened, in order. Scenes
are played side by side, so that their outages take no longer than the longest.
"""

import asyncio
import random
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from host_tools.broker import BrokerProcess, find_mosquitto
from tests.brokers import start
from tests.faults.helpers import (
    DROP_S,
    MQTT,
    RELEASE_S,
    UNHURRIED,
    Bench,
    Board,
    eventually,
    gather_all,
    jti_of,
)
from tests.faults.helpers_check import answers, check_events, check_stalls, of_components
from tests.faults.helpers_gate import Gate
from tests.faults.helpers_listen import Listener
from tests.lateness import late_s

FROZEN_S = 30.0
DEAD_S = 10.0
BACK_S = (MQTT["backoff_cap_ms"] + MQTT["connect_ms"]) / 1000
"""The longest pause, and a CONNACK that comes at its deadline."""
LATENCY_S = 1.5
"""From an ordinary event to flash and to the broker: a batch waits up to 1 s."""
NOTICE_S = 0.5
"""From a change to the event: a passage through the gate takes 0.24 s, a door is debounced for 50 ms."""
KINDS = {"door-2": ["door.forced", "door.closed"], "gate-1": ["gate.passed in", "gate.passed out"]}


class Life:
    """What goes on at the box: a door, a gate and a court in turn, each at its own pace."""

    def __init__(self, board: Board, chance: random.Random) -> None:
        self.board = board
        self.chance = chance
        self.done: dict[str, list[float]] = {"door-2": [], "gate-1": [], "court-1": []}
        """When each change was made, by component."""
        self.tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self.tasks = [
            asyncio.create_task(self._go_on("door-2", "open", "closed", 0.6)),
            asyncio.create_task(self._go_on("gate-1", "in", "out", 0.4)),
            asyncio.create_task(self._go_on("court-1", "occupied", "free", 0.7)),
        ]

    async def stop(self) -> None:
        """Once each has come back to where it began."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _go_on(self, component: str, first: str, second: str, pause_s: float) -> None:
        while True:
            for value in (first, second):
                # a change cannot be cancelled half-way: what was begun is counted
                await asyncio.shield(self._change(component, value))
                await asyncio.sleep(pause_s * self.chance.uniform(1, 1.5))

    async def _change(self, component: str, value: str) -> None:
        self.done[component].append(time.monotonic())
        await asyncio.to_thread(self.board.set, component, value)


class Scene:
    def __init__(self, bench: Bench, broker: BrokerProcess, name: str, seed: int) -> None:
        self.broker = broker
        self.gate = Gate(broker.host, broker.port)
        # QoS 0: at QoS 1 the client would drop what it has not read yet when its PUBACK finds the broker dead
        self.heard = Listener(broker.host, broker.port, bench.folder, qos=0)
        self.bench = bench
        self.name = name
        self.seed = seed

    async def play(self, how: str) -> None:
        try:
            with self.heard, self.gate:
                await self._play(how)
        except BaseException as error:
            error.add_note(f"in the scene `{self.name}`")
            raise

    async def _play(self, how: str) -> None:
        heard = self.heard
        board = self.board = self.bench.add(self.name, self.gate.address, components=UNHURRIED)
        board.boot()
        info = f"{board.base}/info"
        await eventually(
            lambda: any(m.topic == info and m.content["clock"] == "ntp" for m in heard.messages), "clock"
        )
        life = self.life = Life(board, random.Random(self.seed))
        life.start()
        await eventually(lambda: all(len(times) >= 3 for times in life.done.values()), "some movement")
        token = board.token()
        heard.send(board, token)
        await eventually(lambda: heard.acks(board, jti_of(token)), "`accepted`")
        self.began_s = time.monotonic()
        if how == "frozen":
            self.broker.freeze()
        else:
            self.broker.kill()
            self.gate.close()
        await self.lend()
        lasts_s = FROZEN_S if how == "frozen" else DEAD_S
        await asyncio.sleep(max(0.0, self.began_s + lasts_s - time.monotonic()))
        if how == "frozen":
            self.broker.thaw()
        else:
            self.broker.restart()
            await eventually(lambda: heard.subscriptions == 2, "the subscriber to be back")
            self.gate.open()
        self.ended_s = time.monotonic()
        await self.wait_online()
        later = {name: len(times) + 2 for name, times in life.done.items()}
        await eventually(lambda: all(len(life.done[n]) >= later[n] for n in later), "more movement")
        await life.stop()
        await self.wait_delivered()
        self.check(token)

    async def lend(self) -> None:
        """The order that was accepted just before goes on without a broker."""
        board = self.board
        await eventually(lambda: board.set("door-1", "pull")["moved"], "the strike to let go", RELEASE_S)
        await eventually(lambda: not board.energised(), "the strike to drop", DROP_S)
        board.set("door-1", "closed")

    async def wait_online(self) -> None:
        """Until the board says `online` after the outage."""

        def is_online() -> bool:
            said = self.heard.of(self.board, "availability")
            return any(m.payload == b"online" and m.at_s > self.ended_s for m in said)

        await eventually(is_online, "`online` after the outage", BACK_S)

    async def wait_delivered(self) -> None:
        """All changes have been told of (a court's last `free` comes after its hold time)."""
        heard, board, life = self.heard, self.board, self.life

        def all_told() -> bool:
            events = heard.events(board)
            told = {name: {e["id"] for e in events if e["source"].endswith(name)} for name in life.done}
            court = len(life.done["court-1"]) + 1  # `free` after boot
            return (
                len(told["door-2"]) == len(life.done["door-2"])
                and len(told["gate-1"]) == len(life.done["gate-1"])
                and len(told["court-1"]) >= court
            )

        await eventually(all_told, f"all changes: {[(n, len(t)) for n, t in life.done.items()]}", BACK_S)

    def check(self, token: str) -> None:
        board, life, messages = self.board, self.life, self.heard.messages
        events = check_events(board, messages)
        for name, kinds in KINDS.items():
            count = len(life.done[name])
            assert of_components(events, name) == [kinds[i % 2] for i in range(count)], name
        states = [e["data"]["state"] for e in events if e["source"].endswith("court-1")]
        assert states == (["free", "occupied"] * len(states))[: len(states)]
        self.check_historical()
        assert answers(board, messages, jti_of(token)) == [("accepted", None), ("done", None)]
        assert of_components(events, "door-1") == ["door.opened", "door.closed"]
        assert board.pulses() == {"lock-1": 1, "lock-2": 0}
        check_stalls(board, messages)
        telemetry = self.heard.latest(board, "telemetry")
        assert (telemetry["dropped"], telemetry["task_restarts"], telemetry["flash_errors"]) == (0, 0, 0)
        after = {m.topic.removeprefix(board.base + "/") for m in messages if m.at_s > self.ended_s}
        assert after >= {"availability", "info", *(f"{name}/state" for name in board.config["components"])}
        newest = [m.payload for m in messages if m.topic == f"{board.base}/availability"]
        assert newest[-1] == b"online"

    def check_historical(self) -> None:
        """What waited out the outage says so, and nothing else does."""
        events = self.heard.events(self.board)
        waited = {e["id"] for e in events if e.get("historical")}
        back_s = [m.at_s for m in self.heard.of(self.board, "availability") if m.payload == b"online"][-1]
        for name in ("door-2", "gate-1", "court-1"):
            ids = list(dict.fromkeys(e["id"] for e in events if e["source"].endswith(name)))
            if name == "court-1":
                ids = ids[1:]
            for event_id, at_s in zip(ids, self.life.done[name], strict=False):
                when = f"{event_id}, {at_s - self.began_s:.1f} s after the outage began"
                if self.began_s < at_s and self.are_apart(at_s, self.ended_s, NOTICE_S):
                    assert event_id in waited, f"{when}, is not historical"
                elif self.are_apart(at_s, self.began_s, LATENCY_S) or self.are_apart(back_s, at_s, LATENCY_S):
                    assert event_id not in waited, f"{when}, is historical"

    @staticmethod
    def are_apart(first_s: float, then_s: float, by_s: float) -> bool:
        """Even if all that the machine was late in between came from one of them."""
        return first_s < then_s and then_s - first_s > by_s + late_s(first_s, then_s)


def play(bench: Bench, seed: int, *outages: tuple[str, str, BrokerProcess]) -> None:
    scenes = [(Scene(bench, broker, name, seed + i), how) for i, (name, how, broker) in enumerate(outages)]

    async def all_of_them() -> None:
        await gather_all(*(scene.play(how) for scene, how in scenes))

    asyncio.run(all_of_them())


def test_brokers_frozen_and_killed(bench: Bench, run_dir: Path, seed: int) -> None:
    """Mosquitto frozen, Mosquitto killed, the embedded broker killed."""
    with ExitStack() as brokers:
        outages = [("box-embedded", "killed", brokers.enter_context(start("amqtt", run_dir / "embedded")))]
        if find_mosquitto() is not None:
            frozen = brokers.enter_context(start("mosquitto", run_dir / "frozen"))
            killed = brokers.enter_context(start("mosquitto", run_dir / "killed"))
            outages += [("box-frozen", "frozen", frozen), ("box-killed", "killed", killed)]
        play(bench, seed, *outages)
        if len(outages) == 1:
            pytest.skip("only the embedded broker was killed: Mosquitto is not installed")
