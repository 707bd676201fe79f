"""`sportbox provision`: makes boards devices of a site."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from host_tools.commands.options import AllPorts, Json, PassphraseFile, PortNames, new_app
from host_tools.errors import BadInput
from host_tools.words import tr

if TYPE_CHECKING:
    from host_tools.port.provision import Order

app = new_app()

RETRIES = 2

SiteOption = Annotated[
    Path, typer.Option("--site", metavar="SITE.yaml", help="the site file", show_default=False)
]
DeviceName = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="the device that the board becomes [default: what it is, else the first missing one that fits]",
        show_default=False,
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="also a board that is another device (what it has stored is deleted), has another MicroPython,"
        " or newer keys",
    ),
]
Wait = Annotated[
    float, typer.Option("--wait", metavar="S", min=0, max=600, help="seconds to wait for the broker")
]


@app.command()
def provision(
    site: SiteOption,
    port: PortNames = None,
    all_: AllPorts = False,
    device: DeviceName = None,
    force: Force = False,
    passphrase_file: PassphraseFile = None,
    wait: Wait = 15.0,
    json_: Json = False,
) -> int:
    """Write firmware, configuration, keys and certificates to boards; what is right already stays."""
    from host_tools.port.jobs import Outcome, Progress, finish, run_jobs
    from host_tools.port.ports import Port, choose
    from host_tools.port.provision import provision as provision_one

    ports = choose(port, all_)
    if device is not None and len(ports) > 1:
        raise BadInput(
            tr("--device is for one board, and there are {count}", count=len(ports)),
            tr("name its port with --port, or leave --device out"),
        )
    order = make_order(site, device, force, passphrase_file, wait)

    def work(one: Port, progress: Progress) -> Outcome:
        return provision_one(one, progress, order)

    return finish(run_jobs(ports, work, RETRIES, json_), json_)


def make_order(
    site_file: Path,
    device: str | None = None,
    force: bool = False,
    passphrase_file: Path | None = None,
    reach_s: float = 15.0,
) -> "Order":
    """Everything that can be wrong without a board is found here; the vault is opened."""
    from host_tools import __version__
    from host_tools.build.firmware import build_firmware
    from host_tools.port.provision import Order
    from host_tools.port.tenant import Desk
    from host_tools.site.credentials import Credentials
    from host_tools.site.inventory import Inventory
    from host_tools.site.load import load_site
    from host_tools.site.passphrase import passphrase_source
    from host_tools.site.resolve import device_of
    from host_tools.site.vault import open_vault

    described = load_site(site_file)
    if device is not None:
        device_of(described, device)
    inventory = Inventory.open(site_file)
    firmware = build_firmware()
    vault = open_vault(site_file, described, passphrase_source(passphrase_file))
    credentials = Credentials(described, vault, inventory)
    return Order(
        site=described,
        firmware=firmware,
        firmware_version=__version__,
        files=credentials.files,
        digest=lambda name: credentials.declared(name).digest,
        inventory=inventory,
        desk=Desk(described, inventory, device, force),
        force=force,
        reach_s=reach_s,
    )
