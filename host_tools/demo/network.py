"""The boards' way to the broker: a TCP gate that can be shut.

A broker that was killed knows nobody when it is back, and what a board sends it before the subscriber that
counts is there again would be delivered to nobody. So after the broker's death the boards reach it only once
that subscriber has its SUBACK. Shut, the gate resets connections, as a machine without a broker does.
"""

import asyncio
import contextlib

from host_tools.broker import free_port
from host_tools.errors import ToolError
from host_tools.mqtt import Address

CHUNK_BYTES = 65_536
PORT_TRIES = 5


class Network:
    def __init__(self, broker: Address) -> None:
        self._broker = broker
        self._links: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.is_open = True
        self.address = Address(broker.host, 0)

    async def start(self) -> None:
        for _ in range(PORT_TRIES):
            address = Address(self._broker.host, free_port(self._broker.host))
            try:
                self._server = await asyncio.start_server(self._accept, address.host, address.port)
            except OSError:  # somebody was faster
                continue
            self.address = address
            return
        raise ToolError("found no free port for the network of the demo", hint="end what uses so many ports")

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        try:
            await self._link(reader, writer)
        except OSError:
            return  # one side is gone: the other is told by `finally` below and in `_link`
        except asyncio.CancelledError:
            return  # only `stop` does that, and nobody awaits this task's result
        finally:
            self._links.discard(link)
            writer.transport.abort()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes both ways until one side ends."""
        if not self.is_open:
            return
        broker_reader, broker_writer = await asyncio.open_connection(self._broker.host, self._broker.port)
        ways = [
            asyncio.create_task(_carry(reader, broker_writer)),
            asyncio.create_task(_carry(broker_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            broker_writer.close()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
