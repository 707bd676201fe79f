"""`sportbox logs`: what a board has noted about itself, also before its last restart."""

from typing import Annotated

import typer

from host_tools.commands.options import Json, new_app
from host_tools.errors import EXIT_DONE
from host_tools.output import say
from host_tools.site import loglines

app = new_app()


@app.command()
def logs(
    port: Annotated[
        str | None,
        typer.Option(
            "--port",
            metavar="P",
            help="serial port of the board [default: the only one]",
            show_default=False,
        ),
    ] = None,
    json_: Json = False,
) -> int:
    """Print the log that a board keeps on its flash, the oldest line first."""
    from host_tools.port.ports import choose
    from host_tools.port.ring import read_ring

    (one,) = choose(None if port is None else [port])
    say("note: the board is interrupted, and starts anew afterwards")
    return _show(read_ring(one), json_)


def _show(texts: list[str], json_: bool) -> int:
    lines, damaged = loglines.read(texts)
    show = loglines.show(json_)
    for line in lines:
        show(line)
    if damaged:
        say(f"note: {damaged} damaged lines are left out")
    if not lines:
        say("the board has kept no lines yet")
    return EXIT_DONE
