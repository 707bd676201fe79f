"""Changing one number in a site file that people wrote: comments, order, quotes and line ends stay.

The place comes from PyYAML's nodes. The result is read again before it is written: if anything but that
number were different, the file is left alone and the person told which line to edit.
"""

import copy
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from host_tools.errors import BadInput
from host_tools.site import yamlfile
from host_tools.site.atomic import locked_for, replace_file
from host_tools.site.load import load_site, site_of
from host_tools.site.models import KEY_VERSION_MAX
from host_tools.site.resolve import device_of
from host_tools.words import tr

FIELD = "key_version"
BESIDE = "board"
"""The field that every device has, after which a new one is put."""

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_LINE_END = re.compile(r"\r\n|\n|\r|\Z")


def raise_key_version(site_file: Path, device: str, version: int) -> bool:
    """Set `key_version` of a device; False if it is that high already. Raises BadInput where it cannot be
    done without touching anything else, ToolError where the file cannot be written."""
    if version > KEY_VERSION_MAX:
        raise BadInput(
            tr("key versions end at {count}", count=KEY_VERSION_MAX), tr("give the device another name")
        )
    with locked_for(site_file.resolve().parent, site_file):
        before = load_site(site_file)
        if device_of(before, device).key_version >= version:
            return False
        content = yamlfile.read(site_file)
        changed = with_key_version(site_file, content, device, version)
        replace_file(site_file, changed, stat.S_IMODE(site_file.stat().st_mode))
    return True


def with_key_version(site_file: Path, content: bytes, device: str, version: int) -> bytes:
    """The content of a valid site file with another key version; BadInput if that cannot be done safely."""
    bom, text = _decoded(content)
    expected = copy.deepcopy(yamlfile.parse(content).data)
    expected["devices"][device][FIELD] = version
    node = _field(_field(yaml.compose(text, Loader=_Loader), "devices")[1], device)[1]
    for place, removed, inserted in _candidates(text, node, version):
        changed = (bom + text[:place] + inserted + text[place + removed :]).encode()
        if _is(changed, expected):
            return changed
    line = node.start_mark.line + 1
    raise BadInput(
        tr(
            "{path}:{line}: `{field}` of `{device}` cannot be changed without touching more",
            path=site_file,
            line=line,
            field=FIELD,
            device=device,
        ),
        tr("write there by hand, then try again: {field}: {version}", field=FIELD, version=version),
    )


def _decoded(content: bytes) -> tuple[str, str]:
    text = content.decode("utf-8")
    bom = "\ufeff" if text.startswith("\ufeff") else ""
    return bom, text[len(bom) :]


def _field(mapping: Any, name: str) -> tuple[Any, Any]:
    """Nodes of the key and the value of a field that is there."""
    return next((key, value) for key, value in mapping.value if key.value == name)


def _candidates(text: str, device: Any, version: int) -> Iterator[tuple[int, int, str]]:
    """Possible changes, the best first: where, how much goes, and what comes."""
    names = [key.value for key, _ in device.value]
    if FIELD in names:
        value = _field(device, FIELD)[1]
        start, end = value.start_mark.index, value.end_mark.index
        yield start, end - start, str(version)
        return
    key, value = _field(device, BESIDE)
    quote = key.style or ""
    new = f"{quote}{FIELD}{quote}: {version}"
    first = device.value[0][0].start_mark
    if device.flow_style:
        yield value.end_mark.index, 0, f", {new}"
        yield first.index, 0, f"{new}, "
        return
    indent = " " * first.column
    end = _LINE_END.search(text, value.end_mark.index)
    line_end = _LINE_END.search(text)
    newline = (line_end.group() if line_end else "") or "\n"
    if end is not None and value.style not in ("|", ">"):  # the end of those is the next line's beginning
        yield end.start(), 0, f"{newline}{indent}{new}"
    yield first.index, 0, f"{new}{newline}{indent}"


def _is(content: bytes, expected: Any) -> bool:
    """Whether this is a site file, with that data and no other."""
    try:
        data = yamlfile.parse(content).data
        return bool(data == expected) and site_of(data) == site_of(expected)
    except (yamlfile.YamlError, ValidationError):
        return False
