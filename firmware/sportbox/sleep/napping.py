"""A box that sleeps: what is different while it is awake with its radio on."""

from micropython import const

from sportbox.box import Box
from sportbox.core.clock import NTP
from sportbox.sleep.farewell import Farewell
from sportbox.sleep.rest import Rest
from sportbox.sleep.sleeper import Sleeper

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.compose import Facts
    from sportbox.system.renewal import Trial
    from sportbox.uplink import Uplink


class NappingBox(Box):
    """`rest` is what was kept over deep sleep, None after any other start."""

    def __init__(
        self, config: "Facts", secrets: "Facts", rest: Rest | None, trial: "Trial | None" = None
    ) -> None:
        self.kept = rest
        super().__init__(config, secrets, trial)

    def begin(self) -> None:
        """A new boot, or the one that deep sleep interrupted."""
        rest = self.kept
        if rest is None:
            super().begin()
            self.rest = Rest(self.config["hash"], self.history.boots, self.boot_id, self.nonce)
            return
        self.rest = rest
        self.history.go_on(rest.boot, rest.wear)
        self.boot_id, self.nonce = rest.boot_id, rest.nonce

    def make_uplink(self) -> "Uplink":
        self.goodbye = Farewell(self.config["site"], self.config["device"], self.boot_id, self.outbox)
        return self.goodbye

    def before_parts(self) -> None:
        """Uptime and clock go on, and events of this wake are no old ones."""
        rest = self.kept
        if rest is not None:
            self.app.rest = rest
            self.app.uptime_base_ms = self.log.base_ms = rest.base_ms
            rest.set_clock(self.clock)
            if rest.seq:
                self.goodbye.fresh_from(rest.seq)

    def add_jobs(self) -> None:
        rhythm = self.config["power"]["sleep"]
        pieces = (self.goodbye, self.outbox, self.session, self.wifi)
        sleeper = Sleeper(self.app, self.rest, *pieces, self.info, rhythm, self.uptime.ms)
        self.supervisor.add("sleep", sleeper.run)

    def configured(self, what: "dict[str, object]") -> None:
        try:
            super().configured(what)
        finally:
            self.rest.nonce = self.nonce

    def clock_changed(self, why: str) -> None:
        if self.clock.trust == NTP:
            now_ms = self.uptime.ms()
            self.rest.synced(self.clock.now(now_ms), now_ms)
        if why == "from rtc":  # so each wake that reaches the network: no news
            self.app.all_states()
            self.publish_info()
        else:
            super().clock_changed(why)

    def info(self) -> "dict[str, object]":
        info = super().info()
        info["wakes"] = self.rest.wakes
        info["sleeping"] = False
        return info
