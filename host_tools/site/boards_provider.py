"""The boards of a site: what each should have against what it says that it has, and bringing the difference.

A board tells in its retained `info`: the hash of its configuration, the names of its keys, the serial number
of its certificate, and the renewal that it took over last. The rest (Wi-Fi, the CAs it trusts) follows from
what the inventory knows of that renewal, or of its provisioning.
"""

import difflib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.x509 import load_der_x509_certificate

from host_tools.errors import ToolError
from host_tools.mqtt import Address
from host_tools.output import printable
from host_tools.site.credentials import Credentials, Declared
from host_tools.site.inventory import Inventory
from host_tools.site.inventory_issued import certificates, config_of, note_renewal, renewals
from host_tools.site.inventory_rows import BoardRow
from host_tools.site.login import services_address
from host_tools.site.models import Site
from host_tools.site.openvault import Vault
from host_tools.site.plan import Change
from host_tools.site.present import SAFE, WAIT_S, Seen, wait_for, who_is_there
from host_tools.site.renew.blob import FILES, pack
from host_tools.site.renew.crowd import WIDTH, Job, push_all
from host_tools.site.renew.push import Away, Limits, Result

BACK_S = 15.0
"""For a board to be back at a broker that was restarted: the longest wait before it tries again, and TLS."""
CHANGED = " (changed by an order, perhaps with its Wi-Fi)"
BY_ORDER = "+"
"""At the end of the hash that a board tells of such a configuration."""
DIFF_MAX = 200
NAMED_MAX = 20


@dataclass(frozen=True)
class Same:
    """What of a board is as declared. `rest`: Wi-Fi, the CAs that it trusts, its secrets."""

    config: bool
    keys: bool
    certificate: bool
    rest: bool
    by_order: bool = False  # the configuration was changed by an order that did not say to which

    def differing(self, declared: Declared) -> str:
        """What is not, in words; empty when all is."""
        words = {
            f"configuration{CHANGED if self.by_order else ''}": self.config,
            f"keys ({', '.join(sorted(declared.kids))})": self.keys,
            "certificate": self.certificate,
            "Wi-Fi, trusted CAs or secrets": self.rest,
        }
        return ", ".join(word for word, is_same in words.items() if not is_same)


