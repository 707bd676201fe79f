"""The running board: built once from its configuration, then it runs for ever."""

import asyncio
import os
import sys

from micropython import const

from sportbox import __version__
from sportbox.access import Desk
from sportbox.app import App, Reports
from sportbox.compose import make_keys, make_parts
from sportbox.core.clock import Clock
from sportbox.core.token import Access
from sportbox.drivers import chip
from sportbox.kit import Kit
from sportbox.net import udp
from sportbox.net.message import Settings
from sportbox.net.packets import Packets
from sportbox.net.session import Session
from sportbox.net.wifi import Wifi
from sportbox.store import record
from sportbox.store.outbox import Outbox
from sportbox.store.replay import ReplayLog
from sportbox.system.health import StallMeter, Uptime, heap_free, measure_stalls, tidy_heap_early
from sportbox.system.history import History
from sportbox.system.log import Log
from sportbox.system.supervisor import Supervisor
from sportbox.system.timekeeper import Timekeeper
from sportbox.uplink import Uplink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sportbox.compose import Facts
    from sportbox.net.secure import Secure
    from sportbox.system.renewal import Trial

_WATCHDOG_MS = const(10000)
_TICK_MS = const(1000)
_SILENT_MS = const(60000)
_TOKEN_MAX = const(1536)  # bytes; the packet buffer holds the topic beside it
_DATA = "/data"
_CRASH = "/data/crash"


def random_bits() -> int:
    """24 random bits: more than the longest pause, and no big integer on a 32-bit VM."""
    return int.from_bytes(os.urandom(3), "little")


