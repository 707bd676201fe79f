"""From a board's configuration to its parts: drivers below, rules inside."""

import json

from micropython import const

from sportbox.core.token import Key
from sportbox.kit import Kit, NoSuchHardware

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from sportbox.parts.part import Part

    Facts = dict[str, Any]

_BUILDERS = {
    "door": "sportbox.making.bay",
    "occupancy": "sportbox.parts.field",
    "gate": "sportbox.parts.entrance",
    "keypad": "sportbox.making.keypad",
    "tamper": "sportbox.parts.tamper",
}
_OF_A_DOOR = ("lock", "release", "inside")


class NotProvisioned(Exception):
    """`args[0]` says which file is missing or broken."""


def load(path: str) -> "Facts":
    """A file that the host tools wrote. Raises NotProvisioned."""
    try:
        with open(path) as file:
            content = json.load(file)
    except OSError as error:
        if error.errno != 2:  # ENOENT; anything else may pass, so it leads to a restart
            raise
        raise NotProvisioned(path + " is missing")
    except ValueError as error:
        raise NotProvisioned("%s: %s" % (path, error))
    if not isinstance(content, dict) or content.get("version", 1) != 1:
        raise NotProvisioned(path + ": unknown version")
    return content


def sleeps(config: "Facts") -> bool:
    """True for a board that spends its time in deep sleep."""
    return (config.get("power") or {}).get("sleep") is not None


def make_keys(secrets: "Facts") -> "dict[str, Key]":
    return {kid: Key(key["role"], bytes.fromhex(key["k"])) for kid, key in secrets["keys"].items()}


def make_parts(kit: Kit) -> "list[Part]":
    """The board's parts in the order of their names. Locks, inside releases and sensors inside belong to the
    part of their door."""
    parts: "list[Part]" = []
    components = kit.components
    for name in sorted(components):
        facts = components[name]
        kind = facts["kind"]
        if kind in _OF_A_DOOR:
            continue
        if kind not in _BUILDERS:
            raise NotProvisioned("component %s: unknown kind %s" % (name, kind))
        module_name = _BUILDERS[kind]
        if kind == "occupancy" and sleeps(kit.config):
            module_name = "sportbox.sleep.dozing"
        module = __import__(module_name, None, None, ("build",))  # what is not there costs no memory
        try:
            parts.append(module.build(name, facts, kit))
        except (KeyError, NoSuchHardware) as error:
            raise NotProvisioned("component %s: no %s" % (name, error))
    if kit.has_expander():
        from sportbox.parts.ports import Ports

        parts.insert(0, Ports(kit))  # read before those that look at its pins
    if kit.config.get("alarm_times"):
        from sportbox.parts.alarm import build as build_alarm

        kit.app.alarm = build_alarm(kit)
    supply = kit.config.get("power")
    if supply is not None and (supply.get("battery") or supply.get("solar")):
        from sportbox.parts.power import build

        parts.append(build(supply, kit))  # the last: it tells the others what to give up
    return parts
