"""`sportbox centre join`, and `request`, `admit`, `accept` where centre and site are not on one computer."""

from pathlib import Path
from typing import Annotated

import typer

from host_tools.commands.centre.shared import (
    Folder,
    Passphrase,
    SitePassphrase,
    open_centre,
    open_site,
    write_file,
)
from host_tools.commands.options import Json, SiteFile
from host_tools.output import emit, say


def join(
    folder: Folder,
    site_file: SiteFile,
    again: Annotated[
        bool, typer.Option("--again", help="a new key and certificate, also where the old ones are good")
    ] = False,
    passphrase_file: Passphrase = None,
    site_passphrase_file: SitePassphrase = None,
    json_: Json = False,
) -> None:
    """Let a site in, where its vault is on this computer: its bridge's key and certificate go into it."""
    from host_tools.centre import members

    site, vault = open_site(site_file, site_passphrase_file, create=True)
    known, keys = open_centre(folder, passphrase_file)
    members.check_name(known, site.site)
    is_new = members.join(keys, known, vault, again)
    one = keys.members[site.site]
    missing = members.missing_in(site, known)
    if json_:
        emit({"site": site.site, "joined": is_new, "until": one.until, "missing": missing})
    else:
        done = "has joined" if is_new else "had joined already"
        print(f"{site.site} {done}; its certificate is good until {one.until}")
    _tell_site(site_file, missing)
    if is_new:
        say(f"note: the centre's broker needs new files: sportbox centre config {folder} -o OUT")


def request(
    site_file: SiteFile,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="F.csr", help="file to write", show_default=False)
    ],
    site_passphrase_file: SitePassphrase = None,
    json_: Json = False,
) -> None:
    """At the site: ask a centre elsewhere to let it in. Take the file to `centre admit` there."""
    from host_tools.centre import handover

    site, vault = open_site(site_file, site_passphrase_file, create=True)
    write_file(output, handover.request(vault), 0o644)
    if json_:
        emit({"site": site.site, "file": str(output)})
    else:
        print(f"{output}: the request of {site.site}")
    say(f"note: at the centre: sportbox centre admit DIR {output.name} -o {site.site}.pem")


def admit(
    folder: Folder,
    file: Annotated[Path, typer.Argument(metavar="F.csr", help="a site's request", show_default=False)],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="F.pem", help="file to write", show_default=False)
    ],
    passphrase_file: Passphrase = None,
    json_: Json = False,
) -> None:
    """At the centre: let in a site that has sent a request. Take the file to `centre accept` there."""
    from host_tools.centre import handover
    from host_tools.centre.members import ca_pem

    known, keys = open_centre(folder, passphrase_file)
    site, content = handover.answer(keys, known, file)
    write_file(output, content, 0o644)
    sha256 = handover.digest(ca_pem(keys))
    if json_:
        until = keys.members[site].until
        emit({"site": site, "file": str(output), "until": until, "ca_sha256": sha256})
    else:
        print(f"{output}: the certificate of {site}, and the centre's CA, SHA-256 {sha256}")
    say(f"note: at the site: sportbox centre accept SITE.yaml {output.name}")
    say(f"note: the centre's broker needs new files: sportbox centre config {folder} -o OUT")


def accept(
    site_file: SiteFile,
    file: Annotated[Path, typer.Argument(metavar="F.pem", help="the centre's answer", show_default=False)],
    site_passphrase_file: SitePassphrase = None,
    json_: Json = False,
) -> None:
    """At the site: take the centre's answer into the vault."""
    from host_tools.centre import handover

    site, vault = open_site(site_file, site_passphrase_file)
    sha256 = handover.digest(handover.accept(vault, file).ca)
    if json_:
        emit({"site": site.site, "ca_sha256": sha256})
    else:
        print(f"{site.site} can bridge to the centre whose CA has the SHA-256 {sha256}")
    say("note: compare it with what `sportbox centre show DIR` prints at the centre")
    _tell_site(site_file, None if site.broker.bridge else "broker: {bridge: {host: ...}}")


def _tell_site(site_file: Path, missing: str | None) -> None:
    if missing:
        say(f"note: {site_file} needs: {missing}")
    say(f"note: the site's broker takes it over with: sportbox site apply {site_file}")
