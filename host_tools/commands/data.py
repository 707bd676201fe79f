"""`sportbox data`: what a site's messages are, for those who read them."""

import json
from pathlib import Path
from typing import Annotated

import typer

from host_tools.commands.options import new_app

app = new_app()

SITE = typer.Argument(metavar="[SITE.yaml]", help="name this site's broker, devices and components")
OUT = typer.Option("--out", "-o", help="write here, not to stdout")


@app.callback()
def data() -> None:
    """What a site's messages are, for machines."""


@app.command()
def asyncapi(site: Annotated[Path | None, SITE] = None, out: Annotated[Path | None, OUT] = None) -> None:
    """Print the AsyncAPI 3.0 document of all topics. A file that ends in .yaml is written as YAML."""
    from host_tools.data.asyncapi import document
    from host_tools.site.load import load_site

    found = document(None if site is None else load_site(site))
    if out is None:
        print(json.dumps(found, indent=2))
        return
    if out.suffix in (".yaml", ".yml"):
        import yaml

        _write(out, yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=110))
    else:
        _write(out, json.dumps(found, indent=2, ensure_ascii=False) + "\n")


@app.command()
def schemas(out: Annotated[Path | None, OUT] = None) -> None:
    """Print the JSON Schemas of all payloads, one a line; or write one file each into a folder."""
    from host_tools.data.schemas import schemas as all_schemas
    from host_tools.errors import BadInput
    from host_tools.output import emit, say

    found = all_schemas()
    if out is None:
        for each in found.values():
            emit(each)
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{out}: {error.strerror}", "name a folder with -o") from None
    for name, each in found.items():
        _write(out / f"{name}.schema.json", json.dumps(each, indent=2, ensure_ascii=False) + "\n")
    say(f"{len(found)} schemas in {out}")


def _write(path: Path, text: str) -> None:
    from host_tools.errors import BadInput

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}", "name a file that can be written with -o") from None
