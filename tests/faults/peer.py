"""A broker that misbehaves as it is told, and notes everything that it gets.

    with Peer(Behaviour(puback="every second")) as peer:
        ... point a board at peer.host, peer.port ...
        peer.wait_for("PUBLISH", count=10)
        peer.behaviour.puback = "always"        # may change at any time

It accepts any number of connections and forwards nothing. It runs in a thread of its own.
"""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal

from host_tools.broker import free_port
from tests.faults import packets
from tests.faults.packets import Malformed, Packet

START_TIMEOUT_S = 5.0
READ_BYTES = 65536


@dataclass
class Behaviour:
    """What the peer does; plain attributes, looked at for every packet."""

    connack: Literal["accept", "refuse", "never", "truncated", "short"] = "accept"
    suback: Literal["always", "refuse", "never"] = "always"
    puback: Literal["always", "never", "every second", "wrong id", "twice"] = "always"
    pingresp: Literal["always", "never"] = "always"
    close_after: int | None = None
    """Close a connection cleanly once it has sent this many packets."""
    read: bool = True
    """False: nothing is read any more, so the client's writes will block in the end."""
    when_subscribed: list[bytes] = field(default_factory=list)
    """Raw bytes to send right after each SUBACK: a retained command, half a packet, garbage."""


class Connection:
    """One client's connection; used in the peer's thread only."""

    def __init__(self, peer: "Peer", number: int, writer: asyncio.StreamWriter) -> None:
        self.peer = peer
        self.number = number
        self.writer = writer
        self.buffer = b""
        self.count = 0
        self.publishes = 0

    def take(self, data: bytes) -> None:
        """Add bytes; answer every packet that became whole."""
        self.buffer += data
        while length := packets.split(self.buffer) if self.buffer else 0:
            raw, self.buffer = self.buffer[:length], self.buffer[length:]
            packet = packets.parse(raw, self.number, time.monotonic())
            self.peer.note(packet)
            self.count += 1
            for answer in self.answers(packet):
                self.writer.write(answer)
            limit = self.peer.behaviour.close_after
            if packet.kind == "DISCONNECT" or (limit is not None and self.count >= limit):
                self.writer.close()
                return

    def answers(self, packet: Packet) -> list[bytes]:
        behaviour = self.peer.behaviour
        if packet.kind == "CONNECT":
            connacks = {
                "accept": [packets.connack()],
                "refuse": [packets.connack(5)],
                "never": [],
                "truncated": [packets.TRUNCATED_CONNACK],
                "short": [packets.SHORT_CONNACK],
            }
            return connacks[behaviour.connack]
        if packet.kind == "SUBSCRIBE" and behaviour.suback != "never":
            refused = behaviour.suback == "refuse"
            codes = bytes(0x80 if refused else min(qos, 1) for _, qos in packet.topics)
            return [packets.suback(packet.packet_id, codes), *behaviour.when_subscribed]
        if packet.kind == "PUBLISH" and packet.qos == 1:
            self.publishes += 1
            return self.pubacks(packet.packet_id)
        if packet.kind == "PINGREQ" and behaviour.pingresp == "always":
            return [packets.packet(packets.PINGRESP)]
        return []

    def pubacks(self, packet_id: int) -> list[bytes]:
        how = self.peer.behaviour.puback
        if how == "never" or (how == "every second" and self.publishes % 2 == 0):
            return []
        if how == "wrong id":
            return [packets.puback(packet_id % 65535 + 1)]
        return [packets.puback(packet_id)] * (2 if how == "twice" else 1)


class Peer:
    """The misbehaving broker."""

    def __init__(self, behaviour: Behaviour | None = None, port: int | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.host = "127.0.0.1"
        self.port = port or free_port()
        self.malformed: list[str] = []
        """What clients sent that no client may send; a test of good firmware wants this empty."""
        self.accepted = 0
        self._packets: list[Packet] = []
        self._changed = threading.Condition()
        self._open: dict[int, Connection] = {}
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault peer", daemon=True)

    @property
    def url(self) -> str:
        return f"mqtt://{self.host}:{self.port}"

    def __enter__(self) -> "Peer":
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_TIMEOUT_S)
        self._loop.close()

    def packets(self, kind: str | None = None) -> list[Packet]:
        """What came so far, of all connections, in order."""
        with self._changed:
            return [packet for packet in self._packets if kind in (None, packet.kind)]

    def wait_for(self, kind: str, count: int = 1, timeout_s: float = 10.0) -> list[Packet]:
        """Wait until `count` packets of a kind have come in all."""
        return self.wait_until(
            lambda packets: len(packets) >= count, f"{count} packets {kind}", timeout_s, kind
        )

    def wait_until(
        self,
        condition: Callable[[list[Packet]], bool],
        what: str = "a condition",
        timeout_s: float = 10.0,
        kind: str | None = None,
    ) -> list[Packet]:
        """Wait for a condition on the packets that came, looked at after each of them."""

        def found() -> list[Packet]:
            return [packet for packet in self._packets if kind in (None, packet.kind)]

        with self._changed:
            if not self._changed.wait_for(lambda: condition(found()), timeout_s):
                kinds = [packet.kind for packet in self._packets[-20:]]
                raise AssertionError(f"waited {timeout_s:g} s for {what}; the last packets were {kinds}")
            return found()

    def wait_connections(self, count: int, timeout_s: float = 10.0) -> None:
        """Wait until `count` connections have been accepted in all."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.accepted >= count, timeout_s):
                raise AssertionError(f"{self.accepted} of {count} connections came within {timeout_s:g} s")

    @property
    def open_connections(self) -> int:
        return len(self._open)

    def send(self, raw: bytes) -> None:
        """Send bytes, whatever they are, on all open connections."""
        self._call(self._send(raw))

    def close_connections(self, abort: bool = False) -> None:
        """Close all connections: cleanly, or with a reset."""
        self._call(self._close(abort))

    def note(self, packet: Packet) -> None:
        with self._changed:
            self._packets.append(packet)
            self._changed.notify_all()

    def _call(self, job: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(job, self._loop).result(START_TIMEOUT_S)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, backlog=256)

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._close(abort=True)
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, raw: bytes) -> None:
        for connection in self._open.values():
            connection.writer.write(raw)

    async def _close(self, abort: bool) -> None:
        for connection in list(self._open.values()):
            if abort:
                stream = connection.writer.get_extra_info("socket")
                if stream.fileno() != -1:  # not closed in the meantime
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.writer.transport.abort()
            else:
                connection.writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._changed:
            self.accepted += 1
            self._changed.notify_all()
        connection = Connection(self, self.accepted, writer)
        self._open[connection.number] = connection
        try:
            while data := await self._read(reader):
                connection.take(data)
        except Malformed as error:
            self.malformed.append(f"connection {connection.number}: {error}")
        except OSError:
            self._open.pop(connection.number, None)  # a reset by the client is nothing unusual here
        finally:
            self._open.pop(connection.number, None)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        while not self.behaviour.read:
            await asyncio.sleep(0.02)
        return await reader.read(READ_BYTES)
