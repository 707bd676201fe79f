"""`sportbox vault`: what a person does with a site's vault. It is made by the first command that needs it."""

from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.hashes import SHA256

from host_tools.commands.options import Json, PassphraseFile, SiteFile, new_app
from host_tools.errors import BadInput
from host_tools.output import emit, printable, say
from host_tools.site.load import load_site
from host_tools.site.passphrase import Source, passphrase_source, too_short, wifi_source
from host_tools.site.vault import Vault, ask_wifi, open_vault
from host_tools.words import tr

NEW_VARIABLE = "SPORTBOX_NEW_PASSPHRASE"

app = new_app()


@app.callback()
def vault() -> None:
    """The secrets of a site, in one encrypted file beside the site file."""


@app.command()
def show(site_file: SiteFile, passphrase_file: PassphraseFile = None, json_: Json = False) -> None:
    """Tell what is in the vault, but no secret."""
    site = load_site(site_file)
    opened = open_vault(site_file, site, passphrase_source(passphrase_file), wifi=False, create=False)
    facts = _facts(opened)
    if json_:
        emit(facts)
        return
    names = ", ".join(opened.wifi_names) or tr("none")
    print(tr("{path}: vault of site `{site}`", path=opened.path, site=opened.site))
    print(tr("  Wi-Fi passwords: {names}", names=names))
    print(
        tr(
            "  CA of its boards: until {date}, SHA-256 {digest}",
            date=facts["ca_until"],
            digest=facts["ca_sha256"],
        )
    )


@app.command("set-wifi")
def set_wifi(
    site_file: SiteFile,
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file",
            metavar="F",
            help="file with the Wi-Fi password [default: $SPORTBOX_WIFI_PASSWORD, else a prompt]",
            show_default=False,
        ),
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Set the password of the site's Wi-Fi network. Boards get it when they are provisioned the next time."""
    site = load_site(site_file)
    name = site.wifi.password_secret
    if name is None:
        raise BadInput(
            tr("the site's Wi-Fi network `{ssid}` has no password", ssid=printable(site.wifi.ssid)),
            tr("in the site file: wifi: {example}", example="{ssid: ..., password_secret: wifi-main}"),
        )
    opened = open_vault(site_file, site, passphrase_source(passphrase_file), wifi=False)
    opened.set_wifi(name, ask_wifi(site, wifi_source(password_file)))
    say(tr("{path}: Wi-Fi password `{name}` is set", path=opened.path, name=name))
    say(tr("note: a board gets it when it is provisioned the next time"))


@app.command()
def passwd(
    site_file: SiteFile,
    passphrase_file: PassphraseFile = None,
    new_passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--new-passphrase-file",
            metavar="F",
            help="file with the new passphrase [default: $SPORTBOX_NEW_PASSPHRASE, else a prompt]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Change the passphrase of the vault. Copies of the vault made before keep the old one."""
    site = load_site(site_file)
    opened = open_vault(site_file, site, passphrase_source(passphrase_file), wifi=False, create=False)
    source = Source(new_passphrase_file, NEW_VARIABLE, "--new-passphrase-file")
    opened.set_passphrase(source.new(tr("New passphrase of {path}: ", path=opened.path), too_short))
    say(tr("{path}: the passphrase is changed; older copies of the file keep the old one", path=opened.path))


def _facts(opened: Vault) -> dict[str, object]:
    certificate = opened.ca.certificate
    return {
        "site": opened.site,
        "file": str(opened.path),
        "wifi": opened.wifi_names,
        "ca_until": f"{certificate.not_valid_after_utc:%Y-%m-%d}",
        "ca_sha256": certificate.fingerprint(SHA256()).hex(),
    }
