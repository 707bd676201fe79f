"""Battery, solar cell and temperature of a simulated board: what `sim set` can do to them."""

import re
from typing import Any

from host_tools.errors import BadInput
from host_tools.sim.world import World

Json = dict[str, Any]

UNITS = {"battery": "mV", "solar": "mV", "temperature": "degrees Celsius"}
BOUNDS = {"battery": (0, 60_000), "solar": (0, 60_000), "temperature": (-40, 125)}
FRESH_MV = 3900
"""A new board's battery, where it has one: well charged."""
EXAMPLES = {"battery": 3700, "solar": 6000, "temperature": -10}
DARK_MV = 0


def furnish(world: World, config: Json) -> None:
    """The supply of a new board."""
    for name, millivolts in (
        ("battery", config_of(config, "battery").get("ok_mv", FRESH_MV)),
        ("solar", DARK_MV),
    ):
        if config_of(config, name):
            apply(world, config, name, millivolts)


def config_of(config: Json, name: str) -> Json:
    return (config.get("power") or {}).get(name) or {}


def set_value(board: str, world: World, config: Json, name: str, text: str) -> Json:
    """`battery 3700`: a whole number of mV. Raises BadInput."""
    low, high = BOUNDS[name]
    if not re.fullmatch(r"-?[0-9]{1,6}", text) or not low <= int(text) <= high:
        raise BadInput(
            f"{board} {name}: {text!r} is not a number of {UNITS[name]} from {low} to {high}",
            hint=f"sportbox sim set {board} {name} {EXAMPLES[name]}",
        )
    if name != "temperature" and not config_of(config, name):
        raise BadInput(f"{board} measures no {name}", hint=f"[power.{name}] in its board.toml")
    apply(world, config, name, int(text))
    return {"state": int(text)}


def apply(world: World, config: Json, name: str, value: int) -> None:
    if name == "temperature":
        world.put("temperature_c", value)
        return
    facts = config_of(config, name)
    world.put(f"{name}_mv", value)
    world.set_analog(facts["pin"], value * 1_000_000 // facts["ratio_permille"])


def show(world: World, config: Json) -> Json:
    seen: Json = {"temperature_c": world.get("temperature_c")}
    for name in ("battery", "solar"):
        if config_of(config, name):
            seen[f"{name}_mv"] = world.get(f"{name}_mv")
    return seen
