"""JSON from boards, brokers, and whoever has the password of one."""

import json
from typing import Any

DEPTH_MAX = 64
"""Levels: nobody needs more, and what was read is written and shown again by code that is some calls deep
itself. Python's own bound counts those, so it would let in what cannot be written any more."""


def read_json(content: str | bytes) -> Any:
    """Raises ValueError for what is no JSON (NaN is none), or is nested too deep."""
    try:
        value = json.loads(content, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deep") from None
    level: list[Any] = [value]
    for _ in range(DEPTH_MAX):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return value
    raise ValueError("nested too deep")


def _inside(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
