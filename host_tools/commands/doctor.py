"""`sportbox doctor`: what is wrong with this computer, its ports, or a board, and what helps."""

from typing import Annotated

import typer

from host_tools.commands.options import Json, new_app
from host_tools.errors import EXIT_DONE, EXIT_FAILED
from host_tools.output import say
from host_tools.words import tr

app = new_app()


@app.command()
def doctor(
    port: Annotated[
        str | None,
        typer.Option("--port", metavar="P", help="also look at the board on this port", show_default=False),
    ] = None,
    no_interrupt: Annotated[
        bool, typer.Option("--no-interrupt", help="only listen to the board: it is not restarted")
    ] = False,
    udev: Annotated[
        bool, typer.Option("--udev", help="print a udev rule for boards, and nothing else")
    ] = False,
    json_: Json = False,
) -> int:
    """Look at programs, ports and permissions, and at a board: exit 0 all well, 1 something is wrong."""
    from host_tools.port.findings import show
    from host_tools.port.machine import check_machine
    from host_tools.port.udev import udev_rule

    if udev:
        print(udev_rule())
        return EXIT_DONE
    if port is None:
        wrong = show(check_machine(), json_)
        if not json_:
            say(tr("a board is looked at with `sportbox doctor --port P`"))
        return EXIT_FAILED if wrong else EXIT_DONE
    from host_tools.port.examine import examine
    from host_tools.port.machine import check_port
    from host_tools.port.ports import choose

    (one,) = choose([port])
    wrong = show([check_port(one)], json_)
    if not no_interrupt:
        say(tr("note: the board is interrupted, and starts anew afterwards; --no-interrupt only listens"))
    wrong = show(examine(one, interrupt=not no_interrupt), json_) or wrong
    return EXIT_FAILED if wrong else EXIT_DONE
