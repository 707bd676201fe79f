"""`sportbox update build` and `show`: bundles of the firmware."""

from pathlib import Path
from typing import Annotated

import typer

from host_tools.commands.options import Json
from host_tools.errors import BadInput, ToolError
from host_tools.output import emit, say
from host_tools.site.atomic import replace_file
from host_tools.update.build import build as build_bundle
from host_tools.update.form import Bundle
from host_tools.update.limits import BUNDLE_BYTES_MAX
from host_tools.update.read import Damaged, read_bundle, unpack
from host_tools.update.size import largest_lines, size_line
from host_tools.words.system import reason

BUNDLE_MODE = 0o644  # nothing in it is secret

FILE = typer.Argument(metavar="FILE", help="a bundle", show_default=False)
OUT = typer.Option(
    "--out", "-o", metavar="FILE", help="write it here [default: sportbox-VERSION.update]", show_default=False
)
VERSION = typer.Option(
    "--version",
    metavar="V",
    help="the version that boards shall report [default: the firmware's]",
    show_default=False,
)
FIRMWARE = typer.Option(
    "--firmware", metavar="DIR", help="the firmware's folder [default: the project's]", show_default=False
)


def build(
    out: Annotated[Path | None, OUT] = None,
    version: Annotated[str | None, VERSION] = None,
    firmware: Annotated[Path | None, FIRMWARE] = None,
    json_: Json = False,
) -> None:
    """Make a bundle of the firmware: the same sources give the same bytes. Prints its SHA-256."""
    data = build_bundle(firmware, version)
    if len(data) > BUNDLE_BYTES_MAX:
        raise ToolError(
            f"the bundle is too large: {len(data)} bytes, {BUNDLE_BYTES_MAX} are allowed",
            "`make size` shows the largest files",
        )
    try:
        bundle = unpack(data)
    except Damaged as error:
        raise ToolError(f"the bundle that was made {error.message}; nothing was written") from error
    path = out or Path(f"sportbox-{bundle.manifest.version}.update")
    try:
        replace_file(path, data, BUNDLE_MODE)
    except OSError as error:
        raise BadInput(
            f"cannot write {path}: {reason(error)}", "name a file that can be written with -o"
        ) from error
    if json_:
        emit({"file": str(path), **bundle.facts()})
        return
    say(f"sportbox {bundle.manifest.version}, {bundle.manifest.files} files; {size_line(bundle.size)}")
    print(f"{bundle.sha256}  {path}")


def show(file: Annotated[Path, FILE], json_: Json = False) -> None:
    """Check a bundle and tell what is in it. Exit status 2: it is damaged, or none."""
    bundle = read_bundle(file)
    if json_:
        emit({"file": str(file), **bundle.facts()})
        return
    print("\n".join(_lines(bundle)))


def _lines(bundle: Bundle) -> list[str]:
    manifest, series = bundle.manifest, bundle.manifest.micropython
    return [
        f"version      {manifest.version}",
        f"SHA-256      {bundle.sha256}",
        f"size         {bundle.size:,} of {BUNDLE_BYTES_MAX:,} bytes",
        f"MicroPython  {series.first} and newer, below {series.below}; .mpy version {manifest.mpy}",
        f"boards       {', '.join(manifest.boards)}",
        f"files        {manifest.files}, unpacked {manifest.size:,} bytes, on flash up to {manifest.flash:,}",
        "largest",
        *largest_lines((entry.path, entry.size) for entry in bundle.index),
    ]
