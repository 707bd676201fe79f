"""A box that sleeps: what is different while it is awake with its radio on."""

from sportbox.box import Box
from sportbox.core.clock import NTP
from sportbox.sleep.farewell import Farewell
from sportbox.sleep.rest import Rest
from sportbox.sleep.sleeper import Sleeper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sportbox.compose import Facts
    from sportbox.system.renewal import Trial
    from sportbox.uplink import Uplink


class NappingBox(Box):
    """`rest` is what was kept over deep sleep, None after any other start."""

    def __init__(
        self, config: "Facts", secrets: "Facts", rest: Rest | None, trial: "Trial | None" = None
    ) -> None:
        self._kept = rest
        super().__init__(config, secrets, trial)

    def _begin(self) -> None:
        """A new boot, or the one that deep sleep interrupted."""
        rest = self._kept
        if rest is None:
            super()._begin()
            self._rest = Rest(self._config["hash"], self._history.boots, self._boot_id, self._nonce)
            return
        self._rest = rest
        self._history.go_on(rest.boot, rest.wear)
        self._boot_id, self._nonce = rest.boot_id, rest.nonce

    def _make_uplink(self, config: "Facts") -> "Uplink":
        self._goodbye = Farewell(config["site"], config["device"], self._boot_id, self._outbox)
        return self._goodbye

    def _before_parts(self) -> None:
        """Uptime and clock go on, and events of this wake are no old ones."""
        rest = self._kept
        if rest is not None:
            self._app.rest = rest
            self._app.uptime_base_ms = rest.base_ms
            rest.set_clock(self._clock)
            if rest.seq:
                self._goodbye.fresh_from(rest.seq)

    def _resume(self, running: "list[str]") -> None:
        if self._kept is None:
            super()._resume(running)
        else:
            self._app.recall(running, self._kept.parts)

    def _add_jobs(self) -> None:
        rhythm = self._config["power"]["sleep"]
        pieces = (self._goodbye, self._outbox, self._session, self._wifi)
        sleeper = Sleeper(self._app, self._rest, *pieces, self._info, rhythm, self._uptime.ms)
        self._supervisor.add("sleep", sleeper.run)

    def _link(self, is_up: bool) -> None:
        super()._link(is_up)
        if is_up:  # each second of a battery counts
            self._time.tick(self._uptime.ms())

    def _clock_changed(self, why: str) -> None:
        if self._clock.trust == NTP:
            now_ms = self._uptime.ms()
            self._rest.synced(self._clock.now(now_ms), now_ms)
        if why == "from rtc":  # so each wake that reaches the network: no news
            self._app.all_states()
            self._publish_info()
        else:
            super()._clock_changed(why)

    def _info(self) -> "dict[str, object]":
        info = super()._info()
        info["wakes"] = self._rest.wakes
        info["sleeping"] = False
        return info
