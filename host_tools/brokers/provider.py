"""The site's Mosquitto as one part of the site: its files as they should be against those that it uses."""

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path

from host_tools.brokers import running
from host_tools.brokers.boards import put_out
from host_tools.brokers.certificates import revoked_serials, serials_in
from host_tools.brokers.foreground import directory_of
from host_tools.brokers.install import differing, install, installed, owner_of, record
from host_tools.brokers.mosquitto import (
    BOARDS_ACL,
    CONF,
    READ_AT_START,
    REVOKED,
    SERVICES_ACL,
    File,
    Place,
    files,
)
from host_tools.site.inventory import Inventory
from host_tools.site.login import services_address
from host_tools.site.models import Site
from host_tools.site.openvault import Vault
from host_tools.site.plan import Change

SHOWN = frozenset({CONF, BOARDS_ACL, SERVICES_ACL})
"""Files with nothing secret, which a person can read."""
DIFF_MAX = 200


class BrokerProvider:
    part = "broker"

    def __init__(self, site_file: Path, site: Site, vault: Vault, inventory: Inventory) -> None:
        self._site = site
        self._vault = vault
        self._inventory = inventory
        self._directory = directory_of(site_file, site)
        self._file = site_file

    def changes(self) -> list[Change]:
        """Files that differ, and those that a running broker has not read yet. Raises ToolError."""
        wanted, there = self._wanted(), installed(self._directory)
        found = [
            Change(self.part, name, "change" if name in there else "add", "file", _diff(name, there, wanted))
            for name in differing(self._directory, wanted)
        ]
        if running.pid_of(self._directory) is None:
            return found
        known = {change.name for change in found}
        pending = [name for name in running.not_taken_over(self._directory, wanted) if name not in known]
        return found + [Change(self.part, name, "change", "not taken over yet") for name in pending]

    def apply(self, changes: Sequence[Change], say: Callable[[str], None]) -> list[str]:
        """Install, then reload, or restart where a reload would not do. Raises ToolError."""
        wanted, user = self._wanted(), owner_of(self._directory)
        known = self._known_as_revoked()
        written = install(self._directory, wanted, user)
        if written:
            say(f"broker: {len(written)} files written to {self._directory}")
        if running.pid_of(self._directory) is None:
            return [
                f"broker: none runs with {self._directory / CONF}: sportbox broker run {self._file},"
                f" or mosquitto -c {self._directory / CONF}"
            ]
        pending = running.not_taken_over(self._directory, wanted)
        address = services_address(self._site, self._vault)
        if READ_AT_START & set(pending):
            say("broker: it starts anew")
            running.restart(self._directory, address)
        elif pending:
            running.reload(self._directory, address)
            say("broker: it has read its files again")
            self._put_out(known, say)
        record(self._directory, wanted, user)
        return []

    def _known_as_revoked(self) -> set[int]:
        """The serial numbers whose holders are out already. None are where an earlier apply was cut off."""
        there = installed(self._directory).get(REVOKED)
        if there is None or running.not_taken_over(self._directory, {REVOKED: File(there)}):
            return set()
        return serials_in(there)

    def _put_out(self, known: set[int], say: Callable[[str], None]) -> None:
        """A reload ends no connection: boards whose certificate is void since now are put out. One that has a
        new certificate already comes back with it."""
        revoked = revoked_serials(self._site, self._inventory)
        names = sorted({name for serial, name in revoked.items() if serial not in known})
        if names:
            put_out(self._site, self._vault, names)
            say(f"broker: put out, for they had certificates that are void now: {', '.join(names)}")

    def notes(self) -> list[str]:
        """A bridge needs both: what the site file says, and that the site has joined."""
        declared, joined = self._site.broker.bridge is not None, self._vault.bridge is not None
        if declared and not joined:
            return ["no bridge yet: the site has to join its centre first (sportbox centre join, or request)"]
        if joined and not declared:
            return ["no bridge: the site has joined a centre, and its site file has no broker.bridge"]
        return []

    def _wanted(self) -> dict[str, File]:
        place = Place(self._directory, owner_of(self._directory))
        revoked = revoked_serials(self._site, self._inventory)
        return files(self._site, self._vault, revoked, place, installed(self._directory))


def _diff(name: str, there: dict[str, bytes], wanted: dict[str, File]) -> tuple[str, ...]:
    if name not in SHOWN or name not in there:
        return ()
    old, new = (
        content.decode("utf-8", "replace").splitlines() for content in (there[name], wanted[name].content)
    )
    return tuple(difflib.unified_diff(old, new, "at the broker", "declared", lineterm="", n=1))[:DIFF_MAX]
