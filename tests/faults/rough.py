"""A rough way to a broker: a TCP proxy that delays and resets connections at random, from one seed.

with RoughWay(broker.port, seed) as way:
    ... point boards at way.host, way.port ...
    way.calm()      from now on everything passes
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from dataclasses import dataclass
from types import TracebackType

from host_tools.broker import free_port

START_S = 5.0
READ_BYTES = 4_096
CONNECT_S = 0.5


@dataclass(frozen=True)
class Roughness:
    """`doomed`: the part of the connections that are reset, somewhere within `life_s`; `slow`: that of the
    pieces that are held up, for up to `delay_s`."""

    doomed: float = 0.4
    life_s: float = 12.0
    slow: float = 0.1
    delay_s: float = 0.2


class RoughWay:
    def __init__(self, target: int, seed: int, roughness: Roughness | None = None) -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self.resets = 0
        self.delays = 0
        self._target = target
        self._random = random.Random(seed)
        self._rough: Roughness | None = roughness or Roughness()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rough way", daemon=True)

    @property
    def url(self) -> str:
        return f"mqtt://{self.host}:{self.port}"

    def calm(self) -> None:
        """What is doomed already still is; nothing else is."""
        self._rough = None

    def __enter__(self) -> "RoughWay":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(START_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(START_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S)
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, backlog=256)

    async def _shut(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._join(reader, writer)
        finally:
            self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Both ways, until one side ends it or its time has come."""
        rough = self._rough
        life_s = None
        if rough is not None and self._random.random() < rough.doomed:
            life_s = self._random.uniform(0.2, rough.life_s)
        try:
            async with asyncio.timeout(CONNECT_S):
                there, back = await asyncio.open_connection(self.host, self._target)
        except (OSError, TimeoutError):  # the broker is away: so is this
            reset(writer)
            return
        ways = [
            asyncio.ensure_future(self._pass(reader, back)),
            asyncio.ensure_future(self._pass(there, writer)),
        ]
        try:
            done, _ = await asyncio.wait(ways, timeout=life_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            if life_s is not None and not done:
                self.resets += 1
            reset(writer)
            reset(back)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # the end of one side is that of the other
            while data := await reader.read(READ_BYTES):
                rough = self._rough
                if rough is not None and self._random.random() < rough.slow:
                    self.delays += 1
                    await asyncio.sleep(self._random.uniform(0, rough.delay_s))
                writer.write(data)
                await writer.drain()


def reset(writer: asyncio.StreamWriter) -> None:
    """Not a close: whoever is there gets ECONNRESET."""
    stream = writer.get_extra_info("socket")
    if stream is not None and stream.fileno() != -1:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
