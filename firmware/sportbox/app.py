"""The board, put together. Two flows, and there is no third way round:

    driver -> Event -> outbox (flash) -> MQTT session -> broker
    broker -> MQTT session -> access check -> Lock -> actions -> driver -> Event and answer

`main` composes; `App` is what the parts meet in.
"""

import asyncio
import gc
import json

from micropython import const

from sportbox.access import Desk
from sportbox.core.clock import rfc3339
from sportbox.core.debounce import earliest
from sportbox.core.lock import Order
from sportbox.store import record
from sportbox.uplink import Uplink

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable

    from sportbox.box import Box
    from sportbox.core.clock import Clock
    from sportbox.parts.alarm import Alarm
    from sportbox.parts.part import Part
    from sportbox.signals import Signals
    from sportbox.sleep.rest import Rest
    from sportbox.store.outbox import Outbox
    from sportbox.store.wear import Wear
    from sportbox.system.finishing import Finish
    from sportbox.system.log import Log
    from sportbox.system.proving import Proof
    from sportbox.system.pulling import Pull
    from sportbox.system.receiving import Receiver

_QUIET_MS = const(5000)  # nothing sent for so long: the outbox notes how far it has got
_REMEMBER_MS = const(60000)
_SCAN_PAUSE_MS = const(5)
_TELL_AGAIN_MS = const(600000)
_ORDINARY = ("occupancy.changed", "gate.passed")
_FOR_PARTS = ("unlock", "lock", "configure")
_LOCKS_FIRST_MS = const(10000)
_PATIENT = ("access.rejected",)  # has the reserve, but a flood of them must not be a flash write each


class Reports:
    """What a part may tell: events, states, final answers."""

    def __init__(self, app: "App") -> None:
        self._app = app

    def event(self, component: str, kind: str, data: "dict[str, object]", urgent: bool) -> None:
        alarm = self._app.alarm
        if alarm is not None and alarm.sounds(component, kind, data, self._app._now_ms()):
            data["alarm"] = True
            self.signal("alarm")
        self._app.event(component, kind, data)

    def state(self, component: str) -> None:
        self._app.state_changed(component)

    def final(self, order: Order, result: str, reason: str | None) -> None:
        self._app.desk.final(order, result, reason)

    def signal(self, name: str) -> None:
        """Tells the person at the box: `granted`, `refused`, `key`."""
        if self._app.signals is not None:
            self._app.signals.play(name)

    def nag(self, component: str, on: bool) -> None:
        """Asks, again and again, to close a door."""
        if self._app.signals is not None:
            self._app.signals.nag(component, on)

    def remember(self, at_once: bool) -> None:
        """What the part wants to know after a power cut has changed."""
        if at_once:
            self._app.remember()
        else:
            self._app.memory_stale = True

    def foretell(self, component: str) -> None:
        """As remember(True), by a part of which `memory` is whether it is closed, and which is about to tell
        that this has changed: should the power go before the event is on flash, it has not."""
        self._app.remember(component)


