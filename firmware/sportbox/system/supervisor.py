"""Runs the tasks, starts a fallen one again, and feeds the watchdog only while all vital ones go on."""

import asyncio
import sys

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Protocol

    class Beating(Protocol):
        beat_ms: int  # the uptime of its last beat


_RESTARTS_MAX = const(8)  # of one task within the window; then the board restarts
_WINDOW_MS = const(600000)
_PAUSE_MS = const(500)
_LONG_PAUSE_MS = const(600000)


class Job:
    def __init__(
        self,
        name: str,
        start: "Callable[[], Awaitable[None]]",
        silent_ms: int,
        beating: "Beating | None",
        vital: bool,
    ) -> None:
        self.name = name
        self.start = start
        self.silent_ms = silent_ms  # it must beat more often than that
        self.vital = vital  # else the board does without it for a while
        self.beating = beating
        self.restarts: list[int] = []
        self.task: "asyncio.Task[None] | None" = None


class Supervisor:
    def __init__(self, now_ms: "Callable[[], int]", on_crash: "Callable[[str, BaseException], None]") -> None:
        self._now_ms = now_ms
        self._on_crash = on_crash
        self._jobs: list[Job] = []
        self.restarts = 0

    def add(
        self,
        name: str,
        start: "Callable[[], Awaitable[None]]",
        silent_ms: int = 0,
        beating: "Beating | None" = None,
        vital: bool = True,
    ) -> None:
        job = Job(name, start, silent_ms, beating, vital)
        self._jobs.append(job)
        job.task = asyncio.create_task(self._keep(job))

    def stuck(self, now_ms: int) -> str:
        """The name of a task that is dead or silent for too long, or an empty string."""
        for job in self._jobs:
            if job.task is None or job.task.done():
                return job.name
            if job.beating is not None and now_ms - job.beating.beat_ms > job.silent_ms:
                return job.name
        return ""

    async def _keep(self, job: Job) -> None:
        while True:
            try:
                await job.start()
                error: BaseException = RuntimeError("ended")
            except Exception as caught:
                sys.print_exception(caught)
                error = caught
            self.restarts += 1
            try:
                self._on_crash(job.name, error)
            except MemoryError:  # often why it fell: it is started again all the same
                print("no memory to tell of it")
            now_ms = self._now_ms()
            job.restarts = [at_ms for at_ms in job.restarts if now_ms - at_ms < _WINDOW_MS]
            job.restarts.append(now_ms)
            if len(job.restarts) <= _RESTARTS_MAX:
                await asyncio.sleep_ms(_PAUSE_MS)
            elif job.vital:
                return  # stuck() tells, the watchdog is not fed, the board restarts
            else:
                await asyncio.sleep_ms(_LONG_PAUSE_MS)  # one broken sensor must not take the doors with it
