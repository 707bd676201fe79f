"""`sportbox demo`: its options. The evening itself is in host_tools/commands/demo.py."""

from typing import Annotated

import typer

from host_tools.commands.options import Json, new_app
from host_tools.errors import BadInput
from host_tools.output import printable

app = new_app()

LANGUAGES = ("de", "en")


@app.command()
def demo(
    json_: Json = False,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="play the same evening again")
    ] = None,
    lang: Annotated[
        str | None, typer.Option("--lang", metavar="de|en", help="language [default: by locale]")
    ] = None,
    broker: Annotated[
        str,
        typer.Option(
            "--broker",
            metavar="KIND",
            help="mosquitto or embedded [default: Mosquitto where it is installed]",
            show_default=False,
        ),
    ] = "auto",
) -> int:
    """Play an evening at a simulated sports ground; exit 1 if an event was lost or a box opened wrongly."""
    if lang is not None and lang not in LANGUAGES:
        raise BadInput(f"--lang: `{printable(lang)}` is not spoken here", f"--lang {'|'.join(LANGUAGES)}")
    from host_tools.commands.demo import demo as play

    return play(json_=json_, seed=seed, language=lang, broker=broker)
