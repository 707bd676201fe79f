"""A keypad before the door: codes that open without network, for the time slots of the site file."""

from micropython import const

from sportbox.core import keypad as rules
from sportbox.core.debounce import earliest
from sportbox.core.lock import Order
from sportbox.core.slots import Slots
from sportbox.parts.part import Part

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from sportbox.app import App, Reports

    class Reader(Protocol):
        beeps: bool  # at each key by itself

        @property
        def deadline(self) -> int | None: ...
        def key(self, now_ms: int) -> int: ...


READY = "ready"
LOCKED = "locked"
NO_CLOCK = "no_clock"

_SUB = "keypad"  # who asked, in events


class Keypad(Part):
    """No digit that was typed is reported, logged or remembered."""

    def __init__(
        self,
        name: str,
        reader: "Reader",
        slots: Slots,
        keys: "list[tuple[str, bytes]]",
        app: "App",
        reports: "Reports",
        now_ms: "Callable[[], int]",
    ) -> None:
        self.name = name
        self._reader = reader
        self._slots = slots
        self._keys = keys
        self._app = app
        self._reports = reports
        self._now_ms = now_ms
        self._pad = rules.Keypad()
        self._state = ""
        self._since_ms = 0

    def states(self) -> "list[tuple[str, int, dict[str, object]]]":
        return [(self.name, self._since_ms, {"state": self._state or self._find_state()})]

    def memory(self) -> object:
        return self._pad.memory()

    def restore(self, memory: object, expected: bool) -> None:
        self._pad.restore(memory, self._now_ms())

    def busy(self) -> bool:
        return self._pad.typing()

    def deadline(self) -> int | None:
        return earliest([self._reader.deadline, self._pad.deadline])

    def scan(self, now_ms: int) -> None:
        if self._pad.tick(now_ms):
            self._reports.remember(True)  # or the next power cut would lock it again
        key = self._reader.key(now_ms)
        while key >= 0:
            self._press(key, now_ms)
            key = self._reader.key(now_ms)
        state = self._find_state()
        if state != self._state:
            self._state = state
            self._since_ms = now_ms
            self._reports.state(self.name)

    def _find_state(self) -> str:
        if self._pad.locked:
            return LOCKED
        return READY if self._app.clock.trusted() else NO_CLOCK

    def _press(self, key: int, now_ms: int) -> None:
        if self._pad.locked:
            self._reports.signal("refused")
            return
        typed = self._pad.press(key, now_ms)
        if typed is None:
            if not self._reader.beeps:
                self._reports.signal("key")
            return
        reason = self._try(typed, now_ms)
        if reason:
            self._reports.signal("refused")

    def _try(self, typed: str, now_ms: int) -> str:
        """Opens what the code is for. Gives the reason of a refusal, else an empty string."""
        clock, desk = self._app.clock, self._app.desk
        if not clock.trusted():
            desk.refuse_local(self.name, None, _SUB, "clock")
            return "clock"
        slots = self._slots.current(clock.now(now_ms))
        if not slots:
            desk.refuse_local(self.name, None, _SUB, "not_yet")  # closed: there is no right code now
            return "not_yet"
        found = rules.find(typed, self._keys, slots)
        if found is None:
            self._wrong(now_ms)
            return "signature"
        lock, slot = found
        order = Order("code-%s-%d" % (lock, slot), _SUB, "unlock", lock)
        reason = desk.local(order, self._slots.begins_s(slot), self._slots.ends_s(slot), now_ms)
        if not reason and self._pad.wrong:
            self._pad.was_right()
            self._reports.remember(True)
        return reason

    def _wrong(self, now_ms: int) -> None:
        lock_s = self._pad.was_wrong(now_ms)
        self._reports.remember(True)  # before anybody is told: taking the power away gains nothing
        self._app.desk.refuse_local(self.name, None, _SUB, "signature")
        if lock_s:
            self._reports.event(
                self.name, "keypad.locked", {"wrong": self._pad.wrong, "lock_s": lock_s}, True
            )
