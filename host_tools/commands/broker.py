"""`sportbox broker`: a site's own Mosquitto, here for a laptop, or its files for a machine elsewhere."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from host_tools.commands.options import Json, PassphraseFile, SiteFile, new_app
from host_tools.errors import EXIT_DONE, EXIT_FAILED, BadInput, ToolError
from host_tools.output import emit, printable, say

if TYPE_CHECKING:
    from host_tools.brokers.foreground import SiteBroker
    from host_tools.site.models import Site
    from host_tools.site.openvault import Vault

LOOK_S = 0.2
LOG_LINES = 5

app = new_app()

Output = Annotated[
    Path,
    typer.Option("-o", "--output", metavar="DIR", help="the folder to write into", show_default=False),
]
There = Annotated[
    Path | None,
    typer.Option(
        "--at",
        metavar="DIR",
        help="where the folder will lie on the broker's machine [default: /var/lib/sportbox/SITE]",
        show_default=False,
    ),
]
User = Annotated[str, typer.Option("--user", metavar="NAME", help="as whom Mosquitto runs there")]


@app.callback()
def broker() -> None:
    """A site's own broker: Mosquitto with TLS, a certificate for each board, a password for each service."""


@app.command()
def run(site_file: SiteFile, passphrase_file: PassphraseFile = None, json_: Json = False) -> int:
    """Run the site's Mosquitto on this computer, until Ctrl-C.

    Its files lie where `site apply` puts them, so both go together. Retained messages and what waits for
    services live through a restart."""
    from host_tools.brokers.foreground import directory_of, must_be_here, start, the_mosquitto
    from host_tools.brokers.prove import prove_delivery

    site = _site_of(site_file)
    the_mosquitto()
    must_be_here(site.broker.host)
    vault, revoked = _opened(site_file, site, passphrase_file)
    with start(site, vault, directory_of(site_file, site), revoked) as running:
        wrong = prove_delivery(site, vault, say, revoked)
        if wrong:
            raise ToolError("the broker does not do what the site file says", None, None, wrong)
        return asyncio.run(_serve(site, running, json_))


@app.command()
def config(
    site_file: SiteFile,
    output: Output,
    at: There = None,
    user: User = "mosquitto",
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
) -> None:
    """Write all files of the site's Mosquitto, for a machine elsewhere.

    Written again into the same folder, only what has changed is another one."""
    from host_tools.brokers.install import install, installed, owner_of
    from host_tools.brokers.mosquitto import CONF, Place, files, is_of

    site = _site_of(site_file)
    place = Place(at or Path("/var/lib/sportbox") / site.site, user)
    if output.exists() and not output.is_dir():
        raise BadInput(f"{output} is no folder", "-o NEW-FOLDER")
    vault, revoked = _opened(site_file, site, passphrase_file)
    there = installed(output)
    if CONF in there and not is_of(site, there[CONF]):
        raise BadInput(f"{output} has the broker of another site", f"-o FOLDER-OF-{site.site}")
    wanted = files(site, vault, revoked, place, there)
    written = install(output, wanted, owner_of(output, own=True))
    if json_:
        facts = [
            {"name": name, "mode": f"{file.mode:04o}", "written": name in written}
            for name, file in sorted(wanted.items())
        ]
        emit({"directory": str(output), "at": str(place.directory), "user": user, "files": facts})
        return
    width = max(map(len, wanted))
    for name, file in sorted(wanted.items()):
        print(f"{name:<{width}}  {file.mode:04o}  {'written' if name in written else 'as before'}")
    say(f"note: {output} holds secrets: bring it to {place.directory} on a safe way (rsync -a over ssh),")
    say(f"note: give it to the user there (chown -R {user}: {place.directory}), and remove it here")
    say(f"note: there: mosquitto -c {place.directory}/mosquitto.conf (docs/broker.md has a systemd unit)")


def _site_of(site_file: Path) -> "Site":
    """Of a site whose broker is a Mosquitto with TLS; BadInput for any other."""
    from host_tools.brokers.mosquitto import check_kind
    from host_tools.site.load import load_site

    site = load_site(site_file)
    check_kind(site.broker)
    return site


def _opened(site_file: Path, site: "Site", passphrase_file: Path | None) -> "tuple[Vault, dict[int, str]]":
    """The vault, and the serial numbers that must not count."""
    from host_tools.brokers.certificates import revoked_serials
    from host_tools.site.inventory import Inventory
    from host_tools.site.passphrase import passphrase_source
    from host_tools.site.vault import open_vault

    vault = open_vault(site_file, site, passphrase_source(passphrase_file), wifi=False)
    return vault, revoked_serials(site, Inventory.open(site_file))


async def _serve(site: "Site", running: "SiteBroker", json_: bool) -> int:
    """Until a signal, or until the broker ends by itself."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    host, boards, services = site.broker.host, site.broker.boards_port, site.broker.services_port
    if json_:
        facts = {"site": site.site, "host": host, "boards_port": boards, "services_port": services}
        emit({**facts, "directory": str(running.state_dir), "log": str(running.log_path)})
    else:
        print(f"broker of {site.site}: {host}, port {boards} for boards, {services} for services", flush=True)
        say(f"note: its files and its log are in {running.state_dir}; Ctrl-C ends it")
    while running.is_running:
        try:
            await asyncio.wait_for(stop.wait(), LOOK_S)
        except TimeoutError:
            continue
        return EXIT_DONE
    for line in running.log_path.read_text("utf-8", "replace").splitlines()[-LOG_LINES:]:
        say(printable(line))
    say(f"the broker has ended by itself; {running.log_path} may say why")
    return EXIT_FAILED
