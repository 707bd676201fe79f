"""The running board: built once from its configuration, then it runs for ever."""

import asyncio
import os
import sys

from micropython import const

from sportbox import __version__
from sportbox.drivers import chip
from sportbox.net.ready import is_address
from sportbox.system.forget import forget
from sportbox.system.health import heap_free, tidy_heap_early
from sportbox.uplink import Uplink

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from sportbox.app import App
    from sportbox.compose import Facts
    from sportbox.core.clock import Clock
    from sportbox.net.secure import Secure
    from sportbox.net.session import Session
    from sportbox.net.wifi import Wifi
    from sportbox.sleep.rest import Rest
    from sportbox.store.outbox import Outbox
    from sportbox.store.replay import ReplayLog
    from sportbox.store.slots import State
    from sportbox.store.spare import Spare
    from sportbox.system.health import StallMeter, Uptime
    from sportbox.system.history import History
    from sportbox.system.log import Log
    from sportbox.system.renewal import Trial
    from sportbox.system.supervisor import Supervisor
    from sportbox.system.timekeeper import Timekeeper

_WATCHDOG_MS = const(10000)
_TICK_MS = const(1000)
_REST_MS = const(2000)  # of the watchdog's time: five in a row would have to fail
_CALM_MS = const(10000)  # since anything moved
_FLUSH_MS = const(10000)  # a restart waits so long for flash that does not take the last events
_WELL_MS = const(120000)  # up for so long: this start is none of a boot loop
_CRASH = "/data/crash"
_AT_START = (
    "sportbox.assembly",
    "sportbox.compose",
    "sportbox.kit",
    "sportbox.making.bay",
    "sportbox.making.keypad",
    "sportbox.making",
    "sportbox.system.identity",
    "sportbox.core.certificate",
    "sportbox.store.renewal",
    "sportbox.store.newfiles",
)


def random_bits() -> int:
    """24 random bits: more than the longest pause, and no big integer on a 32-bit VM."""
    return int.from_bytes(os.urandom(3), "little")


