"""`sportbox inventory`: which board is which device, what was done to it, and what is missing."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from host_tools.commands.options import Json, SiteFile, new_app
from host_tools.errors import BadInput, ToolError
from host_tools.output import emit, printable, say
from host_tools.site import inventory_report as report
from host_tools.site.atomic import replace_file
from host_tools.site.inventory import Inventory, inventory_path
from host_tools.site.inventory_report import Row
from host_tools.site.inventory_rows import Fact
from host_tools.site.load import load_site
from host_tools.site.models import Site
from host_tools.site.resolve import device_of
from host_tools.words import tr
from host_tools.words.system import reason

STDOUT = "-"
EXPORT_MODE = 0o644

app = new_app()


@app.command()
def inventory(
    site_file: SiteFile,
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", help="of this device alone")
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="what was done, the oldest first")] = False,
    revoked: Annotated[bool, typer.Option("--revoked", help="credentials that must no longer count")] = False,
    csv: Annotated[
        str | None, typer.Option("--csv", metavar="F", help="write a CSV file; `-` is stdout")
    ] = None,
    json_: Json = False,
) -> None:
    """Show which board is which device, since when, with which versions, and what is missing."""
    site = load_site(site_file)
    if history and revoked:
        raise BadInput(tr("--history and --revoked are two lists"), tr("give one of them"))
    if csv is not None and json_:
        raise BadInput(tr("--csv and --json are two forms"), tr("give one of them"))
    store = Inventory.open(site_file) if inventory_path(site_file).exists() else None
    fields, rows = _rows(site, store, history, revoked)
    if device is not None:
        rows = [row for row in rows if row["device"] == device]
        if not rows:
            device_of(site, device)  # a name that the site does not know is refused
    if json_:
        for row in rows:
            emit(row)
    elif csv is not None:
        _export(csv, report.csv_text(fields, rows))
    else:
        _show(site, fields, rows, store)


def _rows(
    site: Site, store: Inventory | None, history: bool, revoked: bool
) -> tuple[Sequence[str], list[Row]]:
    if history:
        return report.HISTORY_FIELDS, report.history_rows(store.history() if store else [])
    if revoked:
        return report.REVOKED_FIELDS, report.revoked_rows(store.revoked() if store else [])
    return report.BOARD_FIELDS, report.board_rows(site, store.boards() if store else [])


def _export(target: str, text: str) -> None:
    if target == STDOUT:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        replace_file(Path(target), text.encode("utf-8-sig"), EXPORT_MODE)  # the mark tells spreadsheets UTF-8
    except OSError as error:
        raise ToolError(
            tr("cannot write {path}: {why}", path=printable(target), why=reason(error)),
            tr("name one in a folder that is there and yours"),
        ) from error
    say(tr("written: {path}", path=printable(target)))


def _show(site: Site, fields: Sequence[str], rows: list[Row], store: Inventory | None) -> None:
    zone = ZoneInfo(site.time_zone)
    headings = _columns()
    shown = [name for name in headings if name in fields and any(row[name] is not None for row in rows)]
    if fields is report.BOARD_FIELDS:
        shown = [name for name in shown if name != "title"]
    table = [[headings[name] for name in shown]]
    table += [[_cell(name, row[name], zone) for name in shown] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table if rows else []:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    if not rows:
        say(tr("nothing is noted"))
    if fields is not report.BOARD_FIELDS:
        return
    missing = [str(row["device"]) for row in rows if row["status"] in (report.MISSING, report.BLANK)]
    if missing:
        say(tr("without a provisioned board: {names}", names=", ".join(missing)))
    outdated = [str(row["device"]) for row in rows if row["status"] == report.OUTDATED]
    if outdated:
        say(
            tr(
                "with keys older than the site file says, provision them again: {names}",
                names=", ".join(outdated),
            )
        )
    pending = [one.device for one in store.all_pending()] if store else []
    if pending:
        say(tr("replacements that are not finished, repeat the command: {names}", names=", ".join(pending)))
    count = len(store.revoked()) if store else 0
    if count:
        say(tr("revoked credentials: {count}; --revoked lists them", count=count))


def _cell(name: str, value: Fact, zone: ZoneInfo) -> str:
    if value is None:
        return ""
    if name in ("at", "since", "selftest_at", "seen"):
        return f"{datetime.fromisoformat(str(value)).astimezone(zone):%Y-%m-%d %H:%M}"
    if isinstance(value, bool):
        value = "ok" if value else "failed"
    said = _words().get(str(value)) if name in ("status", "selftest", "ok") else None
    return said if said else printable(str(value))


def _columns() -> dict[str, str]:
    """Headings, in the order of the columns."""
    return {
        "at": tr("time"),
        "action": tr("action"),
        "device": tr("device"),
        "title": tr("title"),
        "board": tr("board"),
        "mac": "MAC",
        "ok": tr("result"),
        "chip": "chip",
        "status": tr("status"),
        "since": tr("since"),
        "key_version": tr("key"),
        "serial": tr("certificate"),
        "firmware": "firmware",
        "micropython": "MicroPython",
        "selftest": tr("self-test"),
        "selftest_at": tr("tested"),
        "seen": tr("last seen"),
        "facts": tr("facts"),
        "why": tr("why"),
    }


def _words() -> dict[str, str]:
    return {
        report.OK: "ok",
        report.MISSING: tr("missing"),
        report.BLANK: tr("not provisioned"),
        report.OUTDATED: tr("old keys"),
        report.SPARE: tr("spare"),
        "passed": tr("passed"),
        "failed": tr("failed"),
    }
