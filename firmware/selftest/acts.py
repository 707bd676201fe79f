"""Steps that need a technician's hand: each is a generator that yields what has to happen next, until it has,
and then says its results. `test.late` means that it does not happen.

A lock is moved by an order to the app's own part, so pulses, duty and supply are bounded as in the app.
"""

from micropython import const
from sportbox.core.lock import BOLT_LOCKED, BOLT_UNLOCKED, FAULT, JAMMED, LOCKED, UNLOCKED, UNSENSED, Order
from sportbox.core.occupancy import FREE, OCCUPIED
from sportbox.drivers.chip import Lamp

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sportbox.parts.bay import Bay
    from sportbox.parts.bolt import Bolt

    from selftest.board import Selftest

    Act = Generator[str, None, None]
    Wait = Generator[str, None, bool]

_TRIES = const(2)  # a technician may have looked elsewhere
_UNLOCK_MS = const(4000)  # then it is told to pull, whatever a switch says: the door itself tells
_LOCK_MS = const(15000)  # the longest motor there and back, twice
_BLINK_MS = const(300)
_STRAY_MAX = const(24)
_KEYS = "0123456789*#"


def _wait(test: "Selftest", expect: str, done: "Callable[[], bool]", patience_ms: int = 0) -> "Wait":
    """False if the technician does not do it, or the board itself not within `patience_ms`."""
    end_ms = test.now_ms() + patience_ms
    test.late = False
    while not done():
        if test.late or (patience_ms and test.now_ms() >= end_ms):
            return False
        yield expect
    return True


# ---- doors and locks


def door(test: "Selftest", name: str) -> "Act":
    """A door, with its lock where it has one: two results then."""
    bay = test.parts().called(name)
    bolt = bay.bolt

    def closed() -> bool:
        return not bay.door.is_open() and bay.contact() is True

    def opened() -> bool:
        return bay.contact() is False

    if bay.contact() is None:
        _fails(test, bay, "no_answer")
        return
    if not (yield from _wait(test, "close", closed)):
        _fails(test, bay, "never_closed")
        return
    begin_ms = test.now_ms()
    if bolt is None:
        found = yield from _wait(test, "open", opened)
    else:
        found = yield from _release(test, bay, bolt)
        if not found:
            test.result("door", name, None, None, "lock")
            return
    open_ms = test.now_ms() - begin_ms
    if not found:
        test.result("door", name, False, None, "never_opened")
        return
    if not (yield from _wait(test, "close", closed)):
        _fails(test, bay, "never_closed")
        return
    test.result("door", name, True, {"open_ms": open_ms})
    if bolt is not None:
        yield from _catch(test, bay, bolt)


def _fails(test: "Selftest", bay: "Bay", why: str) -> None:
    """The door's contact is no good, so nobody can tell about the lock."""
    test.result("door", bay.name, False, None, why)
    if bay.bolt is not None:
        test.result("lock", bay.bolt.name, None, None, "door")


def _release(test: "Selftest", bay: "Bay", bolt: "Bolt") -> "Wait":
    """Orders it open, and again if nobody pulled. False, with the result said, if the door did not open."""
    reports = test.parts().reports
    order = Order("selftest", "selftest", "unlock", bolt.name)
    moved = False
    reason = ""

    def settled() -> bool:
        nonlocal moved
        moved = moved or bolt.sensed == BOLT_UNLOCKED
        return bolt.name in reports.answers

    for _ in range(_TRIES):
        ready = yield from _wait(test, "rest", lambda: not bay.refusal(order, test.now_ms()))
        if not ready:
            reason = "busy"
            break
        reports.answers.pop(bolt.name, None)
        bay.take(order, test.now_ms())
        yield from _wait(test, "wait", lambda: settled() or bolt.lock.state == UNLOCKED, _UNLOCK_MS)
        answered = yield from _wait(test, "pull", settled)
        if not answered:
            reason = "not_opened"
            break
        result, said = reports.answers[bolt.name]
        if result == "done":
            return True
        reason = str(said)
        if reason != "not_opened":
            break
    if reason == "not_opened" and bolt.sensed != UNSENSED and not moved:
        reason = "not_moved"
    if reason == "power":
        reason = _fault(test, bolt.name)
    test.result("lock", bolt.name, False, {"moved": moved} if bolt.sensed != UNSENSED else None, reason)
    return False


def _catch(test: "Selftest", bay: "Bay", bolt: "Bolt") -> "Act":
    """Behind the closed door it locks by itself."""
    lock = bolt.lock

    def leaves() -> bool:
        people = bay.people
        return people is None or not (people.somebody() or people.exit_pressed())

    if lock.tells_all and not (yield from _wait(test, "leave", leaves)):
        test.result("lock", bolt.name, False, None, "somebody_inside")
        return
    yield from _wait(test, "wait", lambda: lock.state in (LOCKED, JAMMED, FAULT), _LOCK_MS)
    value = {"sensed": bolt.sensed == BOLT_LOCKED} if bolt.sensed != UNSENSED else None
    ok = lock.state == LOCKED
    test.result("lock", bolt.name, ok, value, "" if ok else "not_locked")


def _fault(test: "Selftest", name: str) -> str:
    for component, kind, data in reversed(test.parts().reports.events):
        if component == name and kind == "lock.fault":
            return str(data.get("what"))
    return "power"


