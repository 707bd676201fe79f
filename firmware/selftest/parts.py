"""The app's own parts, built as the app builds them, with nobody behind them but this test: what they would
tell the broker is kept here. Each check gives (ok, value, why)."""

import time

from micropython import const
from sportbox.compose import make_parts
from sportbox.core.lock import BOLT_BETWEEN, BOLT_LOCKED, IMPLAUSIBLE, UNSENSED
from sportbox.core.power import CRITICAL, LOW, UNKNOWN
from sportbox.drivers import tof
from sportbox.kit import Kit

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sportbox.core.lock import Order
    from sportbox.kit import Facts
    from sportbox.parts.bay import Bay
    from sportbox.parts.field import Court
    from sportbox.parts.part import Part

    from selftest.board import Selftest

    Found = tuple[bool | None, object, str]

_HOLD_MS = const(3000)  # at most: nobody waits for minutes until a motion sensor says `free`
_SAMPLE_MS = const(50)  # more often than the app does: nothing else runs
_LOOK_MS = const(10)
_SETTLE_MS = const(400)  # debouncing, for the first time
_DEBOUNCE_MS = const(100)
_RADAR_MS = const(3000)  # reports come each 100 ms, and the engineering mode takes some orders
_REPORTS_MIN = const(5)
_TOF_MS = const(4000)  # reset, boot and two measurements; two sensors of one bus begin one after the other
_EVENTS_MAX = const(32)


def plan(config: "Facts") -> "tuple[list[tuple[str, str]], list[tuple[str, str]]]":
    """Checks and steps that this board's parts make possible."""
    components = config["components"]
    checks: "list[tuple[str, str]]" = [("expander", "expander")] if config.get("expander") else []
    steps: "list[tuple[str, str]]" = [(name, name) for name in ("led", "buzzer") if config.get(name)]
    if (config.get("power") or {}).get("battery"):
        checks.append(("battery", "battery"))
    for name in sorted(components):
        facts = components[name]
        kind = facts["kind"]
        if kind == "occupancy":
            sensors = [sensor for sensor in ("pir", "radar", "tof") if facts.get(sensor)]
            number = name.split("-")[-1]
            checks += [(sensor, sensor + "-" + number) for sensor in sensors]
            if sensors:
                steps.append(("court", name))
        elif kind == "lock":
            if facts.get("latch") or facts.get("locked"):
                checks.append(("bolt", name))
        else:
            if kind != "keypad":
                checks.append(("contact", name))
            steps.append((kind, name))
    return checks, steps


class Reports:
    """What parts tell, the newest of it."""

    def __init__(self) -> None:
        self.events: "list[tuple[str, str, dict[str, object]]]" = []
        self.answers: "dict[str, tuple[str, str | None]]" = {}  # the final one, by the order's component

    def event(self, component: str, kind: str, data: "dict[str, object]", urgent: bool = True) -> None:
        self.events.append((component, kind, data))
        if len(self.events) > _EVENTS_MAX:
            self.events.pop(0)

    def final(self, order: "Order", result: str, reason: str | None) -> None:
        self.answers[order.component] = (result, reason)

    def state(self, component: str) -> None:
        pass  # asked for where it matters

    def signal(self, name: str) -> None:
        pass  # the buzzer has a step of its own

    def nag(self, component: str, on: bool) -> None:
        pass  # a door may stand open here

    def remember(self, at_once: bool) -> None:
        pass  # the app's memory is not touched

    def foretell(self, component: str) -> None:
        pass  # nor here


class _Edge:
    def set(self) -> None:
        pass  # all inputs are looked at all the time


class _App:
    """Stands in for sportbox.app.App, as far as parts and kit use it."""

    def __init__(self) -> None:
        self.edge = _Edge()
        self.parts: "list[Part]" = []
        self.short_of_power = 0

    def event(self, component: str, kind: str, data: "dict[str, object]") -> None:
        pass  # the battery's level, which is asked for


