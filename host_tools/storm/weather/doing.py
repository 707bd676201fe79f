"""How a fault begins and ends: what most kinds have in common."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from host_tools.storm.agenda import Ticket
from host_tools.storm.stage import Stage
from host_tools.storm.weather.plan import Fault

Do = Callable[[Fault, Stage], None]


@dataclass(frozen=True)
class Doing:
    begin: Do
    end: Do


KINDS_TYPE = dict[str, Doing]


def nothing(_: Fault, __: Stage) -> None:
    pass


def moment(do: Do) -> Doing:
    """It is over as soon as it has begun."""
    return Doing(do, nothing)


def held(knob: Callable[[Fault], str], value: Callable[[Fault], Any], apply: Do) -> Doing:
    """Something is held at a value; `apply` makes so what is held now, and says it if it is another thing."""

    def begin(fault: Fault, stage: Stage) -> None:
        stage.holds.put(knob(fault), fault.number, value(fault))
        apply(fault, stage)

    def end(fault: Fault, stage: Stage) -> None:
        stage.holds.drop(knob(fault), fault.number)
        apply(fault, stage)

    return Doing(begin, end)


def attribute(part: str, name: str, value: Callable[[Fault], Any]) -> Doing:
    """An attribute of a part of the stage."""
    knob = f"{part}.{name}"

    def apply(_: Fault, stage: Stage) -> None:
        thing = getattr(stage, part)
        base = stage.holds.base(knob, getattr(thing, name))
        setattr(thing, name, stage.holds.top(knob, base))

    def begin(fault: Fault, stage: Stage) -> None:
        stage.holds.base(knob, getattr(getattr(stage, part), name))
        stage.holds.put(knob, fault.number, value(fault))
        apply(fault, stage)

    def end(fault: Fault, stage: Stage) -> None:
        stage.holds.drop(knob, fault.number)
        apply(fault, stage)

    return Doing(begin, end)


def flicker(fault: Fault, stage: Stage, turn: Callable[[bool], None]) -> None:
    """Turns something on, off, on ... from now until the fault ends; after a `pause_us` each time."""
    rng = random.Random(fault.args["seed"])
    low_us, high_us = fault.args["pause_us"]
    tickets: list[Ticket] = []
    stage.holds.tickets[fault.number] = tickets
    is_on = [False]

    def go_on() -> None:
        is_on[0] = not is_on[0]
        turn(is_on[0])
        ratio = (high_us / low_us) ** rng.random()
        tickets[:] = [stage.agenda.after(round(low_us * ratio), go_on)]

    go_on()
