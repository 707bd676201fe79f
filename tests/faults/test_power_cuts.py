"""The power goes at a random moment of a lend, again and again.

After each boot nothing moves until there is a new order, nothing that was accepted is lost, and a token that
was used stays used. Several boxes are played side by side; `seed` chooses the moments.
"""

import asyncio
import functools
import random
from pathlib import Path
from typing import Any

from host_tools.broker import BrokerProcess
from tests.faults.helpers import (
    RELEASE_S,
    UNHURRIED,
    Bench,
    Board,
    eventually,
    gather_all,
    jti_of,
    patched_firmware,
)
from tests.faults.helpers_check import answers, check_events, first_events, twice
from tests.faults.helpers_listen import Listener, messages_of
from tests.faults.peer import Peer
from tests.lateness import rest

Json = dict[str, Any]

BOXES = 6
CUTS = 9
"""For each box."""
SMALL = {
    "sportbox/app.py": {"_QUIET_MS": 300},
    "sportbox/store/journal.py": {"SEGMENT_BYTES": 512},
    "sportbox/store/replay.py": {"_FILE_MAX": 600},
}
"""Bounds of every second box: what happens once an hour elsewhere, files written anew and deleted, happens
all the time there."""
LOCK, DOOR = "lock-1", "door-1"
DEBOUNCE_S = 0.05
FINALS = {("done", None), ("failed", "power"), ("failed", "not_opened")}
REPLAYED = ("rejected", "replayed")
MOMENTS = {
    # name: how long after that moment the power goes at the latest, in s
    "order": 0.06,
    "accepted": 0.03,
    "energised": 0.2,
    "open": 0.4,
    "done": 1.2,
    "closed": 0.4,
    "batch": 1.4,
    "boot": 0.5,
    "backlog": 0.6,
}


