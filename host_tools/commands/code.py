"""`sportbox code`: keypad codes, which open a lock where there is no network."""

import re
import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from host_tools.commands.options import (
    BoardName,
    FromVault,
    Json,
    KeysFrom,
    PassphraseFile,
    SiteFile,
    StateDir,
    keys_of,
    new_app,
)
from host_tools.errors import BadInput
from host_tools.output import emit, printable, say
from host_tools.site.codes import Span, Timetable, hotp, hours, timetable
from host_tools.site.keys import code_key
from host_tools.site.load import load_site
from host_tools.site.localtime import FIRST_S, LAST_S
from host_tools.site.resolve import device_of

app = new_app()

COUNT_MAX = 500
NOW = "now"
_LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?")
_SLOT_NUMBER = re.compile(r"\d{1,10}")


@app.command()
def code(
    site_file: SiteFile,
    board: BoardName,
    component: Annotated[
        str, typer.Argument(metavar="COMPONENT", help="a lock, for example lock-2", show_default=False)
    ],
    slot: Annotated[
        str,
        typer.Option(
            "--slot",
            metavar="WHEN",
            help="`now`, a local time of the site such as 2026-11-22T18:00, or the number of a slot",
        ),
    ] = NOW,
    count: Annotated[
        int, typer.Option("--count", min=1, max=COUNT_MAX, help="also the codes of the open slots after it")
    ] = 1,
    state: StateDir = None,
    vault: FromVault = False,
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
) -> None:
    """Print the keypad code of a lock for a time slot. It opens once, in that slot, without network."""
    site = load_site(site_file)
    lock = printable(component)
    table = timetable(site, board, lock)
    first = _slot(table, slot)
    if table.span(first) is None:
        raise _closed(table, board, lock, first)
    key = code_key(
        keys_of(site_file, site, KeysFrom(state, vault, passphrase_file)).secret,
        site.site,
        board,
        lock,
        device_of(site, board).key_version,
    )
    spans = [span for span in table.spans(first, count) if span.to_s <= LAST_S]
    for span in spans:
        _show(table, board, lock, span, hotp(key, span.slot), json_)
    if spans and spans[0].to_s <= time.time():
        say("note: the first of these slots is over" if count > 1 else "note: that slot is over")


def _show(table: Timetable, board: str, lock: str, span: Span, digits: str, json_: bool) -> None:
    begin, end = table.local(span.from_s), table.local(span.to_s)
    if json_:
        emit(
            {
                "board": board,
                "component": lock,
                "code": digits,
                "slot": span.slot,
                "from": begin.isoformat(),
                "to": end.isoformat(),
            }
        )
        return
    say(f"{lock} of {board}, {_times(begin, end)} (slot {span.slot})")
    print(digits, flush=True)


def _times(begin: datetime, end: datetime) -> str:
    """`Sun 2026-11-22 18:00 to 19:00 CET`"""
    until = f"{end:%H:%M %Z}" if end.date() == begin.date() else f"{end:%a %Y-%m-%d %H:%M %Z}"
    changed = begin.utcoffset() != end.utcoffset()
    return f"{begin:%a %Y-%m-%d %H:%M}{f'{begin: %Z}' if changed else ''} to {until}"


def _slot(table: Timetable, when: str) -> int:
    if when == NOW:
        return table.slot_at(int(time.time()))
    if _SLOT_NUMBER.fullmatch(when):
        number = int(when)
        at_s = number * table.slot_s
    elif _LOCAL_TIME.fullmatch(when):
        at_s = _unix_s(table, when)
        number = table.slot_at(at_s)
    else:
        raise BadInput(
            f"--slot: `{printable(when)}` is no time and no slot",
            "--slot now, --slot 2026-11-22T18:00 (local time of the site) or the number of a slot",
        )
    if not FIRST_S <= at_s < LAST_S:
        current = table.slot_at(int(time.time()))
        raise BadInput(
            f"--slot: {printable(when)} is not within the years 2025 to 2037",
            f"the slot of this moment is {current} (slots of {table.slot_s} s)",
        )
    return number


def _unix_s(table: Timetable, when: str) -> int:
    """Local time of the site, unless it brings an offset. Where the clocks change it may not exist, or
    twice."""
    try:
        given = datetime.fromisoformat(when)
    except ValueError as error:
        raise BadInput(f"--slot: there is no such time: {when}", "--slot 2026-11-22T18:00") from error
    if given.tzinfo is not None:
        return int(given.timestamp())
    first, second = (given.replace(tzinfo=table.zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return int(first.timestamp())
    if first.astimezone(UTC).astimezone(table.zone).replace(tzinfo=None) != given:  # it is another time then
        raise BadInput(
            f"--slot: the clocks are put forward, so there is no {when} in {table.zone.key}",
            f"--slot {first.astimezone(UTC).astimezone(table.zone).isoformat()}",
        )
    raise BadInput(
        f"--slot: the clocks are put back, so {when} comes twice in {table.zone.key}",
        f"--slot {first.isoformat()} or --slot {second.isoformat()}",
    )


def _closed(table: Timetable, board: str, lock: str, slot: int) -> BadInput:
    begin, end = table.local(slot * table.slot_s), table.local((slot + 1) * table.slot_s)
    opened = " and ".join(hours(keypad) for keypad in table.keypads)
    following = next(table.spans(slot, 1), None)
    return BadInput(
        f"`{lock}` of `{board}` is closed {_times(begin, end)}: codes open from {opened}",
        f"the next open slot: --slot {following.slot} "
        f"({_times(table.local(following.from_s), table.local(following.to_s))})"
        if following
        else None,
    )
