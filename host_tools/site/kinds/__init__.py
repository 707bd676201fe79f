"""The kinds of components, one file each; this is the list of them.

A component's kind is the beginning of its name: `lock-1`, `door-1`, `court-1`. Parts with the same number
belong together: lock, inside release and motion sensor inside to the door of their number.
"""

import difflib
import re
from typing import Any, Union

from pydantic import BaseModel

from host_tools.site.base import ByName, Shape
from host_tools.site.expected import type_of
from host_tools.site.kinds.court import SENSOR_SOCKETS, Court, CourtKind
from host_tools.site.kinds.door import (
    Door,
    DoorKind,
    Inside,
    InsideKind,
    Release,
    ReleaseKind,
    Tamper,
    TamperKind,
)
from host_tools.site.kinds.gate import Gate, GateKind
from host_tools.site.kinds.keypad import Keypad, KeypadKind
from host_tools.site.kinds.kind import Kind
from host_tools.site.kinds.lock import Lock, LockKind

AnyComponent = Lock | Door | Release | Inside | Tamper | Keypad | Gate | Court

KINDS: dict[str, Kind[Any]] = {
    kind.prefix: kind
    for kind in (
        LockKind(),
        DoorKind(),
        ReleaseKind(),
        InsideKind(),
        TamperKind(),
        KeypadKind(),
        GateKind(),
        CourtKind(),
    )
}
NUMBER = r"[1-9][0-9]?"
COMPONENT_NAME = re.compile(rf"({'|'.join(KINDS)})-({NUMBER})")
SOCKET_NAME = re.compile(rf"({'|'.join([*KINDS, *SENSOR_SOCKETS])})-({NUMBER})")


def kind_with(component: str) -> Kind[Any]:
    """The kind of a component by its name; KeyError for a name of no kind."""
    match = COMPONENT_NAME.fullmatch(component)
    if match is None:
        raise KeyError(component)
    return KINDS[match.group(1)]


def kind_of(component: str) -> str:
    """The kind of a component as /config.json calls it; KeyError for a name of no kind."""
    return kind_with(component).name


def _rule(prefixes: list[str]) -> str:
    *others, last = [f"{prefix}-N" for prefix in prefixes]
    return f"{', '.join(others)} or {last}, with N from 1 to 99"


def _meant(prefixes: list[str], name: str) -> str | None:
    prefix, _, number = name.partition("-")
    close = difflib.get_close_matches(prefix, prefixes, n=1, cutoff=0.6)
    return f"{close[0]}-{number}" if close and re.fullmatch(NUMBER, number) else None


def _component_shape(name: str, value: Any) -> Shape | None:
    if COMPONENT_NAME.fullmatch(name) is None:
        return None
    model: type[BaseModel] = kind_with(name).model
    return Shape(model, {} if value is None else value, model)


def _socket_shape(name: str, value: Any) -> Shape | None:
    match = SOCKET_NAME.fullmatch(name)
    if match is None:
        return None
    prefix = match.group(1)
    if prefix in SENSOR_SOCKETS:
        return Shape(SENSOR_SOCKETS[prefix], value, SENSOR_SOCKETS[prefix])
    kind = KINDS[prefix]
    if kind.forms and (isinstance(value, dict) or kind.bare is None):
        given = set(value) if isinstance(value, dict) else set()
        model = max(kind.forms, key=lambda form: len(given & set(form.model_fields)))
        return Shape(model, value, model)
    assert kind.bare is not None
    model, field = kind.bare
    written: Any = Union[(type_of(model.model_fields[field]), *kind.forms)]
    return Shape(model, {field: value}, written, short=True)


_SOCKETS = [*KINDS, *SENSOR_SOCKETS]
COMPONENTS_BY_NAME = ByName(
    "component name", _rule(list(KINDS)), _component_shape, lambda name: _meant(list(KINDS), name)
)
SOCKETS_BY_NAME = ByName("role", _rule(_SOCKETS), _socket_shape, lambda name: _meant(_SOCKETS, name))

__all__ = [
    "COMPONENTS_BY_NAME",
    "COMPONENT_NAME",
    "KINDS",
    "SOCKETS_BY_NAME",
    "SOCKET_NAME",
    "AnyComponent",
    "Court",
    "Door",
    "Gate",
    "Inside",
    "Keypad",
    "Lock",
    "Release",
    "Tamper",
    "kind_of",
    "kind_with",
]
