"""A rough way to a broker: a TCP proxy that delays and resets connections at random, from one seed.

with RoughWay(broker.port, seed) as way:
    ... point boards at way.host, way.port ...
    way.calm()      from now on everything passes
"""

import asyncio
import random
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass
from types import TracebackType

from host_tools.broker import free_port

START_S = 5.0
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
        self.sides: set[_Side] = set()
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
        self._server = await self._loop.create_server(lambda: _Side(self), self.host, self.port, backlog=256)

    async def _shut(self) -> None:
        assert self._server is not None
        self._server.close()
        for side in list(self.sides):
            side.reset()

    def doom(self, side: "_Side") -> None:
        """Draw whether and when this connection is reset."""
        rough = self._rough
        if rough is not None and self._random.random() < rough.doomed:
            self._loop.call_later(self._random.uniform(0.2, rough.life_s), side.strike)

    def hold_s(self) -> float:
        """How long the next piece is held up."""
        rough = self._rough
        if rough is None or self._random.random() >= rough.slow:
            return 0.0
        self.delays += 1
        return self._random.uniform(0, rough.delay_s)

    async def reach(self, side: "_Side") -> None:
        """The other side of a new connection; where the broker is away, so is this."""
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._loop.create_connection(lambda: _Side(self, side), self.host, self._target)
        except (OSError, TimeoutError):
            side.reset()


class _Side(asyncio.Protocol):
    """One end of a connection. What comes in leaves at the other end, in order; nothing is left when one of
    them ends."""

    def __init__(self, way: RoughWay, other: "_Side | None" = None) -> None:
        self._way = way
        self._other = other
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[bytes] = deque()  # for the other end, or for their time
        self._is_held = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._way.sides.add(self)
        if self._other is None:
            self._is_held = True
            self._reaching = asyncio.ensure_future(self._way.reach(self))
            return
        if self._other._transport is None:
            self.reset()
            return
        self._other._other = self
        self._other.let_go()
        self._way.doom(self)

    def data_received(self, data: bytes) -> None:
        if self._is_held:
            self._waiting.append(data)
            return
        seconds = self._way.hold_s()
        if seconds:
            self._is_held = True
            self._waiting.append(data)
            asyncio.get_running_loop().call_later(seconds, self.let_go)
        elif self._other is not None and self._other._transport is not None:
            self._other._transport.write(data)

    def let_go(self) -> None:
        self._is_held = False
        while self._waiting and self._other is not None and self._other._transport is not None:
            self._other._transport.write(self._waiting.popleft())

    def strike(self) -> None:
        if self._transport is not None:
            self._way.resets += 1
            self.reset()

    def connection_lost(self, _error: Exception | None) -> None:
        self._way.sides.discard(self)
        self._transport = None
        if self._other is not None:
            self._other.reset()

    def reset(self) -> None:
        """Not a close: whoever is there gets ECONNRESET."""
        if self._transport is None:
            return
        stream = self._transport.get_extra_info("socket")
        if stream is not None and stream.fileno() != -1:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport, self._transport = self._transport, None
        transport.abort()