class App:
    alarm: "Alarm | None" = None  # of the class: only a site with alarm times has one
    log: "Log | None" = None
    update: "Pull | Finish | Proof | None" = None  # what is under way
    update_at_ms = 0  # not before: orders for locks go first

    def __init__(
        self,
        data_folder: str,
        clock: "Clock",
        outbox: "Outbox",
        uplink: Uplink,
        batch_ms: int,
        now_ms: "Callable[[], int]",
        wake: "Callable[[], None]",
    ) -> None:
        self.memory_path = data_folder + "/memory"
        self.clock = clock
        self._outbox = outbox
        self.uplink = uplink
        self._batch_ms = batch_ms
        self._now_ms = now_ms
        self._wake = wake
        self._waiting_since_ms: int | None = None
        self._armed: list[int] = []  # when scan() will run, latest first
        self._acked_seq = 0
        self._acked_ms = 0
        self.stirred_ms = 0  # when anything moved
        self.identify_until_ms = 0
        self.restart_at_ms: int | None = None
        self.memory_stale = False  # to be written within a minute
        self._remembered_ms = 0
        self.info_due = False
        self.parts: "list[Part]" = []
        self.desk: Desk
        self.box: Box
        self.signals: "Signals | None" = None
        self.wear: "Wear | None" = None
        self.rest: "Rest | None" = None  # what was kept over deep sleep
        self.short_of_power = 0  # as Part.shed() is told
        self.uptime_base_ms = 0  # of before the deep sleep that this start ended
        self.idle: list[str] = []  # parts whose scan() raises
        self._fell_ms: dict[str, int] = {}  # when that was told
        self.on_crash: "Callable[[str, Exception], None] | None" = None
        self.edge = asyncio.ThreadSafeFlag()
        self.receiver: "Receiver | None" = None  # of a renewal, once one has begun

    # ---- the first flow: up

    def event(self, component: str, kind: str, data: "dict[str, object]") -> None:
        """Accepts an event: on flash now, or within `batch_ms` if it is an ordinary one. Raises
        MemoryError if it was not accepted, though an update has given way."""
        now_ms = self._now_ms()
        time_s = self.clock.now(now_ms) if self.clock.trusted() else 0
        urgent = kind not in _ORDINARY or "alarm" in data
        at_once = urgent and kind not in _PATIENT
        uptime_s = (self.uptime_base_ms + now_ms) // 1000
        try:
            self.uplink.event(component, kind, data, time_s, uptime_s, urgent, at_once)
        except MemoryError:
            self.make_room()
            gc.collect()
            self.uplink.event(component, kind, data, time_s, uptime_s, urgent, at_once)
        if self._outbox.waiting() and self._waiting_since_ms is None:
            self._waiting_since_ms = now_ms
        self._wake()

    def state_changed(self, component: str) -> None:
        self.uplink.retain_state(component)
        self._wake()

    def all_states(self) -> None:
        """Publishes every state, after boot and when the clock was set: `since` depends on it."""
        for part in self.parts:
            for name, _, _ in part.states():
                self.uplink.retain_state(name)
        self._wake()

    def state_of(self, component: str) -> "dict[str, object]":
        """What is published of a component of the board."""
        for part in self.parts:
            for name, since_ms, state in part.states():
                if name == component:
                    state["since"] = rfc3339(self.clock.now(since_ms)) if self.clock.trusted() else None
                    return state
        raise ValueError(component)

    # ---- the second flow: down

    def command(self, raw: bytes | None, retained: bool) -> None:
        self.desk.command(raw, retained, self._now_ms())
        self._arm()
        self._wake()
        if self.box.stalls is not None:
            self.box.stalls.tidy_soon = True

    def answer(
        self, jti: str | None, result: str, reason: str | None, done: "Callable[[], None] | None"
    ) -> None:
        """Raises no MemoryError: what has been decided goes on, whoever hears of it. A final answer that was
        not given is owed after the next start."""
        now_ms = self._now_ms()
        time_s = self.clock.now(now_ms) if self.clock.trusted() else 0
        for _ in range(2):
            try:
                self.uplink.answer(jti, result, reason, time_s, done)
                self._wake()
                return
            except MemoryError:
                self.make_room()
        self.uplink.answers_lost += 1

    def refusal_of(self, order: Order) -> str:
        if self.restart_at_ms is not None:
            return "busy"
        part = self._part_of(order)
        if part is not None:
            self.make_room()
            return part.refusal(order, self._now_ms())
        if order.act in ("unlock", "lock"):
            return "malformed"  # for a component that is not there
        for _ in range(2):
            try:
                from sportbox.system import orders

                return orders.refusal(self, order)
            except MemoryError:
                self.make_room()
        return "busy"

    def make_room(self) -> None:
        """For an order or an event: an update goes on later."""
        self.update_at_ms = self._now_ms() + _LOCKS_FIRST_MS
        if self.update is not None:
            self.update.give_way()

    def carry_out(self, order: Order) -> None:
        part = self._part_of(order)
        if part is not None:
            part.take(order, self._now_ms())
        else:
            from sportbox.system import orders

            orders.take(self, order)

    def busy(self) -> bool:
        """A restart would hurt."""
        return any([part.busy() for part in self.parts])

    def _part_of(self, order: Order) -> "Part | None":
        """The part that orders for this component are for."""
        for part in self.parts:
            if order.act in _FOR_PARTS and part.takes(order.component):
                return part
        return None

    # ---- time

    async def watch_edges(self) -> None:
        """Looks at the inputs as soon as one of them moves."""
        while True:
            await self.edge.wait()
            self.stirred_ms = self._now_ms()
            self.scan()
            await asyncio.sleep_ms(
                _SCAN_PAUSE_MS
            )  # edges may come faster than a scan takes: the others' turn

    def scan(self) -> None:
        """Reads all inputs and lets time pass for all parts. Does no harm at any moment. One part that fails
        does not silence the others: it is looked at again with each tick. Raises what the last one raised if
        all fail."""
        now_ms = self._now_ms()
        failed = 0
        for part in self.parts:
            try:
                part.scan(now_ms)
                if part.name in self.idle:
                    # it may have fallen before it asked for a new state to be told
                    for name, _, _ in part.states():
                        self.uplink.retain_state(name)
                    self.idle.remove(part.name)
            except Exception as error:
                failed += 1
                if failed == len(self.parts):
                    raise
                self._fell(part.name, error, now_ms)
        self._arm()

    def figures(self) -> "dict[str, object]":
        """What the parts add to telemetry."""
        figures: dict[str, object] = {}
        for part in self.parts:
            try:
                figures.update(part.figures())
            except OSError as error:
                self._tell_fall(part.name, error, self._now_ms())
        return figures

    def _fell(self, name: str, error: Exception, now_ms: int) -> None:
        """Tells it, but not each second; and what it has asked for does not count until it is well again."""
        if name not in self.idle:
            self.idle.append(name)
        self._tell_fall(name, error, now_ms)

    def _tell_fall(self, name: str, error: Exception, now_ms: int) -> None:
        told_ms = self._fell_ms.get(name)
        if told_ms is None or now_ms - told_ms >= _TELL_AGAIN_MS:
            self._fell_ms[name] = now_ms
            try:
                if self.on_crash is not None:
                    self.on_crash(name, error)
            except MemoryError:
                del self._fell_ms[name]  # told with a later tick

    def _arm(self) -> None:
        """Sees to it that scan() runs at the next deadline. A new alarm is set only if it is earlier than all
        that are set, so there are never more of them than kinds of deadlines."""
        next_ms = earliest([part.deadline() for part in self.parts if part.name not in self.idle])
        if next_ms is not None and (not self._armed or next_ms < self._armed[-1]):
            asyncio.create_task(self._scan_at(next_ms))
            self._armed.append(next_ms)  # only once the task is there

    async def _scan_at(self, at_ms: int) -> None:
        await asyncio.sleep_ms(max(0, at_ms - self._now_ms()))
        self._armed.remove(at_ms)
        self.scan()

    def tick(self, now_ms: int) -> None:
        """Once a second: what can wait that long."""
        self.scan()
        self._report_gaps()
        waiting_ms = self._waiting_since_ms
        if waiting_ms is not None and now_ms - waiting_ms >= self._batch_ms:
            self._outbox.flush()
            self._wake()
        if not self._outbox.waiting():
            self._waiting_since_ms = None
        if self._outbox.acked_seq != self._acked_seq:
            self._acked_seq = self._outbox.acked_seq
            self._acked_ms = now_ms
        elif now_ms - self._acked_ms >= _QUIET_MS:
            self._outbox.mark()
        if self.memory_stale and now_ms - self._remembered_ms >= _REMEMBER_MS:
            self.remember()
        self.desk.tidy(now_ms)

    def identifying(self, now_ms: int) -> bool:
        return now_ms < self.identify_until_ms

    def _report_gaps(self) -> None:
        """Numbers that are missing were dropped when the outbox was full, or lost with worn flash. One report
        a second at most: a report a gap would push out what is left."""
        count, first, last = self._outbox.take_gap()
        if count:
            data: dict[str, object] = {
                "count": count,
                "first": first,
                "last": last,
                "ordinary_total": self._outbox.dropped_ordinary,
                "urgent_total": self._outbox.dropped_urgent,
            }
            self.event("device", "device.dropped", data)

    # ---- what outlives a power cut

    def remember(self, foretold: str = "") -> None:
        """With the number of the event by which the part `foretold` will tell what has changed."""
        self.memory_stale = False
        self._remembered_ms = self._now_ms()
        try:
            memory: "dict[str, object]" = {part.name: part.memory() for part in self.parts}
            if foretold:
                memory[""] = [foretold, self._outbox.next_seq()]
            record.write(self.memory_path, json.dumps(memory).encode(), self.wear)
        except (OSError, MemoryError):
            self._outbox.write_errors += 1
            self.memory_stale = True  # to be tried again
