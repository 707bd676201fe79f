"""New hardware takes over a device: what is done in which order, so that it can be cut off anywhere.

1. The inventory notes the replacement, with the key version that it will lead to.
2. The site file gets that version.
3. The inventory notes the old board's credentials as revoked.
4. The new board is provisioned with keys and certificate of the new version, and noted as the device.
5. Nothing is pending any more.

Run again, it begins where it was cut off: the pending version is not raised a second time, and all the other
steps change nothing when they are done already.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from host_tools.errors import BadInput, ToolError
from host_tools.output import printable
from host_tools.site.editing import raise_key_version
from host_tools.site.inventory import Inventory
from host_tools.site.inventory_rows import BoardRow, Pending
from host_tools.site.load import load_site
from host_tools.site.models import Site
from host_tools.site.resolve import device_of, locks_with_codes
from host_tools.words import tr

WHY = "replaced by {mac}"


Owner = tuple[str, str]
"""Site and device."""


@dataclass(frozen=True)
class Seen:
    """The board in hand: `owners` is what its files say that it is."""

    mac: str
    owners: tuple[Owner, ...] = ()


class Bench(Protocol):
    """What is done to the board in hand."""

    def look(self, site: Site, device: str) -> Seen:
        """Who it is; BadInput if its chip does not fit. Writes nothing; the board may be held after it."""

    def leave(self) -> None:
        """Let the board go on as it was."""

    def provision(self, site: Site, device: str) -> str | None:
        """Make it the device of this site, verified, and noted in the inventory as `replace`; answers the
        serial number of its certificate. Raises ToolError; a second time changes nothing."""


@dataclass(frozen=True)
class Taken:
    """A finished replacement: what is void, and what is new."""

    device: str
    mac: str
    old_mac: str | None
    old_version: int
    version: int
    old_serial: str | None
    serial: str | None
    code_locks: tuple[str, ...] = ()

    def facts(self) -> dict[str, object]:
        return {
            "device": self.device,
            "mac": self.mac,
            "replaced": self.old_mac,
            "key_version": self.version,
            "void_key_version": self.old_version,
            "void_serial": self.old_serial,
            "serial": self.serial,
        }

    def void(self, site_file: Path) -> list[str]:
        """What the person has to know now, in sentences."""
        told = [
            tr(
                "void: tokens of {device} with `kid` booking-{version} or ops-{version}, and older ones",
                device=self.device,
                version=self.old_version,
            )
        ]
        if self.code_locks:
            told.append(
                tr(
                    "void: all keypad codes of {locks}, also for bookings to come",
                    locks=", ".join(self.code_locks),
                )
            )
        if self.old_serial:
            told.append(tr("void: the old board's certificate {serial}", serial=self.old_serial))
        told.append(
            tr(
                "the booking service needs the new key: sportbox key {file} {device} --vault",
                file=site_file,
                device=self.device,
            )
        )
        told.append(
            tr(
                "{file} has the new key version: keep it, and put it where others work with it",
                file=site_file,
            )
        )
        return told


def take_over(
    site_file: Path,
    device: str,
    bench: Bench,
    inventory: Inventory,
    force: bool = False,
    step: Callable[[str], None] = lambda text: None,
) -> Taken:
    """Make the board in hand the device, in place of the one that was. Raises ToolError or BadInput."""
    site = load_site(site_file)
    version = device_of(site, device).key_version
    seen = bench.look(site, device)
    try:
        _check(site_file, site, device, seen, inventory, force)
    except BadInput:
        bench.leave()
        raise
    pending = inventory.begin_replacement(device, seen.mac, version)
    step(tr("key version {version} of {device}", version=pending.new_version, device=device))
    raise_key_version(site_file, device, pending.new_version)
    site = load_site(site_file)
    described = device_of(site, device)
    old = inventory.board(pending.old_mac) if pending.old_mac else None
    old_serial = _revoke(inventory, pending, old)
    if not inventory.begin_writing(device, seen.mac):
        raise _overtaken(device)
    serial = bench.provision(site, device)
    if not inventory.end_replacement(device, seen.mac):
        raise _overtaken(device)
    return Taken(
        device=device,
        mac=seen.mac,
        old_mac=pending.old_mac,
        old_version=pending.old_version,
        version=described.key_version,
        old_serial=old_serial,
        serial=serial,
        code_locks=tuple(locks_with_codes(described)),
    )


def _overtaken(device: str) -> ToolError:
    return ToolError(
        tr("another command replaced {device} by another board meanwhile", device=device),
        tr("`sportbox inventory SITE.yaml` tells which board counts; this one is a spare"),
    )


def _check(site_file: Path, site: Site, device: str, seen: Seen, inventory: Inventory, force: bool) -> None:
    """Refuses a board that is the device already, and one that is in use elsewhere."""
    pending = inventory.pending(device)
    if pending is not None and pending.new_mac == seen.mac:
        return  # cut off before: whatever the board says now, it goes on
    current = inventory.board_of(device)
    own = inventory.device_of(seen.mac)
    owners = _believed(site, seen, inventory)
    if own == device or ((site.site, device) in owners and (current is None or current.mac == seen.mac)):
        raise BadInput(
            tr(
                "the board in hand ({mac}) is {device} already: nothing to replace",
                mac=seen.mac,
                device=device,
            ),
            f"sportbox provision --site {site_file} --device {device}",
        )
    others = [(site.site, own)] if own is not None else owners
    others = [owner for owner in others if owner != (site.site, device)]
    if others and not force:
        raise BadInput(
            tr(
                "the board in hand ({mac}) is {device} of {site}",
                mac=seen.mac,
                device=printable(others[0][1]),
                site=printable(others[0][0]),
            ),
            tr("take a spare one, or add --force if that device is to lose its board"),
        )


def _believed(site: Site, seen: Seen, inventory: Inventory) -> list[Owner]:
    """What its files say, unless the inventory knows that another board is that device by now."""
    believed = []
    for owner in seen.owners:
        now = inventory.board_of(owner[1]) if owner[0] == site.site else None
        if now is None or now.mac == seen.mac:
            believed.append(owner)
    return believed


def _revoke(inventory: Inventory, pending: Pending, old: BoardRow | None) -> str | None:
    """The old board's key version and certificate are noted, and the version of the site file, of which
    tokens may be about; answers the certificate's serial number."""
    serial = old.serial if old else None
    why = WHY.format(mac=pending.new_mac)
    version = old.key_version if old and old.key_version is not None else pending.old_version
    inventory.revoke(pending.device, version, pending.old_mac, serial, why)
    if version != pending.old_version:
        inventory.revoke(pending.device, pending.old_version, None, None, why)
    return serial
