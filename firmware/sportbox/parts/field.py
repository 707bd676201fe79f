"""A court: its sensors, and what they say together."""

import asyncio

from micropython import const

from sportbox.core.debounce import earliest
from sportbox.core.fusion import Fusion
from sportbox.core.occupancy import Presence
from sportbox.parts.part import Part

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sportbox.app import App, Reports
    from sportbox.drivers.inputs import Input
    from sportbox.kit import Facts, Kit
    from sportbox.parts.entrance import Entrance
    from sportbox.parts.field_radar import RadarSensor
    from sportbox.parts.field_tof import TofSensor

_SAMPLE_MS = const(100)
_GAP_MS = const(1000)  # at most one report in that time, and the newest state with it
_REFRESH_MS = const(5000)  # likewise where only the confidence has changed


class Court(Part):
    """`add_...` the sensors first. `scan` reads the motion sensor and the gate, `sample` the radar and the
    time-of-flight sensor, at their own rhythm. What changes is told at most once in `gap_ms`."""

    def __init__(self, name: str, stuck_ms: int, gap_ms: int, reports: "Reports") -> None:
        self.name = name
        self._fusion = Fusion(stuck_ms)
        self._gap_ms = gap_ms
        self._reports = reports
        self._motion: "Input | None" = None
        self.presence: Presence | None = None
        self.radar: "RadarSensor | None" = None
        self.tof: "TofSensor | None" = None
        self._find_entrance: "Callable[[], Entrance | None] | None" = None
        self._entrance: "Entrance | None" = None
        self._now_ms: "Callable[[], int] | None" = None
        self._since_ms = 0
        self._told_ms: int | None = None
        self._told: "tuple[str, int | None]" = (self._fusion.state, None)
        self._told_said = 0
        self._pending = False

    # ---- made of

    def add_motion(self, motion: "Input", presence: Presence) -> None:
        self._motion = motion
        self.presence = presence
        self._fusion.add("pir", presence)

    def add_radar(self, radar: "RadarSensor", now_ms: "Callable[[], int]") -> None:
        self.radar = radar
        self._now_ms = now_ms
        self._fusion.add("radar", radar.witness)

    def add_tof(self, tof: "TofSensor", now_ms: "Callable[[], int]") -> None:
        self.tof = tof
        self._now_ms = now_ms
        self._fusion.add("tof", tof.witness)

    def add_gate(self, find: "Callable[[], Entrance | None]") -> None:
        """`find` gives the gate's part once the board has all of them."""
        self._find_entrance = find

    # ---- the part

    def deadline(self) -> int | None:
        times = [self._fusion.deadline]
        if self.presence is not None:
            times.append(self.presence.deadline)
        if self._pending and self._told_ms is not None:
            times.append(self._told_ms + self._gap_ms)
        return earliest(times)

    def states(self) -> "list[tuple[str, int, dict[str, object]]]":
        fusion = self._fusion
        state: dict[str, object] = {
            "state": fusion.state,
            "count": fusion.count(),
            "confidence": fusion.confidence(),
        }
        lost = fusion.lost()
        if lost:
            state["lost"] = lost
        return [(self.name, self._since_ms, state)]

    def scan(self, now_ms: int) -> None:
        if self.presence is not None and self._motion is not None:
            self.presence.step(self._motion.active(), now_ms)
        if self._find_entrance is not None:
            self._entrance = self._find_entrance()
            if self._entrance is not None:
                self._find_entrance = None
                self._fusion.add("gate", self._entrance.gate, self._entrance.gate)
        if self._entrance is not None:
            self._entrance.scan(now_ms)  # its turn may come later, and the two must agree
        for sensor in (self.radar, self.tof):  # who samples them may have fallen: then they are silent
            if sensor is not None and sensor.on:
                sensor.witness.step(now_ms)
        self._judge(now_ms)

    def sample(self, now_ms: int) -> None:
        """Allocates nothing unless there is something to tell."""
        if self.radar is not None:
            self.radar.sample(now_ms)
        if self.tof is not None:
            self.tof.sample(now_ms)
        self._judge(now_ms)

    def sampler(self) -> "Callable[[], Awaitable[None]] | None":
        return None if self._now_ms is None else self._sample_for_ever

    def shed(self, level: int) -> None:
        if self.radar is not None:
            self.radar.switch(level == 0)
        if self.tof is not None:
            self.tof.switch(level < 2)

    async def _sample_for_ever(self) -> None:
        now_ms = self._now_ms
        assert now_ms is not None
        while True:
            self.sample(now_ms())
            await asyncio.sleep_ms(_SAMPLE_MS)

    def _judge(self, now_ms: int) -> None:
        fusion = self._fusion
        is_news = fusion.step(now_ms)
        is_stale = fusion.said != self._told_said and now_ms - (self._told_ms or 0) >= _REFRESH_MS
        if is_news or is_stale:
            self._pending = True
        if not self._pending:
            return
        if self._told_ms is not None and now_ms - self._told_ms < self._gap_ms:
            return
        self._pending = False
        self._told_ms = now_ms
        self._told_said = fusion.said
        self._reports.state(self.name)
        news = (fusion.state, fusion.count())
        if news != self._told:
            self._told = news
            self._since_ms = now_ms
            self._reports.event(self.name, "occupancy.changed", self.states()[0][2], False)


def build(name: str, facts: "Facts", kit: "Kit") -> Court:
    hold_ms, stuck_ms = facts["hold_ms"], facts["stuck_ms"]
    court = Court(name, stuck_ms, min(hold_ms, _GAP_MS), kit.reports)
    pir, radar, tof, gate = facts.get("pir"), facts.get("radar"), facts.get("tof"), facts.get("gate")
    if pir is not None:
        court.add_motion(kit.input(pir["pin"], pir["active"], "down"), Presence(hold_ms, stuck_ms))
    if radar is not None:
        from sportbox.parts import field_radar

        court.add_radar(field_radar.build(facts, radar), kit.now_ms)
    if tof is not None:
        from sportbox.parts import field_tof

        court.add_tof(field_tof.build(facts, tof, kit), kit.now_ms)
    if gate is not None:
        app = kit.app
        court.add_gate(lambda: _part_called(gate, app))
    return court


def _part_called(name: str, app: "App") -> "Entrance | None":
    for part in app.parts:
        if part.name == name:
            return part  # type: ignore[return-value]
    return None
