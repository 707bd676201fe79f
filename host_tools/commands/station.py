"""`sportbox station`: a bench where each board that is plugged in becomes a device of the site."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from host_tools.commands.flash import ImageFiles, Version, make_plan
from host_tools.commands.options import Json, PassphraseFile, new_app
from host_tools.commands.provision import Wait, make_order
from host_tools.errors import BadInput, ToolError
from host_tools.output import say
from host_tools.words import tr

if TYPE_CHECKING:
    from host_tools.port.flash import Plan
    from host_tools.port.provision import Order
    from host_tools.port.station import Steps

app = new_app()

TRIES = 3


@app.command()
def station(
    site: Annotated[
        Path, typer.Option("--site", metavar="SITE.yaml", help="the site file", show_default=False)
    ],
    ask: Annotated[bool, typer.Option("--ask", help="choose the device of each board yourself")] = False,
    selftest: Annotated[bool, typer.Option("--selftest", help="let each board check itself, too")] = False,
    image: ImageFiles = None,
    micropython: Version = None,
    passphrase_file: PassphraseFile = None,
    wait: Wait = 15.0,
    json_: Json = False,
) -> int:
    """Stay, and make of each board that is plugged in a device that is missing, until none is or Ctrl-C."""
    from host_tools.port.station import Station

    if ask and not sys.stdin.isatty():
        raise BadInput(
            tr("--ask needs a terminal to ask at"), tr("leave --ask out: then the first that fits is taken")
        )
    plan = make_plan(None, image, micropython, force=True)
    order = make_order(site, passphrase_file=passphrase_file, reach_s=wait)
    plan = replace(plan, inventory=order.inventory)
    versions = {image.version.removeprefix("v") for image in plan.images} or {plan.version}
    if len(versions) > 1:
        raise BadInput(
            tr("the images are of different versions: {versions}", versions=", ".join(sorted(versions))),
            tr("name images of the same version"),
        )
    say(tr("plug boards in, one after the other or all at once; Ctrl-C ends"))
    steps = make_steps(plan, order, site if selftest else None)
    return Station(order.site, order.inventory, steps, versions.pop(), choose if ask else None, json_).run()


def make_steps(plan: "Plan", order: "Order", selftest: Path | None) -> "Steps":
    from host_tools.port.flash import flash
    from host_tools.port.jobs import Outcome, Progress
    from host_tools.port.ports import Port
    from host_tools.port.provision import provision
    from host_tools.port.station import Steps
    from host_tools.port.survey import survey
    from host_tools.port.tenant import Desk
    from host_tools.site.boards import load_board

    def flash_as(port: Port, progress: Progress, device: str) -> Outcome:
        board = load_board(order.site.devices[device].board)
        return flash(port, progress, replace(plan, board=board))

    def provision_as(port: Port, progress: Progress, device: str) -> Outcome:
        desk = Desk(order.site, order.inventory, device, False)
        return provision(port, progress, replace(order, desk=desk))

    def check(port: Port, progress: Progress, device: str) -> Outcome:
        from host_tools.commands.selftest import accept
        from host_tools.port.selftest_person import Lines

        progress.step(tr("the board checks itself"))
        record, paths = accept(port, selftest, Lines(json_=False), lambda result: progress.check())
        if record.failed:
            names = ", ".join(dict.fromkeys(one.component for one in record.failed))
            raise ToolError(
                tr("{device} is provisioned, but its self-test failed: {names}", device=device, names=names),
                tr("see {path}, then `sportbox selftest --port {port}`", path=paths[1], port=port.device),
            )
        return Outcome(tr("self-test passed"), facts={"record": str(paths[0])})

    return Steps(survey, flash_as, provision_as, check if selftest is not None else None)


def choose(text: str, names: Sequence[str]) -> str | None:
    """A number or a name; nothing leaves the board alone."""
    say(text)
    for number, name in enumerate(names, start=1):
        say(f"  {number}  {name}")
    for _ in range(TRIES):
        say(tr("number or name, nothing leaves it alone:"))
        try:
            typed = input().strip()
        except EOFError:
            return None
        if not typed:
            return None
        if typed.isdecimal() and 1 <= int(typed) <= len(names):
            return names[int(typed) - 1]
        if typed in names:
            return typed
    return None
