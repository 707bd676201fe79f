"""`sportbox vault`: what a person does with a site's vault. It is made by the first command that needs it."""

from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives.hashes import SHA256

from host_tools.commands.options import Json, PassphraseFile, SiteFile, new_app
from host_tools.errors import BadInput
from host_tools.output import emit, printable, say
from host_tools.site.load import load_site
from host_tools.site.models import Site
from host_tools.site.openvault import check_secret_name, no_secret
from host_tools.site.passphrase import Source, passphrase_source, too_short, wifi_source
from host_tools.site.sections import Wifi
from host_tools.site.vault import Vault, ask_wifi, open_vault
from host_tools.words import tr

NEW_VARIABLE = "SPORTBOX_NEW_PASSPHRASE"

SECRET_VARIABLE = "SPORTBOX_SECRET"
NAMED = {"passwords at the broker": "passwords", "secrets of outputs": "secrets"}

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
    for title, field in NAMED.items():
        if facts[field]:
            print(f"  {title}: {', '.join(facts[field])}")
    if opened.generation > 1 or opened.rotation is not None:
        print(f"  generation of the master secret: {opened.generation}{_renewed(opened)}")
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
    network: Annotated[
        str | None,
        typer.Option(
            "--network",
            metavar="NAME",
            help="which of the site's Wi-Fi networks, where it has several",
            show_default=False,
        ),
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Set the password of the site's Wi-Fi network. Boards get it when they are provisioned the next time."""
    site = load_site(site_file)
    chosen = _network(site, network)
    name = chosen.password_secret
    if name is None:
        raise BadInput(
            tr("the site's Wi-Fi network `{ssid}` has no password", ssid=printable(chosen.ssid)),
            tr(
                "in the site file: wifi: {example}", example="{main: {ssid: ..., password_secret: wifi-main}}"
            ),
        )
    opened = open_vault(site_file, site, passphrase_source(passphrase_file), wifi=False)
    opened.set_wifi(name, ask_wifi(site, wifi_source(password_file), chosen))
    say(tr("{path}: Wi-Fi password `{name}` is set", path=opened.path, name=name))
    say(tr("note: a board gets it when it is provisioned the next time"))


@app.command("set-secret")
def set_secret(
    site_file: SiteFile,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="its name in the site file", show_default=False)
    ],
    secret_file: Annotated[
        Path | None,
        typer.Option(
            "--secret-file",
            metavar="F",
            help="file with the secret [default: $SPORTBOX_SECRET, else a prompt]",
            show_default=False,
        ),
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Set a secret that the site file names, as the token of a data output."""
    site = load_site(site_file)
    opened = open_vault(site_file, site, passphrase_source(passphrase_file), wifi=False)
    check_secret_name(name)
    source = Source(secret_file, SECRET_VARIABLE, "--secret-file")
    opened.set_secret(name, source.new(f"Secret `{name}`: ", no_secret))
    say(f"{opened.path}: secret `{name}` is set")
    outputs = site.outputs
    named = {one.secret for one in (outputs.sensorthings, outputs.ngsi_ld) if one is not None and one.secret}
    if name not in named:
        others = f", but {', '.join(sorted(named))}" if named else ""
        say(f"note: {site_file} names no secret `{name}`{others}")


def _network(site: Site, name: str | None) -> Wifi:
    """The network of that name, or the only one."""
    known = ", ".join(site.wifi)
    if name is None and len(site.wifi) > 1:
        raise BadInput(tr("the site has several Wi-Fi networks: {names}", names=known), "--network NAME")
    if name is not None and name not in site.wifi:
        raise BadInput(
            tr("the site has no Wi-Fi network `{name}`", name=printable(name)),
            tr("its networks: {names}", names=known),
        )
    return site.first_network if name is None else site.wifi[name]


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


def _renewed(opened: Vault) -> str:
    return f"; a renewal of {opened.rotation.what} has begun" if opened.rotation else ""


def _facts(opened: Vault) -> dict[str, Any]:
    certificate = opened.ca.certificate
    return {
        "site": opened.site,
        "file": str(opened.path),
        "wifi": opened.wifi_names,
        "passwords": opened.password_users,
        "secrets": opened.secret_names,
        "bridge": opened.bridge is not None,
        "generation": opened.generation,
        "rotation": opened.rotation.what if opened.rotation else None,
        "ca_until": f"{certificate.not_valid_after_utc:%Y-%m-%d}",
        "ca_sha256": certificate.fingerprint(SHA256()).hex(),
    }
