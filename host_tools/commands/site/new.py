"""`sportbox site new`: a site file to begin with, from a few questions, a template or another site."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from host_tools.commands.options import Json
from host_tools.errors import BadInput
from host_tools.output import emit, printable, say

if TYPE_CHECKING:
    from collections.abc import Callable


TRIES = 5
WITHOUT = "without questions: sportbox site new FILE --template box-and-courts"


FileToWrite = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", help="the site file [default: NAME.yaml]", show_default=False),
]
Template = Annotated[
    str | None,
    typer.Option(
        "--template",
        metavar="T",
        help="no questions: box-and-courts, courts-only, laptop or workbench",
        show_default=False,
    ),
]
From = Annotated[
    Path | None,
    typer.Option("--from", metavar="SITE.yaml", help="begin with another site's", show_default=False),
]
NewName = Annotated[
    str | None,
    typer.Option("--site", metavar="NAME", help="name of the site [default: FILE's]", show_default=False),
]


def new(
    file: FileToWrite = None,
    template: Template = None,
    source: From = None,
    name: NewName = None,
    json_: Json = False,
) -> None:
    """Write a new site file: asks a few questions, or takes a template or another site's file."""
    from host_tools.site.load import read_site
    from host_tools.site.newfile import write_new

    if template is not None and source is not None:
        raise BadInput("--template and --from: give one of them", "sportbox site new --help")
    if file is not None and file.exists():
        raise BadInput(
            f"{file} is there already, and is left as it is", "give another file name, or move it away"
        )
    if template is None and source is None:
        known, text = _asked(name or (file.stem if file is not None else None))
    else:
        known = _name_of(name, file)
        text = _of_template(template, known) if template is not None else _of_site(source, known)
    path = file or Path(f"{known}.yaml")
    write_new(path, text)
    site, notes = read_site(path)
    if json_:
        emit({"file": str(path), "site": site.site, "boards": len(site.devices), "notes": len(notes)})
        return
    print(f"{path}: site {site.site}, {len(site.devices)} boards")
    for note in notes:
        say(f"note: {note}")
    print("now: look through it, then")
    print(f"  sportbox site check {path}")
    print(f"  sportbox sim up {path}            # all its boards, simulated")
    print(f"  sportbox provision --site {path}  # real boards; makes the site's vault")


def _name_of(name: str | None, file: Path | None) -> str:
    known = name or (file.stem if file is not None else None)
    if known is None:
        raise BadInput("the site needs a name", "sportbox site new FILE ..., or --site NAME")
    wrong = _no_name(known)
    if wrong:
        raise BadInput(f"`{printable(known)}` {wrong}", "--site NAME gives another one")
    return known


def _of_template(template: str, name: str) -> str:
    import difflib

    from host_tools.site.marks import with_marks
    from host_tools.site.templates import HERE, TEMPLATES, answers_of, site_text

    if template not in TEMPLATES:
        meant = difflib.get_close_matches(template, TEMPLATES, n=1)
        guess = f", did you mean `{meant[0]}`?" if meant else ""
        raise BadInput(
            f"there is no template `{printable(template)}`{guess}", f"--template {'|'.join(TEMPLATES)}"
        )
    answers = answers_of(template, name)
    text = site_text(answers)
    return text if answers.broker == HERE else with_marks(text, but=(("site",),))


def _of_site(source: Path | None, name: str) -> str:
    from host_tools.site import yamlfile
    from host_tools.site.load import load_site
    from host_tools.site.migrate import rewritten
    from host_tools.site.migrations import migrated
    from host_tools.site.rename import as_new_site

    assert source is not None
    load_site(source)
    content = yamlfile.read(source)
    if migrated(yamlfile.parse(content).data).is_old:
        content = rewritten(source, content)
    return as_new_site(content, name)


def _asked(name: str | None) -> tuple[str, str]:
    import sys
    from zoneinfo import ZoneInfo

    from host_tools.site.templates import BOXES_MAX, COURTS_MAX, SOCKETS, Answers, site_text

    if not sys.stdin.isatty():
        raise BadInput("there is no terminal to ask at", WITHOUT)

    def zone(text: str) -> str:
        try:
            ZoneInfo(text)
        except (OSError, ValueError, KeyError):
            return "is no time zone: for example Europe/Berlin"
        return ""

    known = _ask("Name of the site in topics (a-z, 0-9, -)", name, _no_name)
    usual = Answers(known)
    title = _ask("Title for people", known, _no_text(80))
    time_zone = _ask("Time zone", usual.time_zone, zone)
    boxes = int(_ask("How many boxes", "1", _no_number(0, BOXES_MAX)))
    each = int(_ask("Compartments of each box", "2", _no_number(1, len(SOCKETS)))) if boxes else 1
    courts = int(_ask("How many courts", "2", _no_number(0 if boxes else 1, COURTS_MAX)))
    broker = _ask("Name or address of the broker", usual.broker, _no_host)
    ssid = _ask("Name of the Wi-Fi network", usual.ssid, _no_text(32))
    return known, site_text(Answers(known, title, time_zone, boxes, courts, each, broker, ssid=ssid))


def _ask(question: str, usual: str | None, wrong_with: "Callable[[str], str]") -> str:
    """What a person types; an empty line takes what stands in brackets."""
    for _ in range(TRIES):
        shown = f" [{usual}]" if usual else ""
        say(f"{question}{shown}: ")
        try:
            typed = input().strip() or usual or ""
        except EOFError as error:
            raise BadInput("nothing was typed, and nothing is written") from error
        wrong = wrong_with(typed)
        if not wrong:
            return typed
        say(f"`{printable(typed)}` {wrong}")
    raise BadInput(
        f"no answer that fits, after {TRIES} tries", "sportbox site new FILE --template box-and-courts"
    )


def _no_name(text: str) -> str:
    import re

    from host_tools.site.base import NAME_PATTERN, NAME_RULE

    return "" if re.fullmatch(NAME_PATTERN, text) else f"is no name: use {NAME_RULE}"


def _no_host(text: str) -> str:
    import re

    from host_tools.site.base import HOST_PATTERN

    return "" if re.fullmatch(HOST_PATTERN, text) and len(text) <= 253 else "is no host name or IP address"


def _no_text(most: int) -> "Callable[[str], str]":
    def check(text: str) -> str:
        fits = 1 <= len(text) <= most and printable(text) == text
        return "" if fits else f"must have 1 to {most} printable characters"

    return check


def _no_number(least: int, most: int) -> "Callable[[str], str]":
    def check(text: str) -> str:
        fits = text.isascii() and text.isdigit() and len(text) < 4 and least <= int(text) <= most
        return "" if fits else f"must be a number from {least} to {most}"

    return check
