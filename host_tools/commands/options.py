"""Arguments and options that several commands share."""

import re
from pathlib import Path
from typing import Annotated

import typer

from host_tools.errors import BadInput
from host_tools.output import printable, say
from host_tools.site.secrets import FILE_NAME, load_or_create

SiteFile = Annotated[Path, typer.Argument(metavar="SITE.yaml", help="the site file", show_default=False)]
BoardName = Annotated[str, typer.Argument(metavar="BOARD", help="a board of the site", show_default=False)]
StateDir = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        help="state directory of the simulated site [default: $SPORTBOX_STATE, else .sportbox]",
        show_default=False,
    ),
]
BrokerUrl = Annotated[
    str | None,
    typer.Option(
        "--broker",
        metavar="URL",
        help="mqtt://HOST:PORT [default: that of the simulation in DIR, else the site's]",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="one JSON object a line on stdout")]
PortNames = Annotated[
    list[str] | None,
    typer.Option(
        "--port",
        metavar="P",
        help="serial port of the board, may be given several times [default: the only one]",
        show_default=False,
    ),
]
AllPorts = Annotated[bool, typer.Option("--all", help="all boards that are plugged in, at once")]

_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)")


def new_app() -> typer.Typer:
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def duration_s(text: str, option: str) -> int:
    """`90s`, `15m`, `2h`, `1d` or plain seconds."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise BadInput(
            f"{option}: `{printable(text)}` is no duration", f"{option} 90s, {option} 15m or {option} 2h"
        )
    return int(match.group(1)) * _UNITS_S[match.group(2)]


def master_secret(directory: Path, site: str) -> bytes:
    """The site's master secret; says so when it had to be made, for the boards must know it too."""
    fresh = not (directory / FILE_NAME).exists()
    master = load_or_create(directory, site)
    if fresh:
        say(f"note: made a new master secret for `{site}` in {directory / FILE_NAME}")
        say("note: boards that have another one refuse what it makes; --state DIR names the folder of theirs")
    return master