class BoardsProvider:
    part = "boards"

    def __init__(
        self,
        site_file: Path,
        site: Site,
        vault: Vault,
        inventory: Inventory,
        address: Address | None = None,
        limits: Limits | None = None,
        wait_s: float = WAIT_S,
        back_s: float | None = None,
        width: int = WIDTH,
    ) -> None:
        """`address`: where the tools connect, if not where the site file says."""
        self.credentials = Credentials(site, vault, inventory)
        self._file = site_file
        self._address = address or services_address(site, vault)
        self._limits = limits
        self._wait_s = wait_s
        self._back_s = BACK_S if back_s is None else back_s
        self._width = width
        self._seen: dict[str, Seen] = {}
        self._sameness: dict[str, Same] = {}
        self._load()

    def changes(self) -> list[Change]:
        """Everything that differs now. Raises Unreachable."""
        site = self.credentials.site
        self._seen = who_is_there(self._address, site.site, site.devices, self._wait_s)
        self._sameness = {}
        self._load()
        found = (self._compared(name) for name in site.devices)
        return [change for change in found if change is not None]

    def apply(self, changes: Sequence[Change], say: Callable[[str], None]) -> list[str]:
        """Push to those that are there; what is left undone, a sentence each. Boards that are offline have a
        moment to come back: the broker may have been restarted just now."""
        missing = [one.name for one in changes if one.what == "missing"]
        away = [name for name in missing if self.seen(name).availability == "offline"]
        back = self.back(away, say) if away else {}
        again = {name: self._compared(name) for name in back}
        left = [f"{one.name}: {one.text}" for one in changes if one.name in missing and one.name not in back]
        left += [f"{name}: {one.text}" for name, one in again.items() if one and one.what == "missing"]
        wanted = [one.name for one in changes if one.name not in missing]
        wanted += [name for name, one in again.items() if one and one.what != "missing"]
        failed = self.push(wanted, say)
        return [*left, *(_sentence(name, error) for name, error in failed.items())]

    def back(self, names: Sequence[str], say: Callable[[str], None]) -> dict[str, Seen]:
        """Those of the boards that are online within a moment."""
        say(f"waiting for boards that are offline: {len(names)}, {self._back_s:.0f} s at most")
        found = wait_for(self._address, self.credentials.site.site, names, self._back_s)
        self._seen.update(found)
        return found

    def notes(self) -> list[str]:
        """Boards at the broker that are none of the site's, and hardware that the inventory does not know."""
        strangers = sorted(set(self._seen) - set(self.credentials.site.devices))
        found = []
        if strangers:
            shown = ", ".join(printable(name) for name in strangers[:NAMED_MAX])
            more = f" and {len(strangers) - NAMED_MAX} more" if len(strangers) > NAMED_MAX else ""
            found.append(f"at the broker, but not in the site file: {shown}{more}")
        for name, row in self._rows.items():
            mac = self.seen(name).info.get("mac")
            if isinstance(mac, str) and mac.lower() != row.mac:
                found.append(
                    f"{name} says that it is the board {printable(mac)}, the inventory has {row.mac}"
                )
        return found

    def seen(self, name: str) -> Seen:
        """What `changes` saw of a board."""
        return self._seen.get(name, Seen())

    def same(self, name: str) -> "Same | None":
        """What of a board is as declared, by what `changes` saw; None of one that never came."""
        return self._sameness.get(name)

    def certificate_end(self, name: str) -> datetime | None:
        """Of the certificate that a board showed, else of the one that the inventory has for it."""
        row = self._rows.get(name)
        serial = self.seen(name).info.get("cert") or (row.serial if row else None)
        issued = self._certificates.get(serial) if isinstance(serial, str) else None
        return None if issued is None else load_der_x509_certificate(issued.der).not_valid_after_utc

    def push(self, names: Sequence[str], say: Callable[[str], None]) -> dict[str, ToolError]:
        """Bring these boards what they should have, several at once; what went wrong, by name."""
        jobs = [self._job(name) for name in names]

        def done(job: Job, result: Result) -> None:
            digest = self.credentials.declared(job.device).digest
            self.credentials.taken_over(job.device, result.info, digest)
            say(f"{job.device} has what is new" if result.sent else f"{job.device} had it already")

        site = self.credentials.site.site
        return push_all(self._address, site, jobs, done, say, self._limits, self._width) if jobs else {}

    def _job(self, name: str) -> Job:
        serial = self.seen(name).info.get("cert")
        issued = self._certificates.get(serial) if isinstance(serial, str) else None
        files = self.credentials.files(name, issued.der if issued else None)
        renewal = pack({path: content for path, content in files.items() if path in FILES})
        digest = self.credentials.declared(name).digest
        note_renewal(self.credentials.inventory, renewal.short_id, name, digest)
        return Job(name, renewal, partial(self.credentials.signing_key, name))

    def _load(self) -> None:
        inventory = self.credentials.inventory
        self._certificates = certificates(inventory)
        self._renewals = renewals(inventory)
        self._rows = {row.device: row for row in inventory.boards() if row.device is not None}

    def _compared(self, name: str) -> Change | None:
        seen, row = self.seen(name), self._rows.get(name)
        if not seen.info:
            return self._never_came(name, row)
        if seen.info.get("firmware") == SAFE:
            text = "in safe mode, where it takes nothing but an update: sportbox update start"
            return Change(self.part, name, "missing", f"{text} {self._file} --bundle FILE --board {name}")
        declared = self.credentials.declared(name)
        same = self._sameness[name] = self._same(name, seen, row, declared)
        text = same.differing(declared)
        if not text:
            self._caught_up(name, seen, row, declared)
            return None
        if not isinstance(seen.info.get("keys"), list):
            cure = f"its firmware takes nothing over the air: sportbox provision --site {self._file}"
            return Change(self.part, name, "missing", f"{text}; {cure} --device {name}")
        if seen.availability not in ("online", "sleeping"):
            shown = printable(str(seen.availability))
            return Change(
                self.part, name, "missing", f"{text}; the board is {shown}: repeat it when it is there"
            )
        return Change(self.part, name, "renew" if same.config else "change", text, self._diff(seen, declared))

    def _never_came(self, name: str, row: BoardRow | None) -> Change:
        if row is not None and row.provisioned:
            text = "provisioned, but never seen at this broker: is its Wi-Fi there? sportbox doctor helps"
        else:
            text = f"no board yet: sportbox provision --site {self._file} --device {name}"
        return Change(self.part, name, "missing", text)

    def _same(self, name: str, seen: Seen, row: BoardRow | None, declared: Declared) -> "Same":
        info = seen.info
        kids = info.get("keys")
        known = self._digest_on(name, info, row)
        return Same(
            config=info.get("config") == declared.config["hash"],
            keys=isinstance(kids, list) and set(map(str, kids)) == declared.kids,
            certificate=self._is_certified(name, info.get("cert"), row, declared),
            rest=known == declared.digest or (known is None and self.credentials.vault.is_original),
            by_order=str(info.get("config")).endswith(BY_ORDER),
        )

    def _is_certified(self, name: str, serial: object, row: BoardRow | None, declared: Declared) -> bool:
        issued = self._certificates.get(serial) if isinstance(serial, str) else None
        if issued is not None:
            return self.credentials.is_current(name, issued)
        # provisioned before certificates were noted: then there was one CA and one master secret
        is_its = row is not None and row.serial is not None and row.serial == serial
        is_old = row is not None and row.key_version == declared.key_version
        return is_its and is_old and self.credentials.vault.is_original

    def _digest_on(self, name: str, info: dict[str, object], row: BoardRow | None) -> str | None:
        """What the board has beside configuration, keys and certificate, as far as is known."""
        renewal = info.get("renewal")
        sent = self._renewals.get(renewal) if isinstance(renewal, str) else None
        digest = row.facts.get("digest") if row is not None else None
        provisioned_s = row.facts.get("written_s") if row is not None else None
        is_newer = not isinstance(provisioned_s, int) or (sent is not None and sent.at_s >= provisioned_s)
        if sent is not None and sent.device == name and is_newer:
            return sent.digest
        return str(digest) if digest is not None else None

    def _caught_up(self, name: str, seen: Seen, row: BoardRow | None, declared: Declared) -> None:
        """A renewal that was taken over after the command that sent it had ended is noted now."""
        serial = seen.info.get("cert")
        if serial in self._certificates and (row is None or row.serial != serial):
            self.credentials.taken_over(name, seen.info, declared.digest)

    def _diff(self, seen: Seen, declared: Declared) -> tuple[str, ...]:
        """Of the configuration, where it is known what the board had."""
        had = seen.info.get("config")
        before = config_of(self.credentials.inventory, had) if isinstance(had, str) else None
        if before is None or had == declared.config["hash"]:
            return ()
        old, new = (list(_lines(one)) for one in (before, declared.config))
        lines = difflib.unified_diff(old, new, "on the board", "declared", lineterm="", n=0)
        return tuple(line for line in lines if not line.startswith("@@"))[:DIFF_MAX]


def _lines(config: dict[str, Any], place: str = "") -> Iterator[str]:
    """One a value: `components.court-1.hold_ms: 5000`."""
    for name, value in sorted(config.items()):
        if isinstance(value, dict):
            yield from _lines(value, f"{place}{name}.")
        elif place or name != "hash":
            yield f"{place}{name}: {json.dumps(value, sort_keys=True)}"


def _sentence(name: str, error: ToolError) -> str:
    if isinstance(error, Away) and error.sleeping:
        return f"{name}: it sleeps; repeat this when it reports again"
    return f"{error.message}" + (f" ({error.hint})" if error.hint else "")
