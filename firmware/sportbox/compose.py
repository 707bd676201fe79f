"""From a board's configuration to its parts: drivers below, rules inside."""

import json

from sportbox.bay import Bay, Bolt
from sportbox.core.debounce import Debounce
from sportbox.core.door import Door
from sportbox.core.lock import Lock
from sportbox.core.occupancy import Gate, Presence
from sportbox.core.token import Key
from sportbox.drivers import inputs
from sportbox.drivers.strike import Strike
from sportbox.field import Court, Entrance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sportbox.app import Part, Reports

    Facts = dict[str, Any]


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


def make_keys(secrets: "Facts") -> "dict[str, Key]":
    return {kid: Key(key["role"], bytes.fromhex(key["k"])) for kid, key in secrets["keys"].items()}


def make_parts(
    components: "dict[str, Facts]", on_edge: "Callable[[], None]", reports: "Reports"
) -> "list[Part]":
    """One part for each door (with its lock), court and gate, in the order of their names."""
    parts: "list[Part]" = []
    for name in sorted(components):
        facts = components[name]
        kind = facts["kind"]
        if kind == "door":
            parts.append(_bay(name, facts, components, on_edge, reports))
        elif kind == "occupancy":
            sensor = inputs.motion(facts["pin"], facts["active"], on_edge)
            parts.append(Court(name, Presence(facts["hold_ms"], facts["stuck_ms"]), sensor, reports))
        elif kind == "gate":
            a, b = [inputs.beam(pin, facts["blocked_level"], on_edge) for pin in facts["pins"]]
            parts.append(Entrance(name, Gate(facts["stuck_ms"]), a, b, reports))
        elif kind != "lock":
            raise NotProvisioned("component %s: unknown kind %s" % (name, kind))
    return parts


def _bay(
    name: str,
    facts: "Facts",
    components: "dict[str, Facts]",
    on_edge: "Callable[[], None]",
    reports: "Reports",
) -> Bay:
    bolt = None
    lock_name = facts.get("lock")
    if lock_name is not None:
        lock = components[lock_name]
        rules = Lock(lock["release_ms"], lock["duty_ms"], lock["duty_window_ms"])
        bolt = Bolt(lock_name, rules, Strike(lock["pin"]))
    contact = inputs.reed(facts["pin"], facts["closed_level"], on_edge)
    return Bay(name, Door(facts["ajar_ms"]), Debounce(facts["debounce_ms"]), contact, bolt, reports)
