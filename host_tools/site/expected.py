"""What a model allows at a place of its file, in words: for messages and for the reference."""

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from host_tools.site.base import WORDS_OF_PATTERN, ByName

Loc = tuple[str | int, ...]


def type_of(field: FieldInfo) -> Any:
    """The type of a field as it was written, with its bounds."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the names that they have in a file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def type_at(model: type[BaseModel], loc: Loc, data: object) -> Any:
    """The type of what stands at `loc` of a file with this data; None if nothing may stand there."""
    kind: Any = model
    here = data
    for part in loc:
        inner = _child(here, part)
        kind = _step(kind, part, inner)
        here = inner
    return kind


def _child(here: object, part: str | int) -> object:
    if isinstance(here, Mapping):
        return here.get(part)
    if isinstance(here, list) and isinstance(part, int) and part < len(here):
        return here[part]
    return None


def _step(kind: Any, part: str | int, value: object) -> Any:
    """From the type of a mapping or list to that of one of its values."""
    for marker in get_args(kind)[1:] if get_origin(kind) is Annotated else ():
        if isinstance(marker, ByName):
            shape = marker.shape(part, value) if isinstance(part, str) else None
            return None if shape is None else shape.written
    members = models_in(kind)
    if members:
        fields = (fields_of(member).get(str(part)) for member in members)
        return next((type_of(field) for field in fields if field is not None), None)
    if get_origin(kind) in (Union, types.UnionType):
        steps = (_step(member, part, value) for member in get_args(kind))
        return next((step for step in steps if step is not None), None)
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if get_origin(bare) is dict:
        return get_args(bare)[1]
    if get_origin(bare) is list:
        return get_args(bare)[0]
    if bare is not kind:
        return _step(bare, part, value)
    return None


def models_in(kind: Any) -> list[type[BaseModel]]:
    """The models among the members of a type."""
    if isinstance(kind, type) and not isinstance(kind, types.GenericAlias) and issubclass(kind, BaseModel):
        return [kind]
    if get_origin(kind) in (Union, types.UnionType, Annotated):
        return [model for member in get_args(kind) for model in models_in(member)]
    return []


def expected_value(model: type[BaseModel], loc: Loc, data: object) -> str | None:
    """What may stand at `loc`, for example "between 100 and 10000"."""
    return expected_of(type_at(model, loc, data), []) if loc else "a mapping"


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
    if origin is dict or models_in(kind):
        return f"a mapping{_size(metadata)}"
    if kind is bool:
        return "true or false"
    if kind in (int, float):
        low, high = _bounds(metadata)
        bare = "a whole number" if kind is int else "a number"
        return bare if low is None or high is None else f"between {low} and {high}"
    if kind is str:
        return _text(metadata)
    return None


def choices_of(kind: Any) -> list[str]:
    """The words of which one may stand there, if only certain ones may."""
    if get_origin(kind) is Literal:
        return [value for value in get_args(kind) if isinstance(value, str)]
    if get_origin(kind) in (Union, types.UnionType, Annotated):
        return [value for member in get_args(kind) for value in choices_of(member)]
    return []


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
    if pattern in WORDS_OF_PATTERN:
        return WORDS_OF_PATTERN[pattern]
    longest = next((i.max_length for i in _flat(metadata) if getattr(i, "max_length", None)), None)
    return f"a text of 1 to {longest} printable characters" if longest else "a text"
