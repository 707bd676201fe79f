"""Places of a site file that somebody must still change: a comment `# change this: FIELD` tells of each.

`site import` and `site new` set them, `site check` counts them, a person removes them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from host_tools.site import yamlfile
from host_tools.site.expected import Loc

MARK = "# change this:"
MARKS_MAX = 100
_MARK = re.compile(r"^(?:.*?\s)?# change this:\s*(.*?)\s*$")
_FIELDS: tuple[Loc, ...] = (
    ("site",),
    ("title",),
    ("label_url",),
    ("position",),
    ("broker", "host"),
    ("broker", "server_name"),
    ("broker", "directory"),
    ("broker", "bridge", "host"),
    ("broker", "bridge", "others"),
    ("outputs", "sensorthings", "url"),
    ("outputs", "ngsi_ld", "url"),
)
"""What is another one's in a site that was somewhere else before, and each network's `ssid`."""


@dataclass(frozen=True)
class Marked:
    line: int
    column: int
    field: str


def marked(content: bytes) -> Iterator[Marked]:
    """The marks in a site file."""
    if MARK.encode() not in content:
        return
    count = 0
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        match = _MARK.match(line) if MARK in line else None
        if match is not None and count < MARKS_MAX:
            count += 1
            yield Marked(number, line.index(MARK) + 1, match.group(1)[:80])


def with_marks(text: str, but: tuple[Loc, ...] = ()) -> str:
    """A right site file with a mark in the line before each place that another site must change, save `but`.

    Lines end with a line feed; marks that are there already are taken out. The
    caller checks that it says the same: in a text of several lines there is no place for one."""
    lines = [line for line in text.split("\n") if not line.strip().startswith(MARK)]
    text = "\n".join(lines)
    document = yamlfile.parse(text.encode())
    places: dict[int, list[str]] = {}
    for loc in _places(document.data):
        if loc not in but:
            found = places.setdefault(document.keys[loc].line, [])
            found.append(".".join(str(part) for part in loc))
    marked_lines: list[str] = []
    for number, line in enumerate(lines, 1):
        indent = line[: len(line) - len(line.lstrip(" "))]
        if number in places:
            marked_lines.append(f"{indent}{MARK} {', '.join(places[number])}")
        marked_lines.append(line)
    return "\n".join(marked_lines)


def _places(data: dict[str, Any]) -> Iterator[Loc]:
    wifi = data.get("wifi")
    networks: list[Loc] = [("wifi", name, "ssid") for name in wifi] if isinstance(wifi, dict) else []
    for loc in (*_FIELDS, *networks):
        here: Any = data
        for part in loc:
            here = here.get(part) if isinstance(here, dict) else None
        if here is not None:
            yield loc
