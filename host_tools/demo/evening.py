"""The scenes of the evening. The seed decides who plays where and when; what happens is always the same."""

import asyncio
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass

from host_tools.demo.account import Fault, distinct
from host_tools.demo.ground import BOX, Ground
from host_tools.demo.tokens import BAD, Token

READY_S = 60.0
PACE = 1.3  # people read along
OUTAGE_S = 10.0
DARK_S = 2.0
CONTAINER, BALL, FORCED = "lock-1", "lock-2", "lock-3"


def door_of(lock: str) -> str:
    return lock.replace("lock-", "door-")


@dataclass(frozen=True)
class Script:
    """What the seed decides beforehand; the pauses come from `chance` as they are needed."""

    courts: tuple[str, str, str]  # the first is filled first; the second empties during the outage
    attempts: tuple[str, ...]  # bad tokens, in this order
    moves_while_off: bool  # whether the door comes open as the power goes
    outage_passages: tuple[str, str]
    chance: random.Random

    @classmethod
    def draw(cls, seed: int, courts: Iterable[str]) -> "Script":
        chance = random.Random(seed)
        first, second, third = chance.sample(sorted(courts), 3)
        attempts = ["replayed", *BAD]
        chance.shuffle(attempts)
        passages = ("in", "out") if chance.random() < 0.5 else ("out", "in")
        return cls((first, second, third), tuple(attempts), chance.random() < 0.5, passages, chance)


