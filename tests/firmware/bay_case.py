"""Bays of motor locks and strikes with what is around them played: contacts, people, a motor that travels."""

from sportbox.core.debounce import Debounce, earliest
from sportbox.core.door import Door
from sportbox.core.lock import Order
from sportbox.core.motor import MotorLock
from sportbox.core.occupancy import Presence
from sportbox.core.strike import StrikeLock
from sportbox.core.supply import Supply
from sportbox.parts.bay import Bay
from sportbox.parts.bolt import Bolt, Sense
from sportbox.parts.people import Inside, People, Release

TRAVEL_MS = 800
STEP_MS = 10


class Contact:
    def __init__(self, on):
        self.on = on

    def active(self):
        """None: it hangs on an expander that is lost."""
        return self.on


class Reports:
    def __init__(self):
        self.events, self.states, self.finals, self.signals = [], [], [], []
        self.nagging = False
        self.full = False  # there is no memory for events

    def event(self, component, kind, data, urgent):
        if self.full:
            raise MemoryError
        self.events.append((component, kind, data))

    def state(self, component):
        self.states.append(component)

    def final(self, order, result, reason):
        self.finals.append((order.jti, result, reason))

    def remember(self, at_once):
        pass

    def foretell(self, component):
        pass

    def signal(self, name):
        self.signals.append(name)

    def nag(self, component, on):
        self.nagging = on

    def kinds(self):
        return [kind for _, kind, _ in self.events]


class Coil:
    """A strike that can be pulled while it is energised."""

    fault = "coil"

    def __init__(self, case):
        self.case = case
        self.until_ms = 0
        self.moves = []
        self.rest = 0

    def drive(self, way, pulse_ms):
        self.moves.append((way, pulse_ms))
        self.until_ms = self.case.now_ms + pulse_ms

    def stop(self):
        self.moves.append(("stop",))
        self.until_ms = 0

    def rest_ms(self):
        return self.rest

    def pass_time(self, step_ms):
        pass


class Motor(Coil):
    """Moves a bolt and the switches at its ends."""

    def __init__(self, case):
        super().__init__(case)
        self.at_ms = 0  # 0: locked
        self.locked, self.unlocked = Contact(True), Contact(False)
        self.way = ""
        self.jammed = False
        self.locked_cut = False

    def drive(self, way, pulse_ms):
        super().drive(way, pulse_ms)
        self.way = way

    def stop(self):
        super().stop()
        self.way = ""

    def pass_time(self, step_ms):
        if self.way and self.case.now_ms <= self.until_ms and not self.jammed:
            step = step_ms if self.way == "unlock" else -step_ms
            self.at_ms = max(0, min(TRAVEL_MS, self.at_ms + step))
        self.locked.on = self.at_ms == 0 and not self.locked_cut
        self.unlocked.on = self.at_ms == TRAVEL_MS


class Place:
    """One door with its lock in front of the rules: `motor`, `strike`, or `latch`, a strike whose latch has a
    contact."""

    def __init__(self, case, number, kind, supply, people=False):
        self.name, self.lock_name = "door-%d" % number, "lock-%d" % number
        self.contact = Contact(True)
        self.handle, self.pir = Contact(False), Contact(False)
        crowd = None
        if people:
            release = Release("release-%d" % number, self.handle, case.reports)
            inside = Inside("inside-%d" % number, Presence(2000, 600_000), self.pir, case.reports)
            crowd = People(release, inside)
        if kind == "motor":
            self.driver = Motor(case)
            lock = MotorLock(3000, 10_000, 48_000, 60_000)
            sense = Sense(self.driver.locked, self.driver.unlocked)
        else:
            self.driver = Coil(case)
            lock = StrikeLock(10_000, 48_000, 60_000)
            self.latch = Contact(True)
            sense = Sense(self.latch if kind == "latch" else None, None)
        bolt = Bolt(self.lock_name, lock, self.driver, sense, supply, case.reports)
        door = Door(60_000, 600_000)
        self.bay = Bay(self.name, door, Debounce(50), self.contact, bolt, crowd, case.reports)
        self.bay.restore(True, False)


class BayCase:
    """To be mixed into a TestCase."""

    step_ms = STEP_MS

    def setUp(self):
        self.reports = Reports()
        self.supply = Supply()
        self.places = []
        self.now_ms = 0

    def place(self, kind, **options):
        place = Place(self, len(self.places) + 1, kind, self.supply, **options)
        self.places.append(place)
        return place

    def wait(self, duration_ms):
        """Time passes in steps, as physics has it; the bays are looked at when one of them asked for it, and
        whenever a switch moves."""
        end_ms = self.now_ms + duration_ms
        self.scan()
        while self.now_ms < end_ms:
            self.now_ms += self.step_ms
            before = self.switches()
            for place in self.places:
                place.driver.pass_time(self.step_ms)
            due_ms = earliest([place.bay.deadline() for place in self.places])
            if before != self.switches() or (due_ms is not None and due_ms <= self.now_ms):
                self.scan()
        self.scan()

    def scan(self):
        for place in self.places:
            place.bay.scan(self.now_ms)

    def switches(self):
        return [
            (place.driver.locked.on, place.driver.unlocked.on)
            for place in self.places
            if isinstance(place.driver, Motor)
        ]

    def order(self, place, act="unlock", jti="a", **args):
        order = Order(jti, "sub", act, place.lock_name, args)
        reason = place.bay.refusal(order, self.now_ms)
        if not reason:
            place.bay.take(order, self.now_ms)
            self.scan()
        return reason

    def states(self, place):
        return {name: state["state"] for name, _, state in place.bay.states()}