class Parts:
    """Raises what a part raises that cannot be built."""

    def __init__(self, test: "Selftest") -> None:
        self._test = test
        self.reports = Reports()
        app = _App()
        config = {name: test.config[name] for name in test.config}
        config["components"] = _impatient(test.config["components"])
        if config.get("power"):
            config["power"] = {name: fact for name, fact in config["power"].items() if name != "sleep"}
        self.kit = Kit(config, test.secrets, app, self.reports, test.now_ms)  # type: ignore[arg-type]
        self.parts = app.parts = make_parts(self.kit)
        self._sampled_ms = 0
        kinds = {name: facts["kind"] for name, facts in config["components"].items()}
        self._bays = [part for part in self.parts if kinds.get(part.name) == "door"]
        for bay in self._bays:
            bay.restore(None, True)  # coils may be warm from before this start
        self.wait(_SETTLE_MS)

    def called(self, name: str) -> "Any":
        for part in self.parts:
            if part.name == name:
                return part
        raise ValueError(name)

    def bay_of(self, component: str) -> "Bay":
        """The door that a lock, a release or a sensor inside belongs to."""
        for bay in self._bays:
            if component in [name for name, _, _ in bay.states()]:
                return bay  # type: ignore[return-value]
        raise ValueError(component)

    def scan(self, now_ms: int) -> None:
        for part in self.parts:
            if part.name != "power":  # a low battery must not switch off what is tested
                part.scan(now_ms)
        if now_ms - self._sampled_ms >= _SAMPLE_MS:
            self._sampled_ms = now_ms
            for part in self.parts:
                if part.sampler() is not None:
                    part.sample(now_ms)  # type: ignore[attr-defined]

    def wait(self, ms: int, until: "Callable[[], bool] | None" = None) -> bool:
        """Scans for so long, or until that is so. Nobody else waits, so it may sleep."""
        test = self._test
        end_ms = test.now_ms() + ms
        while True:
            test.feed()
            self.scan(test.now_ms())
            if until is not None and until():
                return True
            if test.now_ms() >= end_ms:
                return False
            time.sleep_ms(_LOOK_MS)

    # ---- checks

    def check(self, name: str, component: str) -> "Found":
        self.wait(_DEBOUNCE_MS)
        if name == "expander":
            expander = self.kit.expander()
            expander.refresh()  # where nothing hangs on it, no part has
            return _seen(not expander.lost, None, "no_answer")
        if name == "battery":
            return self._battery()
        if name == "bolt":
            return self._bolt(component)
        if name == "contact":
            return self._contact(component)
        court = self.called("court-" + component.split("-")[-1])
        return {"pir": self._pir, "radar": self._radar, "tof": self._tof}[name](court)

    def _battery(self) -> "Found":
        power = self.called("power")
        power.scan(self._test.now_ms())
        for part in self.parts:
            part.shed(0)
        battery = power.battery[0]
        if battery.level == UNKNOWN:
            return False, None, "implausible"
        value = {"mv": battery.mv, "level": battery.level}
        return battery.level != CRITICAL, value, "low" if battery.level in (LOW, CRITICAL) else ""

    def _bolt(self, lock: str) -> "Found":
        """The lock's own contacts: which end the bolt is at, now."""
        bolt = self.bay_of(lock).bolt
        assert bolt is not None
        sensed = bolt.sensed
        if sensed is None:
            return False, None, "no_answer"
        if sensed == IMPLAUSIBLE:
            return False, None, "both_ends"
        word = {BOLT_LOCKED: "locked", BOLT_BETWEEN: "between", UNSENSED: "unknown"}.get(sensed, "unlocked")
        return word != "between", word, word if word == "between" else ""

    def _contact(self, name: str) -> "Found":
        """Readable, and what it says now. What would be odd at rest is an error: a release that is pressed, a
        beam that is broken."""
        kind = self.kit.components[name]["kind"]
        if kind == "gate":
            gate = self.called(name)
            levels = gate.beams()
            if None in levels:
                return False, None, "no_answer"
            blocked = [beam for beam, level in zip("ab", levels) if level]
            return not blocked, {"blocked": blocked}, "blocked" if blocked else ""
        part = self.bay_of(name) if kind in ("release", "inside") else self.called(name)
        state = {who: found["state"] for who, _, found in part.states()}[name]
        people = part.people if kind in ("release", "inside") else None
        lost = people is not None and people.release is not None and people.release.lost
        if (state == "unknown" and kind != "inside") or (kind == "release" and lost):
            return False, None, "no_answer"
        return state != "pressed", state, "pressed" if state == "pressed" else ""

    def _pir(self, court: "Court") -> "Found":
        """A motion sensor says nothing of itself: a level is all there is."""
        assert court.presence is not None
        return not court.presence.lost, court.presence.state, "stuck" if court.presence.lost else ""

    def _radar(self, court: "Court") -> "Found":
        radar = court.radar
        assert radar is not None
        parser = radar.parser
        before = parser.frames
        bad = parser.bad + parser.skipped
        self.wait(_RADAR_MS, lambda: parser.frames - before >= _REPORTS_MIN)
        reports = parser.frames - before
        value = {"reports": reports, "cm": parser.distance_cm}
        if reports >= _REPORTS_MIN:
            return True, value, ""
        return False, value, "garbage" if parser.bad + parser.skipped > bad else "silent"

    def _tof(self, court: "Court") -> "Found":
        assert court.tof is not None
        sensor = court.tof.tof
        self.wait(_TOF_MS, lambda: sensor.state == tof.RANGING)
        return _seen(sensor.state == tof.RANGING, {"losses": sensor.losses}, "no_answer")


def _seen(ok: bool, value: object, why: str) -> "Found":
    return ok, value, "" if ok else why


def _impatient(components: "Facts") -> "Facts":
    """Without keypads, which have a step of their own and need keys, and with short hold times."""
    found: "Facts" = {}
    for name, facts in components.items():
        if facts["kind"] == "keypad":
            continue
        found[name] = {key: facts[key] for key in facts}
        if "hold_ms" in facts:
            found[name]["hold_ms"] = min(facts["hold_ms"], _HOLD_MS)
    return found