class Evening:
    def __init__(self, ground: Ground, script: Script) -> None:
        self.ground = ground
        self.script = script
        self.used: Token | None = None  # the citizen's first token

    async def play(self) -> None:
        await self.start()
        await self.arrive()
        await self.trainer()
        await self.lend()
        await self.refusals()
        await self.forced()
        await self.outage()
        await self.power()
        await self.leave()

    async def pause(self, low_s: float, high_s: float) -> None:
        """People need a moment."""
        await asyncio.sleep(PACE * self.script.chance.uniform(low_s, high_s))

    async def start(self) -> None:
        ground = self.ground
        ground.story.scene("start")
        await ground.wait_for("all boards are ready", ground.ready.is_set, READY_S)
        ground.says("demo", "board.ready", "quiet")
        ground.says("guard", "act.count")
        token = ground.desk.count(BOX, ground.gate(), 0, "demo-guard")
        await ground.order(token)
        await ground.done(token)

    async def arrive(self) -> None:
        ground, (first, second, _) = self.ground, self.script.courts
        ground.story.scene("arrive")
        for court in (None, first, second):
            if court is not None:
                await ground.play(court, True)
            await self.pause(0.3, 0.8)
            ground.says("people", "act.in")
            await ground.pass_gate("in")
            await self.pause(0.2, 0.6)
        await ground.settled([first, second])

    async def trainer(self) -> None:
        ground = self.ground
        ground.story.scene("trainer")
        await self.unlock("trainer", CONTAINER, "act.enter", "ops")
        await ground.play(self.script.courts[2], True)
        await self.pause(1.0, 1.6)
        await self.shut("trainer", CONTAINER, "act.exit")

    async def lend(self) -> None:
        ground = self.ground
        ground.story.scene("lend")
        self.used = await self.unlock("citizen", BALL, "act.ball")
        await self.pause(0.8, 1.4)
        await self.shut("citizen", BALL, "act.close")
        await ground.play(self.script.courts[0], False)

    async def refusals(self) -> None:
        ground = self.ground
        ground.story.scene("refused")
        assert self.used is not None
        before = ground.pulses()
        for reason in self.script.attempts:
            await self.pause(0.5, 0.9)
            replayed = reason == "replayed"
            token = self.used if replayed else ground.desk.bad(reason, BOX, BALL, "demo-somebody")
            ground.says("citizen" if replayed else "stranger", f"try.{reason}")
            await ground.refused(token, reason)
        if ground.pulses() == before and ground.is_shut():  # `account` has the last word
            ground.says("demo", "act.unmoved", "quiet")
        await ground.play(self.script.courts[2], False)

    async def forced(self) -> None:
        ground, door = self.ground, door_of(FORCED)
        ground.story.scene("forced")
        await self.pause(0.3, 0.8)
        ground.says("stranger", "act.force", part=door)
        ground.ledger.break_ins += 1
        ground.board().set(door, "open")
        await ground.event("the forced door is reported", door, "door.forced")
        await self.pause(1.2, 2.0)
        ground.says("guard", "act.mend")
        ground.close(door)
        await ground.event("the forced door is closed again", door, "door.closed")
        await ground.play(self.script.courts[0], True)
        await ground.settled()

    async def outage(self) -> None:
        """Ten seconds without a broker. Everything that people did before has arrived by then, so what the
        broker had acknowledged and took with it is nothing that counts."""
        ground, script = self.ground, self.script
        ground.story.scene("outage")
        before = ground.mark()
        token = await self.ask("citizen", BALL)
        await ground.event("the order's strike is energised", BALL, "lock.unlocked", before)
        await self.pause(0.2, 0.4)
        kept = ground.mark()
        ground.kill_broker()
        killed_s = time.monotonic()
        ground.says("broker", "broker.dies", "alarm")
        await self.pause(0.5, 0.8)
        await ground.play(script.courts[1], False)
        await self.pause(0.3, 0.7)
        ground.says("citizen", "act.return")
        await ground.pull_open(door_of(BALL))
        for direction in script.outage_passages:
            await self.pause(0.4, 0.9)
            ground.says("people", f"act.{direction}")
            await ground.pass_gate(direction)
        ground.says("citizen", "act.close")
        ground.close(door_of(BALL))
        await self.pause(0.4, 0.9)
        await ground.play(script.courts[2], True)
        await asyncio.sleep(max(0.0, killed_s + OUTAGE_S - time.monotonic()))
        await ground.restart_broker()
        ground.says("broker", "broker.back", "good")
        await ground.online(killed_s)
        await ground.done(token)
        await ground.event("the ball's compartment is locked again", BALL, "lock.locked", kept)
        await ground.settled()
        self.check_historical(kept)

    def check_historical(self, since: int) -> None:
        """Everything since the broker's death has waited, and has to say so."""
        late = distinct(self.ground.witness.events[since:])
        self.ground.says("demo", "act.arrived", "good", count=sum(event.historical for event in late))
        self.ground.faults += [
            Fault("not_historical", {"device": event.device, "seq": event.seq})
            for event in late
            if not event.historical
        ]

    async def power(self) -> None:
        ground, door = self.ground, door_of(BALL)
        ground.story.scene("power")
        token = await self.ask("citizen", BALL, result="failed", reason="power")
        await self.pause(0.2, 0.5)
        ground.board().cut()
        ground.says("power", "act.cut", "alarm")
        if self.script.moves_while_off:
            ground.says("citizen", "act.moves")
            ground.board().set(door, "open")
        elif not ground.pull(door):
            ground.says("citizen", "act.stays")
        await ground.wait_for(
            f"the broker reports {BOX} offline",
            lambda: ground.witness.newest.get((BOX, "availability")) == "offline",
        )
        ground.says("broker", "board.offline", "refused", device=BOX)
        await ground.play(self.script.courts[0], False)
        await asyncio.sleep(DARK_S)
        ground.says("power", "act.restored", "good")
        since = ground.mark()
        await ground.power_up()
        await ground.answer(token, "failed", "power")
        if self.script.moves_while_off:
            await ground.event("the open door is reported", door, "door.opened", since, while_off=True)
            await self.pause(0.5, 0.9)
            await self.shut("citizen", BALL, "act.close")
        await self.pause(0.5, 0.9)
        ground.says("citizen", "try.replayed")
        await ground.refused(token, "replayed")
        await self.pause(0.4, 0.8)
        await self.unlock("citizen", BALL, "act.ball")
        await self.pause(0.6, 1.0)
        await self.shut("citizen", BALL, "act.close")

    async def leave(self) -> None:
        ground = self.ground
        ground.story.scene("leave")
        for court, played in ground.played.items():
            if played:
                await ground.play(court, False)
        while ground.inside:
            await self.pause(0.2, 0.6)
            ground.says("people", "act.out")
            await ground.pass_gate("out")
        ground.says("demo", "count.wait", "quiet")
        await ground.settled()
        await ground.count()

    # --- what several scenes do ---

    async def ask(
        self, who: str, lock: str, role: str = "booking", result: str = "done", reason: str | None = None
    ) -> Token:
        """Send a good token; it is accepted when this returns."""
        ground = self.ground
        await self.pause(0.4, 0.8)
        ground.says(who, "act.ask_ops" if role == "ops" else "act.ask", part=lock)
        token = ground.desk.good(BOX, lock, f"demo-{who}", role)
        await ground.order(token, result, reason)
        return token

    async def unlock(self, who: str, lock: str, pull_key: str, role: str = "booking") -> Token:
        """Send a good token and open the door."""
        token = await self.ask(who, lock, role)
        await self.pause(0.4, 0.9)
        self.ground.says(who, pull_key)
        await self.ground.pull_open(door_of(lock))
        await self.ground.done(token)
        return token

    async def shut(self, who: str, lock: str, key: str) -> None:
        since = self.ground.mark()
        self.ground.says(who, key)
        self.ground.close(door_of(lock))
        await self.ground.event(f"{lock} is locked again", lock, "lock.locked", since)
