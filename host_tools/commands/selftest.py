"""`sportbox selftest`: a board checks itself, a technician helps, and a record is written."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from host_tools import __version__
from host_tools.commands.options import Json, new_app
from host_tools.errors import EXIT_DONE, EXIT_FAILED, BadInput, ToolError
from host_tools.output import emit, printable, report, say
from host_tools.port.console import Console
from host_tools.port.ports import Port, choose
from host_tools.port.record import Record, Result, ready_folder, records_folder, write_record
from host_tools.port.record_page import check_name, verdict_of
from host_tools.port.selftest import PATIENCE_S, BoardFacts, Finding, Plan, Session
from host_tools.port.selftest_code import match
from host_tools.port.selftest_names import called, short
from host_tools.port.selftest_person import Person, person_for
from host_tools.port.selftest_why import why
from host_tools.site.inventory import Inventory, inventory_path
from host_tools.site.load import load_site
from host_tools.site.models import Site
from host_tools.words import language, tr

app = new_app()


@app.command()
def selftest(
    port: Annotated[
        str | None, typer.Option("--port", metavar="P", help="the board's serial port", show_default=False)
    ] = None,
    with_hardware: Annotated[
        bool,
        typer.Option("--with-hardware", help="also what needs a hand: doors, locks, sensors, keypad, lamp"),
    ] = False,
    site_file: Annotated[
        Path | None,
        typer.Option(
            "--site",
            metavar="SITE.yaml",
            help="the board must belong to it; the inventory takes note",
            show_default=False,
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "-o",
            metavar="DIR",
            help="folder for the record [default: SITE.records beside the site file, else this folder]",
            show_default=False,
        ),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option("--skip", metavar="COMPONENT", help="leave it out; may be repeated", show_default=False),
    ] = None,
    patience: Annotated[
        float,
        typer.Option("--patience", metavar="SECONDS", min=1, max=3600, help="for each thing to be done"),
    ] = PATIENCE_S,
    json_: Json = False,
) -> int:
    """Let a board check itself, and write an acceptance record (JSON and HTML)."""
    chosen = choose([port] if port else None)[0]
    person = person_for(json_)

    def take(result: Result) -> None:
        if json_:
            emit(result.model_dump())
        else:
            person.done(_line(result))

    left_out = list(dict.fromkeys(skip or []))
    record, paths = accept(chosen, site_file, person, take, with_hardware, left_out, patience, folder)
    return _tell(record, paths, json_)


def accept(
    port: Port,
    site_file: Path | None,
    person: Person,
    take: Callable[[Result], None],
    with_hardware: bool = False,
    skipped: Sequence[str] = (),
    patience_s: float = PATIENCE_S,
    folder: Path | None = None,
) -> tuple[Record, tuple[Path, Path]]:
    """One board from its first check to its record, as JSON and HTML; `take` gets each result at once."""
    site = None if site_file is None else load_site(site_file)
    target = folder or records_folder(site_file)
    ready_folder(target)
    begun = _now()
    with opened(port) as console:
        session = Session(console, person, skipped, patience_s, partial(match, console))
        plan = session.start()
        _fits(session.facts, site, site_file)
        results = _run(session, plan, with_hardware, take)
    record = _record(port, session.facts, site, results, begun, with_hardware, list(skipped))
    paths = write_record(record, target)
    if site_file is not None:
        _note(site_file, record, paths[0])
    return record, paths


@contextmanager
def opened(port: Port) -> Iterator[Console]:
    """The board's console; the board starts normally at the end, whatever happened."""
    with Console.open(port) as console:
        try:
            yield console
        except BaseException:
            console.at_prompt = False  # Ctrl-C may have come in the middle of a line
            with suppress(ToolError):  # the first error counts
                console.restart()
            raise
        console.restart()


def _fits(facts: BoardFacts, site: Site | None, site_file: Path | None) -> None:
    """A board of another site, or of none of its devices, is not tested for this one."""
    if site is None:
        return
    theirs, device = facts.fact("site"), facts.fact("device")
    if theirs is not None and theirs != site.site:
        raise BadInput(
            tr(
                "the board belongs to site `{theirs}`, not to `{ours}`",
                theirs=printable(theirs),
                ours=site.site,
            ),
            tr("name that site's file, or `sportbox provision` the board for this one"),
        )
    if device is not None and device not in site.devices:
        raise BadInput(
            tr(
                "{file} has no device `{device}`, which this board is",
                file=site_file,
                device=printable(device),
            ),
            tr("`sportbox provision` the board as one of: {names}", names=", ".join(list(site.devices)[:20])),
        )
    if site_file is not None and device is not None:
        _still_is(site_file, device, facts.mac)


