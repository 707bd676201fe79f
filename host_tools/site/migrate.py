"""Writing an older site file anew as the newest version: comments, order and quotes stay (ruamel.yaml)."""

import io
import stat
from pathlib import Path
from typing import Any

from host_tools.errors import BadInput
from host_tools.site import yamlfile
from host_tools.site.atomic import locked_for, replace_file
from host_tools.site.load import load_site
from host_tools.site.migrations import migrated
from host_tools.site.models import FILE_VERSION, Site
from host_tools.site.sections import FIRST_NETWORK

WIDTH = 4_096
"""No line of a site file is broken anew."""
_PLACE = "devices: {a-placeholder: 1}\n"


def migrate_file(site_file: Path) -> tuple[int, Site]:
    """Write it as the newest version, unless it is; the version that it had, and what it says. Raises
    BadInput where it is not right, or cannot be written so that it says the same; then it is as before."""
    with locked_for(site_file.resolve().parent, site_file):
        site = load_site(site_file)
        content = yamlfile.read(site_file)
        version = migrated(yamlfile.parse(content).data).version
        if version == FILE_VERSION:
            return version, site
        renewed = rewritten(site_file, content)
        replace_file(site_file, renewed, stat.S_IMODE(site_file.stat().st_mode))
    return version, site


def rewritten(site_file: Path, content: bytes) -> bytes:
    """The content of a right site file as the newest version; BadInput if it would not say the same."""
    text = content.decode("utf-8-sig")
    bom = "\ufeff" if content.startswith(b"\xef\xbb\xbf") else ""
    line_end = "\r\n" if "\r\n" in text else "\n"
    before = yamlfile.parse(content)
    head, devices = _parted(text.replace("\r\n", "\n"), before)
    made = _steps(head).replace(_PLACE, devices, 1)
    result = (bom + made.replace("\n", line_end)).encode()
    if not _says_the_same(before.data, result):
        raise BadInput(
            f"{site_file} cannot be rewritten without changing what it says",
            "change it by hand: docs/site-file.md, Versions of the format",
        )
    return result


def _parted(text: str, document: yamlfile.Document) -> tuple[str, str]:
    """The file with a placeholder for its devices, and these: they stay as they are, letter by letter, and a
    round trip through ruamel.yaml takes seconds for 500 of them."""
    keys = {loc: mark for loc, mark in document.keys.items() if len(loc) == 1}
    first = keys[("devices",)].line
    others = [mark.line for loc, mark in keys.items() if loc != ("devices",)]
    if first in others or any(mark.column != 1 for mark in keys.values()):
        return text, _PLACE  # all in braces
    lines = text.splitlines(keepends=True)
    after = min((line for line in others if line > first), default=len(lines) + 1)
    head = "".join([*lines[: first - 1], _PLACE, *lines[after - 1 :]])
    return head, "".join(lines[first - 1 : after - 1])


def _steps(text: str) -> str:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.util import load_yaml_guess_indent

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = WIDTH
    try:
        _, indent, offset = load_yaml_guess_indent(text)
        yaml.indent(mapping=indent or 2, sequence=(indent or 2) + (offset or 0), offset=offset or 0)
        data = yaml.load(text)
        for step in range(int(data["version"]), FILE_VERSION):
            _STEPS[step](data)
        data["version"] = FILE_VERSION
        written = io.StringIO()
        yaml.dump(data, written)
    except (YAMLError, ValueError, TypeError, AttributeError):
        return ""  # says nothing, so it is told
    return written.getvalue()


def _one_to_two(data: Any) -> None:
    """As migrations.one_to_two, on a document with comments."""
    from ruamel.yaml.comments import CommentedMap

    if "broker" in data:
        data["broker"].setdefault("tls", False)
    else:
        broker = CommentedMap({"tls": False})
        broker.fa.set_flow_style()
        data.insert(list(data).index("devices"), "broker", broker)
    wifi = data.get("wifi")
    if wifi is not None:
        networks = CommentedMap({FIRST_NETWORK: wifi})
        if wifi.fa.flow_style():
            networks.fa.set_flow_style()
        data["wifi"] = networks


_STEPS = {1: _one_to_two}


def _says_the_same(old: Any, content: bytes) -> bool:
    """Also in the order of its boards, which counts in tables."""
    try:
        new = yamlfile.parse(content).data
        return bool(migrated(old).data == new and list(old["devices"]) == list(new["devices"]))
    except (yamlfile.YamlError, TypeError, KeyError):
        return False
