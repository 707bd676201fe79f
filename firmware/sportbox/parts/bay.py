"""A door with its contact and, mostly, its lock: the rules of core/door and core/lock on real inputs."""

from micropython import const

from sportbox.core.debounce import Debounce, earliest
from sportbox.core.door import UNKNOWN, Door
from sportbox.core.lock import BOLT_LOCKED, UNSENSED, Booking, Order
from sportbox.parts.part import Part

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.app import Reports
    from sportbox.core.door import Events
    from sportbox.core.hours import Hours
    from sportbox.drivers.inputs import Input
    from sportbox.parts.bolt import Bolt
    from sportbox.parts.part import State
    from sportbox.parts.people import People

_PAIR_MS = const(3000)  # an open door with a bolt that is out: one of the two contacts is wrong


class Bay(Part):
    """A door, its lock if it has one, and what lets people out or knows of them."""

    opening: "Hours | None" = None  # when bookings may open the lock; of the class, for most have none

    def __init__(
        self,
        name: str,
        door: Door,
        debounce: Debounce,
        contact: "Input",
        bolt: "Bolt | None",
        people: "People | None",
        reports: "Reports",
    ) -> None:
        self.name = name
        self.door = door
        self._debounce = debounce
        self._contact = contact
        self.bolt = bolt
        self.people = people
        self._reports = reports
        self._first = True
        self._lock_first = True
        self._was_closed: bool | None = None  # as it is remembered
        self._expected = False
        self._since_ms = 0
        self._readable = True
        self._unseen = False  # as the lock was told
        self._odd_since_ms: int | None = None
        self._people_before = (False, False)
        if bolt is not None:
            bolt.on_latch = self._latch

    def restore(self, memory: object, expected: bool) -> None:
        """What flash remembers: the door's last state, and whether an order was running at the power cut."""
        self._was_closed = memory if isinstance(memory, bool) else None
        self._expected = expected

    def deadline(self) -> int | None:
        times = [self._debounce.deadline]
        if self._readable:  # else nothing of the door is stepped
            times.append(self.door.deadline)
        if self.bolt is not None:
            times.append(self.bolt.deadline())
        if self.people is not None:
            times.append(self.people.deadline())
        if self._odd_since_ms is not None and self._readable:
            times.append(self._odd_since_ms + _PAIR_MS)
        return earliest(times)

    def states(self) -> "list[State]":
        """Of the door, the lock, the inside release and the sensor inside."""
        found: "list[State]" = [(self.name, self._since_ms, {"state": self.door.state})]
        if self.bolt is not None:
            found.append(self.bolt.state())
        if self.people is not None:
            found += self.people.states()
        return found

    def memory(self) -> bool | None:
        """What to restore after a power cut; until the contact was read, what was restored."""
        if self._first:
            return self._was_closed
        return None if self.door.state == UNKNOWN else not self.door.is_open()

    def busy(self) -> bool:
        """True while an order runs or the door stands open."""
        return self.door.is_open() or (self.bolt is not None and self.bolt.lock.busy())

    def contact(self) -> bool | None:
        """Whether the door's contact says closed, debounced; None while it cannot be read."""
        return self._debounce.stable if self._readable and self._contact.active() is not None else None

    def takes(self, component: str) -> bool:
        return self.bolt is not None and component == self.bolt.name

    def refusal(self, order: Order, now_ms: int) -> str:
        if self.bolt is None or order.act not in ("unlock", "lock"):
            return "malformed"
        hours = self.opening  # who has a nonce instead of the time is vouched for by the booking service
        if hours is not None and isinstance(order, Booking) and hours.known() and not hours.contain(now_ms):
            return "closed"
        return self.bolt.lock.refusal(order, now_ms)

    def take(self, order: Order, now_ms: int) -> None:
        bolt = self.bolt
        assert bolt is not None
        lock = bolt.lock
        bolt.perform(
            lock.unlock(order, now_ms) if order.act == "unlock" else lock.lock(order, now_ms), now_ms
        )

    def scan(self, now_ms: int) -> None:
        bolt = self.bolt
        if self.people is not None:
            self._scan_people(self.people, now_ms)
        sensed = UNSENSED if bolt is None else bolt.read(now_ms)
        level = self._contact.active()
        closed = self._debounce.step(level, now_ms)
        if level is None:
            self._fault("expander", now_ms)
            if bolt is not None and sensed is not None and bolt.lock.tells_all:
                self._begin_lock(bolt, False, sensed, now_ms)
        elif closed is not None:
            self._compare(closed, sensed, now_ms)
            if not self._first or sensed is not None:
                self._step(closed, sensed or UNSENSED, now_ms)
        if bolt is None:
            return
        if self._unseen != (closed is None):
            self._unseen = closed is None
            bolt.perform(bolt.lock.readable(not self._unseen, now_ms), now_ms)
        if not self._first or bolt.lock.busy() or bolt.lock.deadline is not None:
            bolt.scan(now_ms)

    def _scan_people(self, people: "People", now_ms: int) -> None:
        people.scan(now_ms)
        now = (people.exit_pressed(), people.somebody())
        if self.bolt is not None and now != self._people_before:
            self._people_before = now
            self.bolt.perform(self.bolt.lock.people(now[0], now[1], now_ms), now_ms)

    def _compare(self, closed: bool, sensed: int | None, now_ms: int) -> None:
        """Contacts that contradict each other for long: the door's is not believed any more. That does not
        keep the lock from opening."""
        if closed or sensed != BOLT_LOCKED:
            self._odd_since_ms = None
            if not self._readable:
                self._readable = True
                self._believe()
                before = self.door.state
                self.door.recovered()
                self._tell([], before, now_ms)
        elif self._odd_since_ms is None:
            self._odd_since_ms = now_ms
        elif now_ms - self._odd_since_ms >= _PAIR_MS:
            self._fault("contact", now_ms)

    def _fault(self, what: str, now_ms: int) -> None:
        if not self._readable:
            return
        self._readable = False
        self._believe()
        before = self.door.state
        self._tell(self.door.fault(what), before, now_ms)

    def _believe(self) -> None:
        if self.bolt is not None:
            self.bolt.blind = not self._readable

    def _step(self, closed: bool, sensed: int, now_ms: int) -> None:
        before = self.door.state
        lock = None if self.bolt is None else self.bolt.lock
        by_release = self.people is not None and self.people.opens(now_ms)
        allowed = lock is None or lock.allows_open() or by_release
        if self._first:
            self._first = False
            was_closed = closed if self._was_closed is None else self._was_closed
            expected = self._expected or lock is None or lock.opened_by != ""
            self._tell(self.door.first(closed, was_closed, expected or by_release, now_ms), before, now_ms)
        elif self._readable:
            self._tell(self.door.step(closed, allowed, now_ms), before, now_ms)
        if self.bolt is not None and lock is not None:
            self._begin_lock(self.bolt, not closed, sensed, now_ms)
            self.bolt.perform(lock.door(not closed, now_ms), now_ms)

    def _begin_lock(self, bolt: "Bolt", door_open: bool, sensed: int, now_ms: int) -> None:
        """Once: the lock takes note of what is."""
        if self._lock_first:
            self._lock_first = False
            self._reports.state(bolt.name)
            bolt.perform(bolt.lock.at_boot(door_open, sensed, self._expected, now_ms), now_ms)

    def _latch(self, lost: bool, now_ms: int) -> None:
        before = self.door.state
        self._tell(self.door.latch(lost, now_ms), before, now_ms)

    def _tell(self, events: "Events", before: str, now_ms: int) -> None:
        """What has come of a step of the door, whose state was `before`."""
        if self.door.state != before:
            self._since_ms = now_ms
            self._reports.state(self.name)
        self._remember(bool(events))
        lock = None if self.bolt is None else self.bolt.lock
        for kind, data in events:
            if kind == "door.opened":
                if self.people is not None and self.people.opens(now_ms):
                    data["release"] = True
                elif lock is not None and lock.opened_by:
                    data["jti"] = lock.opened_by
            elif kind == "door.ajar":
                self._reports.nag(self.name, True)
            elif kind == "door.closed":
                self._reports.nag(self.name, False)
            self._reports.event(self.name, kind, data, True)

    def _remember(self, foretell: bool) -> None:
        """Whether the door is closed, if that has changed; `foretell`: an event that tells it follows."""
        closed = self.memory()
        if closed != self._was_closed:
            self._was_closed = closed
            if foretell:
                self._reports.foretell(self.name)
            else:
                self._reports.remember(True)