def _still_is(site_file: Path, device: str, mac: str) -> None:
    """A board whose place another one has taken is accepted for nothing: its keys are void."""
    if not inventory_path(site_file).exists():
        return
    current = Inventory.open(site_file).board_of(device)
    if current is not None and current.mac != mac:
        raise BadInput(
            tr(
                "{device} is the board {mac} now, no longer this one ({this})",
                device=device,
                mac=current.mac,
                this=mac,
            ),
            tr("take that board, or `sportbox provision` this one as another device"),
        )


def _run(session: Session, plan: Plan, with_hardware: bool, take: Callable[[Result], None]) -> list[Result]:
    results: list[Result] = []

    def found(findings: list[Finding]) -> None:
        for finding in findings:
            result = _result(finding, session.facts)
            results.append(result)
            take(result)

    for check, component in plan.checks:
        found([session.check(check, component)])
    for name, component in plan.steps if with_hardware else []:
        found(session.step(name, component))
    return results


def _result(finding: Finding, facts: BoardFacts) -> Result:
    text = cure = ""
    if finding.why == "skipped":
        text = tr("left out")
    elif finding.why:
        text, cure = why(finding.check, finding.component, finding.why, finding.value, facts.config or {})
    return Result(**finding.model_dump(), text=text, cure=cure)


def _record(
    port: Port,
    facts: BoardFacts,
    site: Site | None,
    results: list[Result],
    begun: str,
    with_hardware: bool,
    skipped: list[str],
) -> Record:
    device = facts.fact("device")
    described = site.devices.get(device) if site is not None and device is not None else None
    return Record(
        verdict="failed" if any(result.ok is False for result in results) else "passed",
        begun=begun,
        ended=_now(),
        language=language(),
        with_hardware=with_hardware,
        skipped=skipped,
        site=facts.fact("site"),
        site_title=None if site is None else site.title,
        device=device,
        device_title=None if described is None else described.title,
        board=facts.fact("board"),
        chip=facts.fact("chip"),
        mac=facts.mac,
        port=port.device,
        serial_number=port.serial_number,
        firmware=facts.firmware,
        micropython=facts.micropython,
        tool=__version__,
        config_hash=facts.fact("hash"),
        key_version=facts.key_version,
        results=results,
    )


def _note(site_file: Path, record: Record, path: Path) -> None:
    Inventory.open(site_file).record(
        "selftest",
        record.mac,
        record.device,
        record.verdict == "passed",
        chip=record.chip,
        board=record.board,
        firmware=record.firmware,
        micropython=record.micropython,
        report=path.name,
    )


def _tell(record: Record, paths: tuple[Path, Path], json_: bool) -> int:
    passed = record.verdict == "passed"
    if json_:
        emit({"verdict": record.verdict, "device": record.device, "mac": record.mac, "record": str(paths[0])})
    else:
        _table(record)
    say(tr("record: {path}", path=paths[1]))
    for result in record.failed:
        report(f"{result.component}: {result.text}", result.cure)
    if not passed:
        names = ", ".join(dict.fromkeys(result.component for result in record.failed))
        say(tr("the self-test failed: {names}", names=names))
    return EXIT_DONE if passed else EXIT_FAILED


def _table(record: Record) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(tr("what"), tr("check"), tr("result"), tr("value"))
    for one in record.results:
        told = "; ".join(filter(None, (short(one.value), one.text)))
        row = (called(one.component), check_name(one.check), verdict_of(one.ok), told)
        style = "bold red" if one.ok is False else None
        table.add_row(*(Text(printable(text)) for text in row), style=style)
    Console().print(table)


def _line(result: Result) -> str:
    told = result.text or short(result.value)
    verdict = verdict_of(result.ok)
    head = f"{called(result.component)}, {check_name(result.check)}: {verdict}"
    return f"{head} ({told})" if told else head


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
