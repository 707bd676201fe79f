"""`sportbox site login`: what a service needs to log in at the site's broker."""

import json
from pathlib import Path
from typing import Annotated

import typer

from host_tools.commands.options import Json, PassphraseFile, SiteFile
from host_tools.errors import BadInput
from host_tools.output import emit, json_line, printable, say

STDOUT = "-"

Service = Annotated[
    str,
    typer.Argument(metavar="SERVICE", help="booking, dashboard, recorder or manager", show_default=False),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="write all of it there, with the password, for its owner alone; `-` prints it",
        show_default=False,
    ),
]
Authorities = Annotated[
    Path | None,
    typer.Option(
        "--ca", metavar="FILE", help="write the certificate of the site's CA there, PEM", show_default=False
    ),
]


def login(
    site_file: SiteFile,
    service: Service,
    out: Output = None,
    ca: Authorities = None,
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
) -> None:
    """Tell a service where the broker is, whom to trust, what it may do; with --out its password, too.

    While the CA is renewed, both certificates are in there."""
    from host_tools.site.access import access_of, without_password
    from host_tools.site.atomic import replace_file
    from host_tools.site.workplace import open_workplace
    from host_tools.words.system import reason

    place = open_workplace(site_file, passphrase_file)
    found = access_of(place.site, place.vault, service)
    target = ca
    try:
        if ca is not None:
            if found["ca"] is None:
                raise BadInput("the site's broker has no TLS: there is no CA to trust")
            replace_file(ca, str(found["ca"]).encode(), 0o644)
            say(f"{ca}: the certificate that `{service}` has to trust")
        if out is not None and out != STDOUT:
            target = Path(out)
            replace_file(target, json.dumps(found, indent=1).encode() + b"\n", 0o600)
            say(f"{out}: all that `{service}` needs, with its password: for its owner alone")
    except OSError as error:
        raise BadInput(
            f"cannot write {target}: {reason(error)}", "name one in a folder that is there and yours"
        ) from error
    if out == STDOUT:
        print(json_line(found))
    elif json_:
        emit(without_password(found))
    elif out is None and ca is None:
        _tell(without_password(found), f"{site_file} {service}")


def _tell(found: dict[str, object], words: str) -> None:
    for name, value in found.items():
        if name == "ca":
            continue
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        if shown is not None:
            print(f"{name:<12} {printable(str(shown))}")
    if found["ca"] is None:
        say("note: the broker is open: there is no password, and nothing to trust")
    else:
        say(f"note: with the password into a file: sportbox site login {words} --out FILE")
        say(f"note: the CA to trust, alone: sportbox site login {words} --ca FILE")
