"""A relay between boards and broker that notes when something has passed."""

import asyncio
import contextlib
import threading
import time

from tests.faults.helpers_gate import READ_BYTES, Gate

ORDERS = b"/cmd"


class Tap(Gate):
    """`passed_s` has the time just before each order was handed to the board's side; `spoken` is
    set by whatever passes next, so that a test can wait for the first byte of a new connection."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self.passed_s: list[float] = []
        self.spoken = threading.Event()

    def __enter__(self) -> "Tap":
        super().__enter__()
        return self

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(READ_BYTES):
                if ORDERS in data:
                    self.passed_s.append(time.monotonic())  # before: this thread may lose its turn behind it
                writer.write(data)
                self.spoken.set()
                await writer.drain()
        writer.close()
