"""What stands on the labels of a site: names for people, and an address for their phones. Nothing secret."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from host_tools.errors import BadInput
from host_tools.site.base import LABEL_URL_MAX, LABEL_URL_PATTERN
from host_tools.site.kinds import kind_of
from host_tools.site.models import Device, Site
from host_tools.words import tr

DEFAULT_URL = "sportbox:{site}/{device}/{component}"
WHOLE_BOARD = "device"
"""The component of a label for a board, as in orders for the whole board."""

COMPARTMENT = {"de": "Fach", "en": "Compartment"}
NUMBER = {"de": "Nr.", "en": "No."}
"""In the languages of the site, which is what people before the box read; not that of who prints."""


@dataclass(frozen=True)
class Label:
    """`lines` from large to small."""

    device: str
    component: str
    url: str
    lines: tuple[str, ...]


def labels_of(
    site: Site, macs: Mapping[str, str], device: str | None = None, url: str | None = None
) -> list[Label]:
    """Labels of one device or of all: each board, then its locks. `macs` by device, where they are known."""
    template = checked_url(url if url is not None else site.label_url or DEFAULT_URL)
    found: list[Label] = []
    for name, described in site.devices.items():
        if device not in (None, name):
            continue
        found.append(_board(site, name, described, macs.get(name), template))
        locks = [part for part in described.components if kind_of(part) == "lock"]
        found += [_lock(site, name, described, lock, template) for lock in locks]
    return found


def checked_url(template: str) -> str:
    """A template whose labels are all different; BadInput otherwise."""
    if len(template) > LABEL_URL_MAX or not re.fullmatch(LABEL_URL_PATTERN, template):
        raise BadInput(
            tr("that is no template of an address"),
            tr("for example {example}", example="https://box.example/{device}/{component}"),
        )
    for needed in ("{device}", "{component}"):
        if needed not in template:
            raise BadInput(
                tr("without {needed} several labels would lead to the same place", needed=needed),
                tr("for example {example}", example="https://box.example/{device}/{component}"),
            )
    return template


def _filled(template: str, site: Site, device: str, component: str) -> str:
    """Names are of a-z, 0-9 and `-`, so there is nothing to escape."""
    for name, value in (("site", site.site), ("device", device), ("component", component)):
        template = template.replace(f"{{{name}}}", value)
    return template


def _board(site: Site, name: str, device: Device, mac: str | None, template: str) -> Label:
    lines = [device.title] if device.title else []
    lines += [name, device.board, *([f"MAC {mac}"] if mac else []), site.title or site.site]
    return Label(name, WHOLE_BOARD, _filled(template, site, name, WHOLE_BOARD), tuple(lines))


def _lock(site: Site, name: str, device: Device, lock: str, template: str) -> Label:
    number = lock.rpartition("-")[2]
    title = device.components[lock].title
    words = {f"{COMPARTMENT[language]} {number}": None for language in site.languages}
    if title and title not in words:
        lines = [title, " / ".join(f"{NUMBER[language]} {number}" for language in site.languages)]
    else:
        lines = [" / ".join(words)]
    lines += [site.title or site.site, *([device.title] if device.title else []), f"{name}/{lock}"]
    return Label(name, lock, _filled(template, site, name, lock), tuple(lines))
