"""pydantic's findings in words: what is wrong, what is allowed, what was probably meant."""

import difflib
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from host_tools.site.models import COMPONENT_MODELS, COMPONENT_NAME, Component, kind_of

Loc = tuple[str | int, ...]
SHOWN_MAX = 60
NAME_RULE = "1 to 32 of the characters a-z, 0-9 and -"
COMPONENT_RULE = "lock-N, door-N, gate-N or court-N, with N from 1 to 99"


@dataclass(frozen=True)
class Explained:
    loc: Loc
    message: str
    at_key: bool = False  # the name of the field is wrong, not its value


def explain(error: ValidationError, model: type[BaseModel], data: object) -> list[Explained]:
    """Every finding of a validation, in the words of this project."""
    found: dict[Loc, Explained] = {}
    for item in error.errors(include_url=False):
        loc = tuple(item["loc"])
        at_key = loc[-1:] == ("[key]",)
        if at_key:
            loc = loc[:-1]
        loc = _without_union_tags(loc, data)
        if loc not in found:
            message = _message(item["type"], item, loc, model, at_key)
            found[loc] = Explained(
                loc, message, at_key or item["type"] in ("extra_forbidden", "component_name")
            )
    return list(found.values())


def nearest(word: str, known: Sequence[str]) -> str | None:
    matches = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return matches[0] if matches else None


def shown(value: object) -> str:
    """A value as it stands in the file, on one line, without control characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing"
    if isinstance(value, str):
        text = repr(value)[1:-1]
        text = f'"{text}"'
    elif isinstance(value, Mapping):
        return "a mapping"
    elif isinstance(value, list):
        return "a list"
    else:
        text = str(value)
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."


def _without_union_tags(loc: Loc, data: object) -> Loc:
    """pydantic adds the name of a union's member to the location; only what is in the file counts."""
    kept: list[str | int] = []
    here = data
    for index, part in enumerate(loc):
        in_list = isinstance(here, list) and isinstance(part, int) and part < len(here)
        if in_list or (isinstance(here, Mapping) and part in here):
            here = here[part]  # type: ignore[index]
        elif index == len(loc) - 1 and isinstance(here, Mapping):
            kept.append(part)  # a missing field
            break
        else:
            continue
        kept.append(part)
    return tuple(kept)


def _message(kind: str, item: Any, loc: Loc, model: type[BaseModel], at_key: bool) -> str:
    value = item["input"]
    if kind == "extra_forbidden":
        return _unknown_field(str(loc[-1]), model_at(model, loc[:-1]))
    if kind == "missing":
        return "is required"
    if kind == "component_name":
        return f"is no component name: use {COMPONENT_RULE}{_meant_component(str(loc[-1]))}"
    if at_key:
        return f"is no name: use {NAME_RULE}"
    if kind == "time_zone":
        return f"no such time zone{_meant_zone(value)} (got {shown(value)})"
    expected = expected_value(model, loc)
    if expected is not None and expected.startswith("between") and type(value) is not int:
        expected = f"a whole number {expected}"
    if expected is None:
        context = item.get("ctx", {})
        return f"{context.get('text', item['msg'])} (got {shown(value)})"
    return f"must be {expected} (got {_got(kind, value)})"


def _got(kind: str, value: object) -> str:
    if kind in ("too_long", "too_short") and isinstance(value, (list, Mapping)):
        return str(len(value))
    return shown(value)


def _unknown_field(name: str, model: type[BaseModel] | None) -> str:
    allowed = list(model.model_fields) if model is not None else []
    meant = nearest(name, allowed)
    guess = f", did you mean `{meant}`?" if meant else ""
    return f"unknown field{guess} (allowed: {', '.join(allowed)})"


def _meant_component(name: str) -> str:
    prefix, _, number = name.partition("-")
    meant = nearest(prefix, ["lock", "door", "gate", "court"])
    guess = f"{meant}-{number}"
    return f", did you mean `{guess}`?" if meant and COMPONENT_NAME.fullmatch(guess) else ""


def _meant_zone(value: object) -> str:
    from zoneinfo import available_timezones

    meant = difflib.get_close_matches(str(value), sorted(available_timezones()), n=1, cutoff=0.85)
    return f", did you mean `{meant[0]}`?" if meant else ""


