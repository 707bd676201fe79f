"""Faults of what hangs on a board: contacts and their wires, sensors, locks, chips.

The trace says what is broken: "wire" of doors, for then nothing that their contacts say is to be believed,
and "true" of everything else.
"""

from collections.abc import Callable

from host_tools.sim.rules.part import opposite
from host_tools.sim.rules.people import Court
from host_tools.storm.stage import Json, Stage
from host_tools.storm.weather.doing import KINDS_TYPE, Doing, flicker, held, moment
from host_tools.storm.weather.menu import contacts_of
from host_tools.storm.weather.pins_held import CUT, hold, let_go
from host_tools.storm.weather.plan import Fault


def _facts(fault: Fault, stage: Stage) -> Json:
    facts: Json = stage.world.components[fault.args["component"]]
    return facts


# --- pins ---


def pins_of(fault: Fault, stage: Stage) -> list[int]:
    """Those of a contact or a sensor; of a gate the first beam's, of a lock all its contacts', of a keypad
    one line: noise on it is no code but that of eight zeros."""
    facts = _facts(fault, stage)
    if facts["kind"] == "lock":
        return [contact["pin"] for contact in contacts_of(facts)]
    if facts["kind"] == "gate":
        return [facts["pins"][0]]
    if facts["kind"] == "keypad":
        return [facts["d0"]]
    return [facts["pir"]["pin"] if facts["kind"] == "occupancy" else facts["pin"]]


def _hold_pins(fault: Fault, stage: Stage, value: int | str) -> None:
    for pin in pins_of(fault, stage):
        hold(pin, fault.number, value, stage)


def _let_go_pins(fault: Fault, stage: Stage) -> None:
    for pin in pins_of(fault, stage):
        let_go(pin, fault.number, stage)


def _told(what: str, doing: Doing) -> Doing:
    """Says that a component is broken, and when it is whole again: all is over then that was wrong."""

    def begin(fault: Fault, stage: Stage) -> None:
        _tell(fault, stage, what, True)
        doing.begin(fault, stage)

    def end(fault: Fault, stage: Stage) -> None:
        doing.end(fault, stage)
        _tell(fault, stage, what, False)

    return Doing(begin, end)


def _tell(fault: Fault, stage: Stage, what: str, is_broken: bool) -> None:
    component = fault.args["component"]
    is_wire = _facts(fault, stage)["kind"] == "door" and what != "sticks"
    knob = f"broken {component} {'wire' if is_wire else ''}"
    if is_broken:
        stage.holds.put(knob, fault.number, what)
    else:
        stage.holds.drop(knob, fault.number)
    now = stage.holds.values(knob)
    if is_wire:
        stage.trace.note("wire", door=component, state="cut" if now else "joined", what=what)
    else:
        stage.trace.note("true", component=component, value="fault" if now else "ok", what=what)
        if not now and _facts(fault, stage)["kind"] == "occupancy":
            court = stage.world.rule(component)
            assert isinstance(court, Court)
            occupied = "occupied" if court.people() else "free"
            stage.trace.note("true", component=component, value=occupied, people=court.people())


def _stick(fault: Fault, stage: Stage) -> None:
    _hold_pins(fault, stage, int(fault.args["level"]))


def _cut(fault: Fault, stage: Stage) -> None:
    _hold_pins(fault, stage, CUT)


def _chatter(fault: Fault, stage: Stage) -> None:
    """The contact says now the one, now the other, beginning with what is not so."""
    pins = pins_of(fault, stage)
    wrong = [opposite(stage.world.world.true_level(pin)) for pin in pins]

    def turn(is_wrong: bool) -> None:
        for pin, level in zip(pins, wrong, strict=True):
            hold(pin, fault.number, level if is_wrong else opposite(level), stage)

    flicker(fault, stage, turn)


# --- what the rules know ---


def by_rule(knob: Callable[[Fault], str], value: Callable[[Fault], str], well: str) -> Doing:
    """`sim set` of something that is either well or broken."""

    def apply(fault: Fault, stage: Stage) -> None:
        stage.world.set(knob(fault), stage.holds.top(knob(fault), well))

    return held(knob, value, apply)


def _component(fault: Fault) -> str:
    return str(fault.args["component"])


def _lock(value: str) -> Doing:
    """A lock can be jammed and have lost its latch at the same time."""

    def apply(fault: Fault, stage: Stage) -> None:
        name = _component(fault)
        stage.world.set(name, "ok")
        for each in dict.fromkeys(stage.holds.values(name)):
            stage.world.set(name, each)

    return held(_component, lambda _: value, apply)


def sensor(name: str) -> Callable[[Fault], str]:
    """As `sim set` calls it: by the number of its court."""
    return lambda fault: f"{name}-{_component(fault).partition('-')[2]}"


def _pir(fault: Fault, stage: Stage) -> None:
    """It sees somebody all the time."""
    _hold_pins(fault, stage, int(_facts(fault, stage)["pir"]["active"]))


def _always(text: str) -> Callable[[Fault], str]:
    return lambda _: text


def _chip(name: str) -> Doing:
    def tell(fault: Fault, stage: Stage) -> None:
        stage.world.set(name, "lost" if stage.holds.values(name) else "ok")
        stage.trace.note(
            "true", component=name, value="fault" if stage.holds.values(name) else "ok", what="lost"
        )

    return held(_always(name), _always("lost"), tell)


def _flat(_: Fault, stage: Stage) -> None:
    """Its cell is changed: it has lost the time."""
    stage.world.set("rtc", "flat")
    if stage.holds.values("rtc"):
        stage.world.set("rtc", "lost")


KINDS: KINDS_TYPE = {
    "door_cut": _told("cut", Doing(_cut, _let_go_pins)),
    "lock_cut": _told("cut", Doing(_cut, _let_go_pins)),
    "stuck": _told("stuck", Doing(_stick, _let_go_pins)),
    "chatter": _told("chatter", Doing(_chatter, _let_go_pins)),
    "bounce": Doing(_chatter, _let_go_pins),
    "pir_fails": _told("pir stuck", Doing(_pir, _let_go_pins)),
    "door_sticks": _told("sticks", by_rule(_component, _always("stuck"), "free")),
    "lock_jam": _told("jam", _lock("jam")),
    "latch_lost": _told("lost", _lock("lost")),
    "radar": _told("radar", by_rule(sensor("radar"), lambda fault: str(fault.args["fault"]), "ok")),
    "tof_fails": _told("tof lost", by_rule(sensor("tof"), _always("lost"), "ok")),
    "expander_lost": _chip("expander"),
    "rtc_lost": _chip("rtc"),
    "rtc_flat": moment(_flat),
}
