"""`sportbox bridge`: a site's data to a city's platform, by OGC SensorThings and NGSI-LD."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from host_tools.audit.place import Place
from host_tools.commands.options import BrokerUrl, Json, PassphraseFile, SiteFile, StateDir, new_app
from host_tools.errors import EXIT_DONE, EXIT_UNREACHABLE, BadInput
from host_tools.output import emit, printable, say

if TYPE_CHECKING:
    from host_tools.data.bridge.run import Bridge

SUFFIX = ".bridge.db"
FILE = "bridge.db"

app = new_app()


def _spool_path(place: Place, site_file: Path) -> Path:
    """That of a simulation lies in its state directory: what was played never goes to a city's platform by
    mistake."""
    return place.store.path.with_name(FILE) if place.simulated else site_file.with_suffix(SUFFIX)


@app.command()
def bridge(
    site_file: SiteFile,
    once: Annotated[bool, typer.Option("--once", help="send what is there, then end")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="send nothing: print what would be sent, then end")
    ] = False,
    status: Annotated[
        bool, typer.Option("--status", help="tell how far it is, and what the platform did not take")
    ] = False,
    retry: Annotated[bool, typer.Option("--retry", help="send what was put aside once more")] = False,
    login: Annotated[
        Path | None,
        typer.Option(
            "--login",
            metavar="F",
            help="what `site login` or `centre login` wrote with --out [default: the vault's `recorder`]",
            show_default=False,
        ),
    ] = None,
    broker: BrokerUrl = None,
    state: StateDir = None,
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
) -> int:
    """Send a site's events, counts and states to the platforms in its `outputs`, until Ctrl-C. A service."""
    from host_tools.data.bridge.loginfile import read_login
    from host_tools.data.bridge.run import Bridge, alone
    from host_tools.data.bridge.spool import Spool
    from host_tools.data.bridge.wanted import names, outputs

    if sum((once, dry_run, status)) > 1 or (retry and (dry_run or status)):
        raise BadInput("--once, --dry-run and --status are different things to do", "give one of them")
    if login is not None and broker is not None:
        raise BadInput("--login and --broker both say where the broker is", "give one of them")
    place = Place(site_file, state, passphrase_file)
    path = _spool_path(place, site_file)
    wanted = names(place.site)
    if status:
        _show_status(path, json_)
        return EXIT_DONE
    if place.note is not None:
        say(f"note: {place.note}")
    with alone(path):
        spool = Spool(path)
        spool.register(wanted)
        if retry:
            say(f"{spool.retry_dead()} that were put aside are sent once more")
        spool.close()
        stop = threading.Event()
        made = Bridge(path, place.site, place.find_broker(broker), (), say)
        if login is not None:
            access = read_login(login)
            made = replace(made, find=access.find(), user=access.user or made.user, kind=access.kind)
        else:
            made.find()  # asks for a passphrase now, when Ctrl-C still ends the question
        if not dry_run:
            made = replace(made, outputs=outputs(place.site, lambda name: place.login.vault.secret(name)))
        with _heeding(stop):
            return _dry_run(made, stop) if dry_run else _run(made, once, json_, stop)


@contextmanager
def _heeding(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C, and a service manager's word, end the work in order."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda _number, _frame: stop.set()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _run(bridge: "Bridge", once: bool, json_: bool, stop: threading.Event) -> int:
    if not once:
        bridge.serve(stop)
        return EXIT_DONE
    problems = bridge.once(stop)
    _show_status(bridge.path, json_)
    return EXIT_UNREACHABLE if problems else EXIT_DONE


def _dry_run(bridge: "Bridge", stop: threading.Event) -> int:
    from host_tools.data.bridge.dry import printing
    from host_tools.data.bridge.run import copy_of
    from host_tools.data.bridge.wanted import outputs

    bridge.collect_kept(stop)
    with copy_of(bridge.path) as copy:
        bridge.send_all(copy, outputs(bridge.site, lambda name: "", printing(emit)), stop)
    say("nothing was sent, and what was taken from the broker is kept")
    return EXIT_DONE


def _show_status(path: Path, json_: bool) -> None:
    from host_tools.data.bridge.status import status

    if not path.exists():
        raise BadInput(f"{path} is not there: no bridge has run yet", "sportbox bridge SITE.yaml")
    for found in status(path):
        if json_:
            emit(found)
        else:
            print(_line(found))


def _line(found: dict[str, Any]) -> str:
    if "refused" in found:
        text = f"  not taken by {found['output']}: {found['refused']} at {found['at']}: {found['status']}"
        return f"{text} {printable(found['reason'])}"
    if "spool" in found:
        counts = ", ".join(
            f"{found[name]} {name}" for name in ("events", "duplicates", "malformed", "undated")
        )
        return f"from the broker: {counts}"
    counts = ", ".join(f"{found[name]} {name}" for name in ("sent", "waiting", "aside", "dropped"))
    last = f", last {found['last']}" if found["last"] else ""
    problem = f"; {printable(found['problem'])}" if found["problem"] else ""
    return f"{found['output']}: {counts}{last}{problem}"
