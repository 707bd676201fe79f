"""`sportbox flash`: puts MicroPython on boards, whatever was on them before."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from host_tools.commands.options import AllPorts, Json, PortNames, new_app
from host_tools.errors import BadInput
from host_tools.words import tr

if TYPE_CHECKING:
    from host_tools.port.flash import Plan
    from host_tools.site.inventory import Inventory

app = new_app()

RETRIES = 2

BoardFile = Annotated[
    str | None,
    typer.Option(
        "--board",
        metavar="B",
        help="board file below boards/ [default: the one that fits the chip]",
        show_default=False,
    ),
]
ImageFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--image",
        metavar="F",
        help="MicroPython image, a merged .bin file; for several chips, several times",
        show_default=False,
    ),
]
Version = Annotated[
    str | None,
    typer.Option(
        "--micropython",
        metavar="V",
        help="version of the official image, found by mpflash [default: 1.29.0]",
        show_default=False,
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="also if the board is provisioned or has this image already")
]
SiteOption = Annotated[
    Path | None,
    typer.Option(
        "--site", metavar="SITE.yaml", help="note it in the inventory of this site", show_default=False
    ),
]


@app.command()
def flash(
    port: PortNames = None,
    all_: AllPorts = False,
    board: BoardFile = None,
    image: ImageFiles = None,
    micropython: Version = None,
    force: Force = False,
    site: SiteOption = None,
    json_: Json = False,
) -> int:
    """Erase boards, write MicroPython, verify it and wait for its prompt."""
    from host_tools.port.flash import flash as flash_one
    from host_tools.port.jobs import Outcome, Progress, finish, run_jobs
    from host_tools.port.ports import Port, choose

    plan = make_plan(board, image, micropython, force, inventory_of(site))

    def work(one: Port, progress: Progress) -> Outcome:
        return flash_one(one, progress, plan)

    return finish(run_jobs(choose(port, all_), work, RETRIES, json_), json_)


def make_plan(
    board: str | None,
    images: list[Path] | None,
    micropython: str | None,
    force: bool = False,
    inventory: "Inventory | None" = None,
) -> "Plan":
    """Everything that can be wrong with the options is found here, before a board is touched."""
    from host_tools.port.flash import Plan
    from host_tools.port.image import load_image, title
    from host_tools.port.images import VERSION_NEWEST
    from host_tools.site.boards import load_board

    if images and micropython is not None:
        raise BadInput(
            tr("--image and --micropython exclude each other"),
            tr("leave --micropython out: the image has its version"),
        )
    checked = tuple(load_image(image) for image in images or ())
    chips = [image.chip for image in checked]
    if len(set(chips)) < len(chips):
        raise BadInput(
            tr("two images are for the same chip: {chips}", chips=", ".join(map(title, chips))),
            tr("name one --image for each kind of chip"),
        )
    return Plan(
        board=load_board(board) if board is not None else None,
        images=checked,
        version=micropython or VERSION_NEWEST,
        force=force,
        inventory=inventory,
    )


def inventory_of(site_file: Path | None) -> "Inventory | None":
    """The inventory of a site file that is right in every part."""
    if site_file is None:
        return None
    from host_tools.site.inventory import Inventory
    from host_tools.site.load import load_site

    load_site(site_file)
    return Inventory.open(site_file)
