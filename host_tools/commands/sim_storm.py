"""`sportbox sim storm`: the firmware on virtual time, in a world in which everything fails, seed by seed."""

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from host_tools.commands.options import Json
from host_tools.errors import EXIT_DONE, EXIT_FAILED, BadInput
from host_tools.output import emit, printable, say
from host_tools.storm.case import HOURS_MAX

if TYPE_CHECKING:
    from host_tools.storm.case import Case
    from host_tools.storm.engine import Engine
    from host_tools.storm.replay import Replay
    from host_tools.storm.storm import Order

BUILD = Path("build")
TRACES = BUILD / "storm"
SEEDS = 10
SEEDS_MAX = 1_000_000
BOARDS_MAX = 100
JOBS_MAX = 256
TOLD_MAX = 20


def storm(
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            metavar="N",
            min=1,
            max=SEEDS_MAX,
            help=f"so many seeds [default: {SEEDS}]",
            show_default=False,
        ),
    ] = None,
    hours: Annotated[
        int, typer.Option("--hours", metavar="H", min=1, max=HOURS_MAX, help="virtual hours of a run")
    ] = 24,
    boards: Annotated[
        int, typer.Option("--boards", metavar="K", min=1, max=BOARDS_MAX, help="boards of each seed")
    ] = 5,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            metavar="J",
            min=1,
            max=JOBS_MAX,
            help="processes [default: one a core]",
            show_default=False,
        ),
    ] = None,
    first: Annotated[
        str | None,
        typer.Option("--first", metavar="SEED", help="the first seed [default: 1]", show_default=False),
    ] = None,
    replay: Annotated[
        str | None,
        typer.Option(
            "--replay",
            metavar="SEED[/BOARD]",
            help="play this one twice, keep its trace; :faults=3,8 :acts=none :until=5 leave a part of it",
            show_default=False,
        ),
    ] = None,
    json_: Json = False,
) -> int:
    """Play seeds: the shipped firmware on virtual time, while network, power, flash, clock, memory, sensors,
    doors and people do their worst, and an oracle checks what must hold.

    The same seed is the same run. Exit status 1: something that must hold was broken; told are the fewest
    faults that break it, and the command that plays that again. Report: build/storm.html, build/storm.json.
    """
    from host_tools.storm.case import cases_of, seed_of
    from host_tools.storm.engine import ENGINE, load
    from host_tools.storm.storm import Order

    engine = load(ENGINE)
    names = engine.boards(boards)
    if replay is not None:
        _check_alone(replay, {"--seeds": seeds, "--first": first, "--jobs": jobs})
        return _replay(cases_of(replay, hours, names, engine.boards(BOARDS_MAX)), engine, json_)
    begin = int(seed_of(first, "--first")) if first is not None else 1
    order = Order(begin, seeds or SEEDS, names, hours, jobs or os.cpu_count() or 1, ENGINE)
    return _blow(order, json_)


def _check_alone(replay: str, options: dict[str, object]) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise BadInput(
            f"--replay plays one seed, without {' and '.join(given)}",
            f"sportbox sim storm --replay {printable(replay)}",
        )


def _blow(order: "Order", json_: bool) -> int:
    """Figures and report are there also when somebody ends it with Ctrl-C or SIGTERM."""
    from host_tools.storm.shown.report import write
    from host_tools.storm.shown.screen import Screen, tell
    from host_tools.storm.storm import Storm

    with Screen(order.runs, json_) as screen:
        storm = Storm(order, screen)
        totals = storm.totals
        interrupt: KeyboardInterrupt | None = None
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # what CI sends when it gives up
        try:
            storm.play()
        except KeyboardInterrupt as error:
            totals.interrupted, interrupt = totals.runs < order.runs, error
        finally:
            signal.signal(signal.SIGTERM, before)
    if interrupt is not None:
        say(f"interrupted after {totals.runs} of {order.runs} runs")
    tell(totals, json_)
    for path in write(totals, BUILD):
        say(f"written: {path}")
    if interrupt is not None:
        raise interrupt
    return EXIT_DONE if totals.ok else EXIT_FAILED


def _replay(cases: "list[Case]", engine: "Engine", json_: bool) -> int:
    from host_tools.storm.engine import ENGINE
    from host_tools.storm.replay import replay
    from host_tools.storm.shown.telling import words_of

    ok = True
    for case in cases:
        if not case.is_whole:
            for planned in [*engine.faults(case), *engine.acts(case)][:TOLD_MAX]:
                say(f"{case.board}: {words_of(planned)}")
        found = replay(case, ENGINE, TRACES)
        ok = ok and found.ok
        if json_:
            emit(_facts(found))
        else:
            _tell(found)
    return EXIT_DONE if ok else EXIT_FAILED


def _facts(found: "Replay") -> dict[str, object]:
    from host_tools.storm.storm import run_facts

    facts = {**found.case.json(), **run_facts(found.first)}
    if found.error:
        return {**facts, "error": found.error}
    return {**facts, "same": found.is_same, "second_digest": found.second.digest, "trace": str(found.trace)}


def _tell(found: "Replay") -> None:
    from host_tools.storm.oracle.broken import at

    name = found.case.spec
    for result in (found.first, found.second):
        if result.error:
            say(result.details)
            say(f"{name}: {printable(result.error)}")
            return
    if found.is_same:
        say(f"{name}: twice the same run, SHA-256 of its trace {found.first.digest}")
    else:
        number, left, right = found.difference()
        say(f"{name}: NOT the same run twice, from line {number} of the traces:")
        say(f"  {printable(left)}")
        say(f"  {printable(right)}")
        say(f"the second trace: {found.second_trace}")
    for one in found.first.violations:
        say(f"{at(one.us)} {one.invariant}: {printable(one.text)}")
    if not found.first.violations:
        say("no invariant was broken")
    say(f"trace: {found.trace}")
