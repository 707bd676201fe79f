"""`sportbox update start|status|pause|resume|abort`: a bundle for all boards of a site, a few first."""

from pathlib import Path
from typing import Annotated

import typer

from host_tools.commands.options import (
    BrokerAndKeys,
    BrokerUrl,
    FromVault,
    Json,
    PassphraseFile,
    SiteFile,
    StateDir,
    duration_s,
)
from host_tools.errors import BadInput

BOARDS_MAX = 100_000
AT_ONCE_MAX = 200

Canary = Annotated[
    int, typer.Option("--canary", metavar="N", help="so many boards come first, and must be well")
]
Waves = Annotated[
    str, typer.Option("--waves", metavar="W", help="how many have it after each wave, of all boards")
]
MaxFailures = Annotated[
    int, typer.Option("--max-failures", metavar="N", help="it stops when more boards than that have failed")
]
Downgrade = Annotated[
    bool, typer.Option("--allow-downgrade", help="boards may go back to an older version than theirs")
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--board", metavar="NAME", help="only this board, may be given several times", show_default=False
    ),
]
Soak = Annotated[
    str, typer.Option("--soak", metavar="TIME", help="so long an updated board must run without a crash")
]
BoardTime = Annotated[
    str, typer.Option("--board-time", metavar="TIME", help="a board that says nothing for so long has failed")
]
Wait = Annotated[
    str,
    typer.Option("--wait", metavar="TIME", help="for boards that are away, once all others have ended"),
]
AtOnce = Annotated[
    int, typer.Option("--at-once", metavar="N", help="so many boards at most take the bundle at a time")
]
Again = Annotated[bool, typer.Option("--again", help="boards that failed get another try")]


def start(
    site_file: SiteFile,
    bundle: Annotated[
        Path, typer.Option("--bundle", metavar="B", help="made by `update build`", show_default=False)
    ],
    canary: Canary = 1,
    waves: Waves = "10%,50%,100%",
    max_failures: MaxFailures = 0,
    allow_downgrade: Downgrade = False,
    board: Only = None,
    soak: Soak = "60s",
    board_time: BoardTime = "30m",
    wait: Wait = "1m",
    at_once: AtOnce = 16,
    broker: BrokerUrl = None,
    state: StateDir = None,
    vault: FromVault = False,
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
) -> int:
    """Bring a bundle to all boards of a site: a canary, then wave by wave, as long as they are well.

    It stops by itself when a canary or too many others fail. Cut off or paused it goes on with `resume`.
    Exit status: 0 all boards have it, 1 not all, 3 the broker is out of reach."""
    from host_tools.update.rollout import run
    from host_tools.update.rollout.model import Settings
    from host_tools.update.rollout.place import Place
    from host_tools.update.rollout.waves import parse_waves

    settings = Settings(
        canary=_within("--canary", canary, 0, BOARDS_MAX),
        waves=parse_waves(waves),
        max_failures=_within("--max-failures", max_failures, 0, BOARDS_MAX),
        down=allow_downgrade,
        soak_s=duration_s(soak, "--soak"),
        board_s=_within("--board-time", duration_s(board_time, "--board-time"), 1, 86_400),
        wait_s=duration_s(wait, "--wait"),
        parallel=_within("--at-once", at_once, 1, AT_ONCE_MAX),
    )
    place = Place(site_file, BrokerAndKeys(state, vault, passphrase_file, broker))
    return run.start(place, bundle, board or [], settings, json_)


def resume(
    site_file: SiteFile,
    again: Again = False,
    broker: BrokerUrl = None,
    state: StateDir = None,
    vault: FromVault = False,
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
) -> int:
    """Go on with a rollout that was cut off or paused, or with the boards that were away."""
    from host_tools.update.rollout import control
    from host_tools.update.rollout.place import Place

    return control.resume(
        Place(site_file, BrokerAndKeys(state, vault, passphrase_file, broker)), again, json_
    )


def abort(
    site_file: SiteFile,
    broker: BrokerUrl = None,
    state: StateDir = None,
    vault: FromVault = False,
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
) -> int:
    """Give a rollout up: no other board is begun, those that still take the bundle are told to stop."""
    from host_tools.update.rollout import control
    from host_tools.update.rollout.place import Place

    return control.abort(Place(site_file, BrokerAndKeys(state, vault, passphrase_file, broker)), json_)


def pause(site_file: SiteFile, state: StateDir = None, json_: Json = False) -> int:
    """Begin no other board until `resume`. Those under way are served to their end."""
    from host_tools.update.rollout import control
    from host_tools.update.rollout.place import Place

    return control.pause(Place(site_file, BrokerAndKeys(state)), json_)


def status(site_file: SiteFile, state: StateDir = None, json_: Json = False) -> int:
    """How far the newest rollout is, and which boards did not get it. Asks no broker."""
    from host_tools.update.rollout import control
    from host_tools.update.rollout.place import Place

    return control.status(Place(site_file, BrokerAndKeys(state)), json_)


def _within(option: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise BadInput(f"{option}: {value} is not between {least} and {most}", f"{option} {least}")
    return value
