"""Climbs the clock's ladder: the floor from flash, then the battery-backed clock chip where there is one,
then network time; and falls back to the floor when the processor's wall clock jumps, for then the board's
sense of time is in doubt.

The clock chip is corrected by network time. While that cannot be had, it is the chip that keeps the board's
time right, for it drifts less than the board's own crystal.
"""

import asyncio
import struct

from micropython import const

from sportbox.core.clock import Clock
from sportbox.drivers import chip
from sportbox.store import record
from sportbox.system.forget import forget

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable

    from sportbox.drivers.ds3231 import Ds3231
    from sportbox.net.wifi import Wifi
    from sportbox.store.wear import Wear

_SYNC_EVERY_MS = const(3600000)
_SYNC_RETRY_MS = const(5000)  # then twice as long each time (RFC 4330, 10)
_SYNC_RETRY_MAX_MS = const(40000)
_FLOOR_EVERY_MS = const(3600000)
_NEAR_S = const(3600)
_CONFIRM_MS = const(250)
_AGREE_S = const(3)
_CHIP_EVERY_MS = const(3600000)
_FRESH_MS = const(7200000)  # network time that was due an hour ago
_CHIP_RETRY_MS = const(5000)
_CHIP_OFF_S = const(2)  # the clock chip is set when it is this far off
_LAG_S = const(60)  # so far below the floor a chip may just be inexact
_UNSET_S = const(1735689600)  # 2025: a chip that shows less was never set
_LONG_AGO_S = const(946684800)  # 2000


