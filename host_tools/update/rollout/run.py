"""A rollout as one process does it: begun or taken up, carried on to its end, told."""

import asyncio
import contextlib
import signal
import time
from dataclasses import replace
from pathlib import Path

from host_tools.errors import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, BadInput, ToolError
from host_tools.output import emit, say
from host_tools.site.present import who_is_there
from host_tools.update.form import sha256
from host_tools.update.read import read_bundle
from host_tools.update.rollout import preflight
from host_tools.update.rollout.engine import Engine
from host_tools.update.rollout.keys import Keys
from host_tools.update.rollout.line import do_rollout
from host_tools.update.rollout.model import CANARY, UNDER_WAY, UNFINISHED, Limits, Rollout, Row, Settings
from host_tools.update.rollout.place import Place
from host_tools.update.rollout.report import Screen, facts, screen_for, sentence

LOOK_S = 0.25


def start(place: Place, bundle_file: Path, only: list[str], settings: Settings, json_: bool) -> int:
    """Begin, or take up the one of the same bundle that is not finished."""
    bundle = read_bundle(bundle_file)
    data = bundle_file.read_bytes()
    if sha256(data) != bundle.sha256:
        raise BadInput(f"{bundle_file} changes while it is read", "wait until it is written, then try again")
    names = preflight.chosen(place.site, only)
    preflight.check_boards(place.site, names, bundle)
    version = bundle.manifest.version
    place.address()  # where there is no way to it, no keys are made
    keys = place.keys()
    with place.store.alone():
        rollout = place.store.newest()
        if rollout is not None and rollout.state in UNFINISHED:
            if rollout.sha256 != bundle.sha256 or rollout.state == "aborting":
                raise BadInput(
                    f"the rollout of {rollout.version} is not finished",
                    f"sportbox update resume {place.file}, or sportbox update abort {place.file}",
                )
            say(f"note: the rollout of {version} has begun before, and goes on as it was begun")
            return go_on(place, rollout, keys, json_)
        seen = who_is_there(place.address(), place.site.site, names)
        strangers = preflight.strangers(place.site, seen)
        if strangers:
            say(f"note: at the broker, but not in the site file: {preflight.listed(strangers)}")
        preflight.check_versions(version, seen, names, settings.down)
        rows = preflight.rows_for(place.site, names, seen, version, settings)
        rollout = place.store.begin(data, version, str(bundle_file), settings, rows)
        say(_plan(rollout, rows))
        return carry_on(place, rollout, keys, json_)


def go_on(place: Place, rollout: Rollout, keys: Keys, json_: bool) -> int:
    place.address()  # asks for what it needs before anything changes
    if rollout.state not in ("running", "aborting"):
        place.store.change(rollout, ("paused", "stopped", "aborted", "over"), "running")
        rollout = replace(rollout, state="running")
    if not json_:
        for row in place.store.rows(rollout):
            if row.state in UNDER_WAY:
                say(f"{row.device} {sentence(row, rollout)}")
    return carry_on(place, rollout, keys, json_)


def carry_on(place: Place, rollout: Rollout, keys: Keys, json_: bool) -> int:
    """To its end, or until it is interrupted."""
    kinds = {name: device.board for name, device in place.site.devices.items()}
    with screen_for(rollout, json_) as screen:
        engine = Engine(place.store, rollout, kinds, keys, time.monotonic(), Limits(), screen.changed)
        try:
            finished = asyncio.run(_until_end(engine, place, screen))
        except KeyboardInterrupt:
            finished = False
    if not finished:
        say("interrupted; boards that have the bundle go on by themselves")
        say(f"hint: {resume_command(place)}")
        return EXIT_INTERRUPTED
    assert engine.end is not None
    asked = place.store.state(rollout)
    if engine.end in ("paused", "stopped") and asked in ("running", "aborting"):  # at the last moment
        return carry_on(place, replace(rollout, state=asked), keys, json_)
    return tell_end(place, replace(rollout, why=engine.why), engine.end, json_)


async def _until_end(engine: Engine, place: Place, screen: Screen) -> bool:
    """False: SIGTERM came first."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    looking = asyncio.create_task(_look(engine, screen))
    try:
        await do_rollout(engine, place.address, place.site.site, say)
    except asyncio.CancelledError:
        return False
    except ToolError as error:
        raise type(error)(
            error.message, f"{error.hint or ''}; then {resume_command(place)}".lstrip("; ")
        ) from error
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
        screen.look(engine.boards.values())
    return True


async def _look(engine: Engine, screen: Screen) -> None:
    while True:
        screen.look(engine.boards.values())
        await asyncio.sleep(LOOK_S)


def tell_end(place: Place, rollout: Rollout, end: str, json_: bool) -> int:
    rows = place.store.rows(rollout)
    version = rollout.version
    if json_:
        emit(facts(rollout, rows, end, rollout.why))
    missing = [row for row in rows if row.state != "done"]
    if not missing:
        if not json_:
            print(f"{len(rows)} of {len(rows)} boards have {version}")
        return EXIT_DONE
    told = [row for row in missing if row.state != "waiting" or row.reason]
    details = [f"{row.device} {sentence(row, rollout)}" for row in told]
    if told and len(told) < len(missing):
        details.append(f"{len(missing) - len(told)} others did not have their turn")
    count = f"{len(missing)} of {len(rows)} boards do not have {version}"
    heads = {
        "stopped": (f"stopped, {rollout.why}; {count}", f"sportbox update status {place.file} shows all"),
        "paused": (f"paused: {count}", resume_command(place)),
        "aborted": (f"aborted: {count}", f"sportbox update start {place.file} --bundle B begins anew"),
    }
    failed = any(row.state in ("failed", "refused") for row in missing)
    hint = resume_command(place) + (" --again: also those that failed" if failed else ", once they are there")
    message, cure = heads.get(end, (count, hint))
    raise ToolError(message, cure, EXIT_FAILED, details)


def _plan(rollout: Rollout, rows: list[Row]) -> str:
    had = sum(row.wave == preflight.HAD_IT for row in rows)
    if had == len(rows):
        return f"all {had} boards have {rollout.version} already"
    waves = sorted({row.wave for row in rows} - {preflight.HAD_IT})
    sizes = [sum(preflight.HAD_IT < row.wave <= wave for row in rows) for wave in waves]
    count = len(rows) - had
    text = f"{count} board{'s get' if count > 1 else ' gets'} {rollout.version}"
    if len(sizes) > 1:
        first = f"first {sizes[0]}, " if waves[0] == CANARY else ""
        rest = ", ".join(map(str, sizes[1:] if first else sizes))
        text += f", {first}then {rest} in all" if first else f", {rest} in all"
    return text + (f"; {had} have it already" if had else "")


def resume_command(place: Place) -> str:
    return f"sportbox update resume {place.file}"
