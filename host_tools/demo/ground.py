"""The sports ground of the demo: what people, broker and power can do, and waiting for what follows."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from host_tools.broker import BrokerProcess
from host_tools.demo.account import ACCEPTED, DONE, REJECTED, Event, Fault, Ledger, Order, Refusal
from host_tools.demo.network import Network
from host_tools.demo.story import Line, Status, Story
from host_tools.demo.tokens import Desk, Token
from host_tools.demo.witness import Witness
from host_tools.errors import ToolError
from host_tools.mqtt import Address, Topics, connected
from host_tools.sim.board import SimBoard
from host_tools.sim.site import SimSite
from host_tools.site.kinds import Court, Gate
from host_tools.site.live import Message
from host_tools.site.models import Site

BOX = "box-1"
POLL_S = 0.02
WAIT_S = 15.0
LATE_S = 3.0
NOTES_SHOWN = 5
SHOWN_PARTS = ("lock-", "door-", "court-")


class Unmet(ToolError):
    """Something that belongs to the evening did not happen."""

    def __init__(self, message: str, details: Sequence[str] = ()) -> None:
        hint = "on a machine under load, try again; otherwise the boards' log.txt may say why"
        super().__init__(message, hint, details=details)


class Ground:
    def __init__(self, site: Site, story: Story, broker: BrokerProcess, network: Network) -> None:
        self.site = site
        self.story = story
        self.broker = broker
        self.network = network
        self.ledger = Ledger()
        self.address = Address(broker.host, broker.port)
        self.witness = Witness(site.site, self.address, self.ledger, self._heard)
        self.sim: SimSite  # set by whoever runs it, with the two below
        self.desk: Desk
        self.notes: list[str] = []  # what the simulation had to say, for a failure
        self.ready = asyncio.Event()
        self.faults: list[Fault] = []
        self.passages = 0
        self.inside = 0
        self.played: dict[str, bool] = dict.fromkeys(self.courts(), False)
        self._topics = Topics(site.site, BOX)

    def courts(self) -> list[str]:
        """Each has a board of its own, called like it."""
        parts = [part for device in self.site.devices.values() for part in device.components.items()]
        return [name for name, part in parts if isinstance(part, Court)]

    def gate(self) -> str:
        return next(n for n, part in self.site.devices[BOX].components.items() if isinstance(part, Gate))

    # --- telling ---

    def says(self, who: str, key: str, mood: str = "act", **values: Any) -> None:
        self.story.line(Line(who, key, values, mood))

    def _heard(self, message: Message, event: Event | None) -> None:
        self.story.heard(message, event)
        self.show()

    def show(self) -> None:
        """The picture of the ground, as its messages have it."""
        witness, parts = self.witness, dict[str, str]()
        boards = {name: str(witness.newest.get((name, "availability"), "?")) for name in self.site.devices}
        for device, described in self.site.devices.items():
            for name in described.components:
                if name.startswith(SHOWN_PARTS):
                    state = witness.state(device, name) or "?"
                    parts[name] = "off" if boards[device] == "offline" else state
        shown = {name: state for name, state in parts.items() if not name.startswith("door-")}
        for name, state in parts.items():
            if name.startswith("door-") and state in ("open", "ajar", "forced"):  # says more than the lock
                shown[name.replace("door-", "lock-")] = state
        gate = witness.newest.get((BOX, f"{self.gate()}/state"))
        inside = gate.get("count") if isinstance(gate, dict) else None
        self.story.status(Status(boards, shown, inside, len(witness.events), self.broker.is_running))

    # --- waiting ---

    async def wait_for(self, what: str, condition: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
        """Until the condition holds; ToolError names what did not happen in time."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise Unmet(f"waited {timeout_s:g} s in vain for this: {what}", self.notes[-NOTES_SHOWN:])
            await asyncio.sleep(POLL_S)

    async def event(self, what: str, component: str, kind: str, since: int = 0, **data: Any) -> None:
        """Until the box has said so."""
        await self.wait_for(what, lambda: self.witness.saw(BOX, component, kind, since, **data))

    def mark(self) -> int:
        """How many events there were so far, for `since`."""
        return len(self.witness.events)

    async def settled(self, courts: Iterable[str] | None = None) -> None:
        """Until everything that people did at the gate and on the courts (or these courts) is reported."""
        await self.wait_for("every passage of the gate is reported", self._is_gate_settled)
        for court in self.played if courts is None else courts:
            await self._court_reported(court)

    def _is_gate_settled(self) -> bool:
        return sum(event.type == "gate.passed" for event in self.witness.events) == self.passages

    async def _court_reported(self, court: str) -> None:
        state = "occupied" if self.played[court] else "free"
        await self.wait_for(f"{court} is reported {state}", lambda: self._court(court) == state)

    def _court(self, court: str) -> Any:
        told = [event for event in self.witness.events if event.component == court]
        return told[-1].data.get("state") if told else None

    # --- people ---

    def board(self, name: str = BOX) -> SimBoard:
        return self.sim.boards[name]

    async def pass_gate(self, direction: str) -> None:
        await asyncio.to_thread(self.board().set, self.gate(), direction)
        self.passages += 1
        self.inside += 1 if direction == "in" else -1

    async def play(self, court: str, active: bool) -> None:
        """People begin or stop to play; what they did there before has been reported by then."""
        if self._court(court) is not None:
            await self._court_reported(court)
        self.says("people", "act.fill" if active else "act.leave", part=court)
        self.board(court).set(court, "occupied" if active else "free")
        self.played[court] = active

    def pull(self, door: str) -> bool:
        """A person tries the door; True if it came open."""
        return bool(self.board().set(door, "pull")["state"] == "open")

    async def pull_open(self, door: str) -> None:
        if not self.pull(door):
            raise Unmet(f"{door} stayed shut although its order was accepted")

    def close(self, door: str) -> None:
        self.board().set(door, "closed")

    def pulses(self) -> dict[tuple[str, str], int]:
        """How often each strike was energised, counted by the world."""
        locks = self.board().show()["locks"] if BOX in self.sim.boards else {}
        return {(BOX, lock): shown["pulses"] for lock, shown in locks.items()}

    def is_shut(self) -> bool:
        """Every door of the box is closed, as the world has it."""
        return set(self.board().show()["doors"].values()) == {"closed"}

    # --- orders ---

    async def send(self, token: Token) -> None:
        """As a booking app does it: over a connection of its own to the broker."""
        async with connected(self.address) as client:
            await client.publish(self._topics.cmd, token.text, qos=1, timeout=WAIT_S)

    async def order(self, token: Token, result: str = "done", reason: str | None = None) -> None:
        """Send a good token and wait until it is accepted; `result` is what has to become of it."""
        self.ledger.orders.append(Order(token.device, token.lock, token.jti, result, reason))
        since = len(self.ledger.answers)
        await self.send(token)
        await self.answer(token, "accepted", None, since)
        await self.event(f"the order for {token.lock} is reported", token.lock, ACCEPTED, jti=token.jti)

    async def refused(self, token: Token, reason: str) -> None:
        """Send a bad token and wait until it is refused."""
        self.ledger.refusals.append(Refusal(token.device, token.jti, reason))
        since = len(self.ledger.answers)
        await self.send(token)
        await self.answer(token, "rejected", reason, since)
        await self.wait_for(f"the refusal ({reason}) is reported", self._are_refusals_reported)

    def _are_refusals_reported(self) -> bool:
        told = sum(event.type == REJECTED for event in self.witness.events)
        return told >= len(self.ledger.refusals)

    async def done(self, token: Token) -> None:
        """Until the box has carried the order out, for a lock: seen the door open, and has said so to the app
        and in an event."""
        await self.answer(token, "done", None)
        await self.event(f"the order for {token.lock} is reported done", token.lock, DONE, jti=token.jti)

    async def answer(self, token: Token, result: str, reason: str | None, since: int = 0) -> None:
        def said() -> bool:
            return any(
                (answer.jti, answer.result, answer.reason) == (token.jti, result, reason)
                for answer in self.ledger.answers[since:]
            )

        wanted = result if reason is None else f"{result}, {reason}"
        await self.wait_for(f"{token.device} answers a token for {token.lock}: {wanted}", said)

    # --- broker and power ---

    def kill_broker(self) -> None:
        self.network.is_open = False
        self.broker.kill()
        self.show()

    async def restart_broker(self) -> None:
        """The boards come through again once the subscriber that counts is there."""
        await self.wait_for(
            "the subscriber notices the broker's death", lambda: not self.witness.subscribed.is_set()
        )
        self.broker.restart()
        await self.wait_for("the subscriber is back at the broker", self.witness.subscribed.is_set)
        self.network.is_open = True
        self.show()

    async def online(self, since_s: float) -> None:
        for name in self.site.devices:
            back = partial(self.witness.is_online, name, since_s)
            await self.wait_for(f"{name} is back at the broker", back)

    async def power_up(self) -> None:
        """Boot the box and wait until it knows the time: before that it takes no token without a nonce."""
        before = self.witness.info(BOX, "bootid")
        self.board().boot()

        def is_up() -> bool:
            fresh = self.witness.info(BOX, "bootid") not in (None, before)
            return fresh and self.witness.info(BOX, "clock") == "ntp"

        await self.wait_for(f"{BOX} is back with its clock set", is_up)

    # --- the end ---

    async def count(self, timeout_s: float = WAIT_S) -> None:
        """Take down what the boards counted, once each says that nothing waits any more."""
        since_s = time.monotonic()
        self.ledger.pulses = self.pulses()
        try:
            for name in self.site.devices:
                empty = partial(self._is_empty, name, since_s)
                await self.wait_for(f"{name} reports an empty queue", empty, timeout_s)
        finally:
            for name in self.site.devices:
                self.ledger.accepted[name] = int((self.witness.telemetry(name) or {}).get("accepted", 0))
        deadline = time.monotonic() + LATE_S
        while len(self.witness.events) < sum(self.ledger.accepted.values()) and time.monotonic() < deadline:
            await asyncio.sleep(POLL_S)  # what is still missing then is lost

    def _is_empty(self, device: str, since_s: float) -> bool:
        telemetry = self.witness.telemetry(device, since_s)
        return telemetry is not None and telemetry.get("queue") == 0

    def stall_ms(self) -> int:
        """The longest stall of an event loop that a board reported."""
        found = [self.witness.telemetry(name) or {} for name in self.site.devices]
        return max((int(telemetry.get("loop_stall_max_ms", 0)) for telemetry in found), default=0)
