"""The inventory as rows: for JSON and CSV with names that stay, times in RFC 3339 UTC."""

import csv
import io
from collections.abc import Sequence

from host_tools.site.inventory import Inventory, when
from host_tools.site.inventory_rows import BoardRow, Entry, Fact, Revocation
from host_tools.site.models import Site

Row = dict[str, Fact]

BOARD_FIELDS = (
    "device",
    "title",
    "board",
    "mac",
    "chip",
    "status",
    "since",
    "key_version",
    "serial",
    "firmware",
    "micropython",
    "selftest",
    "selftest_at",
    "seen",
)
HISTORY_FIELDS = ("at", "action", "device", "mac", "ok", "facts")
REVOKED_FIELDS = ("at", "device", "key_version", "mac", "serial", "why")

OK, MISSING, BLANK, OUTDATED, SPARE = "ok", "missing", "blank", "outdated", "spare"
"""Status of a row: a device that is there; without a board; whose board was flashed, not provisioned since;
whose board has an older key version than the site file; a board that is no device of the site."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def board_rows(site: Site, boards: Sequence[BoardRow]) -> list[Row]:
    """First the devices in the order of the site file, then boards that are none of them."""
    by_device = {row.device: row for row in boards if row.device is not None}
    rows = [_device_row(site, name, by_device.get(name)) for name in site.devices]
    return rows + [_row(None, None, row, SPARE) for row in boards if row.device not in site.devices]


def history_rows(entries: Sequence[Entry]) -> list[Row]:
    return [
        {
            "at": when(entry.at_s),
            "action": entry.action,
            "device": entry.device,
            "mac": entry.mac,
            "ok": entry.ok,
            "facts": ", ".join(f"{name} {value}" for name, value in entry.facts.items()),
        }
        for entry in entries
    ]


def revoked_serials(inventory: Inventory) -> list[int]:
    """Serial numbers of the certificates that the broker must refuse, ascending."""
    return sorted({int(one.serial, 16) for one in inventory.revoked() if one.serial})


def revoked_rows(revoked: Sequence[Revocation]) -> list[Row]:
    return [
        {
            "at": when(one.at_s),
            "device": one.device,
            "key_version": one.key_version,
            "mac": one.mac,
            "serial": one.serial,
            "why": one.why,
        }
        for one in revoked
    ]


def csv_text(fields: Sequence[str], rows: Sequence[Row]) -> str:
    """RFC 4180 with a header. What a spreadsheet would take for a formula gets an apostrophe before it
    (OWASP, "CSV Injection")."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(fields)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in fields])
    return text.getvalue()


def _cell(value: Fact) -> str:
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    harmless = isinstance(value, int) or not text.startswith(_FORMULA)
    return text if harmless else f"'{text}"


def _device_row(site: Site, name: str, row: BoardRow | None) -> Row:
    device = site.devices[name]
    if row is None:
        empty: Row = dict.fromkeys(BOARD_FIELDS)
        return empty | {"device": name, "title": device.title, "board": device.board, "status": MISSING}
    status = OK if row.key_version in (None, device.key_version) else OUTDATED
    if not row.provisioned:
        status = BLANK
    return _row(device.title, device.board, row, status)


def _row(title: str | None, board: str | None, row: BoardRow, status: str) -> Row:
    return {
        "device": row.device,
        "title": title,
        "board": board or row.facts.get("board"),
        "mac": row.mac,
        "chip": row.facts.get("chip"),
        "status": status,
        "since": when(row.since_s) if row.device else None,
        "key_version": row.key_version,
        "serial": row.serial,
        "firmware": row.facts.get("firmware"),
        "micropython": row.facts.get("micropython"),
        "selftest": None if row.selftest_ok is None else "passed" if row.selftest_ok else "failed",
        "selftest_at": when(row.selftest_s),
        "seen": when(row.seen_s),
    }
