"""What all commands of `sportbox centre` share: options, and opening a centre and a site."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from host_tools.errors import BadInput
from host_tools.words.system import reason

if TYPE_CHECKING:
    from host_tools.centre.keyfile import Keys
    from host_tools.centre.model import Centre
    from host_tools.site.models import Site
    from host_tools.site.openvault import Vault

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="the centre's directory", show_default=False)]
Passphrase = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="F",
        help="file with the passphrase of the centre [default: $SPORTBOX_CENTRE_PASSPHRASE, else a prompt]",
        show_default=False,
    ),
]
SitePassphrase = Annotated[
    Path | None,
    typer.Option(
        "--site-passphrase-file",
        metavar="F",
        help="file with the passphrase of the site's vault [default: $SPORTBOX_PASSPHRASE, else a prompt]",
        show_default=False,
    ),
]


def open_centre(folder: Path, passphrase_file: Path | None) -> "tuple[Centre, Keys]":
    from host_tools.centre.keyfile import open_keys, source_of
    from host_tools.centre.model import load_centre

    known = load_centre(folder)
    return known, open_keys(folder, known, source_of(passphrase_file))


def open_site(site_file: Path, passphrase_file: Path | None, create: bool = False) -> "tuple[Site, Vault]":
    """With `create` its vault is made, where no command needed one before."""
    from host_tools.site.load import load_site
    from host_tools.site.passphrase import Source
    from host_tools.site.vault import open_vault

    site = load_site(site_file)
    source = Source(passphrase_file, option="--site-passphrase-file")
    return site, open_vault(site_file, site, source, wifi=False, create=create)


def write_file(path: Path, content: bytes, mode: int) -> None:
    from host_tools.site.atomic import replace_file

    try:
        replace_file(path, content, mode)
    except OSError as error:
        raise BadInput(
            f"cannot write {path}: {reason(error)}", "name one in a folder that is there and yours"
        ) from error
