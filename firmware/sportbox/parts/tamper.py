"""The contact of the board's housing."""

from micropython import const

from sportbox.core.debounce import Debounce
from sportbox.parts.part import Part

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.app import Reports
    from sportbox.drivers.inputs import Input
    from sportbox.kit import Facts, Kit
    from sportbox.parts.part import State

_STABLE_MS = const(50)


class Tamper(Part):
    def __init__(self, name: str, contact: "Input", reports: "Reports") -> None:
        self.name = name
        self._contact = contact
        self._reports = reports
        self._debounce = Debounce(_STABLE_MS)
        self._closed: bool | None = None  # also what was remembered, until the contact was read
        self._since_ms = 0
        self._first = True
        self._read = False  # as it is now

    def deadline(self) -> int | None:
        return self._debounce.deadline

    def states(self) -> "list[State]":
        known = {True: "closed", False: "open"}
        state = known[bool(self._closed)] if self._read else "unknown"
        return [(self.name, self._since_ms, {"state": state})]

    def memory(self) -> object:
        return self._closed

    def restore(self, memory: object, expected: bool) -> None:
        self._closed = memory if isinstance(memory, bool) else None

    def scan(self, now_ms: int) -> None:
        closed = self._debounce.step(self._contact.active(), now_ms)
        if self._read != (closed is not None):
            self._read = not self._read
            self._since_ms = now_ms
            self._reports.state(self.name)
        if closed is None:
            return
        before, first = self._closed, self._first
        self._closed = closed
        self._first = False
        if closed == before or (before is None and closed):
            return
        self._since_ms = now_ms
        self._reports.state(self.name)
        self._reports.foretell(self.name)
        data: dict[str, object] = {"open": not closed}
        if first:
            data["while_off"] = True
        self._reports.event("device", "device.tamper", data, True)


def build(name: str, facts: "Facts", kit: "Kit") -> Tamper:
    return Tamper(name, kit.input(facts["pin"], facts["closed_level"], "up"), kit.reports)
