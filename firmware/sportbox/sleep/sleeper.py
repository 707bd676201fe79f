"""When a board on battery goes back to sleep, and what it says before."""

import asyncio

from micropython import const

from sportbox.core.clock import NTP, rfc3339
from sportbox.sleep.dozing import DozingCourt

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable

    from sportbox.app import App
    from sportbox.net.session import Session
    from sportbox.net.wifi import Wifi
    from sportbox.sleep.farewell import Farewell
    from sportbox.sleep.rest import Rest
    from sportbox.store.outbox import Outbox

_LOOK_MS = const(50)
_LISTEN_MS = const(1000)  # for orders, after all is delivered
_TIME_MS = const(3000)  # for network time, after the broker is reached
_GOODBYE_MS = const(3000)
_LOG_MS = const(30000)  # what is worth a write: warnings, not that a wake went well


class Sleeper:
    def __init__(
        self,
        app: "App",
        rest: "Rest",
        uplink: "Farewell",
        outbox: "Outbox",
        session: "Session",
        wifi: "Wifi",
        info: "Callable[[], dict[str, object]]",
        rhythm: "dict[str, int]",
        now_ms: "Callable[[], int]",
    ) -> None:
        self._app = app
        self._rest = rest
        self._uplink = uplink
        self._outbox = outbox
        self._session = session
        self._wifi = wifi
        self._info = info
        self._every_ms = rhythm["every_s"] * 1000
        self._awake_ms = rhythm["awake_s"] * 1000
        self._now_ms = now_ms
        self._quiet_ms = 0  # since when there is nothing to do
        self._up_ms = 0
        self._flush_ms = 0  # when to try again, after flash that failed
        self._heard = False  # the broker has our last words

    async def run(self) -> None:
        while True:
            await asyncio.sleep_ms(_LOOK_MS)
            now_ms = self._now_ms()
            if self._may_sleep(now_ms) and self._kept(now_ms) and await self._goodbye():
                self._sleep()

    def _may_sleep(self, now_ms: int) -> bool:
        if self._is_busy(now_ms):
            self._quiet_ms = now_ms
            return False
        if not self._session.up:
            self._quiet_ms = self._up_ms = now_ms
            return now_ms >= self._awake_ms
        if not self._all_said(now_ms):
            self._quiet_ms = now_ms
            return now_ms >= self._awake_ms and not self._outbox.urgent_waiting()
        return now_ms - self._quiet_ms >= _LISTEN_MS

    def _kept(self, now_ms: int) -> bool:
        """What is in RAM alone does not outlive the sleep: flash that does not take it is tried again, for a
        while."""
        if now_ms < self._flush_ms:
            return False
        if self._outbox.flush() or now_ms >= 2 * self._awake_ms:
            return True
        self._flush_ms = now_ms + _LISTEN_MS
        return False

    def _is_busy(self, now_ms: int) -> bool:
        app = self._app
        return (
            app.restart_at_ms is not None
            or app.identifying(now_ms)
            or app.info_due
            or app.update is not None
            or app.box.slots is not None  # an update gave way, and goes on in a moment
            or app.box.trial is not None  # asleep it would not come to its end
            or any([part.busy() or part.settles() for part in app.parts])
        )

    def _all_said(self, now_ms: int) -> bool:
        if self._app.clock.trust != NTP and now_ms - self._up_ms < _TIME_MS:
            return False
        return self._outbox.queue_events() == 0 and self._uplink.idle() and self._session.idle()

    async def _goodbye(self) -> bool:
        """False if something came up meanwhile: then the board says that it is there again."""
        if not self._session.up:
            return True
        now_ms = self._now_ms()
        info = self._info()
        info["sleeping"] = True
        info["sleep_s"] = self._every_ms // 1000
        clock = self._app.clock
        info["wake_by"] = rfc3339(clock.now(now_ms) + self._every_ms // 1000) if clock.trusted() else None
        self._heard = False
        self._uplink.farewell(info, self._said)
        self._session.wake()
        end_ms = now_ms + _GOODBYE_MS
        while not self._heard and self._session.up and self._now_ms() < end_ms:
            await asyncio.sleep_ms(_LOOK_MS)
        if self._is_busy(self._now_ms()) or not self._uplink.idle():
            self._uplink.stay()
            self._app.info_due = True
            return False
        self._session.leave()
        while not self._session.left.is_set() and self._now_ms() < end_ms + _GOODBYE_MS:
            await asyncio.sleep_ms(_LOOK_MS)
        return True

    def _said(self) -> None:
        self._heard = True

    def _sleep(self) -> None:
        """Does not return."""
        app, rest = self._app, self._rest
        self._outbox.flush()
        self._outbox.mark()
        if app.log is not None:
            app.log.tick(self._now_ms() + _LOG_MS)
        rest.acked_seq, rest.seq = self._outbox.acked_seq, self._outbox.durable_seq
        courts = [part for part in app.parts if isinstance(part, DozingCourt)]
        rest.courts = {court.name: court.doze.memory() for court in courts}
        rest.parts = {part.name: part.memory() for part in app.parts if part not in courts}
        wear = app.wear
        if wear is not None:
            rest.wear = [wear.bytes, wear.files]
        now_ms = self._now_ms()
        uptime_ms = rest.base_ms + now_ms
        rest.next_report(uptime_ms, self._every_ms, self._heard)
        self._wifi.switch_off()
        rest.keep_clock(app.clock, now_ms)
        rest.sleep(
            uptime_ms,
            [court.doze.deadline for court in courts],
            [court.pin for court in courts if court.doze.armed()],
        )
