"""Somebody inside: the release that always lets them out, and the sensor that knows of them."""

from micropython import const

from sportbox.core.debounce import Debounce, earliest
from sportbox.core.occupancy import FREE, OCCUPIED, Presence

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.app import Reports
    from sportbox.drivers.inputs import Input
    from sportbox.parts.part import State

_STABLE_MS = const(10)  # reported at once; a glitch on a long wire is no hand
_CONFIDENCE = {FREE: 0.7, OCCUPIED: 0.9}
_EXIT_MS = const(10000)  # a door that opens within this time after the release was opened by it


class Release:
    """The inside release. It is wired past the controller, which only takes note of it."""

    def __init__(self, name: str, contact: "Input", reports: "Reports") -> None:
        self.name = name
        self._contact = contact
        self._reports = reports
        self._debounce = Debounce(_STABLE_MS)
        self._since_ms = 0
        self._until_ms = 0
        self.pressed = False
        self.lost = False  # nobody can read it

    def deadline(self) -> int | None:
        return self._debounce.deadline

    def opens(self, now_ms: int) -> bool:
        """Whether a door that is open now may have been opened by it."""
        return self.pressed or now_ms < self._until_ms

    def state(self) -> "State":
        state = "unknown" if self.lost else "pressed" if self.pressed else "clear"
        return self.name, self._since_ms, {"state": state}

    def scan(self, now_ms: int) -> None:
        level = self._contact.active()
        pressed = self._debounce.step(level, now_ms)
        lost = level is None or (self.lost and pressed is None)
        if lost != self.lost:
            self.lost = lost
            self._since_ms = now_ms
            self._reports.state(self.name)
        if pressed is None or pressed == self.pressed:
            return
        self.pressed = pressed
        pressed_ms = now_ms - self._since_ms
        self._since_ms = now_ms
        self._reports.state(self.name)
        if pressed:
            self._reports.event(self.name, "release.pressed", {}, True)
        else:
            self._until_ms = now_ms + _EXIT_MS
            self._reports.event(self.name, "release.cleared", {"pressed_s": pressed_ms // 1000}, True)


class Inside:
    """The motion sensor inside the container. Who is not known to be away may be there."""

    def __init__(self, name: str, presence: Presence, sensor: "Input", reports: "Reports") -> None:
        self.name = name
        self._presence = presence
        self._sensor = sensor
        self._reports = reports
        self._since_ms = 0

    def deadline(self) -> int | None:
        return self._presence.deadline

    def occupied(self) -> bool:
        return self._presence.state != FREE

    def state(self) -> "State":
        state = self._presence.state
        facts: dict[str, object] = {
            "state": state,
            "count": 0 if state == FREE else None,  # a motion sensor knows nought or at least one
            "confidence": _CONFIDENCE.get(state, 0.0),
        }
        return self.name, self._since_ms, facts

    def scan(self, now_ms: int) -> None:
        if self._presence.step(self._sensor.active(), now_ms):
            self._since_ms = now_ms
            self._reports.state(self.name)
            self._reports.event(self.name, "occupancy.changed", self.state()[2], False)


class People:
    """Both, as a door has them; either may be missing."""

    def __init__(self, release: Release | None, inside: Inside | None) -> None:
        self.release = release
        self.inside = inside

    def scan(self, now_ms: int) -> None:
        if self.release is not None:
            self.release.scan(now_ms)
        if self.inside is not None:
            self.inside.scan(now_ms)

    def deadline(self) -> int | None:
        parts = [part for part in (self.release, self.inside) if part is not None]
        return earliest([part.deadline() for part in parts])

    def states(self) -> "list[State]":
        return [part.state() for part in (self.release, self.inside) if part is not None]

    def exit_pressed(self) -> bool:
        return self.release is not None and self.release.pressed

    def opens(self, now_ms: int) -> bool:
        return self.release is not None and self.release.opens(now_ms)

    def somebody(self) -> bool:
        """Also where that cannot be known: who wants out may be pressing a release that nobody can read."""
        lost = self.release is not None and self.release.lost
        return lost or (self.inside is not None and self.inside.occupied())
