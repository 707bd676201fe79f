"""`sportbox site export`: everything of a site but its secrets, for another city."""

from pathlib import Path
from typing import Annotated

import typer

from host_tools.commands.options import Json, SiteFile
from host_tools.output import emit


def export(
    site_file: SiteFile,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="KIT.zip", help="the kit [default: SITE-kit.zip]", show_default=False
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Write a kit for another city: site file, boards, labels, outputs, documents, and no secret."""
    from host_tools.site.kit import kit_of, write_kit

    content, manifest = kit_of(site_file)
    path = output or Path(f"{manifest.site}-kit.zip")
    write_kit(path, content)
    if json_:
        emit({"kit": str(path), "bytes": len(content), **manifest.model_dump()})
        return
    print(f"{path}: {manifest.site}, {len(manifest.files)} files, {len(content)} bytes, no secrets")
    print(f"there: sportbox site import {path.name} --site NAME")
