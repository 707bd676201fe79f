"""A rollout's one connection to the broker, for all its boards: made again whenever it breaks."""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from host_tools.errors import Unreachable
from host_tools.mqtt import ROOT, Address, connected, parse_topic, subscribe
from host_tools.output import printable
from host_tools.retry import Backoff
from host_tools.update.rollout.engine import Engine

if TYPE_CHECKING:
    import aiomqtt

TOPICS = ("ack", "event", "update/get", "info", "availability")
TICK_S = 0.2
PUBLISHING_MAX = 8
PUBLISH_S = 10.0
STEADY_S = 4.0
"""A connection that lasted so long was a good one."""

Say = Callable[[str], None]


async def do_rollout(engine: Engine, find: Callable[[], Address], site: str, say: Say) -> None:
    """Until the engine has come to an end. `find` is asked before each connection. Unreachable where there is
    no broker at the start, or none for as long as a board may be silent."""
    backoff, lost_at = Backoff(), None
    known = False
    while engine.end is None:
        begin = time.monotonic()
        try:
            address = find()
            async with connected(address) as client:
                for topic in TOPICS:
                    await subscribe(client, f"{ROOT}/{site}/+/{topic}")
                if lost_at is not None:
                    say(f"connected to {address} again")
                known, lost_at = True, None
                await _Line(client, address, engine, site).serve()
        except Unreachable as error:
            engine.lost()
            if not known:
                raise
            if lost_at is None:
                lost_at = time.monotonic()
                say(f"{error.message}; trying again")
            elif time.monotonic() > lost_at + engine.rollout.settings.board_s:
                raise
        if time.monotonic() > begin + STEADY_S:
            backoff.reset()
        if engine.end is None:
            await asyncio.sleep(backoff.next_s())


class _Line:
    def __init__(self, client: "aiomqtt.Client", address: Address, engine: Engine, site: str) -> None:
        self._client = client
        self._address = address
        self._engine = engine
        self._site = site
        self._news = asyncio.Event()
        self._publishing: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Raises Unreachable when the connection breaks."""
        import aiomqtt

        self._engine.connected(time.monotonic())
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._think())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        except aiomqtt.MqttError as error:
            raise Unreachable(f"lost the broker at {self._address}: {printable(str(error))}") from error
        finally:
            for task in (*tasks, *self._publishing):
                task.cancel()
            await asyncio.gather(*tasks, *self._publishing, return_exceptions=True)

    async def _listen(self) -> None:
        async for message in self._client.messages:
            parsed = parse_topic(str(message.topic), self._site)
            if parsed is None:
                continue
            payload = message.payload if isinstance(message.payload, bytes) else b""
            if self._engine.take(parsed.device, parsed.rest, payload, time.monotonic()):
                self._news.set()
            await self._publish()

    async def _think(self) -> None:
        while self._engine.end is None:
            try:
                async with asyncio.timeout(TICK_S):
                    await self._news.wait()
            except TimeoutError:
                self._news.clear()
            self._news.clear()
            self._engine.step(time.monotonic())
            await self._publish()
        if self._publishing:
            await asyncio.gather(*self._publishing)

    async def _publish(self) -> None:
        """Hand over what waits, a few at a time. Raises MqttError."""
        while self._engine.out:
            if len(self._publishing) >= PUBLISHING_MAX:
                await asyncio.wait(self._publishing, return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in self._publishing if task.done()]:
                self._publishing.discard(task)
                task.result()
            if self._engine.out and len(self._publishing) < PUBLISHING_MAX:
                message = self._engine.out.popleft()
                sending = self._client.publish(message.topic, message.payload, 1, False, timeout=PUBLISH_S)
                self._publishing.add(asyncio.create_task(sending))