class Box:
    """One box through all its cuts."""

    def __init__(self, board: Board, heard: Listener, seed: int) -> None:
        self.heard = heard
        self.board = board
        self.chance = random.Random(f"{seed} {board.name}")
        self.moments = self.chance.sample(sorted(MOMENTS), len(MOMENTS))
        self.boots = 0
        """How often it was given power."""
        self.tokens: list[str] = []
        self.promised: list[tuple[str, str]] = []
        """(event type, jti) of what was answered before a cut: its event was on flash by then."""
        self.bootids: set[str] = set()
        self.boot = 0
        """The board's own count, as it last told."""
        self.states_before = 0
        self.pulses = 0
        self.moment = "first boot"

    async def play(self) -> None:
        try:
            await self.start()
            for number in range(CUTS):
                await self.round(self.moments[number % len(self.moments)])
            await self.finish()
        except BaseException as error:
            error.add_note(f"{self.board.name}, boot {self.boots}, cut at `{self.moment}` of {self.moments}")
            raise

    async def start(self) -> None:
        """Power on; until the board is there and knows the time."""
        earlier = len(self.heard.of(self.board, "info"))
        self.states_before = len(self.heard.of(self.board, f"{DOOR}/state"))
        self.board.boot()
        self.boots += 1

        def is_ready() -> bool:
            said = self.heard.of(self.board, "info")[earlier:]
            return any(m.content["clock"] == "ntp" for m in said)

        await eventually(is_ready, "a board that knows the time", 15)
        info = self.heard.latest(self.board, "info")
        assert info["bootid"] not in self.bootids, "a bootid came twice"
        self.bootids.add(info["bootid"])
        assert info["replay_log"] == "ok"
        assert info["reset"] == "power_on"
        if self.moment != "boot":
            assert info["boot"] == self.boot + 1
        else:  # the power went before the first of two boots could count itself, or after it
            assert self.boot < info["boot"] <= self.boot + 2
        self.boot = info["boot"]

    # --- one round: a lend up to a moment, the cut, what must hold after it ---

    async def round(self, moment: str) -> None:
        self.moment = moment
        token = self.board.token(LOCK)
        self.tokens.append(token)
        before = self.board.pulses()[LOCK]
        assert before == self.pulses
        await self.lend_until(moment, token)
        await asyncio.sleep(self.chance.uniform(0, MOMENTS[moment]))  # this is the chance of the test
        self.board.cut()
        assert not self.board.energised(LOCK)
        self.pulses = self.board.pulses()[LOCK]
        assert self.pulses - before <= 1
        seen = self.acks(token)
        if self.chance.random() < 0.5:
            self.board.set(DOOR, "closed")
        await self.start()
        assert not self.board.energised(LOCK)
        self.board.set(DOOR, "closed")
        await eventually(self.is_shut, "a door that is shut")
        await self.try_again(token, was_used=bool(seen) or self.pulses > before)
        self.promised += [(f"sportbox.access.{result}", jti_of(token)) for result, _ in seen]

    def acks(self, token: str) -> list[tuple[str, str | None]]:
        return answers(self.board, self.heard.of(self.board, "ack"), jti_of(token))

    def is_shut(self) -> bool:
        """As the board says in this boot."""
        said = self.heard.of(self.board, f"{DOOR}/state")[self.states_before :]
        return bool(said) and said[-1].content["state"] == "closed"

    async def lend_until(self, moment: str, token: str) -> None:
        """A lend goes on until it has come to that moment."""
        board, heard = self.board, self.heard
        if moment == "boot":
            board.cut()
            board.boot()
            self.boots += 1
            return
        if moment == "backlog":
            # the cut falls into the delivery of what waited for the Wi-Fi, or just before it
            board.set("wifi", "down")
            await eventually(lambda: "wifi down" in board.sim.log().rpartition("wifi up")[2], "a lost link")
            for value in ("open", "closed") * 4:
                board.set("door-2", value)
                await asyncio.to_thread(rest, 2 * DEBOUNCE_S)
            board.set("wifi", "up")
            return
        heard.send(board, token)
        if moment == "order":
            return
        await eventually(lambda: self.acks(token), "`accepted`")
        if moment == "accepted":
            return
        await eventually(lambda: board.energised(LOCK), "a released strike")
        if moment == "energised":
            return
        assert board.set(DOOR, "pull")["moved"]
        if moment == "open":
            return
        await eventually(lambda: ("done", None) in self.acks(token), "`done`")
        if moment == "done":
            return
        if moment == "batch":
            await asyncio.to_thread(board.set, "gate-1", "in")
            return
        board.set(DOOR, "closed")

    async def try_again(self, token: str, was_used: bool) -> None:
        """The same token after the cut: used is used, and only what never arrived may act now."""
        board, heard = self.board, self.heard
        assert board.pulses()[LOCK] == self.pulses, "the coil moved without an order"
        first = len(heard.of(board, "ack"))
        heard.send(board, token)

        def answer() -> tuple[str, str | None] | None:
            news = [m.content for m in heard.of(board, "ack")[first:] if m.content["jti"] == jti_of(token)]
            found = [(a["result"], a["reason"]) for a in news]
            return next((a for a in found if a in (REPLAYED, ("accepted", None))), None)

        await eventually(lambda: answer() is not None, "an answer to the token sent again")
        if answer() == ("accepted", None):
            assert not was_used, "a used token was accepted again"
            await eventually(lambda: board.set(DOOR, "pull")["moved"], "the strike to let go", RELEASE_S)
            await eventually(lambda: ("done", None) in self.acks(token), "`done`")
            self.pulses += 1
            board.set(DOOR, "closed")
            await eventually(lambda: heard.latest(board, f"{LOCK}/state")["state"] == "locked", "the latch")
        assert board.pulses()[LOCK] == self.pulses

    # --- at the end ---

    async def finish(self) -> None:
        """One more event: all others came before it."""
        board, heard = self.board, self.heard
        opened = len(heard.events(board, "door.forced"))
        board.set("door-2", "open")
        await eventually(lambda: len(heard.events(board, "door.forced")) > opened, "the last event")
        events = check_events(board, heard.of(board, "event"))
        kinds = [e["type"].removeprefix("sportbox.") for e in events]
        assert not {k for k in kinds if k in ("device.crashed", "device.fault", "device.dropped")}
        boots = [e["data"]["boot"] for e in events if e["type"] == "sportbox.device.booted"]
        assert boots == sorted(set(boots)) and boots[-1] == self.boot
        assert {e["bootid"] for e in events} >= self.bootids
        for kind in ("access.accepted", "access.done", "access.failed"):
            jtis = [e["data"]["jti"] for e in events if e["type"] == f"sportbox.{kind}"]
            assert not twice(jtis), f"{kind} twice for {twice(jtis)}"
        told = {(e["type"], e["data"].get("jti")) for e in events}
        assert set(self.promised) <= told, f"answered but never told: {set(self.promised) - told}"
        for token in self.tokens:
            self.check_answers(token)

    def check_answers(self, token: str) -> None:
        """`accepted` at most, then one kind of final answer, then only refusals of a token that is used."""
        found = self.acks(token)
        finals = [answer for answer in found if answer in FINALS]
        assert set(found) <= FINALS | {("accepted", None), REPLAYED}, found
        assert len(finals) == 1, f"final answers {finals}"
        if ("accepted", None) in found:
            assert found[0] == ("accepted", None), found
        if REPLAYED in found:
            assert found[-1] == REPLAYED, found


