"""What counts people: a court with a motion sensor, a gate with two light barriers."""

from sportbox.core.occupancy import FREE, OCCUPIED, UNKNOWN, Gate, Presence
from sportbox.part import Part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sportbox.app import Reports
    from sportbox.drivers.inputs import Input
    from sportbox.kit import Facts, Kit


class Court(Part):
    def __init__(self, name: str, presence: Presence, sensor: "Input", reports: "Reports") -> None:
        self.name = name
        self._presence = presence
        self._sensor = sensor
        self._reports = reports
        self._since_ms = 0

    def deadline(self) -> int | None:
        return self._presence.deadline

    def states(self) -> "list[tuple[str, int, dict[str, object]]]":
        presence = self._presence
        state: dict[str, object] = {
            "state": presence.state,
            "count": presence.count(),
            "confidence": presence.confidence(),
        }
        return [(self.name, self._since_ms, state)]

    def scan(self, now_ms: int) -> None:
        if self._presence.step(self._sensor.active(), now_ms):
            self._since_ms = now_ms
            state = self.states()[0][2]
            self._reports.event(self.name, "occupancy.changed", state, False)
            self._reports.state(self.name)


class Entrance(Part):
    """Both beams of a gate and the count of who is inside, which a power cut must not turn into a false
    nought: it is remembered, and unknown where it was not."""

    def __init__(self, name: str, gate: Gate, beam_a: "Input", beam_b: "Input", reports: "Reports") -> None:
        self.name = name
        self._gate = gate
        self._beam_a = beam_a
        self._beam_b = beam_b
        self._reports = reports
        self._since_ms = 0

    def restore(self, memory: object, expected: bool) -> None:
        if isinstance(memory, int):
            self._gate.inside = memory
            self._gate.state = OCCUPIED if memory else FREE

    def memory(self) -> object:
        return self._gate.inside

    def deadline(self) -> int | None:
        return self._gate.deadline

    def states(self) -> "list[tuple[str, int, dict[str, object]]]":
        gate = self._gate
        state: dict[str, object] = {
            "state": gate.state,
            "count": gate.count(),
            "confidence": gate.confidence(),
        }
        return [(self.name, self._since_ms, state)]

    def scan(self, now_ms: int) -> None:
        before = self._gate.state
        direction = self._gate.step(self._beam_a.active(), self._beam_b.active(), now_ms)
        if direction:
            self._reports.event(
                self.name, "gate.passed", {"direction": direction, "count": self._gate.inside}, False
            )
            self._reports.remember(False)
        if direction or self._gate.state != before:
            self._since_ms = now_ms
            self._reports.state(self.name)
        if self._gate.state != before and UNKNOWN in (before, self._gate.state):
            self._reports.event(self.name, "gate.fault", {"state": self._gate.state}, True)


def build(name: str, facts: "Facts", kit: "Kit") -> Part:
    if facts["kind"] == "gate":
        a, b = [kit.input(pin, facts["blocked_level"], "up") for pin in facts["pins"]]
        return Entrance(name, Gate(facts["stuck_ms"]), a, b, kit.reports)
    pir = facts["pir"]
    sensor = kit.input(pir["pin"], pir["active"], "down")
    return Court(name, Presence(facts["hold_ms"], facts["stuck_ms"]), sensor, kit.reports)
