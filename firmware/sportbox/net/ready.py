"""Waits for a socket in asyncio's own queue: no look at it until it is ready or has failed.

It wakes up on errors, too, so whoever waited tries, and learns from that what it was. That a connect
under way ends so, well or not, is what `asyncio.open_connection` itself relies on (MicroPython,
extmod/asyncio/stream.py). On Linux, poll(2) tells POLLOUT, and POLLERR with it. On the ESP32 select() asks
lwIP (ports/esp32/modsocket.c, MP_STREAM_POLL), where a socket becomes writable with the connection, and
err_tcp() raises the same event after a failure, "to release selects pending on read or write"
(lwip/src/api/api_msg.c). So no look from time to time is needed.
"""

import asyncio

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any


def is_address(host: str) -> bool:
    """True for dotted decimal IPv4."""
    parts = host.split(".")
    return len(parts) == 4 and all([p.isdigit() and int(p) < 256 for p in parts])


def ready(thing: object, to_write: bool = False) -> "Generator[Any, Any, None]":
    """To be awaited: until it can be read. `to_write`: until it can be written to; a TCP connection that is
    being made is then there, or has failed."""
    queue = asyncio.core._io_queue  # type: ignore[attr-defined]
    yield queue.queue_write(thing) if to_write else queue.queue_read(thing)


async def ready_within(thing: object, ms: int) -> bool:
    """False if it took longer. As asyncio.wait_for_ms(), with a fifth of its memory."""
    alarm = asyncio.create_task(_end(asyncio.current_task(), ms))  # type: ignore[arg-type]
    try:
        await ready(thing)  # type: ignore[misc]
        return True
    except asyncio.CancelledError:
        if not alarm.done():  # somebody else's
            raise
        return False
    finally:
        alarm.cancel()


async def _end(task: "asyncio.Task[Any]", ms: int) -> None:
    await asyncio.sleep_ms(ms)
    task.cancel()
