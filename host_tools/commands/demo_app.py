"""`sportbox demo`: its options. The evening itself is in host_tools/commands/demo.py."""

from typing import Annotated

import typer

from host_tools.commands.options import BrokerToStart, Json, new_app

app = new_app()


@app.command()
def demo(
    json_: Json = False,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="play the same evening again")
    ] = None,
    broker: BrokerToStart = "auto",
) -> int:
    """Play an evening at a simulated sports ground; exit 1 if an event was lost or a box opened wrongly."""
    from host_tools.commands.demo import demo as play

    return play(json_=json_, seed=seed, broker=broker)
