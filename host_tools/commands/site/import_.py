"""`sportbox site import`: a new site from another city's kit."""

from pathlib import Path
from typing import Annotated

import typer

from host_tools.commands.options import Json
from host_tools.errors import BadInput
from host_tools.output import emit, printable, say

KitFile = Annotated[
    Path, typer.Argument(metavar="KIT.zip", help="what `site export` made", show_default=False)
]
NewName = Annotated[
    str, typer.Option("--site", metavar="NAME", help="name of the new site", show_default=False)
]
NewFile = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="FILE", help="the site file [default: NAME.yaml]", show_default=False
    ),
]


def import_(
    kit: KitFile,
    site: NewName,
    output: NewFile = None,
    json_: Json = False,
) -> None:
    """Make a new site of a kit; what must be changed is marked, secrets are made anew."""
    import re

    from host_tools.site.base import NAME_PATTERN, NAME_RULE
    from host_tools.site.boards import boards_dir
    from host_tools.site.kitform import SITE_FILE
    from host_tools.site.kitread import read_kit
    from host_tools.site.marks import marked
    from host_tools.site.newfile import write_new
    from host_tools.site.rename import as_new_site

    if re.fullmatch(NAME_PATTERN, site) is None:
        raise BadInput(
            f"--site: `{printable(site)}` is no name: use {NAME_RULE}", "--site sundpark-stralsund"
        )
    found = read_kit(kit)
    text = as_new_site(found.files[SITE_FILE], site)
    path = output or Path(f"{site}.yaml")
    write_new(path, text)
    marks = [f"{path}:{mark.line}: {mark.field}" for mark in marked(text.encode())]
    missing, other = found.boards_missing(), found.boards_that_differ()
    if json_:
        emit(
            {
                "file": str(path),
                "site": site,
                "from": found.manifest.site,
                "to_change": marks,
                "boards_missing": missing,
                "boards_that_differ": other,
            }
        )
        return
    print(f"{path}: site {site}, made of {found.manifest.site}")
    print("\n".join(["to be changed there:", *(f"  {mark}" for mark in marks)]))
    for name in missing:
        say(f"note: board `{name}` is not here: take boards/{name} of the kit into {boards_dir()}")
    for name in other:
        say(f"note: board `{name}` is another one here: compare it with boards/{name} of the kit")
    print(f"then: sportbox site check {path}, and sportbox provision --site {path} makes its secrets")
