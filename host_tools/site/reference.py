"""The tables of docs/site-file.md from the models: `python -m host_tools.site.reference` writes them."""

import re
import sys
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from host_tools.site import models, sections
from host_tools.site.expected import expected_of, fields_of
from host_tools.site.hardware import BatterySettings, SleepSettings
from host_tools.site.hours import Hours
from host_tools.site.kinds import KINDS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "site-file.md"
TABLES: dict[str, type[BaseModel]] = {
    "site": models.Site,
    "broker": sections.Broker,
    "bridge": sections.Bridge,
    "ntp": sections.Ntp,
    "wifi": sections.Wifi,
    "position": sections.Position,
    "outputs": sections.Outputs,
    "homeassistant": sections.HomeAssistant,
    "sensorthings": sections.SensorThings,
    "ngsild": sections.NgsiLd,
    "audit": sections.Audit,
    "hours": Hours,
    "settings": models.Settings,
    "device": models.Device,
    "battery": BatterySettings,
    "sleep": SleepSettings,
    **{kind.prefix: kind.model for kind in KINDS.values()},
}
UNITS = {"_ms": "milliseconds", "_s": "seconds", "_mv": "millivolts", "_mm": "millimetres", "_bytes": "bytes"}
_BLOCK = re.compile(r"(<!-- fields: ([a-z]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def table(model: type[BaseModel]) -> str:
    """One row a field: name, what is allowed, default, meaning."""
    lines = ["| field | allowed | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in fields_of(model).items():
        allowed = (expected_of(field.annotation, list(field.metadata)) or "").replace("between ", "")
        unit = next((f" {unit}" for end, unit in UNITS.items() if name.endswith(end)), "")
        allowed = re.sub(r"(\d) and (\d)", r"\1 to \2", allowed) + unit
        lines.append(f"| `{name}` | {allowed} | {_default(field)} | {field.description or ''} |")
    return "\n".join(lines) + "\n"


def kinds_table() -> str:
    """One row a kind of component."""
    lines = ["| name | what it is | fields |", "| --- | --- | --- |"]
    for kind in KINDS.values():
        heading = re.sub(r"[^a-z0-9 -]", "", kind.heading.lower()).replace(" ", "-")
        lines.append(f"| `{kind.prefix}-N` | {kind.help} | [{kind.heading}](#{heading}-{kind.prefix}-n) |")
    return "\n".join(lines) + "\n"


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    if field.default is PydanticUndefined or _is_model(field.annotation):
        return "see below"
    if field.default is None:
        return ""
    if isinstance(field.default, list):
        return f"`[{', '.join(field.default)}]`"
    return f"`{field.default}`"


def _is_model(kind: Any) -> bool:
    if get_origin(kind) in (Union, types.UnionType):
        return any(_is_model(member) for member in get_args(kind))
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def filled(text: str) -> str:
    """The document with every table as the models say."""
    return _BLOCK.sub(lambda match: match.group(1) + _block(match.group(2)) + match.group(4), text)


def _block(name: str) -> str:
    return kinds_table() if name == "kinds" else table(TABLES[name])


def main() -> int:
    DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
