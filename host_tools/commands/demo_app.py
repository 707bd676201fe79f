"""`sportbox demo`: its options. The evening itself is in host_tools/commands/demo.py."""

from importlib import import_module
from typing import Annotated

import typer

from host_tools.commands.options import Json, new_app

app = new_app()


@app.command()
def demo(
    json_: Json = False,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="play the same evening again")
    ] = None,
) -> int:
    """Play an evening at a simulated sports ground; exit 1 if an event was lost or a box opened wrongly."""
    play = import_module("host_tools.commands.demo").demo
    return int(play(json_=json_, seed=seed) or 0)
