"""`sportbox replace`: new hardware takes over a device."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from host_tools.commands.options import Json, PassphraseFile, PortNames, new_app
from host_tools.errors import BadInput
from host_tools.output import say
from host_tools.words import tr

if TYPE_CHECKING:
    from host_tools.port.provision import Order
    from host_tools.site.models import Site

app = new_app()

RETRIES = 2
WAIT_S = 15.0


@app.command()
def replace(
    site: Annotated[
        Path, typer.Option("--site", metavar="SITE.yaml", help="the site file", show_default=False)
    ],
    device: Annotated[
        str,
        typer.Option(
            "--device", metavar="NAME", help="the device that gets new hardware", show_default=False
        ),
    ],
    port: PortNames = None,
    force: Annotated[
        bool, typer.Option("--force", help="also with a board that is another device, which loses it")
    ] = False,
    passphrase_file: PassphraseFile = None,
    wait: Annotated[
        float, typer.Option("--wait", metavar="S", min=0, max=600, help="seconds to wait for the broker")
    ] = WAIT_S,
    json_: Json = False,
) -> int:
    """Give a device a new board with new keys, and revoke the old one's. Cut off, repeat the command."""
    from host_tools import __version__
    from host_tools.build.firmware import build_firmware
    from host_tools.port.jobs import Outcome, Progress, finish, run_jobs
    from host_tools.port.ports import Port, choose
    from host_tools.port.provision import Order
    from host_tools.port.replacement import Taken, take_over
    from host_tools.port.replacing import PortBench
    from host_tools.port.tenant import Desk
    from host_tools.site.credentials import Credentials
    from host_tools.site.inventory import Inventory
    from host_tools.site.load import load_site
    from host_tools.site.passphrase import passphrase_source
    from host_tools.site.resolve import device_of
    from host_tools.site.vault import open_vault

    described = load_site(site)
    device_of(described, device)
    ports = choose(port)
    if len(ports) > 1:
        raise BadInput(
            tr("one board replaces another, and {count} ports are named", count=len(ports)),
            tr("name one with --port"),
        )
    inventory = Inventory.open(site)
    firmware = build_firmware()
    vault = open_vault(site, described, passphrase_source(passphrase_file), create=False)
    finished: list[Taken] = []

    def order_for(raised: "Site", name: str) -> "Order":
        credentials = Credentials(raised, vault, inventory)
        return Order(
            site=raised,
            firmware=firmware,
            firmware_version=__version__,
            files=credentials.files,
            digest=lambda which: credentials.declared(which).digest,
            inventory=inventory,
            desk=Desk(raised, inventory, name, True),  # take_over has checked whose board it is
            force=True,
            reach_s=wait,
            action="replace",
        )

    def work(one: Port, progress: Progress) -> Outcome:
        bench = PortBench(one, progress, order_for)
        taken = take_over(site, device, bench, inventory, force, progress.step)
        finished.append(taken)
        done = bench.outcome.text if bench.outcome else ""
        text = tr(
            "{mac} is {device} now, key version {version}",
            mac=taken.mac,
            device=device,
            version=taken.version,
        )
        return Outcome(
            f"{text}; {done}", facts={**(bench.outcome.facts if bench.outcome else {}), **taken.facts()}
        )

    status = finish(run_jobs(ports, work, RETRIES, json_), json_)
    for taken in finished:
        for line in taken.void(site):
            say(line)
    if not finished and inventory.pending(device) is not None:
        say(tr("the replacement of {device} is not finished: run the same command again", device=device))
    return status
