"""Joins the Wi-Fi and joins it again, for ever; tells who wants to know."""

import asyncio

import network
from micropython import const

from sportbox.core.backoff import Backoff

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable

_JOIN_MS = const(15000)  # association and DHCP
_POLL_MS = const(100)
_WATCH_MS = const(1000)
_RESTARTS_AFTER = const(5)  # failed attempts in a row until the radio is switched off and on
_USELESS_MS = const(300000)  # a link on which the broker was out of reach for so long is made anew


class Wifi:
    refused: "Callable[[str], None] | None" = None  # told why the radio does not obey, once until it does
    beat: "asyncio.Event | None" = None  # when to look whether the link is still there; else once a second
    _wlan: "network.WLAN"  # once there was memory for the driver, which comes up with it

    def __init__(
        self,
        ssid: str,
        password: str,
        on_link: "Callable[[bool], None]",
        now_ms: "Callable[[], int]",
        random_bits: "Callable[[], int]",
    ) -> None:
        self._ssid = ssid
        self._password = password
        self._on_link = on_link
        self._now_ms = now_ms
        self._random_bits = random_bits
        self._backoff = Backoff(10000, 1000)
        self._has_driver = False
        self.up = False
        self.joins = 0
        self.beat_ms = 0
        self._useless_ms: int | None = None  # since when
        self._obeys = True

    def dns_server(self) -> str:
        return self._wlan.ifconfig()[3]

    def rssi_dbm(self) -> int | None:
        """Received level, None while there is no link."""
        try:
            return self._wlan.status("rssi") if self.up else None
        except OSError:
            return None  # just lost, and not noticed yet

    def status(self) -> int:
        """Of the newest attempt, as `network.STAT_...`; while it has just begun, of the one before."""
        return self._wlan.status()

    def tell_refusals(self, retries: int) -> None:
        """Status names the reason once the driver has tried so often in vain; else it tries for ever and
        says nothing."""
        self._wlan.config(reconnects=retries)

    def switch_on(self) -> bool:
        return self._switch(True)

    def switch_off(self) -> bool:
        return self._switch(False)

    def _switch(self, on: bool) -> bool:
        """False if the driver raises: an OSError, or a RuntimeError for what MicroPython has no name for, as
        0x0101, no memory. It may pass, so it is asked again with each attempt to join."""
        try:
            if not self._has_driver:
                self._wlan = network.WLAN(network.STA_IF)
                self._has_driver = True
            self._wlan.active(on)
        except (OSError, RuntimeError) as error:
            if self._obeys and self.refused is not None:
                self.refused(str(error))
            self._obeys = False
            return False
        self._obeys = self._obeys or on
        return True

    def reached(self, is_reached: bool) -> None:
        """Whether the broker is. The driver may say for ever that it is connected, though nothing passes."""
        if is_reached:
            self._useless_ms = None
        elif self._useless_ms is None:
            self._useless_ms = self._now_ms()

    async def run(self) -> None:
        failures = 0
        while True:
            now_ms = self.beat_ms = self._now_ms()
            useless_ms = self._useless_ms
            if useless_ms is not None and now_ms - useless_ms >= _USELESS_MS:
                self._useless_ms = now_ms
            elif self._has_driver and self._wlan.isconnected():
                failures = 0
                self._backoff.reset()
                self._set(True)
                if self.beat is None:
                    await asyncio.sleep_ms(_WATCH_MS)
                else:
                    await self.beat.wait()
                continue
            self._set(False)
            if not await self._join():
                failures += 1
                if failures % _RESTARTS_AFTER == 0:
                    self.switch_off()
                await asyncio.sleep_ms(self._backoff.next(self._random_bits()))

    async def _join(self) -> bool:
        if not self.switch_on():
            return False
        try:
            # after a loss the driver tries by itself, and refuses a connect() meanwhile
            self._wlan.disconnect()
            self._wlan.connect(self._ssid, self._password)
        except (OSError, RuntimeError):
            return False  # not ready for it yet: asked again after the pause
        begin_ms = self._now_ms()
        while self._now_ms() - begin_ms < _JOIN_MS:
            await asyncio.sleep_ms(_POLL_MS)
            if self._wlan.isconnected():
                self.joins += 1
                return True
        return False  # status() is not asked: on the ESP32 it may still tell of the attempt before

    def _set(self, up: bool) -> None:
        if up != self.up:
            self.up = up
            self._on_link(up)
