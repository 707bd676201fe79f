"""Figures about the board's own health: time, heap, and how long the loop was kept from going round."""

import asyncio
import gc
import time

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class Uptime:
    """Milliseconds since start as one growing number; the chip's tick counter wraps after 12 days. To be
    read more often than that."""

    def __init__(self) -> None:
        self._last = time.ticks_ms()
        self._sum_ms = 0

    def ms(self) -> int:
        now = time.ticks_ms()
        self._sum_ms += time.ticks_diff(now, self._last)
        self._last = now
        return self._sum_ms


class StallMeter:
    """Stands between the loop and its poll object: from one poll to the next, one task runs. The longest
    such step, in ms, is what all others had to wait for. It knows when the loop waits, and tidies then."""

    def __init__(self, poller: "Any") -> None:
        self._poller = poller
        self.register, self.modify = self._poller.register, self._poller.modify
        self.unregister = self._poller.unregister
        self._since_us = time.ticks_us()
        self._longest_us = 0
        self.longest_ever_ms = 0
        self.tidy_soon = False  # once nothing is ready, so that no order waits for it

    def ipoll(self, timeout_ms: int) -> "Iterator[tuple[object, int]]":
        if self.tidy_soon and timeout_ms:
            self.tidy_soon = False
            gc.collect()
        step_us = time.ticks_diff(time.ticks_us(), self._since_us)
        if step_us > self._longest_us:
            self._longest_us = step_us
        ready = self._poller.ipoll(timeout_ms)
        self._since_us = time.ticks_us()
        return ready

    def take_ms(self) -> int:
        """The longest step since the last call."""
        longest_ms = self._longest_us // 1000
        self._longest_us = 0
        self.longest_ever_ms = max(self.longest_ever_ms, longest_ms)
        return longest_ms


def measure_stalls() -> StallMeter:
    """Puts a StallMeter into the running loop."""
    queue = asyncio.core._io_queue  # type: ignore[attr-defined]
    meter = StallMeter(queue.poller)
    queue.poller = meter
    return meter


def tidy_heap_early() -> None:
    """Collects garbage after every quarter of the free heap: short pauses instead of a long one when it is
    full, and holes that stay large enough."""
    gc.collect()
    gc.threshold(gc.mem_free() // 4)


def heap_free() -> int:
    """Bytes that could be had now; collects garbage first."""
    gc.collect()
    return gc.mem_free()
