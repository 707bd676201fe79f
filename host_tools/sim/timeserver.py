"""The time server of a simulated site: SNTP (RFC 4330) on loopback, with the time of this machine.

Whether a board may reach it is the board's world's affair (`sim set BOARD clock lost`), not the server's.
"""

import asyncio
import struct
import time
from typing import cast

from host_tools.errors import ToolError

UNIX_TO_NTP_S = 2_208_988_800
PACKET = struct.Struct("!BBbb3I8s8s8s8s")
PACKET_BYTES = 48
MODE_CLIENT, MODE_SERVER = 3, 4
STRATUM = 2
PRECISION_LOG2_S = -20
REFERENCE = 0x7F000001


def timestamp(unix_ns: int) -> bytes:
    """64-bit NTP time: seconds since 1900 and their binary fraction. The era wraps in 2036, as it must."""
    seconds, rest_ns = divmod(unix_ns, 1_000_000_000)
    return struct.pack("!II", (seconds + UNIX_TO_NTP_S) & 0xFFFFFFFF, (rest_ns << 32) // 1_000_000_000)


def answer(query: bytes, received_ns: int, sent_ns: int) -> bytes | None:
    """The answer to a client's packet; None for anything else."""
    if len(query) < PACKET_BYTES or query[0] & 7 != MODE_CLIENT:
        return None
    version = query[0] >> 3 & 7
    return PACKET.pack(
        version << 3 | MODE_SERVER,
        STRATUM,
        struct.unpack_from("b", query, 2)[0],
        PRECISION_LOG2_S,
        0,
        0,
        REFERENCE,
        timestamp(received_ns),
        query[40:48],
        timestamp(received_ns),
        timestamp(sent_ns),
    )


class _Protocol(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # asyncio's own is no subclass of it

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = answer(data, time.time_ns(), time.time_ns())
        if reply is not None:
            self._transport.sendto(reply, addr)


class TimeServer:
    """Listens on a UDP port of loopback while it is open."""

    host = "127.0.0.1"

    def __init__(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport
        self.port: int = transport.get_extra_info("sockname")[1]

    @classmethod
    async def start(cls, port: int = 0) -> "TimeServer":
        """On a free port unless one is given; ToolError when that is taken."""
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_datagram_endpoint(_Protocol, local_addr=(cls.host, port))
        except OSError as error:
            raise ToolError(
                f"no time server on UDP port {port} of {cls.host}: {error.strerror or error}",
                hint="end the other simulation, or use a free port above 1023 under `ntp` in the site file",
            ) from None
        return cls(transport)

    def stop(self) -> None:
        self._transport.close()
