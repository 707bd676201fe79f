"""pydantic's findings in words: what is wrong, what is allowed, what was probably meant."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from host_tools.site.base import NAME_RULE
from host_tools.site.expected import Loc, choices_of, expected_value, fields_of, models_in, type_at

SHOWN_MAX = 60
_CREDENTIALS = re.compile(r"//[^/@\s]*@")  # of an address: never repeated


@dataclass(frozen=True)
class Explained:
    loc: Loc
    message: str
    at_key: bool = False  # the name of the field is wrong, not its value
    note: bool = False  # nothing is wrong, but it may not be meant


def explain(error: ValidationError, model: type[BaseModel], data: object) -> list[Explained]:
    """Every finding of a validation, in the words of this project."""
    found: dict[Loc, Explained] = {}
    for item in error.errors(include_url=False):
        loc = tuple(item["loc"])
        at_key = loc[-1:] == ("[key]",)
        if at_key:
            loc = loc[:-1]
        loc = _without_union_tags(loc, data, item["type"] == "missing")
        if loc not in found:
            message = _message(item["type"], item, loc, model, data, at_key)
            found[loc] = Explained(loc, message, at_key or item["type"] in ("extra_forbidden", "no_kind"))
    return list(found.values())


def nearest(word: str, known: Sequence[str]) -> str | None:
    matches = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return matches[0] if matches else None


def meant(word: object, known: Sequence[str]) -> str:
    """`, did you mean ...?`, or nothing if nothing is near."""
    match = nearest(str(word), known)
    return f", did you mean `{match}`?" if match else ""


def shown(value: object) -> str:
    """A value as it stands in the file, on one line, without control characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing"
    if isinstance(value, str):
        text = repr(_CREDENTIALS.sub("//...@", value))[1:-1]
        text = f'"{text}"'
    elif isinstance(value, Mapping):
        return "a mapping"
    elif isinstance(value, list):
        return "a list"
    else:
        text = str(value)
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."


def _without_union_tags(loc: Loc, data: object, missing: bool) -> Loc:
    """pydantic adds the name of a union's member to the location; only what is in the file counts."""
    kept: list[str | int] = []
    here = data
    for index, part in enumerate(loc):
        in_list = isinstance(here, list) and isinstance(part, int) and part < len(here)
        if in_list or (isinstance(here, Mapping) and part in here):
            here = here[part]  # type: ignore[index]
        elif index == len(loc) - 1 and (isinstance(here, Mapping) or (missing and here is None)):
            kept.append(part)  # a missing field, also of what stands there without any
            break
        else:
            continue
        kept.append(part)
    return tuple(kept)


def _message(kind: str, item: Any, loc: Loc, model: type[BaseModel], data: object, at_key: bool) -> str:
    value = item["input"]
    if kind == "extra_forbidden":
        return _unknown_field(str(loc[-1]), models_in(type_at(model, loc[:-1], data)))
    if kind == "missing":
        return "is required"
    if kind == "no_kind":
        return str(item["ctx"]["text"])
    if at_key:
        return f"is no name: use {NAME_RULE}"
    if kind == "time_zone":
        return f"no such time zone{_meant_zone(value)} (got {shown(value)})"
    expected = expected_value(model, loc, data)
    if expected is not None and expected.startswith("between") and type(value) is not int:
        expected = f"a whole number {expected}"
    if expected is None:
        context = item.get("ctx", {})
        return f"{context.get('text', item['msg'])} (got {shown(value)})"
    guess = meant(value, choices_of(type_at(model, loc, data))) if isinstance(value, str) else ""
    return f"must be {expected}{guess} (got {_got(kind, value)})"


def _got(kind: str, value: object) -> str:
    if kind in ("too_long", "too_short") and isinstance(value, (list, Mapping)):
        return str(len(value))
    return shown(value)


def _unknown_field(name: str, models: list[type[BaseModel]]) -> str:
    allowed = list(fields_of(models[0])) if models else []
    return f"unknown field{meant(name, allowed)} (allowed: {', '.join(allowed)})"


def _meant_zone(value: object) -> str:
    from zoneinfo import available_timezones

    matches = difflib.get_close_matches(str(value), sorted(available_timezones()), n=1, cutoff=0.85)
    return f", did you mean `{matches[0]}`?" if matches else ""
