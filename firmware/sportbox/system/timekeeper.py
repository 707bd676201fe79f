"""Climbs the clock's ladder: the floor from flash, then network time; and falls back to the floor when the
chip's wall clock jumps, for then the board's sense of time is in doubt."""

import asyncio
import struct

from micropython import const

from sportbox.core.clock import Clock
from sportbox.drivers import chip
from sportbox.net import udp
from sportbox.net.wifi import Wifi
from sportbox.store import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SYNC_EVERY_MS = const(3600000)
_SYNC_RETRY_MS = const(5000)
_FLOOR_EVERY_MS = const(3600000)


class Timekeeper:
    """Climbs the clock's ladder: the floor from flash, then network time; falls back when the wall clock
    jumps."""

    def __init__(
        self,
        clock: Clock,
        folder: str,
        server: "tuple[str, int]",
        wifi: Wifi,
        now_ms: "Callable[[], int]",
        on_change: "Callable[[str], None]",
    ) -> None:
        self._clock = clock
        self._host, self._port = server
        self._wifi = wifi
        self._now_ms = now_ms
        self._on_change = on_change
        self._path = folder + "/floor"
        self._saved_ms = 0
        self._next_ms = 0
        self._asking = False
        self.floor_lost = False
        self.refused = 0  # answers of a time server below what is certainly past

    def open(self) -> None:
        try:
            stored = record.read(self._path)
            if stored is not None:
                self._clock.set_floor(struct.unpack("<I", stored)[0], self._now_ms())
        except record.Corrupt:
            self.floor_lost = True  # as on a first boot: the clock stays unknown until a source answers

    def tick(self, now_ms: int) -> None:
        """Once a second."""
        if self._clock.watch_wall(chip.wall_s(), now_ms):
            self._next_ms = now_ms
            self._on_change("wall clock jumped")
        if self._wifi.up and not self._asking and now_ms >= self._next_ms:
            self._asking = True
            asyncio.create_task(self._ask())
        if self._clock.trusted() and now_ms - self._saved_ms >= _FLOOR_EVERY_MS:
            self._save(now_ms)

    async def _ask(self) -> None:
        unix_s = None
        try:
            host = await udp.resolve(self._host, self._wifi.dns_server())
            unix_s = await udp.network_time(host, self._port)
        except OSError:
            unix_s = None  # asked again after the pause
        finally:
            self._asking = False
        now_ms = self._now_ms()
        if unix_s is not None and not self._clock.trusted() and unix_s < self._clock.now(now_ms) - 60:
            self.refused += 1
            unix_s = None
        if unix_s is None:
            self._next_ms = now_ms + _SYNC_RETRY_MS
            return
        self._next_ms = now_ms + _SYNC_EVERY_MS
        before = self._clock.trust
        self._clock.set_ntp(unix_s, now_ms)
        chip.set_wall(unix_s)  # so that a wall clock that is lost later shows up as a jump
        self._clock.wall_was_set()
        self._clock.watch_wall(chip.wall_s(), now_ms)
        if before != self._clock.trust:
            self._save(now_ms)
            self._on_change("from " + before)

    def _save(self, now_ms: int) -> None:
        try:
            record.write(self._path, struct.pack("<I", self._clock.now(now_ms)))
            self._saved_ms = now_ms
        except OSError:
            self._saved_ms = now_ms  # tried again in an hour; the older floor still holds
