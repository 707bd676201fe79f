"""`sportbox key`: a board's key as a JWK, for the service that issues tokens."""

from enum import StrEnum
from typing import Annotated

import typer

from host_tools import token
from host_tools.commands.options import (
    BoardName,
    FromVault,
    KeysFrom,
    PassphraseFile,
    SiteFile,
    StateDir,
    keys_of,
    new_app,
)
from host_tools.output import emit
from host_tools.site.load import load_site
from host_tools.site.resolve import device_of

app = new_app()


class Role(StrEnum):
    booking = "booking"
    ops = "ops"


@app.command()
def key(
    site_file: SiteFile,
    board: BoardName,
    role: Annotated[
        Role, typer.Option("--role", help="`booking` may only unlock, `ops` everything")
    ] = Role.booking,
    state: StateDir = None,
    vault: FromVault = False,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Print a board's key as a JSON Web Key. Who has it can open the board's boxes: keep it secret."""
    site = load_site(site_file)
    version = device_of(site, board).key_version
    master = keys_of(site_file, site, KeysFrom(state, vault, passphrase_file))
    key_bytes = master.key(site.site, board, role.value, version)
    emit(token.jwk(key_bytes, master.key_id(role.value, version)))
