"""What else can be done with a rollout, also while a process does it: look, pause, give up, go on."""

from dataclasses import replace

from host_tools.errors import EXIT_DONE, BadInput
from host_tools.output import emit, say
from host_tools.update.rollout import preflight
from host_tools.update.rollout.model import CANARY, UNDER_WAY, UNFINISHED, Rollout, Row
from host_tools.update.rollout.place import Place
from host_tools.update.rollout.report import facts, row_facts, sentence
from host_tools.update.rollout.run import carry_on, go_on, resume_command, tell_end


def resume(place: Place, again: bool, json_: bool) -> int:
    """Go on with what was killed or paused, or with those that were away. `again`: those that failed, too."""
    rollout = _newest(place)
    if rollout.state == "paused" and place.store.is_being_done():
        if again:
            raise BadInput("boards are still under way", "wait for the end of the process that serves them")
        place.store.change(rollout, ("paused",), "running")
        return _asked(place, "the process that does it goes on", json_)
    with place.store.alone():
        rollout = _newest(place)
        begin = f"sportbox update start {place.file} --bundle B"
        if rollout.state == "aborted":
            raise BadInput(f"the rollout of {rollout.version} was aborted", f"{begin} begins anew")
        if rollout.state == "stopped" and not again:
            raise BadInput(
                f"it has stopped: {rollout.why}",
                f"{begin} with a mended bundle, or {resume_command(place)} --again",
            )
        rows = place.store.rows(rollout)
        failed = [row for row in rows if row.state in ("failed", "refused")]
        if again:
            place.store.put(rollout, [_anew(row) for row in failed])
        elif rollout.state == "over" and len(failed) == sum(row.state != "done" for row in rows):
            return tell_end(place, rollout, "over", json_)
        return go_on(place, rollout, place.keys(), json_)


def pause(place: Place, json_: bool) -> int:
    """No further board is begun."""
    rollout = _newest(place)
    if not place.store.change(rollout, ("running",), "paused"):
        raise BadInput(f"{_named(rollout)} is {rollout.state}", f"sportbox update status {place.file}")
    is_done = place.store.is_being_done()
    rest = "; those under way are served to their end" if is_done else ""
    status = _asked(place, f"no other board is begun{rest}", json_)
    say(f"hint: go on with: {resume_command(place)}")
    return status


def abort(place: Place, json_: bool) -> int:
    """Boards that still pull are told to give up; those that have the whole bundle come to their end."""
    rollout = _newest(place)
    if not place.store.change(rollout, ("running", "paused", "stopped", "aborting"), "aborting"):
        raise BadInput(f"{_named(rollout)} is {rollout.state}", f"sportbox update status {place.file}")
    if place.store.is_being_done():
        told = "the process that does it begins no other board, and ends those that pull"
        return _asked(place, told, json_)
    rollout = replace(rollout, state="aborting", why=None)
    with place.store.alone():
        rows = place.store.rows(rollout)
        if any(row.state in UNDER_WAY for row in rows):
            return carry_on(place, rollout, place.keys(), json_)
        rest = [replace(row, state="left") for row in rows if row.state in ("waiting", "away")]
        place.store.put(rollout, rest)
        place.store.change(rollout, ("aborting",), "aborted")
        return tell_end(place, rollout, "aborted", json_)


def status(place: Place, json_: bool) -> int:
    rollout = _newest(place)
    rows, is_done = place.store.rows(rollout), place.store.is_being_done()
    if json_:
        more = {"process": is_done, "waves": rollout.settings.waves}
        emit({**facts(rollout, rows, rollout.state, rollout.why), **more})
        for row in rows:
            emit(row_facts(row))
        return EXIT_DONE
    words = {
        "running": "is under way" if is_done else "was cut off",
        "paused": "is paused" + (", and serves the boards under way" if is_done else ""),
        "aborting": "is being aborted" if is_done else "was to be aborted, and that was cut off",
        "stopped": f"has stopped: {rollout.why}",
        "aborted": "was aborted",
        "over": "is over",
    }
    print(f"{_named(rollout)} {words[rollout.state]}")
    for wave in sorted({row.wave for row in rows}):
        of = [row for row in rows if row.wave == wave]
        name = {preflight.HAD_IT: "had it", CANARY: "canary"}.get(wave, f"wave {wave}")
        print(f"  {name:8} {sum(row.state == 'done' for row in of)} of {len(of)} have it")
    for row in rows:
        if row.state not in ("done", "waiting") or row.reason:
            print(f"  {row.device} {sentence(row, rollout)}")
    if rollout.state in UNFINISHED and not is_done:
        command = f"sportbox update abort {place.file}"
        say(f"hint: go on with: {command if rollout.state == 'aborting' else resume_command(place)}")
    elif rollout.state == "over" and any(row.state in ("away", "waiting") for row in rows):
        say(f"hint: once they are there: {resume_command(place)}")
    return EXIT_DONE


def _anew(row: Row) -> Row:
    return replace(row, state="waiting", jti=None, reason=None, orders=0, ended_s=None)


def _newest(place: Place) -> Rollout:
    rollout = place.store.newest()
    if rollout is None:
        raise BadInput(
            f"no rollout of {place.site.site} was ever begun",
            f"sportbox update start {place.file} --bundle B",
        )
    return rollout


def _asked(place: Place, told: str, json_: bool) -> int:
    """What the process that does it was asked for."""
    rollout = _newest(place)
    if json_:
        emit(facts(rollout, place.store.rows(rollout), rollout.state, rollout.why))
    say(told)
    return EXIT_DONE


def _named(rollout: Rollout) -> str:
    return f"the rollout of {rollout.version}"
