"""`sportbox site rotate`: renews the master secret, the CA or one board's keys, without an outage."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from host_tools.commands.options import Json, PassphraseFile, SiteFile
from host_tools.errors import EXIT_DONE, EXIT_FAILED, BadInput
from host_tools.output import emit, say

if TYPE_CHECKING:
    from host_tools.site.rotation import Rotator, Standing


class Subject(StrEnum):
    master = "master"
    ca = "ca"
    device = "device"


class Do(StrEnum):
    rotate = "rotate"
    finish = "finish"
    status = "status"
    abort = "abort"


What = Annotated[
    Subject,
    typer.Argument(
        metavar="WHAT", help="master (all keys), ca (all certificates) or device", show_default=False
    ),
]
Name = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="the board, after `device`", show_default=False)
]


def rotate(
    site_file: SiteFile,
    what: What,
    name: Name = None,
    finish: Annotated[
        bool, typer.Option("--finish", help="end the old one, once all have the new one")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="tell how far it is, change nothing")] = False,
    abort: Annotated[bool, typer.Option("--abort", help="go back to the old one, while that counts")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="go on without the boards that are missing")] = False,
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
) -> int:
    """Renew the master secret, the CA or a board's keys: old and new count for a time, then --finish.

    Cut off at any point, the same command goes on from there."""
    from host_tools.site.rotation import Rotator
    from host_tools.site.workplace import open_workplace

    chosen = [do for do, is_on in ((Do.finish, finish), (Do.status, status), (Do.abort, abort)) if is_on]
    if len(chosen) > 1:
        raise BadInput("--finish, --status and --abort are three things", "give one of them")
    if (what is Subject.device) != (name is not None):
        raise BadInput(
            "a board is named after `device`, and only there",
            "sportbox site rotate SITE.yaml device box-1",
        )
    if name is not None and (chosen or yes):
        raise BadInput("one board is renewed in one go: there is nothing to finish, and no way back")
    place = open_workplace(site_file, passphrase_file, wifi=True)
    site = place.site
    rotator = Rotator(site_file, place.vault, lambda: place.read_again().ground(), say)
    if what is Subject.ca and site.broker.tls and site.broker.kind != "mosquitto":
        raise BadInput(
            f"the broker is of kind `{site.broker.kind}`, and would go on with the old CA",
            "a new CA needs a broker that is set up from here: broker: {kind: mosquitto}",
        )
    do = chosen[0] if chosen else Do.rotate
    if do is Do.status:
        return _tell_status(site_file, what, rotator.standing(), json_)
    with place.alone():
        if name is None:
            return _run(site_file, rotator, what, do, yes, json_)
        rotator.device(name, place.inventory)
    _tell_device(site_file, name, json_)
    return EXIT_DONE


def _run(site_file: Path, rotator: "Rotator", what: Subject, do: Do, yes: bool, json_: bool) -> int:
    from host_tools.site.rotation import NAMED

    subject: Literal["master", "ca"] = "ca" if what is Subject.ca else "master"
    if do is Do.abort:
        left = rotator.abort(subject)
    elif do is Do.finish:
        left = rotator.finish(subject, yes)
    else:
        left = rotator.rotate(subject, yes)
    if json_:
        emit({"what": subject, "do": do.value, "done": not left, "left": left})
    for one in left:
        say(one)
    if left and not yes:
        say(f"note: {len(left)} of the boards are not done; run the same command again once they are there")
        return EXIT_FAILED
    if do is Do.rotate:
        _tell_next(site_file, subject, rotator.step)
    elif do is Do.finish:
        say(f"the old {NAMED[subject]} is void")
    else:
        say(f"the {NAMED[subject]} of before is the only one again")
    return EXIT_DONE


def _tell_next(site_file: Path, subject: str, step: str | None) -> None:
    """What others have to do now, and what to type after that."""
    again = f"sportbox site rotate {site_file} {subject}"
    if step == "trusted":
        say("note: services have to trust the new CA beside the old one before the broker shows it:")
        say("note: sportbox site login prints both")
        say(f"note: then go on with: {again}")
        return
    if subject == "master":
        say(f"note: the booking service needs the new keys now: sportbox key {site_file} BOARD --vault")
        say("note: keypad codes that are issued from now on are the new ones; old ones open until the end")
    say(f"note: end the old one with: {again} --finish")


def _tell_device(site_file: Path, name: str, json_: bool) -> None:
    if json_:
        emit({"what": "device", "name": name, "do": "rotate", "done": True, "left": []})
    say(f"{name} has new keys and a new certificate; the old ones are void")
    say(f"note: the booking service needs the new key: sportbox key {site_file} {name} --vault")
    say(f"note: {site_file} has the new key version: put it where others work with it")


def _tell_status(site_file: Path, what: Subject, standing: "Standing", json_: bool) -> int:
    rotation = standing.rotation if standing.rotation and standing.rotation.what == what.value else None
    step = rotation.step if rotation else None
    if json_:
        emit({"what": what.value, "step": step, "lacking": standing.lacking})
        return EXIT_DONE
    if rotation is None:
        print(f"{what.value}: no renewal has begun")
        return EXIT_DONE
    meaning = {
        "trust": "boards and broker learn to trust the new CA; the old one is in use",
        "trusted": "boards and broker trust the new CA, services have to; the old one is in use",
        "switch": "the new one is in use, the old one still counts",
        "ending": "the old one is ending",
    }
    print(f"{what.value}: {meaning[rotation.step]}")
    for name, text in standing.lacking.items():
        print(f"  {name}: {text}")
    if not standing.lacking:
        last = "" if rotation.step in ("trust", "trusted") else " --finish"
        print(f"  all boards have what they need; next: sportbox site rotate {site_file} {what.value}{last}")
    return EXIT_DONE
