"""`sportbox label`: stickers with QR codes, for boards and compartments."""

from pathlib import Path
from typing import Annotated

import typer

from host_tools.commands.options import Json, SiteFile, new_app
from host_tools.errors import BadInput, ToolError
from host_tools.labels.content import labels_of
from host_tools.labels.draw import layout, pdf
from host_tools.labels.sheets import SHEETS
from host_tools.output import emit, printable, say
from host_tools.site.atomic import replace_file
from host_tools.site.inventory import Inventory, inventory_path
from host_tools.site.load import load_site
from host_tools.site.resolve import device_of
from host_tools.words import tr
from host_tools.words.system import reason

FILE_MODE = 0o644

app = new_app()


@app.command()
def label(
    site_file: SiteFile,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="F", help="the PDF to write", show_default=False)
    ],
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", help="of this device alone")
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="TEMPLATE",
            help="address in the code, with {site} {device} {component} [default: the site file's]",
            show_default=False,
        ),
    ] = None,
    sheet: Annotated[
        str, typer.Option("--sheet", metavar="NAME", help="kind of label sheet: L7160, L7163, L4736, roll62")
    ] = "L7160",
    start: Annotated[
        int, typer.Option("--start", min=1, metavar="N", help="first label of the sheet that is not used yet")
    ] = 1,
    json_: Json = False,
) -> None:
    """Make QR labels for boards and compartments, as PDF. Print them at 100 %, not fitted to the page."""
    site = load_site(site_file)
    if device is not None:
        device_of(site, device)
    kind = SHEETS.get(sheet)
    if kind is None:
        raise BadInput(
            tr("there is no label sheet `{name}`", name=printable(sheet)), f"--sheet {' | '.join(SHEETS)}"
        )
    if start > kind.count:
        raise BadInput(tr("a sheet {name} has {count} labels", name=kind.name, count=kind.count), "--start 1")
    boards = Inventory.open(site_file).boards() if inventory_path(site_file).exists() else []
    macs = {row.device: row.mac for row in boards if row.device is not None}
    drawn = layout(labels_of(site, macs, device, url), kind, start)
    try:
        replace_file(output, pdf(drawn, kind, site.title or site.site), FILE_MODE)
    except OSError as error:
        raise ToolError(
            tr("cannot write {path}: {why}", path=printable(str(output)), why=reason(error)),
            tr("name one in a folder that is there and yours"),
        ) from error
    if json_:
        for one in drawn:
            emit(
                {
                    "device": one.label.device,
                    "component": one.label.component,
                    "url": one.label.url,
                    "page": one.place.page + 1,
                }
            )
    pages = drawn[-1].place.page + 1
    say(
        tr(
            "{path}: {count} labels for {sheet}, pages: {pages}",
            path=printable(str(output)),
            count=len(drawn),
            pages=pages,
            sheet=kind.name,
        )
    )
    used = (start - 1 + len(drawn)) % kind.count
    if used:
        say(tr("the next time: --start {number}", number=used + 1))
    say(tr("print at 100 %, not fitted to the page"))
    unknown = [name for name in site.devices if name not in macs and device in (None, name)]
    if unknown:
        say(tr("note: no MAC is known yet of {names}", names=", ".join(unknown)))
