"""Scenes of a board and a scripted peer that misbehaves.

Each scene: the board is online and has just accepted an order; then the fault begins. Meanwhile the door
opens and closes and the strike drops. Then the peer is healthy again, and the board comes back within its
deadlines, with everything that happened, in order, and with no order carried out twice. The scenes of a test
are played side by side, each with a board and a peer of its own.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.data.traffic import check_delivery
from tests.faults import packets
from tests.faults.helpers import (
    DROP_S,
    POLL_S,
    RELEASE_S,
    UNHURRIED,
    Bench,
    Board,
    eventually,
    gather_all,
    jti_of,
)
from tests.faults.helpers_check import answers, check_events, check_stalls, first_events, of_components
from tests.faults.helpers_listen import Message, messages_of
from tests.faults.peer import Behaviour, Peer
from tests.lateness import late_s

MQTT = {"connect_ms": 1000, "ack_ms": 1000, "backoff_cap_ms": 500}
PATIENT = {"connect_ms": 8000, "ack_ms": 8000, "backoff_cap_ms": 500}
TICK_S = 1.0
"""Deadlines are looked at once a second."""
SLACK_S = 3.0
"""For a busy machine: what is told apart is a deadline that is kept from one that is forgotten."""
PAUSE_S = 0.05
"""The shortest before a reconnect."""
QUIET = {"telemetry_s": 30}
COMMAND_ID = 4711
LOCK_EVENTS = ["access.accepted", "lock.unlocked", "access.done", "lock.locked"]
DOOR_EVENTS = ["door.opened", "door.closed"]

Begin = Callable[[Peer, Board, str], None]


def behave(close: bool = True, **how: Any) -> Begin:
    """The peer behaves otherwise from now on; `close` makes the board connect anew, into the fault."""

    def begin(peer: Peer, _board: Board, _token: str) -> None:
        for name, value in how.items():
            setattr(peer.behaviour, name, value)
        if close:
            peer.close_connections(abort=True)

    return begin


def say(*raw: bytes) -> Begin:
    """These bytes now, and again after each SUBACK."""

    def begin(peer: Peer, _board: Board, _token: str) -> None:
        peer.behaviour.when_subscribed = list(raw)
        peer.send(b"".join(raw))

    return begin


@dataclass
class Fault:
    name: str
    begin: Begin
    connections: int | None = None
    """How many connections follow while it lasts. None: at least two, for the board has to give them up."""
    when: Callable[[Peer], bool] | None = None
    """It begins when this is so, after the lend. None: before it."""
    felt: Callable[[Peer], bool] = lambda _: True
    """What shows that the fault has reached the board, where its connections do not."""
    mqtt: dict[str, int] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    last_s: float = 0.0
    """How much later than usual the fault ends a connection."""
    at_once: bool = False
    """The board need not wait for a deadline to give the connection up."""
    again: bool = False
    """Nothing is acknowledged meanwhile: events and answers have to come again afterwards."""
    refusals: list[tuple[str, str]] = field(default_factory=list)
    """Further answers to the same token."""


class Scene:
    def __init__(self, bench: Bench, fault: Fault, number: int) -> None:
        self.fault = fault
        self.peer = Peer()
        self.bench = bench
        self.number = number
        self.connects_s: list[float] = []
        self._messages: list[Message] = []
        self.mqtt = {**(PATIENT if fault.at_once else MQTT), **fault.mqtt}
        longest_ms = max(self.mqtt["connect_ms"], self.mqtt["ack_ms"])
        wait_s = 0.0 if fault.at_once else longest_ms / 1000 + TICK_S + fault.last_s
        self.bound_s = wait_s + self.mqtt["backoff_cap_ms"] / 1000 + SLACK_S

    @property
    def messages(self) -> list[Message]:
        """What the board has published so far."""
        known = self._messages
        known += messages_of(self.peer.packets("PUBLISH")[len(known) :])
        return known

    def told(self, *components: str) -> list[str]:
        return of_components(first_events(self.board, self.messages), *components)

    async def boot(self) -> None:
        """The board is online when this returns."""
        where = (self.peer.host, self.peer.port)
        config = {"components": UNHURRIED, **self.fault.config}
        self.board = self.bench.add(f"box-{self.number}", where, mqtt=self.mqtt, **config)
        self.board.boot()
        telemetry = f"{self.board.base}/telemetry"
        await eventually(lambda: any(m.topic == telemetry for m in self.messages), "telemetry")

    async def play(self) -> None:
        watching = asyncio.create_task(self.watch_connections())
        try:
            await self.play_fault()
            for message in self.messages:
                check_delivery(message.topic, message.qos, message.retain)
        except BaseException as error:
            error.add_note(f"in the scene `{self.fault.name}`, board {self.board.name}")
            raise
        finally:
            watching.cancel()

    async def play_fault(self) -> None:
        fault, peer, board = self.fault, self.peer, self.board
        token = await self.give_order()
        before = peer.accepted
        began_s = await self.disturb(token)
        least = 2 if fault.connections is None else fault.connections
        await eventually(lambda: fault.felt(peer), "the fault to be felt")
        await eventually(lambda: peer.accepted >= before + least, "more connections", 2 * self.bound_s)
        peer.behaviour = Behaviour()
        healed_s = time.monotonic()
        board.set("door-2", "open")
        await eventually(lambda: self.told("door-2"), "the forced door to be told of", self.bound_s)
        await eventually(lambda: "lock.locked" in self.told("lock-1"), "the end of the lend")
        assert fault.connections in (None, peer.accepted - before), "a connection did not stay"
        self.check_reconnects(began_s, healed_s)
        if fault.again:
            await eventually(lambda: not self.missing_again(began_s, healed_s), "what was not acknowledged")
        from_s = began_s if fault.config == QUIET else healed_s
        await eventually(lambda: self.telemetry_since(from_s), "telemetry", 2 * TICK_S + SLACK_S)
        check_stalls(board, [m for m in self.messages if m.at_s > began_s])
        self.check(token)

    async def disturb(self, token: str) -> float:
        """Movement at the box, and the fault before it or after. Returns when the fault began."""
        fault, peer, board = self.fault, self.peer, self.board
        began_s = time.monotonic()
        if fault.when is None:
            fault.begin(peer, board, token)
        await self.lend()
        await asyncio.to_thread(board.set, "gate-1", "in")
        if fault.when is not None:
            when = fault.when
            await eventually(lambda: when(peer), "the moment to begin")
            began_s = time.monotonic()
            fault.begin(peer, board, token)
        return began_s

    def telemetry_since(self, at_s: float) -> bool:
        return any(m.topic == f"{self.board.base}/telemetry" and m.at_s > at_s for m in self.messages)

    def missing_again(self, began_s: float, healed_s: float) -> set[str]:
        """Events and answers that were published during the fault and not since."""

        def published(from_s: float, to_s: float) -> set[str]:
            found = set()
            for message in self.messages:
                if from_s < message.at_s < to_s and message.topic == f"{self.board.base}/event":
                    found.add(message.content["id"])
                elif from_s < message.at_s < to_s and message.topic == f"{self.board.base}/ack":
                    found.add(f"{message.content['result']} for {message.content['jti']}")
            return found

        return published(began_s, healed_s) - published(healed_s, time.monotonic())

    async def watch_connections(self) -> None:
        """Notes when each connection comes, whether the peer then reads from it or not."""
        while True:
            while len(self.connects_s) < self.peer.accepted:
                self.connects_s.append(time.monotonic())
            await asyncio.sleep(POLL_S)

    async def give_order(self) -> str:
        """The board has accepted an order when this returns."""
        board, peer = self.board, self.peer
        info = next(m.content for m in self.messages if m.topic == f"{board.base}/info")
        token = board.token(nonce=info["nonce"])
        peer.send(packets.publish(f"{board.base}/cmd", token.encode(), packet_id=COMMAND_ID))
        await eventually(lambda: answers(board, self.messages, jti_of(token)), "`accepted`")
        return token

    async def lend(self) -> None:
        """Doors and strikes work, whatever the broker does."""
        board = self.board
        await eventually(lambda: board.set("door-1", "pull")["moved"], "the strike to let go", RELEASE_S)
        await eventually(lambda: not board.energised(), "the strike to drop", DROP_S)
        board.set("door-1", "closed")

    def check_reconnects(self, began_s: float, healed_s: float) -> None:
        """No connection that is of no use is kept for longer than its deadlines."""
        connects = [at_s for at_s in self.connects_s if at_s > began_s]
        gaps = [b - a for a, b in zip([began_s, *connects], connects, strict=False)]
        late = [late_s(a, b) for a, b in zip([began_s, *connects], connects, strict=False)]
        assert all(gap < self.bound_s + late for gap, late in zip(gaps, late, strict=True)), (
            f"connections after {gaps} s, allowed are {self.bound_s}, and so late was the machine: {late}"
        )
        assert sum(gaps) > (len(gaps) - 2) * PAUSE_S, f"no pause between connections: {gaps}"
        later = [at_s for at_s in connects if at_s > healed_s]
        assert not later or later[0] - healed_s < self.bound_s + late_s(healed_s, later[0])

    def check(self, token: str) -> None:
        board, messages = self.board, self.messages
        events = check_events(board, messages)
        lock_events = of_components(events, "lock-1")
        assert [told for told in lock_events if told != "access.rejected"] == LOCK_EVENTS
        assert of_components(events, "door-1") == DOOR_EVENTS
        assert of_components(events, "gate-1", "door-2") == ["gate.passed in", "door.forced"]
        assert answers(board, messages, jti_of(token)) == [
            ("accepted", None),
            ("done", None),
            *self.fault.refusals,
        ]
        assert board.pulses() == {"lock-1": 1, "lock-2": 0}
        crashes = [e for e in events if e["type"] == "sportbox.device.crashed"]
        assert not crashes and not self.peer.malformed, (crashes, self.peer.malformed)


def play(bench: Bench, *faults: Fault) -> None:
    """The boards are switched on one after the other: a start takes much of a processor for a moment, and
    that is not what is measured here."""
    scenes = [Scene(bench, fault, number) for number, fault in enumerate(faults, 1)]

    async def family() -> None:
        for scene in scenes:
            await scene.boot()
        await gather_all(*(scene.play() for scene in scenes))

    with contextlib.ExitStack() as peers:
        for scene in scenes:
            peers.enter_context(scene.peer)
        asyncio.run(family())
