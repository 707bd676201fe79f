"""`sportbox audit`: who opened what, when, for how long; a journal that shows tampering."""

import signal
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from host_tools.audit.journal import Journal, Noted
from host_tools.audit.place import Place
from host_tools.audit.seal import End
from host_tools.audit.store import end_of
from host_tools.commands.options import BrokerUrl, Json, PassphraseFile, SiteFile, StateDir, new_app
from host_tools.errors import EXIT_DONE, EXIT_FAILED, BadInput
from host_tools.output import emit, say
from host_tools.site.inventory import when

ANCHOR_MAX_BYTES = 4_096

app = new_app()


@app.callback()
def audit() -> None:
    """Who opened what, when, for how long."""


@app.command()
def collect(
    site_file: SiteFile,
    broker: BrokerUrl = None,
    state: StateDir = None,
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
) -> int:
    """Fill the site's journal from its broker, and remove what is too old, until Ctrl-C. A service."""
    from host_tools.audit.service import Service

    place = Place(site_file, state, passphrase_file)
    if place.note is not None:
        say(f"note: {place.note}")
    days = place.site.audit.retention_days
    journal = Journal.open(place.store, place.key())
    what = "a new journal" if journal.is_new else "the journal"
    say(f"{what}: {place.store.path}, kept for {days} days")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())

    def noted(done: Noted) -> None:
        if json_ and done.new:
            emit({"noted": done.new, "entries": done.head.n})

    Service(journal, days, say, noted).run(place.find_broker(broker), stop)
    return EXIT_DONE


@app.command()
def show(
    site_file: SiteFile,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="2026-11-28, 2026-11-28T18:00 or 7d ago")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="WHEN", help="the same")] = None,
    component: Annotated[
        str | None,
        typer.Option("--component", metavar="C", help="box-1/lock-2 (and its door), lock-2, or box-1/"),
    ] = None,
    sub: Annotated[str | None, typer.Option("--sub", metavar="SUB", help="who, as the tokens say it")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="for a spreadsheet, on stdout")] = False,
    state: StateDir = None,
    json_: Json = False,
) -> None:
    """Show who opened what, when, for how long; what was refused, forced, or is missing."""
    from host_tools.audit import listing
    from host_tools.audit.openings import rows
    from host_tools.audit.times import read
    from host_tools.audit.verify import verify as check
    from host_tools.site.inventory_report import csv_text

    if csv and json_:
        raise BadInput("--csv and --json are two forms", "give one of them")
    place = Place(site_file, state, None)
    zone = ZoneInfo(place.site.time_zone)
    wanted = replace(
        listing.wanted_component(component),
        since_s=None if since is None else listing.moment_s(since, "--since", zone),
        until_s=None if until is None else listing.moment_s(until, "--until", zone, end=True),
        sub=sub,
    )
    problem = check(place.store, None).problem
    if problem is not None:
        say(f"note: tampered with: {problem.text}; sportbox audit verify SITE.yaml")
    found = [row for row in rows(read(listing.entries_of(place.store))) if wanted.fits(row)]
    if json_:
        for row in found:
            emit(listing.as_data(row))
    elif csv:
        sys.stdout.write(csv_text(listing.FIELDS, [listing.as_cells(row) for row in found]))
    else:
        for line in listing.as_lines(found, zone):
            print(line)
        if not found:
            say("nothing is noted")


@app.command()
def verify(
    site_file: SiteFile,
    head: Annotated[
        str | None,
        typer.Option("--head", metavar="N:HASH", help="a head that was noted before", show_default=False),
    ] = None,
    head_file: Annotated[
        Path | None,
        typer.Option(
            "--head-file", metavar="F", help="file with what `audit head` printed before", show_default=False
        ),
    ] = None,
    keyless: Annotated[
        bool, typer.Option("--keyless", help="without the vault: proves less, needs no passphrase")
    ] = False,
    state: StateDir = None,
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
) -> int:
    """Check that the journal is as it was written: exit 0 it is, 1 it was tampered with."""
    from host_tools.audit.verify import read_anchor
    from host_tools.audit.verify import verify as check

    if head is not None and head_file is not None:
        raise BadInput("--head and --head-file are two ways to say the same", "give one of them")
    text = head if head_file is None else _read(head_file)
    anchor = None if text is None else read_anchor(text)
    place = Place(site_file, state, passphrase_file)
    place.store.look()
    report = check(place.store, None if keyless else place.key(), anchor)
    for note in report.notes:
        say(f"note: {note}")
    problem = report.problem
    if json_:
        found = None if problem is None else asdict(problem)
        emit({"ok": problem is None, **_head(report.head), "pruned": report.start.n, "problem": found})
    elif problem is None:
        print(f"whole: {report.count} entries, {report.start.n} pruned before them; head {report.head}")
    else:
        print(f"tampered with: {problem.text}")
        print(f"whole up to there: {report.count} entries, through entry {report.head.n}")
    return EXIT_DONE if problem is None else EXIT_FAILED


@app.command()
def head(site_file: SiteFile, state: StateDir = None, json_: Json = False) -> None:
    """Print number and hash of the newest entry. Kept elsewhere, it shows a journal cut off later."""
    place = Place(site_file, state, None)
    with place.store.reading() as db:
        found = end_of(db, "head")
    if json_:
        emit({"site": place.site.site, **_head(found), "at": when(found.at_s)})
    else:
        print(found)


@app.command()
def prune(
    site_file: SiteFile,
    state: StateDir = None,
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
) -> None:
    """Remove entries older than the site file's `retention_days`. `audit collect` does so every hour."""
    from host_tools.audit.service import told

    place = Place(site_file, state, passphrase_file)
    place.store.look()
    days = place.site.audit.retention_days
    pruned = Journal.open(place.store, place.key()).prune(days)
    if json_:
        emit({"pruned": pruned.count, "through": pruned.through, **_head(pruned.head)})
    else:
        print(told(pruned, days))


def _head(end: End) -> dict[str, Any]:
    return {"entries": end.n, "hash": end.hash.hex()}


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(ANCHOR_MAX_BYTES).decode("ascii", "replace")
    except OSError as error:
        raise BadInput(
            f"cannot read {path}: {error.strerror}", "sportbox audit head SITE.yaml > FILE"
        ) from error
