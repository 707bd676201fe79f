"""What the inventory hands out."""

import json
from dataclasses import dataclass, field

Fact = str | int | float | bool | None


@dataclass(frozen=True)
class BoardRow:
    """A board that was seen: `device` while it is that one, `provisioned` unless it was flashed since then.
    `facts` has the newest of each name: chip, firmware, micropython, ... Times are Unix seconds."""

    mac: str
    device: str | None
    since_s: int | None
    provisioned: bool
    key_version: int | None
    serial: str | None
    selftest_s: int | None
    selftest_ok: bool | None
    seen_s: int
    facts: dict[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One thing that was done."""

    at_s: int
    action: str
    mac: str
    device: str | None
    ok: bool
    facts: dict[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True)
class Revocation:
    """Credentials that must no longer count: of a device, at a key version, on the board `mac`. With key
    version 0 it is the certificate alone, and the keys are still good."""

    at_s: int
    device: str
    key_version: int
    mac: str | None
    serial: str | None
    why: str


@dataclass(frozen=True)
class Pending:
    """A replacement that has begun: `new_version` is what the site file is raised to, once. `writing`: the
    new board may have got credentials of that version already."""

    device: str
    new_mac: str
    old_mac: str | None
    old_version: int
    new_version: int
    at_s: int
    writing: bool = False


def board_row(
    mac: str,
    device: str | None,
    since_s: int | None,
    provisioned: int,
    key_version: int | None,
    serial: str | None,
    selftest_s: int | None,
    selftest_ok: int | None,
    seen_s: int,
    facts: str,
) -> BoardRow:
    """A row as SQLite gives it: flags are numbers, facts JSON."""
    return BoardRow(
        mac,
        device,
        since_s,
        bool(provisioned),
        key_version,
        serial,
        selftest_s,
        None if selftest_ok is None else bool(selftest_ok),
        seen_s,
        json.loads(facts),
    )
