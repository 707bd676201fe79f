"""Pins that several things hold at once: a contact that is stuck or bounces, a wire that is cut. The newest
one counts, but a cut wire tells nothing, whatever else is wrong."""

import random
from collections.abc import Iterable
from functools import partial

from host_tools.sim.rules.part import opposite
from host_tools.storm.stage import Stage

CUT = "cut"
BOUNCES_MAX = 6
BOUNCE_US = (100, 3_000)
"""Between two edges of a contact that has just moved; less than its debounce time in all."""


def hold(pin: int, number: int, value: int | str, stage: Stage) -> None:
    stage.holds.put(_knob(pin), number, value)
    _apply(pin, stage)


def let_go(pin: int, number: int, stage: Stage) -> None:
    stage.holds.drop(_knob(pin), number)
    _apply(pin, stage)


def bounce(pin: int, rng: random.Random, stage: Stage) -> None:
    """As contacts do when they move: a few edges more, and then what is so."""
    true = stage.world.world.true_level(pin)
    at_us = 0
    number = -1 - pin
    for count in range(rng.randint(0, BOUNCES_MAX)):
        at_us += rng.randint(*BOUNCE_US)
        level = opposite(true) if count % 2 == 0 else true
        stage.agenda.after(at_us, partial(hold, pin, number, level, stage))
    stage.agenda.after(at_us + BOUNCE_US[0], partial(let_go, pin, number, stage))


def _knob(pin: int) -> str:
    return f"pin {pin}"


def _apply(pin: int, stage: Stage) -> None:
    values: Iterable[int | str] = stage.holds.values(_knob(pin))
    page = stage.world.world
    if CUT in values:
        page.cut_wire(pin, True)
    else:
        levels = [value for value in values if isinstance(value, int)]
        page.stick(pin, levels[-1] if levels else None)
    page.ring()