def test_cuts_at_any_moment_of_a_lend(bench: Bench, run_dir: Path, seed: int) -> None:
    async def all_boxes() -> None:
        await gather_all(*(box.play() for box in boxes))

    with (
        BrokerProcess.start(state_dir=run_dir / "broker") as broker,
        Listener(broker.host, broker.port, run_dir) as heard,
    ):
        small = patched_firmware(run_dir, constants=SMALL)
        boxes = []
        for number in range(BOXES):
            firmware = small if number % 2 else None
            board = bench.add(
                f"box-{number}", (broker.host, broker.port), firmware=firmware, components=UNHURRIED
            )
            boxes.append(Box(board, heard, seed))
        asyncio.run(all_boxes())
    assert sum(box.boots - 1 for box in boxes) >= 40


def test_cuts_while_nothing_is_acknowledged(bench: Bench, run_dir: Path, seed: int) -> None:
    """A peer takes events and never says so. Over power cuts they are kept, and come again."""
    chance = random.Random(seed)
    small = patched_firmware(run_dir, constants=SMALL)

    async def scene(number: int) -> None:
        with Peer() as peer:
            where = (peer.host, peer.port)
            board = bench.add(f"box-{number}", where, firmware=small, mqtt={"ack_ms": 1000, "window": 32})
            unacknowledged: list[str] = []

            def since(start: int) -> list[Json]:
                return first_events(board, messages_of(peer.packets()[start:]))

            def has_booted(boot: int, start: int) -> bool:
                return any(e["data"].get("boot") == boot for e in since(start))

            for boot in (1, 2, 3):
                peer.behaviour.puback = "always"
                before = len(peer.packets())
                board.boot()

                await eventually(functools.partial(has_booted, boot, before), "this boot")
                again = [e for e in since(before) if e["id"] in unacknowledged]
                assert [e["id"] for e in again] == unacknowledged
                assert all(e.get("historical") for e in again)
                peer.behaviour.puback = "never"
                before = len(peer.packets())
                for value in ("open", "closed") * 3:
                    board.set("door-2", value)
                    await asyncio.to_thread(rest, 3 * DEBOUNCE_S)
                await asyncio.sleep(chance.uniform(0, 3))  # this is the chance of the test
                board.cut()
                unacknowledged = [e["id"] for e in since(before)]
                assert len(unacknowledged) >= 3
            check_events(board, messages_of(peer.packets()))
            assert not peer.malformed

    async def scenes() -> None:
        await gather_all(*(scene(number) for number in range(BOXES)))

    asyncio.run(scenes())