class Timekeeper:
    """`on_change(why)` is called when the trust in the clock changes, `on_fault(what)` once for `rtc` (the
    clock chip does not answer) and once for `rtc_time` (what it says is not to be trusted)."""

    def __init__(
        self,
        clock: Clock,
        folder: str,
        server: "tuple[str, int]",
        wifi: "Wifi",
        now_ms: "Callable[[], int]",
        on_change: "Callable[[str], None]",
        on_fault: "Callable[[str], None]",
    ) -> None:
        self._clock = clock
        self._host, self._port = server
        self._wifi = wifi
        self.now_ms = now_ms
        self._on_change = on_change
        self._on_fault = on_fault
        self._rtc: "Ds3231 | None" = None
        self._rtc_next_ms = 0
        self._faults: list[str] = []
        self._told = 0  # how many of the faults
        self._synced_ms: int | None = None
        self._path = folder + "/floor"
        self._saved_ms = 0
        self._next_ms = 0
        self._retry_ms = _SYNC_RETRY_MS
        self._asking = False
        self.floor_lost = False
        self.wear: "Wear | None" = None
        self.refused = 0  # answers of a time server below what is certainly past

    def open(self, rtc: "Ds3231 | None" = None) -> None:
        """At boot: what flash remembers, then what the clock chip says."""
        now_ms = self.now_ms()
        try:
            stored = record.read(self._path)
            if stored is not None:
                self._clock.set_floor(struct.unpack("<I", stored)[0], now_ms)
        except record.Corrupt:
            self.floor_lost = True  # as on a first boot: the clock stays unknown until a source answers
        self._rtc = rtc
        self._ask_rtc(now_ms)

    def tick(self, now_ms: int) -> None:
        """Once a second."""
        if self._clock.watch_wall(chip.wall_s(), now_ms):
            self._next_ms = self._rtc_next_ms = now_ms
            self._on_change("wall clock jumped")
        if now_ms >= self._rtc_next_ms:
            before = self._clock.trust
            self._ask_rtc(now_ms)
            if self._clock.trust != before:
                self._on_change("from " + before)
        while self._told < len(self._faults):
            self._told += 1
            self._on_fault(self._faults[self._told - 1])
        if self._wifi.up and not self._asking and now_ms >= self._next_ms:
            asyncio.create_task(self._ask())
            self._asking = True  # only once the task is there
        if self._clock.trusted() and now_ms - self._saved_ms >= _FLOOR_EVERY_MS:
            self._save(now_ms)

    def lift_wall(self, unix_s: int) -> None:
        """By the chip's wall clock mbedTLS judges certificates; before it is set it is in 2000. `unix_s` is
        certainly past."""
        if chip.wall_unix_s() < unix_s:
            self._set_wall(unix_s, self.now_ms())

    def reset(self) -> None:
        """Forgets the floor, in RAM and on flash, and what the clock chip says; then asks anew."""
        self._clock.forget()
        self._next_ms = 0
        self._retry_ms = _SYNC_RETRY_MS
        self._synced_ms = None
        try:
            if self._rtc is not None:
                self._rtc.write(_LONG_AGO_S)
        except OSError:
            self._fault("rtc")
        try:
            record.write(self._path, struct.pack("<I", 0))
        finally:
            self._on_change("reset")

    def _ask_rtc(self, now_ms: int) -> None:
        """Takes the time of the clock chip, unless network time is fresher."""
        if self._rtc is None:
            return
        self._rtc_next_ms = now_ms + _CHIP_RETRY_MS
        unix_s = self._read_rtc()
        if unix_s is None:
            return
        fresh = self._synced_ms is not None and now_ms - self._synced_ms < _FRESH_MS
        if self._clock.trusted() and not fresh:
            self._clock.correct(unix_s, now_ms)
        elif not self._clock.trusted():
            if not self._clock.set_rtc(unix_s, now_ms):
                if unix_s < self._clock.floor_s - _LAG_S:
                    self._fault("rtc_time")
                return
            self._set_wall(unix_s, now_ms)
        self._rtc_next_ms = now_ms + _CHIP_EVERY_MS

    def _read_rtc(self) -> int | None:
        """What the clock chip says, None if it does not answer or has lost the time."""
        assert self._rtc is not None
        try:
            unix_s = self._rtc.read()
        except OSError:
            self._fault("rtc")
            return None
        if unix_s is None or unix_s < _UNSET_S:
            self._fault("rtc_time")
            return None
        return unix_s

    def _correct_rtc(self, unix_s: int) -> None:
        """Writes network time into the clock chip if that is off, or had lost the time."""
        if self._rtc is None:
            return
        shown_s = self._read_rtc()
        try:
            if shown_s is None or abs(shown_s - unix_s) >= _CHIP_OFF_S:
                self._rtc.write(unix_s)
        except OSError:
            self._fault("rtc")

    def _fault(self, what: str) -> None:
        if what not in self._faults:
            self._faults.append(what)

    def _set_wall(self, unix_s: int, now_ms: int) -> None:
        chip.set_wall(unix_s)  # so that a wall clock that is lost later shows up as a jump
        self._clock.wall_was_set()
        self._clock.watch_wall(chip.wall_s(), now_ms)

    async def _ask(self) -> None:
        unix_s = None
        try:
            try:
                unix_s = await self._believable()
            finally:
                forget("sportbox.net.udp")
        except (OSError, MemoryError):
            unix_s = None  # asked again after the pause
        finally:
            self._asking = False
        now_ms = self.now_ms()
        before = self._clock.trust
        if unix_s is not None and not self._clock.set_ntp(unix_s, now_ms):
            self.refused += 1
            unix_s = None
        if unix_s is None:
            self._next_ms = now_ms + self._retry_ms
            self._retry_ms = min(2 * self._retry_ms, _SYNC_RETRY_MAX_MS)
            return
        self._retry_ms = _SYNC_RETRY_MS
        self._next_ms = now_ms + _SYNC_EVERY_MS
        self._synced_ms = now_ms
        self._set_wall(unix_s, now_ms)
        self._correct_rtc(unix_s)
        if before != self._clock.trust:
            self._save(now_ms)
            self._on_change("from " + before)

    async def _believable(self) -> int | None:
        """Network time; one that is not near what is known counts only if a second answer agrees, for what
        it sets becomes the floor. Raises OSError."""
        from sportbox.net import udp

        host = await udp.resolve(self._host, self._wifi.dns_server())
        unix_s = await udp.network_time(host, self._port)
        known_s = self._clock.now(self.now_ms()) if self._clock.trusted() else 0
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
            record.write(self._path, struct.pack("<I", unix_s), self.wear)
        except (OSError, MemoryError):
            return
        self._clock.floor_s = unix_s
