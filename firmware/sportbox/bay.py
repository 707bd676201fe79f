"""A door with its contact and, mostly, its lock: the rules of core/door and core/lock on real inputs."""

from sportbox.core.debounce import Debounce, earliest
from sportbox.core.door import Door
from sportbox.core.lock import Lock, Order
from sportbox.part import Part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sportbox.app import Reports
    from sportbox.drivers.inputs import Input
    from sportbox.drivers.strike import Strike
    from sportbox.kit import Facts, Kit


class Bolt:
    """A lock and what moves it."""

    def __init__(self, name: str, lock: Lock, strike: "Strike") -> None:
        self.name = name
        self.lock = lock
        self.strike = strike
        self.since_ms = 0


class Bay(Part):
    """`scan` reads the contact and lets time pass; it may be called at any time, and must be at `deadline()`,
    which is in ms of uptime."""

    def __init__(
        self,
        name: str,
        door: Door,
        debounce: Debounce,
        contact: "Input",
        bolt: Bolt | None,
        reports: "Reports",
    ) -> None:
        self.name = name
        self._door = door
        self._debounce = debounce
        self._contact = contact
        self._bolt = bolt
        self._reports = reports
        self._first = True
        self._was_closed: bool | None = None
        self._expected = False
        self._since_ms = 0

    def restore(self, memory: object, expected: bool) -> None:
        """What flash remembers: the door's last state, and whether an order was running at the power cut."""
        self._was_closed = memory if isinstance(memory, bool) else None
        self._expected = expected

    def deadline(self) -> int | None:
        times = [self._debounce.deadline, self._door.deadline]
        if self._bolt is not None:
            times.append(self._bolt.lock.deadline)
        return earliest(times)

    def states(self) -> "list[tuple[str, int, dict[str, object]]]":
        """(component, since when in ms of uptime, state) of the door and the lock."""
        found: list[tuple[str, int, dict[str, object]]] = [
            (self.name, self._since_ms, {"state": self._door.state})
        ]
        if self._bolt is not None:
            found.append((self._bolt.name, self._bolt.since_ms, {"state": self._bolt.lock.state}))
        return found

    def memory(self) -> object:
        """What to restore after a power cut; until the contact was read, what was restored."""
        return self._was_closed if self._first else not self._door.is_open()

    def busy(self) -> bool:
        """True while an order runs or the door stands open."""
        return self._door.is_open() or (self._bolt is not None and self._bolt.lock.busy())

    def scan(self, now_ms: int) -> None:
        closed = self._debounce.step(self._contact.active(), now_ms)
        if closed is not None:
            self._step(closed, now_ms)
        if self._bolt is not None:
            self._perform(self._bolt.lock.tick(now_ms), now_ms)

    def takes(self, component: str) -> bool:
        return self._bolt is not None and component == self._bolt.name

    def refusal(self, order: Order, now_ms: int) -> str:
        if self._bolt is None or order.act not in ("unlock", "lock"):
            return "malformed"
        return self._bolt.lock.refusal(order.act, now_ms)

    def take(self, order: Order, now_ms: int) -> None:
        assert self._bolt is not None
        lock = self._bolt.lock
        self._perform(
            lock.unlock(order, now_ms) if order.act == "unlock" else lock.lock(order, now_ms), now_ms
        )

    def _step(self, closed: bool, now_ms: int) -> None:
        before = self._door.state
        lock = None if self._bolt is None else self._bolt.lock
        if self._first:
            self._first = False
            was_closed = closed if self._was_closed is None else self._was_closed
            expected = self._expected or (lock is not None and lock.allows_open())
            found = self._door.first(closed, was_closed, expected, now_ms)
            if self._bolt is not None:
                self._bolt.lock.at_boot(not closed)
                self._reports.state(self._bolt.name)
        else:
            found = self._door.step(closed, lock is None or lock.allows_open(), now_ms)
        for kind, data in found:
            if kind == "door.opened" and lock is not None and lock.opened_by:
                data["jti"] = lock.opened_by
            self._reports.event(self.name, kind, data, True)
        if self._door.state != before:
            self._since_ms = now_ms
            self._reports.state(self.name)
            self._reports.remember(True)
        if lock is not None:
            self._perform(lock.door(not closed, now_ms), now_ms)

    def _perform(self, actions: "list[tuple[object, ...]]", now_ms: int) -> None:
        bolt = self._bolt
        assert bolt is not None
        for action in actions:
            name = action[0]
            if name == "release":
                try:
                    bolt.strike.release(action[1])  # type: ignore[arg-type]
                except (OSError, ValueError):
                    self._perform(bolt.lock.coil_failed(now_ms), now_ms)
                    return
            elif name == "drop":
                bolt.strike.drop()
            elif name == "state":
                bolt.since_ms = now_ms
                self._reports.state(bolt.name)
            elif name == "event":
                self._reports.event(bolt.name, action[1], action[2], True)  # type: ignore[arg-type]
            elif name == "final":
                self._reports.final(action[1], action[2], action[3])  # type: ignore[arg-type]
            else:
                raise ValueError(name)


def build(name: str, facts: "Facts", kit: "Kit") -> Bay:
    from sportbox.drivers.strike import Strike

    bolt = None
    lock_name = facts.get("lock")
    if lock_name is not None:
        lock = kit.components[lock_name]
        rules = Lock(lock["release_ms"], lock["duty_ms"], lock["duty_window_ms"])
        bolt = Bolt(lock_name, rules, Strike(lock["pin"]))
    contact = kit.input(facts["pin"], facts["closed_level"], "up")
    return Bay(name, Door(facts["ajar_ms"]), Debounce(facts["debounce_ms"]), contact, bolt, kit.reports)