# ---- what people move by hand


def release(test: "Selftest", name: str) -> "Act":
    people = test.parts().bay_of(name).people
    assert people is not None
    handle = people.release
    assert handle is not None
    if not (yield from _wait(test, "let_go", lambda: not handle.pressed and not handle.lost)):
        test.result("release", name, False, None, "always_pressed")
        return
    if not (yield from _wait(test, "press", lambda: handle.pressed)):
        test.result("release", name, False, None, "never_pressed")
        return
    ok = yield from _wait(test, "let_go", lambda: not handle.pressed)
    test.result("release", name, ok, None, "" if ok else "always_pressed")


def inside(test: "Selftest", name: str) -> "Act":
    bay = test.parts().bay_of(name)

    def says(state: str) -> bool:
        return [found["state"] for who, _, found in bay.states() if who == name] == [state]

    if not (yield from _wait(test, "move", lambda: says(OCCUPIED))):
        test.result("inside", name, False, None, "never_occupied")
        return
    ok = yield from _wait(test, "go_away", lambda: says(FREE))
    test.result("inside", name, ok, None, "" if ok else "never_free")


def tamper(test: "Selftest", name: str) -> "Act":
    part = test.parts().called(name)

    def is_open() -> bool:
        return part.states()[0][2]["state"] == "open"

    def is_closed() -> bool:
        return part.states()[0][2]["state"] == "closed"

    for way, done in (("close", is_closed), ("open", is_open), ("close", is_closed)):
        if not (yield from _wait(test, way + "_housing", done)):
            test.result("tamper", name, False, None, "never_open" if way == "open" else "never_closed")
            return
    test.result("tamper", name, True, None)


def gate(test: "Selftest", name: str) -> "Act":
    """A passage in, then one out."""
    events = test.parts().reports.events
    for way in ("in", "out"):
        del events[:]

        def passed() -> "list[object]":
            return [data["direction"] for who, kind, data in events if (who, kind) == (name, "gate.passed")]

        if not (yield from _wait(test, "go_" + way, lambda: bool(passed()))):
            test.result("gate", name, False, None, "nobody_" + way)
            return
        if passed()[0] != way:
            test.result("gate", name, False, None, "swapped")
            return
    test.result("gate", name, True, None)


def court(test: "Selftest", name: str) -> "Act":
    """Every sensor of the court sees somebody come and go: one result each."""
    part = test.parts().called(name)
    number = name.split("-")[-1]
    sensors = []
    if part.presence is not None:
        sensors.append(("pir", "pir-" + number, part.presence))
    if part.radar is not None:
        sensors.append(("radar", "radar-" + number, part.radar.witness))
    if part.tof is not None:
        sensors.append(("tof", "tof-" + number, part.tof.witness))
    missing: "dict[str, str]" = {}
    wanted = OCCUPIED

    def waiting() -> "list[str]":
        return [who for _, who, sight in sensors if who not in missing and sight.state != wanted]

    def all_say() -> bool:
        test.detail = waiting()
        return not test.detail

    for expect, state in (("walk_in", OCCUPIED), ("go_away", FREE)):
        wanted = state
        if not (yield from _wait(test, expect, all_say)):
            for who in waiting():
                missing[who] = "never_" + state
    test.detail = None
    for kind, who, _ in sensors:
        test.result(kind, who, who not in missing, None, missing.get(who, ""))


def keypad(test: "Selftest", name: str) -> "Act":
    """Each key once, in the order in which they are asked for."""
    from sportbox.making.keypad import make_reader

    reader = make_reader(test.config["components"][name], test.parts().kit)
    wanted = "1234567890*#"
    typed = ""

    def complete() -> bool:
        nonlocal typed
        key = reader.key(test.now_ms())
        while key >= 0 and len(typed) < _STRAY_MAX:
            typed += _KEYS[key] if key < len(_KEYS) else "?"
            key = reader.key(test.now_ms())
        test.detail = {"keys": wanted, "typed": len(typed)}
        return len(typed) >= len(wanted)

    yield from _wait(test, "type", complete)
    test.detail = None
    if typed == wanted:
        test.result("keypad", name, True, len(typed))
        return
    missing = "".join([key for key in wanted if key not in typed])
    why = "no_keys" if not typed else "keys_missing" if missing else "keys_wrong"
    test.result("keypad", name, False, {"typed": typed, "missing": missing}, why)


# ---- what only people can see


def led(test: "Selftest", name: str) -> "Act":
    yield from _blink(test, name, "look")


def buzzer(test: "Selftest", name: str) -> "Act":
    yield from _blink(test, name, "listen")


def _blink(test: "Selftest", name: str, expect: str) -> "Act":
    facts = test.config[name]
    lamp = Lamp(facts["pin"], facts["active"])

    def answered() -> bool:
        lamp.set(test.now_ms() // _BLINK_MS % 2 == 0)
        return test.answer is not None

    try:
        told = yield from _wait(test, expect, answered)
    finally:
        lamp.set(False)
    if told:
        test.result(name, name, test.answer, None, "" if test.answer else "not_noticed")
    else:
        test.result(name, name, None, None, "not_confirmed")
