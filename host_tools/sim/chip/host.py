"""Simulated chips in one asyncio loop: in this thread, or in one of their own for tests.

with ThreadedHost() as chips:
    board = chips.call(lambda: chips.host.add(Body(folder, "esp32s3", blank=True, mac=mac), link))
    board.port.url         # what mpremote and esptool open
    chips.call(board.power_on)
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from host_tools.errors import ToolError
from host_tools.sim.chip.board import ChipBoard
from host_tools.sim.chip.body import Body
from host_tools.sim.chip.faults import Faults
from host_tools.sim.chip.port import port_maker
from host_tools.sim.chip.power import Power
from host_tools.sim.host import ZygoteHost

CALL_S = 30.0
Result = TypeVar("Result")


class ChipHost:
    """The boards and the zygote that runs their VMs. Methods are for the loop's own thread."""

    def __init__(self, log: Path | None = None) -> None:
        self._zygote = ZygoteHost(log)
        self._loop = asyncio.get_running_loop()
        self.boards: dict[str, ChipBoard] = {}
        self._is_closed = False
        self.failed: asyncio.Future[ToolError] = self._loop.create_future()
        self._loop.add_reader(self._zygote.fileno(), self._hear)

    def add(
        self,
        body: Body,
        link: Path,
        serial: str = "pty",
        baud: int | None = None,
        faults: Faults | None = None,
        on_event: Callable[[str], None] = lambda _: None,
    ) -> ChipBoard:
        """A board whose port is there; it has no power yet."""
        if body.name in self.boards:
            raise ToolError(f"there is a simulated board {body.name} already")
        maker = port_maker(serial, link)
        board = ChipBoard(
            body, Power(self._zygote, self._hear_soon), maker, faults or Faults(), baud, on_event
        )
        self.boards[body.name] = board
        return board

    def remove(self, board: ChipBoard) -> None:
        del self.boards[board.name]
        board.close()

    def close(self) -> None:
        for board in list(self.boards.values()):
            self.remove(board)
        self._is_closed = True
        self._loop.remove_reader(self._zygote.fileno())
        self._zygote.stop()

    def _hear_soon(self) -> None:
        """An answer of the zygote may have come with events."""
        if not self._is_closed:
            self._loop.call_soon(self._hear)

    def _hear(self) -> None:
        if self._is_closed:
            return
        try:
            events = self._zygote.events()
        except ToolError as error:  # it has ended: nothing runs any more
            self._loop.remove_reader(self._zygote.fileno())
            self.failed.set_result(error)
            return
        for event in events:
            board = self.boards.get(event["board"])
            if board is not None:
                board.heard(event["event"], event.get("cause", 0), event["starts"])


class ThreadedHost:
    """A ChipHost in a thread of its own."""

    def __init__(self, log: Path | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="simulated chips", daemon=True)
        self._thread.start()
        self.host: ChipHost = self.call(lambda: ChipHost(log))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def call(self, work: Callable[[], Result]) -> Result:
        """Run something in the loop's thread and wait for it."""

        async def run() -> Result:
            return work()

        return self.wait(run())

    def wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_S)

    def stop(self) -> None:
        self.call(self.host.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_S)
        self._loop.close()

    def __enter__(self) -> "ThreadedHost":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