class Box:
    """A board that sleeps is a `NappingBox`. How it is put together stands in assembly.py, which is needed at
    the start alone: that, and what parts are built with, leaves the memory afterwards."""

    kept: "Rest | None" = None  # of what deep sleep interrupted

    if TYPE_CHECKING:
        config: Facts
        secrets: Facts
        identity: dict[str, object]
        uptime: Uptime
        log: Log
        wifi: Wifi
        history: History
        spare: Spare
        reset: str
        boot_id: str
        nonce: str
        clock: Clock
        outbox: Outbox
        replay: ReplayLog
        uplink: Uplink
        app: App
        remembered: "dict[str, Any] | None"  # what the parts knew before the start, until they are told
        slots: "State | None"  # their record, while something of it is to be gone on with
        time: Timekeeper
        session: Session
        lamp: "chip.Lamp | None"
        supervisor: Supervisor

    def __init__(self, config: "Facts", secrets: "Facts", trial: "Trial | None" = None) -> None:
        self.watchdog = chip.Watchdog(_WATCHDOG_MS)  # first of all: what hangs from here on is ended
        self.trial = trial
        self.root = "" if trial is None else trial.root
        self.secure: "Secure | None" = None
        self.stalls: "StallMeter | None" = None
        self.beat = asyncio.Event()
        self.resting: "asyncio.Task[None] | None" = None  # what sleeps until the next beat at rest
        self.beat_ms = 0
        self.telemetry_ms = 0
        self.down_why = ""
        from sportbox.assembly import assemble

        assemble(self, config, secrets)

    def begin(self) -> None:
        """A new boot."""
        self.history.open()
        self.boot_id = os.urandom(6).hex()
        self.nonce = os.urandom(8).hex()

    def make_uplink(self) -> Uplink:
        return Uplink(self.config["site"], self.config["device"], self.boot_id, self.outbox)

    async def run(self) -> None:
        """For ever; whatever ends it restarts the board."""
        try:
            await self._run()
        except Exception as error:
            try:
                from sportbox.run import fell

                await fell(error)
            except Exception:  # no memory even for that
                chip.restart()

    async def _run(self) -> None:
        self.start()
        tidy_heap_early()
        app, beat = self.app, self.beat
        noted = ""
        well = False
        while True:
            stuck = self.supervisor.stuck(self.uptime.ms())
            if not stuck:
                self.watchdog.feed()
                if not well and self.uptime.ms() >= _WELL_MS:
                    well = True
                    chip.well()
                    forget("sportbox.drivers.rtcmem")
            if stuck != noted:
                noted = stuck
                self.note_stuck(stuck)
            beat.set()  # one wake-up for all that is looked at from time to time
            beat.clear()
            await asyncio.sleep_ms(0)
            await asyncio.sleep_ms(self.pause_ms(self.uptime.ms()))
            self.resting = None
            restart_ms = app.restart_at_ms
            late_ms = -1 if restart_ms is None else self.uptime.ms() - restart_ms
            if late_ms >= _FLUSH_MS or (late_ms >= 0 and self.outbox.flush()):
                app.remember()
                self.log.flush()
                chip.well()
                chip.restart()

    def start(self) -> None:
        from sportbox.assembly import start

        start(self)
        forget(*_AT_START, emptied=True)

    def before_parts(self) -> None:
        """What parts are built upon."""

    def add_jobs(self) -> None:
        """Tasks beyond those of every board."""

    async def keep_house(self) -> None:
        while True:
            now_ms = self.uptime.ms()
            self.beat_ms = now_ms
            self.time.tick(now_ms)
            self.session.check(now_ms)
            self.app.tick(now_ms)
            self.history.tick(now_ms)
            self.spare.tick(now_ms)
            self.log.tick(now_ms)
            if self.trial is not None:
                self.trial.step(self)
            if self.app.update is not None:
                self.app.update.tick(now_ms)
            elif self.slots is not None and now_ms >= self.app.update_at_ms:
                self.go_on()
            every_ms = self.config["telemetry_s"] * 1000
            if now_ms - self.telemetry_ms >= (every_ms if self.app.short_of_power < 2 else 10 * every_ms):
                self.telemetry_ms = now_ms
                self.uplink.want_telemetry()
                self.session.wake()
            if self.app.info_due:
                try:
                    self.publish_info()
                    self.app.info_due = False
                except MemoryError:  # the next tick tries again
                    self.uplink.short += 1
            self.shine(now_ms)
            await self.beat.wait()

    def pause_ms(self, now_ms: int) -> int:
        """Until the next beat: a second while anything is under way. Each wake-up costs current, so it is two
        at rest: no deadline runs, and what begins wakes the board by itself and calls `stir`. Only what has
        no other sign than a look (a lost link, a wall clock that jumped, an edge that the chip lost) may be
        seen a second later."""
        app = self.app
        if (
            now_ms - app.stirred_ms < _CALM_MS
            or not (self.wifi.up and self.session.up and self.session.idle())
            or app.update is not None
            or self.trial is not None
            or self.slots is not None
            or self.outbox.waiting()
        ):
            return _TICK_MS
        self.resting = asyncio.current_task()
        return _REST_MS

    def go_on(self) -> None:
        """With an update, in a tick of its own: then there is as much memory as can be had."""
        try:
            from sportbox.system.resuming import resume

            resume(self)
        except MemoryError:  # the next tick tries again
            self.uplink.short += 1

    def shine(self, now_ms: int) -> None:
        """The lamp: blinks for `identify`, and the buzzer sounds; else steady while the broker is reached."""
        signals = self.app.signals
        identifying = self.app.identifying(now_ms)
        if identifying and signals is not None:
            signals.play("identify")
        if self.lamp is not None and not (signals is not None and signals.playing):
            blink = now_ms // _TICK_MS % 2 == 0
            steady = self.session.up and self.app.short_of_power < 2
            self.lamp.set(blink if identifying else steady)

    # ---- what the parts call

    async def resolve(self, host: str) -> str:
        if is_address(host):
            return host
        from sportbox.net import udp

        try:
            return await udp.resolve(host, self.wifi.dns_server())
        finally:
            forget("sportbox.net.udp")

    def wake(self) -> None:
        """Raises nothing: whoever calls has done what counts, and must not do it again."""
        self.session.wake()
        try:
            self.stir()
        except MemoryError:  # the next beat comes all the same
            self.uplink.short += 1

    def stir(self) -> None:
        """Something begins. At rest the next beat is due now (as in Task.cancel(), but nothing is raised)."""
        self.app.stirred_ms = self.uptime.ms()
        task, self.resting = self.resting, None
        if task is not None:
            queue = asyncio.core._task_queue  # type: ignore[attr-defined]
            queue.remove(task)
            queue.push(task)

    def no_radio(self, why: str) -> None:
        self.log.write("warning", "no radio: " + why)

    def link(self, is_up: bool) -> None:
        self.session.set_link(is_up)  # first: the rest asks for memory
        self.log.write("info", "wifi up" if is_up else "wifi down")
        self.stir()
        if is_up:  # until the time is known a token needs the nonce; and each second of a battery counts
            self.time.tick(self.uptime.ms())

    def went_up(self) -> None:
        self.down_why = ""
        self.wifi.reached(True)
        self.uplink.went_up(self.uptime.ms())
        self.stir()
        self.log.write("info", "broker reached")

    def went_down(self, why: str) -> None:
        self.wifi.reached(False)
        self.uplink.went_down()
        self.stir()
        if why != self.down_why:
            self.log.write("warning", "no broker: " + why)
        self.down_why = why

    def clock_changed(self, why: str) -> None:
        self.app.info_due = True  # first: the rest asks for memory
        self.app.all_states()
        self.log.write("info", "clock %s: %s" % (self.clock.trust, why))
        self.app.event("device", "device.clock", {"trust": self.clock.trust, "why": why})

    def configured(self, what: "dict[str, object]") -> None:
        """By an order whose time did not matter. The replay log forgets it when that is over, so no order
        passes with the same nonce again; a restart brings another one anyway."""
        if self.app.restart_at_ms is None:
            self.nonce = self.app.desk.nonce = os.urandom(8).hex()
            self.app.info_due = True
        if what == {"reset": "clock"}:
            self.time.reset()

    def clock_fault(self, what: str) -> None:
        self.app.event("device", "device.fault", {"what": what})

    def crashed(self, task: str, error: BaseException) -> None:
        from sportbox.system import crash

        crash.crashed(self, _CRASH, task, error)

    def note_stuck(self, task: str) -> None:
        """The watchdog will bite: who is it that makes no progress?"""
        from sportbox.system import crash

        crash.note_stuck(_CRASH, task)

    def report_access(self, component: str, kind: str, data: "dict[str, object]") -> None:
        known = component in self.config["components"] or component == "device"
        self.app.event(component if known else "access", kind, data)
        if kind == "access.rejected" and known and self.app.signals is not None:
            self.app.signals.play("refused")  # only a genuine token tells for which lock it is

    def publish_info(self) -> None:
        self.uplink.retain("info", self.info())
        self.session.wake()

    def info(self) -> "dict[str, object]":
        info: "dict[str, object]" = {
            "device": self.config["device"],
            "board": self.config["board"],
            "firmware": __version__,
            "micropython": ".".join([str(number) for number in sys.implementation.version[:3]]),
            "mac": chip.mac(),
            "boot": self.history.boots,
            "bootid": self.boot_id,
            "reset": self.reset,
            "config": self.config["hash"],
            "clock": self.clock.trust,
            "nonce": self.nonce,
            "replay_log": "ok" if self.replay.readable else "unreadable",
        }
        info.update(self.identity)
        return info

    def telemetry(self) -> "dict[str, object]":
        outbox, session, uplink, desk = self.outbox, self.session, self.uplink, self.app.desk
        stalls, wear = self.stalls, self.history.wear
        figures: "dict[str, object]" = {
            "uptime": (self.app.uptime_base_ms + self.uptime.ms()) // 1000,
            "heap_free": heap_free(),
            "rssi": self.wifi.rssi_dbm(),
            "battery": None,
            "temperature": chip.temperature_c(),
            "boot": self.history.boots,
            "reset": self.reset,
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
            "memory_short": uplink.short + (0 if self.secure is None else self.secure.short),
            "flash_errors": outbox.write_errors,
            "flash_bytes": wear.bytes,
            "flash_files": wear.files,
            "task_restarts": self.supervisor.restarts,
            "time_refused": self.time.refused,
        }
        figures.update(self.app.figures())
        return figures
