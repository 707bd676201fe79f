"""Timers by name: one of each at a time."""

import asyncio
from collections.abc import Callable


class Timers:
    """Lives in an asyncio loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def later(self, name: str, wait_s: float, call: Callable[[], object]) -> None:
        """Call something in a while, instead of what was to be called under this name."""
        self.cancel(name)

        def run() -> None:
            self._timers.pop(name, None)
            call()

        self._timers[name] = self._loop.call_later(wait_s, run)

    def cancel(self, *names: str) -> None:
        for name in names:
            timer = self._timers.pop(name, None)
            if timer is not None:
                timer.cancel()

    def cancel_all(self) -> None:
        self.cancel(*list(self._timers))

    def __contains__(self, name: str) -> bool:
        return name in self._timers
