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
_NEAR_S = const(3600)
_CONFIRM_MS = const(250)
_AGREE_S = const(3)


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

    def reset(self) -> None:
        """Forgets the floor, in RAM and on flash, and asks anew."""
        self._clock.forget()
        self._next_ms = 0
        try:
            record.write(self._path, struct.pack("<I", 0))
        finally:
            self._on_change("reset")

    async def _ask(self) -> None:
        unix_s = None
        try:
            unix_s = await self._believable()
        except OSError:
            unix_s = None  # asked again after the pause
        finally:
            self._asking = False
        now_ms = self._now_ms()
        before = self._clock.trust
        if unix_s is not None and not self._clock.set_ntp(unix_s, now_ms):
            self.refused += 1
            unix_s = None
        if unix_s is None:
            self._next_ms = now_ms + _SYNC_RETRY_MS
            return
        self._next_ms = now_ms + _SYNC_EVERY_MS
        chip.set_wall(unix_s)  # so that a wall clock that is lost later shows up as a jump
        self._clock.wall_was_set()
        self._clock.watch_wall(chip.wall_s(), now_ms)
        if before != self._clock.trust:
            self._save(now_ms)
            self._on_change("from " + before)

    async def _believable(self) -> int | None:
        """Network time; one that is not near what is known counts only if a second answer agrees, for what
        it sets becomes the floor. Raises OSError."""
        host = await udp.resolve(self._host, self._wifi.dns_server())
        unix_s = await udp.network_time(host, self._port)
        known_s = self._clock.now(self._now_ms()) if self._clock.trusted() else 0
        if unix_s is None or abs(unix_s - known_s) <= _NEAR_S:
            return unix_s
        await asyncio.sleep_ms(_CONFIRM_MS)
        again_s = await udp.network_time(host, self._port)
        if again_s is None or not 0 <= again_s - unix_s <= _AGREE_S:
            return None
        return again_s

    def _save(self, now_ms: int) -> None:
        self._saved_ms = now_ms  # if it fails, it is tried again in an hour; the older floor still holds
        unix_s = self._clock.now(now_ms)
        try:
            record.write(self._path, struct.pack("<I", unix_s))
        except OSError:
            return
        self._clock.floor_s = unix_s
