"""One outage that several players live through together, with a broker of their own.

They go through a gate, which is open only when the stop-watch's own subscriber is there, so that nothing
which they send can pass it unheard: that is when the broker has returned.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from host_tools.broker import BrokerProcess
from tests.bench.bench import Unmeasured
from tests.bench.outages_players import Fate, Player, Who
from tests.faults.helpers import Address
from tests.faults.helpers_gate import Gate
from tests.faults.helpers_listen import Listener

EDGE_S = 0.2
"""5 messages a second."""
BEFORE_S = 2.0
AFTER_S = 3.0
SETTLE_S = 0.3
"""From an edge until it is on flash: a contact is debounced for 50 ms. Nobody is killed before."""
READY_S = 30.0
DELIVERED_S = 20.0
LOOK_S = 0.02


class Outage(NamedTuple):
    how: str
    lasts_s: float

    def __str__(self) -> str:
        return f"{self.how} {self.lasts_s:g} s"


AWAY, FROZEN = "away", "frozen"


class Wave:
    """`players(broker)` makes them once the broker is there."""

    def __init__(self, outage: Outage, folder: Path, players: Callable[[Address], dict[Who, Player]]) -> None:
        self._outage = outage
        self._folder = folder
        self._make = players
        self._paused: set[str] = set()
        self._over = False

    async def play(self) -> dict[Who, Fate]:
        """What became of each player."""
        self._folder.mkdir()
        with ExitStack() as stack:
            broker = stack.enter_context(BrokerProcess.start("mosquitto", state_dir=self._folder / "broker"))
            gate = stack.enter_context(Gate(broker.host, broker.port))
            # QoS 0: at QoS 1 the client would drop what it has not read yet when the broker dies
            heard = stack.enter_context(Listener(broker.host, broker.port, self._folder, "#", qos=0))
            made = self._make(gate.address)
            players = list(made.values())
            for player in players:
                player.start()
                stack.callback(player.stop)
            await self._until(lambda: all(player.is_ready(heard) for player in players), "ready", READY_S)
            moving = [asyncio.create_task(self._move(player)) for player in players]
            try:
                await asyncio.sleep(BEFORE_S)
                returned_s = await self._outlive(broker, gate, heard, players)
                await asyncio.sleep(AFTER_S)
            finally:
                self._over = True
                await asyncio.gather(*moving)
            await self._deliver(heard, players)
            ended_s = time.monotonic()
            return {who: player.fate(heard, returned_s, ended_s) for who, player in made.items()}

    async def _move(self, player: Player) -> None:
        while not self._over:
            if player.name not in self._paused:
                player.edge()
            await asyncio.sleep(EDGE_S)

    async def _outlive(
        self, broker: BrokerProcess, gate: Gate, heard: Listener, players: list[Player]
    ) -> float:
        """The outage; gives the time of the broker's return."""
        begin_s = time.monotonic()
        if self._outage.how == FROZEN:
            broker.freeze()
        else:
            broker.kill()
            await asyncio.to_thread(gate.close)
        kills = [self._kill(player) for player in players if player.is_killed]
        await asyncio.sleep(self._outage.lasts_s / 2)
        await asyncio.gather(*kills)
        await asyncio.sleep(begin_s + self._outage.lasts_s - time.monotonic())
        if self._outage.how == FROZEN:
            returned_s = time.monotonic()
            broker.thaw()
            return returned_s
        broker.restart()
        await self._until(lambda: heard.subscriptions == 2, "the subscriber to be back", READY_S)
        returned_s = time.monotonic()
        await asyncio.to_thread(gate.open)
        return returned_s

    async def _kill(self, player: Player) -> None:
        self._paused.add(player.name)
        await asyncio.sleep(SETTLE_S)
        player.kill()
        player.restart()
        await self._until(player.is_up_again, f"{player.name} to be up again", READY_S)
        self._paused.discard(player.name)

    async def _deliver(self, heard: Listener, players: list[Player]) -> None:
        """Until all is there that will come, or for long."""
        end_s = time.monotonic() + DELIVERED_S
        while time.monotonic() < end_s:
            if all(player.delivered(heard) == player.edges for player in players):
                return
            await asyncio.sleep(EDGE_S)

    async def _until(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        end_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > end_s:
                raise Unmeasured(f"{self._outage}: waited {timeout_s:g} s for {what}")
            await asyncio.sleep(LOOK_S)