class Box:
    """A board that sleeps is a `NappingBox`."""

    def __init__(self, config: "Facts", secrets: "Facts", trial: "Trial | None" = None) -> None:
        self._watchdog = chip.Watchdog(_WATCHDOG_MS)  # first of all: what hangs from here on is ended
        self._config = config
        self._secrets = secrets
        self._trial = trial
        self._root = "" if trial is None else trial.root
        self._identity = self._read_identity()
        self._uptime = Uptime()
        now_ms = self._uptime.ms
        self._log = Log(config["log_level"], now_ms)
        wifi = secrets["wifi"]
        self._wifi = Wifi(wifi["ssid"], wifi["password"], self._link, now_ms, random_bits)
        self._wifi.switch_on()  # the chip's random numbers are only random while its radio is on
        record.make_dir(_DATA)
        self._history = History(_DATA + "/boots")
        self._reset = chip.reset_cause(config.get("chip"))
        self._begin()
        self._clock = Clock()
        wear = self._history.wear
        limits = config["outbox"]
        self._outbox = Outbox(_DATA + "/outbox", limits["ordinary_bytes"], limits["reserve_bytes"], wear)
        self._outbox.open()
        self._replay = ReplayLog(_DATA)
        self._replay.wear = wear
        self._replay.open()
        self._uplink = self._make_uplink(config)
        self._uplink.describe(self._telemetry)
        self._log.to(self._uplink.log)
        self._app = App(
            _DATA, self._clock, self._outbox, self._uplink, limits["batch_ms"], now_ms, self._wake
        )
        self._app.wear = wear
        self._app.desk = self._make_desk(config, secrets)
        server = (config["ntp"]["host"], config["ntp"]["port"])
        self._time = Timekeeper(
            self._clock, _DATA, server, self._wifi, now_ms, self._clock_changed, self._clock_fault
        )
        self._time.wear = wear
        self._secure: "Secure | None" = None
        self._session = self._make_session(config, secrets)
        led = config.get("led")
        self._lamp = None if led is None else chip.Lamp(led["pin"], led["active"])
        self._make_signals(config.get("buzzer"))
        self._supervisor = Supervisor(now_ms, self._crashed)
        self._app.on_crash = self._crashed
        self._stalls: StallMeter | None = None
        self._telemetry_ms = 0
        self._beat_ms = 0
        self._down_why = ""

    def _read_identity(self) -> "dict[str, object]":
        from sportbox.system.identity import identity

        del sys.modules["sportbox.system.identity"]
        return identity(self._root, self._secrets)

    def _begin(self) -> None:
        """A new boot."""
        self._history.open()
        self._boot_id = os.urandom(6).hex()
        self._nonce = os.urandom(8).hex()

    def _make_uplink(self, config: "Facts") -> Uplink:
        return Uplink(config["site"], config["device"], self._boot_id, self._outbox)

    def _make_signals(self, buzzer: "Facts | None") -> None:
        if buzzer is None:
            return
        from sportbox.signals import Signals

        lamps = [chip.Lamp(buzzer["pin"], buzzer["active"])]
        if self._lamp is not None:
            lamps.append(self._lamp)
        self._app.signals = Signals(lamps)

    def _make_desk(self, config: "Facts", secrets: "Facts") -> Desk:
        app = self._app
        access = Access(config["site"] + "/" + config["device"], make_keys(secrets))
        return Desk(
            access,
            self._replay,
            self._clock,
            self._nonce,
            _TOKEN_MAX,
            app.refusal_of,
            app.carry_out,
            self._report_access,
            app.answer,
            lambda: self._time.reset(),
        )

    def _make_session(self, config: "Facts", secrets: "Facts") -> Session:
        base = self._uplink.base
        user = secrets.get("broker", {})
        client_id = "%s-%s" % (config["site"], config["device"])
        packets = Packets(client_id, config["mqtt"]["keepalive_s"], user.get("user"), user.get("password"))
        secure = None
        tls = config["broker"].get("tls")
        if tls is not None:
            from sportbox.net.secure import Secure

            secure = self._secure = Secure(tls["name"], self._clock, self._time, self._root + "/certs/")
        return Session(
            Settings(config["broker"]["host"], config["broker"]["port"], config["mqtt"]),
            packets,
            base + "/cmd",
            (base + "/availability", "offline"),
            self._uplink.next_message,
            self._app.command,
            self._went_up,
            self._went_down,
            self._resolve,
            self._uptime.ms,
            random_bits,
            secure,
        )

    async def run(self) -> None:
        """Nothing moves at boot: the parts take note of what is, then the tasks start."""
        self._stalls = measure_stalls()
        app = self._app
        kit = Kit(self._config, self._secrets, app, Reports(app), self._uptime.ms)
        self._time.open(kit.rtc())
        self._before_parts()
        app.parts = make_parts(kit)
        kit.forget()
        running = [a.order.component for a in self._replay.answers.values() if a.result == "accepted"]
        self._resume(running)
        self._tell_crash()
        if not self._replay.readable:
            app.event("device", "device.fault", {"what": "replay_log_unreadable"})
        app.desk.settle_old("" if self._trial is None else self._trial.jti)
        self._try_files()
        app.all_states()
        self._publish_info()
        add = self._supervisor.add
        add("edges", app.watch_edges)
        add("house", self._keep_house, _SILENT_MS, lambda: self._beat_ms)  # before what it keeps going
        add("wifi", self._wifi.run, _SILENT_MS, lambda: self._wifi.beat_ms)
        add("session", self._session.run, _SILENT_MS, lambda: self._session.beat_ms)
        for part in app.parts:
            sampler = part.sampler()
            if sampler is not None:
                add(part.name, sampler, vital=False)
        if app.signals is not None:
            add("signals", app.signals.run, vital=False)
        self._add_jobs()
        tidy_heap_early()
        noted = ""
        while True:
            stuck = self._supervisor.stuck(self._uptime.ms())
            if not stuck:
                self._watchdog.feed()
            if stuck != noted:
                noted = stuck
                self._note_stuck(stuck)
            await asyncio.sleep_ms(_TICK_MS)
            restart_ms = app.restart_at_ms
            if restart_ms is not None and self._uptime.ms() >= restart_ms:
                app.remember()
                self._outbox.flush()
                chip.restart()

    def _resume(self, running: "list[str]") -> None:
        """What was before this boot; `running` are the components with an order that was cut off."""
        data = {"boot": self._history.boots, "reset": self._reset, "firmware": __version__}
        self._app.event("device", "device.booted", data)
        self._app.recall(running)

    def _before_parts(self) -> None:
        """What parts are built upon."""

    def _add_jobs(self) -> None:
        """Tasks beyond those of every board."""

    async def _keep_house(self) -> None:
        while True:
            now_ms = self._uptime.ms()
            self._beat_ms = now_ms
            self._time.tick(now_ms)
            self._session.check(now_ms)
            self._app.tick(now_ms)
            self._history.tick(now_ms)
            self._try_files()
            every_ms = self._config["telemetry_s"] * 1000
            if now_ms - self._telemetry_ms >= (every_ms if self._app.short_of_power < 2 else 10 * every_ms):
                self._telemetry_ms = now_ms
                self._uplink.want_telemetry()
                self._session.wake()
            if self._app.info_due:
                self._app.info_due = False
                self._publish_info()
            self._shine(now_ms)
            await asyncio.sleep_ms(_TICK_MS)

    def _try_files(self) -> None:
        """New files prove themselves by reaching the broker."""
        trial, app = self._trial, self._app
        if trial is None or app.restart_at_ms is not None:
            return
        try:
            if trial.decided() or trial.tick(self._session.up, self._wifi.up):
                self._end_trial()
        except OSError as error:  # what was decided is on flash, or not: the next boot sees
            self._log.write("error", "renewal: %s" % error)
            app.restart_at_ms = self._uptime.ms()

    def _end_trial(self) -> None:
        """If it is decided: tells, or goes back to the files that the decision is for. Raises OSError."""
        trial = self._trial
        if trial is None or not trial.decided():
            return
        if trial.root:  # runs with files that were given up
            if not self._app.busy():
                self._app.restart_at_ms = self._uptime.ms()
            return
        if self._secure is not None:
            self._secure.folder = "/certs/"
        self._root = ""
        trial.tell(self._app)
        self._identity["renewal"] = trial.newest()
        self._trial = None
        sys.modules.pop("sportbox.system.renewal", None)
        self._publish_info()

    def _shine(self, now_ms: int) -> None:
        """The lamp: blinks for `identify`, else steady while the broker is reached."""
        signals = self._app.signals
        if self._lamp is not None and not (signals is not None and signals.playing):
            blink = now_ms // _TICK_MS % 2 == 0
            steady = self._session.up and self._app.short_of_power < 2
            self._lamp.set(blink if self._app.identifying(now_ms) else steady)

    # ---- what the parts call

    async def _resolve(self, host: str) -> str:
        return await udp.resolve(host, self._wifi.dns_server())

    def _wake(self) -> None:
        self._session.wake()

    def _link(self, is_up: bool) -> None:
        self._log.write("info", "wifi up" if is_up else "wifi down")
        self._session.set_link(is_up)

    def _went_up(self) -> None:
        self._down_why = ""
        self._uplink.went_up(self._uptime.ms())
        self._log.write("info", "broker reached")

    def _went_down(self, why: str) -> None:
        self._uplink.went_down()
        if why != self._down_why:
            self._log.write("warning", "no broker: " + why)
        self._down_why = why

    def _clock_changed(self, why: str) -> None:
        self._app.event("device", "device.clock", {"trust": self._clock.trust, "why": why})
        self._app.all_states()
        self._publish_info()

    def _clock_fault(self, what: str) -> None:
        self._app.event("device", "device.fault", {"what": what})

    def _crashed(self, task: str, error: BaseException) -> None:
        from sportbox.system import crash

        text = "%s %s" % (type(error).__name__, error)
        self._log.write("error", "task %s: %s" % (task, text))
        self._app.event("device", "device.crashed", crash.describe(task, error))

    def _tell_crash(self) -> None:
        if not chip.has_notes() and not record.exists(_CRASH) and self._reset != "watchdog":
            return  # most boots: what is not needed costs no memory
        from sportbox.system import crash

        try:
            crash.tell(_CRASH, self._reset, self._app.event)
        except OSError:
            self._log.write("warning", "the last crash cannot be read or removed")

    def _note_stuck(self, task: str) -> None:
        """The watchdog will bite: who is it that makes no progress?"""
        from sportbox.system import crash

        crash.note_stuck(_CRASH, task)

    def _report_access(self, component: str, kind: str, data: "dict[str, object]") -> None:
        known = component in self._config["components"] or component == "device"
        self._app.event(component if known else "access", kind, data)
        if kind == "access.rejected" and known and self._app.signals is not None:
            self._app.signals.play("refused")  # only a genuine token tells for which lock it is

    def _publish_info(self) -> None:
        self._uplink.retain("info", self._info())
        self._session.wake()

    def _info(self) -> "dict[str, object]":
        info: "dict[str, object]" = {
            "device": self._config["device"],
            "board": self._config["board"],
            "firmware": __version__,
            "micropython": ".".join([str(number) for number in sys.implementation.version[:3]]),
            "mac": self._wifi.mac(),
            "boot": self._history.boots,
            "bootid": self._boot_id,
            "reset": self._reset,
            "config": self._config["hash"],
            "clock": self._clock.trust,
            "nonce": self._nonce,
            "replay_log": "ok" if self._replay.readable else "unreadable",
        }
        info.update(self._identity)
        return info

    def _telemetry(self) -> "dict[str, object]":
        outbox, session, uplink, desk = self._outbox, self._session, self._uplink, self._app.desk
        stalls, wear = self._stalls, self._history.wear
        figures: "dict[str, object]" = {
            "uptime": (self._app.uptime_base_ms + self._uptime.ms()) // 1000,
            "heap_free": heap_free(),
            "rssi": self._wifi.rssi_dbm(),
            "battery": None,
            "temperature": chip.temperature_c(),
            "boot": self._history.boots,
            "reset": self._reset,
            "queue": outbox.queue_events(),
            "queue_bytes": outbox.queue_bytes(),
            "accepted": outbox.durable_seq,
            "delivered": outbox.delivered,
            "dropped": outbox.dropped_ordinary + outbox.dropped_urgent,
            "loop_stall_ms": 0 if stalls is None else stalls.take_ms(),
            "loop_stall_max_ms": 0 if stalls is None else stalls.longest_ever_ms,
            "connects": session.connects,
            "connect_failures": session.failures,
            "retries": uplink.retries,
            "stray_pubacks": session.stray_pubacks,
            "orders": desk.accepted,
            "refusals": desk.rejected,
            "refusals_unreported": desk.unreported,
            "answers_lost": uplink.answers_lost,
            "flash_errors": outbox.write_errors,
            "flash_bytes": wear.bytes,
            "flash_files": wear.files,
            "task_restarts": self._supervisor.restarts,
            "time_refused": self._time.refused,
        }
        figures.update(self._app.figures())
        return figures
