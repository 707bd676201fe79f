"""A gate with two light barriers: who goes in and out, and how many are inside."""

from micropython import const

from sportbox.core.occupancy import Gate
from sportbox.parts.part import Part

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.app import Reports
    from sportbox.core.lock import Order
    from sportbox.drivers.inputs import Input
    from sportbox.kit import Facts, Kit

_COUNT_MAX = const(9999)


class Entrance(Part):
    """Both beams of a gate and the count of who is inside, which a power cut must not turn into a false
    nought: it is remembered, and unknown where it was not, or where it was nought and nobody knows for how
    long the power was gone. `configure` with `{"count": n}` sets it."""

    def __init__(self, name: str, gate: Gate, beam_a: "Input", beam_b: "Input", reports: "Reports") -> None:
        self.name = name
        self.gate = gate
        self._beam_a = beam_a
        self._beam_b = beam_b
        self._reports = reports
        self._since_ms = 0

    def restore(self, memory: object, expected: bool) -> None:
        if isinstance(memory, int):  # of firmware that did not know of drift
            memory = [memory, 0]
        if isinstance(memory, list) and len(memory) == 2 and isinstance(memory[0], int):
            inside, drift = memory
            self.gate.set(inside if inside or expected else None, drift)

    def memory(self) -> object:
        return [self.gate.inside, self.gate.drift]

    def deadline(self) -> int | None:
        return self.gate.deadline

    def states(self) -> "list[tuple[str, int, dict[str, object]]]":
        gate = self.gate
        state: dict[str, object] = {
            "state": gate.state,
            "count": gate.count(),
            "confidence": gate.confidence(),
        }
        return [(self.name, self._since_ms, state)]

    def scan(self, now_ms: int) -> None:
        gate = self.gate
        was, before, was_lost = gate.inside, gate.state, gate.lost
        found = gate.step(self._beam_a.active(), self._beam_b.active(), now_ms)
        if found or gate.state != before:
            self._since_ms = now_ms
            self._reports.state(self.name)
        if found == "empty":
            self._tell_reset(was, found)
        elif found:
            self._reports.event(self.name, "gate.passed", {"direction": found, "count": gate.inside}, False)
            self._reports.remember(was == 0)  # the first who is inside: at once
        if gate.lost != was_lost:
            self._reports.event(self.name, "gate.fault", {"state": gate.state}, True)

    def beams(self) -> "tuple[bool | None, bool | None]":
        """Which of them is broken now: A, B. None: nobody can read it."""
        return self._beam_a.active(), self._beam_b.active()

    def takes(self, component: str) -> bool:
        return component == self.name

    def refusal(self, order: "Order", now_ms: int) -> str:
        count = order.args.get("count")
        fits = isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _COUNT_MAX
        return "" if order.act == "configure" and len(order.args) == 1 and fits else "malformed"

    def take(self, order: "Order", now_ms: int) -> None:
        was = self.gate.inside
        count = order.args["count"]
        assert isinstance(count, int)
        self.gate.set(count)
        self._since_ms = now_ms
        self._reports.state(self.name)
        self._tell_reset(was, "order")
        self._reports.final(order, "done", None)

    def _tell_reset(self, was: int | None, why: str) -> None:
        data: dict[str, object] = {"count": self.gate.inside, "was": was, "why": why}
        self._reports.event(self.name, "gate.reset", data, True)
        self._reports.remember(True)


def build(name: str, facts: "Facts", kit: "Kit") -> Entrance:
    a, b = [kit.input(pin, facts["blocked_level"], "up") for pin in facts["pins"]]
    gate = Gate(facts["stuck_ms"], facts["empty_ms"])
    return Entrance(name, gate, a, b, kit.reports)
