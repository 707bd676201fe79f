"""`sportbox sim up`: a whole site of simulated boards, with broker and time server."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from host_tools.commands.options import Json, PassphraseFile, SiteFile, StateDir
from host_tools.errors import EXIT_DONE, BadInput
from host_tools.output import emit, say
from host_tools.site.state import state_dir

if TYPE_CHECKING:
    from host_tools.sim.outfit import Outfit
    from host_tools.site.models import Site

Broker = Annotated[
    str | None,
    typer.Option(
        "--broker",
        metavar="URL",
        help="mqtt://HOST:PORT of your own broker, or `embedded` or `mosquitto` to start that one here"
        " [default: Mosquitto where it is installed, else embedded]",
    ),
]
Vaulted = Annotated[
    bool,
    typer.Option(
        "--vault",
        help="the site as it is declared: its own broker with TLS, boards provisioned from the vault",
    ),
]


def up(
    site_file: SiteFile,
    broker: Broker = None,
    state: StateDir = None,
    vault: Vaulted = False,
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
    replicate: Annotated[
        int | None, typer.Option("--replicate", metavar="N", help="N field boards in all, for load")
    ] = None,
) -> int:
    """Run all boards of a site, with a broker and a time server, until Ctrl-C.

    With --vault they are what `site plan`, `site apply` and `site status` find: a vault is made where there
    is none, and the inventory has the boards as provisioned."""
    from host_tools.sim.replicate import replicate as multiply
    from host_tools.sim.site import Plan, run_until_signal
    from host_tools.site.load import load_site

    if passphrase_file is not None and not vault:
        raise BadInput("--passphrase-file is for --vault", "sportbox sim up SITE.yaml --vault")
    if vault and (broker is not None or replicate is not None):
        raise BadInput(
            "--vault runs the site as its file says: without --broker and --replicate",
            "a copy of the site file with another `broker` or more `devices`",
        )
    site = load_site(site_file)
    if replicate is not None:
        site = multiply(site, replicate)
    directory = state_dir(state).resolve()
    outfit = _outfit(site_file, site, directory, broker, vault, passphrase_file)
    count = len(site.devices)
    online = 0

    def on_broker(url: str, kind: str) -> None:
        say(f"broker: {url} ({kind}), state: {directory}")

    def on_online(line: dict[str, Any]) -> None:
        nonlocal online
        online += 1
        if json_:
            emit(line)
        else:
            name, ms, pid = line["board"], line["online_ms"], line["pid"]
            say(f"{name} is online after {ms} ms (pid {pid}, {online}/{count})")

    def on_ready() -> None:
        if json_:
            emit({"ready": True})
        else:
            say(f"ready: {count} boards. Ctrl-C ends them.")
            next_ = f"site status {site_file}" if vault else "sim set BOARD COMPONENT VALUE"
            say(f"next: sportbox watch {site_file}, or sportbox {next_}")

    plan = Plan(site, directory, outfit, log=say, on_broker=on_broker, on_online=on_online, on_ready=on_ready)
    asyncio.run(run_until_signal(plan))
    return EXIT_DONE


def _outfit(
    site_file: Path,
    site: "Site",
    directory: Path,
    broker: str | None,
    is_from_vault: bool,
    passphrase_file: Path | None,
) -> "Outfit":
    from host_tools.sim.outfit import FromVault, Own, check_is_here

    if not is_from_vault:
        return Own(site, directory, broker)
    from host_tools.brokers.mosquitto import check_kind
    from host_tools.site.workplace import open_workplace

    check_kind(site.broker)
    check_is_here(site_file, site)
    return FromVault(open_workplace(site_file, passphrase_file, wifi=True, create=True))
