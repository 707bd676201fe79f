# runs on: cpython
"""Any sequence of orders, doors, people, broken wires and time, for two locks on one supply: what must never
happen, and what always must."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sportbox.core.lock import (
    BOLT_BETWEEN,
    BOLT_LOCKED,
    BOLT_UNLOCKED,
    IMPLAUSIBLE,
    LOCKED,
    TURN_MS,
    UNSENSED,
    Order,
)
from sportbox.core.motor import MotorLock
from sportbox.core.strike import StrikeLock
from sportbox.core.supply import Supply

RELEASE_MS = 10_000
DUTY_MS = 24_000
WINDOW_MS = 60_000
RUN_MS = 3000
TRAVEL_MS = 1200
STEP_MS = 20
ROTTEN = "lock-9"
"""Another one in line, which may keep the supply."""


class Unit:
    """One lock with its door, its bolt, and who is inside."""

    def __init__(self, name, kind, supply):
        self.name, self.kind, self.supply = name, kind, supply
        limits = (RELEASE_MS, DUTY_MS, WINDOW_MS)
        self.lock = MotorLock(RUN_MS, *limits) if kind == "motor" else StrikeLock(*limits)
        self.door_open = False
        self.contact = None  # or what a broken one says for ever
        self.at_ms = 0  # the bolt: 0 is locked, TRAVEL_MS is unlocked
        self.jam = False
        self.cut = ""  # the end switch with a cut wire: `locked`, `unlocked`, `both`
        self.exit = self.inside = False
        self.driving = None  # (way, since, until)
        self.pulses = []
        self.orders, self.finals = [], []
        self.asked_ms = 0  # the newest unlock
        self.told = False  # whether an order or an open door has given it a reason to move
        self.override = False
        self.seen_before = False
        self.works = True
        self.let_go = kind == "motor"  # it was driven for its newest order, or its bolt was not out before

    def seen_open(self):
        return self.door_open if self.contact is None else self.contact == "open"

    def bolt(self):
        if self.kind == "strike":
            return UNSENSED
        locked = self.at_ms <= 50 and self.cut not in ("locked", "both")
        unlocked = self.at_ms >= TRAVEL_MS - 50 and self.cut not in ("unlocked", "both")
        if self.cut == "short":
            locked = unlocked = True
        if locked:
            return IMPLAUSIBLE if unlocked else BOLT_LOCKED
        return BOLT_UNLOCKED if unlocked else BOLT_BETWEEN


class World:
    def __init__(self, kinds):
        self.now_ms = 1000
        self.supply = Supply()
        self.units = [Unit(f"lock-{i}", kind, self.supply) for i, kind in enumerate(kinds)]
        for unit in self.units:
            self.perform(unit, unit.lock.at_boot(False, unit.bolt(), False, self.now_ms))

    def perform(self, unit, actions):
        for action in actions:
            getattr(self, "do_" + action[0])(unit, *action[1:])
            if action[0] == "drive" and not unit.works:
                self.perform(unit, unit.lock.failed("coil", self.now_ms))
                return

    def do_drive(self, unit, way, ms):
        assert unit.told, "it moved though nobody had asked and no door had been open"
        assert unit.supply._holder == unit.name, "driven without the supply"
        for other in self.units:
            assert other.driving is None, f"{unit.name} is driven while {other.name} runs"
        unit.let_go = True
        waits = len(unit.finals) < len(unit.orders)
        if way == "unlock" and (unit.kind == "strike" or waits):
            assert self.now_ms < unit.asked_ms + TURN_MS, "opens when who ordered it has gone away"
        assert 0 < ms <= (RUN_MS if unit.kind == "motor" else RELEASE_MS)
        if way == "lock":
            assert not unit.exit, "locks while the inside release is pressed"
            assert not unit.inside, "locks while somebody is inside"
            assert not unit.seen_open() or unit.override, "locks while the door is open"
        if unit.works:
            unit.driving = (way, self.now_ms, self.now_ms + ms)

    def do_stop(self, unit):
        assert unit.driving is not None
        unit.pulses.append((unit.driving[1], min(self.now_ms, unit.driving[2])))
        unit.driving = None

    def do_power(self, unit):
        self.supply.ask(unit.name, self.now_ms)

    def do_unpower(self, unit):
        assert unit.driving is None, "gave the supply back while it runs"
        self.supply.give_back(unit.name, self.now_ms, self.now_ms)

    def do_state(self, unit, state):
        if state == LOCKED:
            assert not unit.seen_open() or unit.override or not unit.let_go, "locked with the door open"
            if unit.kind == "motor":
                assert unit.bolt() == BOLT_LOCKED

    def do_event(self, unit, kind, data):
        assert kind.startswith("lock.")

    def do_final(self, unit, order, result, reason):
        assert order not in [done for done, _, _ in unit.finals], "answered twice"
        assert (result == "done") == (reason is None)
        unit.finals.append((order, result, reason))

    def do_latch(self, unit, lost):
        pass

    def do_signal(self, unit, name):
        pass

    # ---- what happens

    def order(self, unit, act, **args):
        order = Order(f"{unit.name}-{len(unit.orders)}", "s", act, unit.name, args)
        if unit.lock.refusal(order, self.now_ms):
            return
        unit.told = True
        unit.override = bool(args) if act == "lock" else False
        if act == "unlock":
            unit.let_go = unit.kind == "motor" and unit.bolt() != BOLT_LOCKED
            unit.asked_ms = self.now_ms
        unit.orders.append(order)
        give = unit.lock.unlock if act == "unlock" else unit.lock.lock
        self.perform(unit, give(order, self.now_ms))

    def move_door(self, unit):
        if not unit.door_open and not self.can_open(unit):
            return
        unit.door_open = not unit.door_open
        self.contact_moved(unit)

    def can_open(self, unit):
        if unit.exit:
            return True
        if unit.kind == "motor":
            return unit.at_ms >= TRAVEL_MS - 50
        return unit.driving is not None and self.now_ms < unit.driving[2]

    def contact_moved(self, unit):
        if unit.seen_open() != unit.seen_before:
            unit.seen_before = unit.seen_open()
            unit.told = True
            unit.override = False
        self.perform(unit, unit.lock.door(unit.seen_open(), self.now_ms))

    def people(self, unit):
        if unit.exit:
            unit.told = True
        if unit.exit and unit.kind == "motor":
            unit.at_ms = TRAVEL_MS  # the release draws the bolt back by itself
        self.perform(unit, unit.lock.people(unit.exit, unit.inside, self.now_ms))
        if unit.exit or unit.inside:
            assert unit.driving is None or unit.driving[0] == "unlock", "it goes on locking"
        if unit.exit and unit.kind == "motor":
            assert unit.lock.allows_open()

    def happen(self, event):
        what, index, value = event
        unit = self.units[index % len(self.units)]
        if what == "unlock":
            self.order(unit, "unlock")
        elif what == "lock":
            self.order(unit, "lock", **({"override": "contact"} if value % 3 == 0 else {}))
        elif what == "door":
            self.move_door(unit)
        elif what == "force":
            unit.door_open = not unit.door_open
            self.contact_moved(unit)
        elif what == "contact":
            unit.contact = (None, "open", "closed")[value % 3]
            self.contact_moved(unit)
        elif what == "jam":
            unit.jam = value % 2 == 1
        elif what == "cut":
            unit.cut = ("", "locked", "unlocked", "both", "short")[value % 5]
        elif what == "key":  # somebody turns the bolt by hand
            unit.at_ms = TRAVEL_MS * (value % 3) // 2
        elif what == "exit":
            unit.exit = value % 2 == 1
            self.people(unit)
        elif what == "inside":
            unit.inside = value % 2 == 1
            self.people(unit)
        elif what == "coil":
            unit.works = value % 4 != 0
        elif what == "keep":
            self.keep_supply(value % 3 > 0)
        self.look()
        if what == "wait":
            self.wait((20, 90, 310, 1100, 3300, 11_000, 70_000)[value % 7])
        elif what == "hang":  # the loop is held up, and looks late
            self.advance((500, 5000, 20_000, 61_000)[value % 4])
            self.look()

    def keep_supply(self, begins):
        if begins:
            self.supply.ask(ROTTEN, self.now_ms)
        else:
            self.supply.give_back(ROTTEN, self.now_ms, self.now_ms)

    def look(self):
        self.supply.grant(ROTTEN, self.now_ms)
        for unit in self.units:
            self.perform(unit, unit.lock.sense(unit.bolt(), self.now_ms))
            if self.supply.grant(unit.name, self.now_ms):
                self.perform(unit, unit.lock.powered(self.now_ms))
            self.perform(unit, unit.lock.tick(self.now_ms))

    def advance(self, ms):
        for unit in self.units:
            if unit.driving is not None and unit.kind == "motor" and not unit.jam:
                ran_ms = max(0, min(self.now_ms + ms, unit.driving[2]) - self.now_ms)
                way = 1 if unit.driving[0] == "unlock" else -1
                unit.at_ms = max(0, min(TRAVEL_MS, unit.at_ms + way * ran_ms))
        self.now_ms += ms

    def wait(self, ms):
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms:
            times = [unit.lock.deadline for unit in self.units]
            times += [self.supply.deadline(unit.name) for unit in self.units]
            next_ms = min([at for at in times if at is not None], default=end_ms)
            moving = any(unit.driving is not None and unit.kind == "motor" for unit in self.units)
            step_ms = STEP_MS if moving else max(1, min(next_ms, end_ms) - self.now_ms)
            self.advance(min(step_ms, end_ms - self.now_ms))
            self.look()


EVENTS = st.tuples(
    st.sampled_from(
        [
            "unlock",
            "unlock",
            "lock",
            "door",
            "door",
            "force",
            "contact",
            "jam",
            "cut",
            "key",
            "exit",
            "inside",
        ]
        + ["coil", "keep", "wait", "wait", "wait", "wait", "hang"]
    ),
    st.integers(0, 1),
    st.integers(0, 11),
)
KINDS = st.sampled_from([("strike", "strike"), ("motor", "motor"), ("motor", "strike")])
LIVES = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def worst_duty_ms(pulses):
    worst_ms = 0
    for _, end_ms in pulses:
        begin_ms = end_ms - WINDOW_MS
        used_ms = sum(end - max(begin, begin_ms) for begin, end in pulses if begin_ms < end <= end_ms)
        worst_ms = max(worst_ms, used_ms)
    return worst_ms


@LIVES
@given(KINDS, st.lists(EVENTS, max_size=40))
def test_what_must_never_happen_and_what_always_must(kinds, events):
    world = World(kinds)
    for event in events:
        world.happen(event)
    world.keep_supply(False)
    for unit in world.units:  # then everything is mended, and left alone
        unit.contact, unit.cut, unit.jam, unit.works = None, "", False, True
        unit.exit = unit.inside = False
        world.contact_moved(unit)
        world.people(unit)
    world.wait(200_000)
    for unit in world.units:
        answered = sorted(order.jti for order, _, _ in unit.finals)
        assert answered == sorted(order.jti for order in unit.orders), "each order has its one answer"
        assert unit.driving is None
        assert not unit.lock.busy()
        assert worst_duty_ms(unit.pulses) <= DUTY_MS
        unit.door_open = False
        world.contact_moved(unit)
        world.wait(100_000)
        before = len(unit.finals)
        world.order(unit, "unlock")
        world.wait(2000)
        assert world.can_open(unit), "the box does not open any more"
        world.move_door(unit)
        assert [result for _, result, _ in unit.finals[before:]] == ["done"]
        world.wait(5000)
        world.move_door(unit)
        world.wait(10_000)
        assert unit.lock.state == LOCKED


@LIVES
@given(KINDS, st.lists(st.tuples(st.just("wait"), st.just(0), st.integers(0, 6)), max_size=8))
def test_nothing_moves_at_boot(kinds, waits):
    world = World(kinds)
    for wait in waits:
        world.happen(wait)
    assert all(unit.driving is None and not unit.pulses for unit in world.units)