def model_at(model: type[BaseModel], loc: Loc) -> type[BaseModel] | None:
    """The model that describes the mapping at `loc`."""
    kind: Any = model
    for part in loc:
        kind = _step(kind, part)
    found = _models_in(kind)
    return found[0] if found else None


def _field_at(model: type[BaseModel], loc: Loc) -> FieldInfo | None:
    owner = model_at(model, loc[:-1]) if loc else None
    return owner.model_fields.get(str(loc[-1])) if owner is not None else None


def _step(kind: Any, part: str | int) -> Any:
    if kind == dict[str, Component] and isinstance(part, str) and COMPONENT_NAME.fullmatch(part):
        return COMPONENT_MODELS[kind_of(part)]
    for model in _models_in(kind):
        field = model.model_fields.get(str(part))
        return field.annotation if field is not None else None
    if get_origin(kind) in (Union, types.UnionType):
        return next((step for member in get_args(kind) if (step := _step(member, part)) is not None), None)
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if get_origin(bare) is dict:
        return get_args(bare)[1]
    if get_origin(bare) is list:
        return get_args(bare)[0]
    return None


def _models_in(kind: Any) -> list[type[BaseModel]]:
    if isinstance(kind, type) and not isinstance(kind, types.GenericAlias) and issubclass(kind, BaseModel):
        return [kind]
    if get_origin(kind) in (Union, types.UnionType, Annotated):
        return [model for member in get_args(kind) for model in _models_in(member)]
    return []


def expected_value(model: type[BaseModel], loc: Loc) -> str | None:
    """What may stand at `loc`, for example "between 100 and 10000"."""
    field = _field_at(model, loc)
    if field is not None:
        return expected_of(field.annotation, list(field.metadata))
    if not loc:
        return "a mapping"
    kind: Any = model
    for part in loc:
        kind = _step(kind, part)
    return expected_of(kind, [])


def expected_of(kind: Any, metadata: list[Any]) -> str | None:
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *more = get_args(kind)
        return expected_of(inner, [*more, *metadata])
    if origin in (Union, types.UnionType):
        members = [member for member in get_args(kind) if member is not type(None)]
        texts = [text for text in (expected_of(member, metadata) for member in members) if text]
        return " or ".join(dict.fromkeys(texts)) or None
    if origin is Literal:
        values = [f"`{value}`" if isinstance(value, str) else str(value) for value in get_args(kind)]
        return values[0] if len(values) == 1 else "one of " + ", ".join(values)
    if origin is list:
        each = expected_of(get_args(kind)[0], [])
        return f"a list{_size(metadata)}" + (f", each {each}" if each else "")
    if origin is dict or _models_in(kind):
        return f"a mapping{_size(metadata)}"
    if kind is bool:
        return "true or false"
    if kind is int:
        low, high = _bounds(metadata)
        return "a whole number" if low is None or high is None else f"between {low} and {high}"
    if kind is str:
        return _text(metadata)
    return None


def _flat(metadata: list[Any]) -> list[Any]:
    found: list[Any] = []
    for item in metadata:
        found.extend(_flat(list(item.metadata)) if isinstance(item, FieldInfo) else [item])
    return found


def _bounds(metadata: list[Any]) -> tuple[int | None, int | None]:
    low = high = None
    for item in _flat(metadata):
        low = item.ge if isinstance(item, Ge) else low
        high = item.le if isinstance(item, Le) else high
    return low, high  # type: ignore[return-value]


def _size(metadata: list[Any]) -> str:
    low = next((i.min_length for i in _flat(metadata) if getattr(i, "min_length", None) is not None), None)
    high = next((i.max_length for i in _flat(metadata) if getattr(i, "max_length", None) is not None), None)
    if low is None and high is None:
        return ""
    return f" of {low} entries" if low == high else f" of {low or 0} to {high} entries"


def _text(metadata: list[Any]) -> str:
    pattern = next((i.pattern for i in _flat(metadata) if getattr(i, "pattern", None)), None)
    if pattern == r"^[a-z0-9-]{1,32}$":
        return f"a name: {NAME_RULE}"
    if pattern == r"^[A-Za-z0-9_.:-]+$":
        return "a host name or an IP address"
    longest = next((i.max_length for i in _flat(metadata) if getattr(i, "max_length", None)), None)
    return f"a text of 1 to {longest} printable characters" if longest else "a text"
