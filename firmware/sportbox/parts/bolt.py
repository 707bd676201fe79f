"""A lock on real inputs and outputs: its rules, what moves it, the contacts at its bolt, its power supply."""

from micropython import const

from sportbox.core.debounce import Debounce, earliest
from sportbox.core.lock import BOLT_BETWEEN, BOLT_LOCKED, BOLT_UNLOCKED, IMPLAUSIBLE, UNSENSED, Lock
from sportbox.core.supply import Supply

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sportbox.app import Reports
    from sportbox.core.lock import Actions
    from sportbox.drivers.gated import GatedStrike
    from sportbox.drivers.inputs import Input
    from sportbox.drivers.motor import Motor
    from sportbox.drivers.strike import Strike
    from sportbox.parts.part import State

_STABLE_MS = const(20)


class Sense:
    """The lock's own contacts: both end switches of a motor lock, the latch contact of a strike, or none."""

    def __init__(self, locked: "Input | None", unlocked: "Input | None") -> None:
        self._ends = [
            (contact, Debounce(_STABLE_MS)) for contact in (locked, unlocked) if contact is not None
        ]

    def deadline(self) -> int | None:
        return earliest([debounce.deadline for _, debounce in self._ends])

    def step(self, now_ms: int) -> int | None:
        """What the contacts say of the bolt; None while that is not known yet, or an expander is lost."""
        ends = self._ends
        if not ends:
            return UNSENSED
        at_locked = self._read(0, now_ms)
        at_unlocked = self._read(1, now_ms) if len(ends) > 1 else at_locked is False
        if at_locked is None or at_unlocked is None:
            return None
        if at_locked:
            return IMPLAUSIBLE if at_unlocked else BOLT_LOCKED
        return BOLT_UNLOCKED if at_unlocked else BOLT_BETWEEN

    def _read(self, end: int, now_ms: int) -> bool | None:
        contact, debounce = self._ends[end]
        return debounce.step(contact.active(), now_ms)


class Bolt:
    def __init__(
        self,
        name: str,
        lock: Lock,
        driver: "Strike | GatedStrike | Motor",
        sense: Sense,
        supply: Supply,
        reports: "Reports",
    ) -> None:
        self.name = name
        self.lock = lock
        self._driver = driver
        self._sense = sense
        self._supply = supply
        self._reports = reports
        self._since_ms = 0
        self.on_latch: "Callable[[bool, int], None]"
        self.blind = False  # the door's contact cannot be read: not_opened would be a guess
        self.sensed: int | None = None  # what the lock's own contacts said last

    def state(self) -> "State":
        return self.name, self._since_ms, {"state": self.lock.state}

    def deadline(self) -> int | None:
        return earliest([self.lock.deadline, self._sense.deadline(), self._supply.deadline(self.name)])

    def read(self, now_ms: int) -> int | None:
        """Looks at the lock's own contacts; the newest that is known."""
        sensed = self._sense.step(now_ms)
        if sensed is not None:
            self.sensed = sensed
        return self.sensed

    def scan(self, now_ms: int) -> None:
        if self.sensed is not None:
            self.perform(self.lock.sense(self.sensed, now_ms), now_ms)
        if self.lock.waits():
            self._supply.ask(self.name, now_ms)  # again, if it was passed over meanwhile
            if self._supply.grant(self.name, now_ms):
                self.perform(self.lock.powered(now_ms), now_ms)
        self.perform(self.lock.tick(now_ms), now_ms)

    def perform(self, actions: "Actions", now_ms: int) -> None:
        """Each action, whatever becomes of those before it: a supply that is not given back, or an answer
        that is not given, would be so for ever."""
        fallen: "Exception | None" = None
        for action in actions:
            try:
                if not self._perform(action, now_ms):
                    break  # the driver failed, and the lock has said what follows from it
            except Exception as error:
                fallen = error
        if fallen is not None:
            raise fallen

    def _perform(self, action: "tuple[Any, ...]", now_ms: int) -> bool:
        name = action[0]
        reports = self._reports
        if name == "drive":
            try:
                if not self._supply.holds(self.name):
                    raise OSError(16)  # EBUSY: it was taken away from a lock that had not moved on
                self._driver.drive(action[1], action[2])
            except (OSError, ValueError, RuntimeError, MemoryError):
                self.perform(self.lock.failed(self._driver.fault, now_ms), now_ms)
                return False
        elif name == "stop":
            self._driver.stop()
            self.lock.rest(now_ms + self._driver.rest_ms())
        elif name == "power":
            self._supply.ask(self.name, now_ms)
        elif name == "unpower":
            self._supply.give_back(self.name, now_ms + self._driver.rest_ms(), now_ms)
        elif name == "state":
            self._since_ms = now_ms
            reports.state(self.name)
        elif name == "event":
            if not (self.blind and action[1] == "lock.not_opened"):
                reports.event(self.name, action[1], action[2], True)
        elif name == "final":
            blind = self.blind and action[3] == "not_opened"
            reports.final(action[1], action[2], "contact" if blind else action[3])
        elif name == "latch":
            self.on_latch(action[1], now_ms)
        elif name == "signal":
            reports.signal(action[1])
        else:
            raise ValueError(name)
        return True
