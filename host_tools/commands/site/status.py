"""`sportbox site status`: declared against real, broker and boards in a table."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from host_tools.commands.options import Json, PassphraseFile, SiteFile
from host_tools.errors import EXIT_DONE
from host_tools.output import emit, printable, report, say

if TYPE_CHECKING:
    from rich.table import Table

    from host_tools.site.status import BoardStatus, BrokerStatus, Status

STYLES = {"online": "green", "offline": "red", "sleeping": "blue"}
WRONG = "bold yellow"


def status(site_file: SiteFile, passphrase_file: PassphraseFile = None, json_: Json = False) -> int:
    """Show the broker and each board: who is there, firmware, and whether all is as declared.

    Exit status: 0 told, whatever it is; 3 the broker is out of reach, so what is told of boards is what the
    inventory has; 2 they cannot be compared, for something is missing here, as a password."""
    from host_tools.site.status import status_of
    from host_tools.site.workplace import open_workplace

    found = status_of(open_workplace(site_file, passphrase_file))
    if json_:
        for row in found.rows:
            emit(asdict(row))
        for note in found.notes:
            emit({"note": note})
    else:
        _tell(found, str(site_file))
    if found.error is None:
        return EXIT_DONE
    report(found.error.message, found.error.hint)
    return found.error.status


def _tell(found: "Status", file: str) -> None:
    from rich.console import Console

    print(_broker(found.broker))
    Console().print(_table(found.boards))
    for row in found.differing:
        print(f"{row.name}: {printable(row.differs or '')}")
    for note in found.notes:
        say(f"note: {note}")
    if found.differing:
        say(f"note: {len(found.differing)} not as declared; sportbox site plan {file} shows more")


def _table(boards: "list[BoardStatus]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    rows = [[Text.from_markup(cell) for cell in _board(board)] for board in boards]
    table = Table()
    # widths that are known need not be measured, and a site may have hundreds of boards
    for index, title in enumerate(("board", "is", "firmware", "config", "keys", "certificate", "clock")):
        width = max([len(title), *(row[index].cell_len for row in rows)]) if index else None
        table.add_column(title, no_wrap=index > 0, width=width)
    for row in rows:
        table.add_row(*row)
    return table


def _broker(broker: "BrokerStatus") -> str:
    words = ["answers" if broker.answers else "silent"]
    if broker.as_declared is not None:
        words.append("as declared" if broker.as_declared else "not as declared")
    if broker.certificate_until is not None:
        words.append(f"certificate until {broker.certificate_until}")
    return f"broker {broker.name} ({broker.kind}): {', '.join(words)}"


def _board(board: "BoardStatus") -> list[str]:
    keys = None if board.keys is None else board.keys and bool(board.rest)
    certificate = _so(board.certificate)
    if board.certificate is not False and board.certificate_until is not None:
        certificate = board.certificate_until
    return [
        board.name,
        _styled(printable(board.state or "?")),
        _escaped(board.firmware),
        _so(board.config),
        _so(keys),
        certificate,
        _escaped(board.clock),
    ]


def _so(is_declared: bool | None) -> str:
    if is_declared is None:
        return "?"
    return "ok" if is_declared else f"[{WRONG}]differs[/]"


def _styled(state: str) -> str:
    style = STYLES.get(state)
    return f"[{style}]{state}[/]" if style else _escaped(state)


def _escaped(text: str | None) -> str:
    """What came over the network is no markup."""
    from rich.markup import escape

    return escape(printable(text)) if text else ""
