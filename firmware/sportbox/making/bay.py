"""A door with its lock and what lets people out, of a configuration. What a board lacks is not imported."""

from micropython import const

from sportbox.core.debounce import Debounce
from sportbox.core.door import Door
from sportbox.core.occupancy import Presence
from sportbox.parts.bay import Bay
from sportbox.parts.bolt import Bolt, Sense

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.core.lock import Lock
    from sportbox.drivers.gated import GatedStrike
    from sportbox.drivers.inputs import Input
    from sportbox.drivers.motor import Motor
    from sportbox.drivers.strike import Strike
    from sportbox.kit import Facts, Kit
    from sportbox.parts.people import People


def build(name: str, facts: "Facts", kit: "Kit") -> Bay:
    bolt = None
    lock_name = facts.get("lock")
    if lock_name is not None:
        bolt = _bolt(lock_name, kit.components[lock_name], kit)
    contact = kit.input(facts["pin"], facts["closed_level"], "up")
    door = Door(facts["ajar_ms"], facts["ajar_alarm_ms"])
    people = _people(facts.get("release"), facts.get("inside"), kit)
    bay = Bay(name, door, Debounce(facts["debounce_ms"]), contact, bolt, people, kit.reports)
    if lock_name is not None and "opening" in kit.components[lock_name]:
        from sportbox.core.hours import shared

        config, index = kit.config, kit.components[lock_name]["opening"]
        bay.opening = shared(config["openings"], index, config["utc_offsets"], kit.app.clock)
    return bay


def _bolt(name: str, facts: "Facts", kit: "Kit") -> Bolt:
    lock: "Lock"
    driver: "Strike | GatedStrike | Motor"
    if facts["actuator"] == "motor":
        from sportbox.core.motor import MotorLock
        from sportbox.drivers.motor import Motor

        lock = MotorLock(facts["run_ms"], facts["release_ms"], facts["duty_ms"], facts["duty_window_ms"])
        way = facts["direction"], facts["lock_level"]
        driver = Motor(facts["pin"], way[0], way[1], facts["can_stop"], kit.now_ms)
        sense = Sense(_contact(facts["locked"], kit), _contact(facts["unlocked"], kit))
    else:
        from sportbox.core.strike import StrikeLock

        lock = StrikeLock(facts["release_ms"], facts["duty_ms"], facts["duty_window_ms"])
        driver = kit.strike(facts["pin"], facts["can_stop"])
        sense = Sense(_contact(facts.get("latch"), kit), None)
    return Bolt(name, lock, driver, sense, kit.supply(facts["supply"]), kit.reports)


def _contact(facts: "Facts | None", kit: "Kit") -> "Input | None":
    return None if facts is None else kit.input(facts["pin"], facts["active"], "up")


def _people(release: str | None, inside: str | None, kit: "Kit") -> "People | None":
    """What belongs to a door, by the names of its components; None if there is neither."""
    if release is None and inside is None:
        return None
    from sportbox.parts.people import Inside, People, Release

    handle = sensor = None
    if release is not None:
        facts = kit.components[release]
        handle = Release(release, kit.input(facts["pin"], facts["active"], "up"), kit.reports)
    if inside is not None:
        facts = kit.components[inside]
        presence = Presence(facts["hold_ms"], facts["stuck_ms"])
        sensor = Inside(inside, presence, kit.input(facts["pin"], facts["active"], "down"), kit.reports)
    return People(handle, sensor)
