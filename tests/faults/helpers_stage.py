"""Boards side by side on one broker, each in a scene of its own, and one subscriber that hears them all."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from host_tools.broker import BrokerProcess, Kind
from tests.brokers import start
from tests.faults.helpers import Bench, eventually, gather_all, jti_of
from tests.faults.helpers_check import answers, check_events, of_components
from tests.faults.helpers_listen import Listener

Json = dict[str, Any]
S = TypeVar("S", bound="Stage")

BOOT_S = 20.0
LATE_S = 4.0
"""From a change at the board to the subscriber, on a busy machine."""


class Stage:
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

    def set(self, component: str, value: str) -> Json:
        return self.board.set(component, value)

    def check(self) -> None:
        """What must hold at the end of any scene."""
        raise NotImplementedError


class BoxStage(Stage):
    """A board with locks."""

    crashes = False
    """Whether it is meant to."""

    async def pull(self, door: str, within_s: float = 3.0) -> None:
        """Somebody pulls until it opens."""
        await eventually(lambda: self.set(door, "pull")["moved"], f"{door} to open", within_s)

    async def order(self, component: str, act: str = "unlock", **args: Any) -> str:
        """Gives an order; `lock` is for ops. Its `jti`."""
        kid = "booking-1" if act == "unlock" else "ops-1"
        changes: Json = {"args": args} if args else {}
        token = self.board.token(component, kid=kid, act=act, **changes)
        await asyncio.to_thread(self.heard.send, self.board, token)
        return jti_of(token)

    async def answered(self, jti: str, *wanted: tuple[str, str | None], within_s: float = LATE_S) -> None:
        """Exactly these (result, reason) pairs, in this order."""

        def found() -> list[tuple[str, str | None]]:
            return answers(self.board, self.heard.messages, jti)

        await eventually(lambda: len(found()) >= len(wanted), f"{wanted} of {self.name}", within_s)
        assert found() == list(wanted)

    async def shows(self, component: str, state: str, within_s: float = LATE_S) -> None:
        """Until the component's state is that."""

        def newest() -> Json:
            found: Json = self.heard.latest(self.board, f"{component}/state") or {"state": None}
            return found

        await eventually(lambda: newest()["state"] == state, f"{component} {state} of {self.name}", within_s)

    def told(self, *components: str) -> list[str]:
        """What the components reported, in order."""
        return of_components(check_events(self.board, self.heard.messages), *components)

    def data(self, kind: str) -> list[Json]:
        """What the events of a type said."""
        events = check_events(self.board, self.heard.messages)
        return [event["data"] for event in events if event["type"] == f"sportbox.{kind}"]

    async def tells(self, kind: str, within_s: float = LATE_S, **data: Any) -> None:
        """Until an event of this type has come with this data."""

        def is_told() -> bool:
            return any(data.items() <= found.items() for found in self.data(kind))

        await eventually(is_told, f"{kind} {data} of {self.name}", within_s)

    def lock(self, name: str) -> Json:
        """What is physically so."""
        found: Json = self.board.sim.show()["locks"][name]
        return found

    def check(self) -> None:
        """Nothing lost, nothing crashed, no coil burnt."""
        events = check_events(self.board, self.heard.messages)
        crashes = [e["data"] for e in events if e["type"] == "sportbox.device.crashed"]
        assert not crashes or self.crashes, crashes
        burnt = {name for name, found in self.board.sim.show()["locks"].items() if "burnt" in found["faults"]}
        assert not burnt, f"burnt: {burnt}"


def play(
    bench: Bench, broker: BrokerProcess, kind: type[S], *plays: Callable[[S], Coroutine[Any, Any, None]]
) -> None:
    """All of them side by side, each on a stage of this kind."""

    async def one(heard: Listener, act: Callable[[S], Coroutine[Any, Any, None]], number: int) -> None:
        stage = kind(bench, broker, heard, f"board-{number}")
        try:
            await act(stage)
            stage.check()
        except BaseException as error:
            error.add_note(f"in the scene `{act.__name__}`, {stage.name}")
            raise

    async def all_of_them(heard: Listener) -> None:
        await gather_all(*(one(heard, act, number) for number, act in enumerate(plays, 1)))

    with Listener(broker.host, broker.port, bench.folder, qos=0) as heard:
        asyncio.run(all_of_them(heard))


Act = Callable[[Bench, BrokerProcess, Listener], None]


def side_by_side(folder: Path, *acts: Act, kind: Kind | None = "mosquitto") -> None:
    """Scenes that block, each in a thread with a bench, a broker and a listener of its own. These start here:
    what they start dies with the thread that started it. `kind` of the brokers, None: whichever there is."""

    def one(
        act: Callable[[Bench, BrokerProcess, Listener], None], bench: Bench, broker: BrokerProcess
    ) -> None:
        try:
            with Listener(broker.host, broker.port, bench.folder) as heard:
                act(bench, broker, heard)
        except BaseException as error:
            error.add_note(f"in the scene `{act.__name__}`")
            raise

    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(len(acts)))
        scenes = []
        for act in acts:
            own = folder / act.__name__[:24]
            own.mkdir()
            made = start(kind, own) if kind else BrokerProcess.start(state_dir=own / "broker")
            broker = stack.enter_context(made)
            bench = Bench(own)
            stack.callback(bench.stop)
            scenes.append(pool.submit(one, act, bench, broker))
        failures = [failure for scene in scenes if (failure := scene.exception()) is not None]
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise BaseExceptionGroup("several scenes failed", failures)
