"""What each board of a site should have, told without making it, and the files for one that needs them.

Telling is a matter of names and digests, so that 500 boards take a moment; keys and certificates are made for
the board alone that gets new files.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from cryptography import x509

from host_tools.site.ca import (
    CERTIFICATE_FILE,
    CONFIG_FILE,
    RENEW_DAYS,
    Authority,
    board_files,
    serial_of,
)
from host_tools.site.inventory import Inventory
from host_tools.site.inventory_issued import Issued, note_certificate, note_config
from host_tools.site.keys import ROLES, device_key, key_id, read_key_id
from host_tools.site.models import Site
from host_tools.site.openvault import Vault
from host_tools.site.resolve import device_config, device_secrets

DIGEST_DIGITS = 16
AUTHORITY_DIGITS = 16
RENEWED = "renewed"

_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")


@dataclass(frozen=True)
class Declared:
    """Of one board, by site file and vault. `digest` stands for its secrets and for the CAs that it trusts;
    who has no vault learns nothing from it."""

    key_version: int
    config: dict[str, Any]
    kids: frozenset[str]
    digest: str


class Credentials:
    """Of the boards of a site, as its vault is now."""

    def __init__(self, site: Site, vault: Vault, inventory: Inventory) -> None:
        self.site = site
        self.vault = vault
        self.inventory = inventory

    @cached_property
    def authority(self) -> str:
        """Names the CA that signs now."""
        return authority_name(self.vault.ca)

    @cached_property
    def _digest_key(self) -> bytes:
        return hmac.digest(self.vault.master, b"sportbox/digest/1", "sha256")

    @cached_property
    def _trusted(self) -> list[str]:
        return [authority_name(one) for one in self.vault.authorities]

    def declared(self, device: str) -> Declared:
        version = self.site.devices[device].key_version
        config = device_config(self.site, device)
        kids = {key_id(role, version, generation) for generation in self.vault.masters for role in ROLES}
        password = self.vault.wifi_password(self.site, device)
        secrets = device_secrets(self.site, device, self.vault.masters, password)
        text = json.dumps([secrets, self._trusted], sort_keys=True).encode()
        digest = hmac.digest(self._digest_key, text, "sha256").hex()[:DIGEST_DIGITS]
        return Declared(version, config, frozenset(kids), digest)

    def is_current(self, device: str, issued: Issued, now: datetime | None = None) -> bool:
        """Whether a certificate is of today's keys and CA, and not about to end."""
        version = self.site.devices[device].key_version
        named = (issued.device, issued.key_version, issued.generation, issued.authority)
        if named != (device, version, self.vault.generation, self.authority):
            return False
        ends = x509.load_der_x509_certificate(issued.der).not_valid_after_utc
        left = ends - (now or datetime.now(UTC))
        return left > timedelta(days=RENEW_DAYS) or ends == self.vault.ca.certificate.not_valid_after_utc

    def files(self, device: str, certificate: bytes | None = None) -> dict[str, bytes]:
        """The files of a board, noted in the inventory. The `certificate` that it has stays if it is good."""
        files = board_files(self.site, device, self.vault, certificate)
        made = files[CERTIFICATE_FILE]
        version = self.site.devices[device].key_version
        issued = Issued(device, version, self.vault.generation, self.authority, made)
        note_certificate(self.inventory, serial_of(made), issued)
        note_config(self.inventory, json.loads(files[CONFIG_FILE]))
        return files

    def signing_key(self, device: str, kids: Iterable[str]) -> tuple[str, bytes] | None:
        """The newest ops key among those that a board has, if it is one of this vault's."""
        names = [name for name in map(read_key_id, kids) if name is not None and name.role == "ops"]
        names = [name for name in names if name.generation in self.vault.masters]
        if not names:
            return None
        best = max(names, key=lambda name: (name.generation, name.version))
        master = self.vault.masters[best.generation]
        key = device_key(master, self.site.site, device, best.role, best.version)
        return key_id(best.role, best.version, best.generation), key

    def taken_over(self, device: str, info: dict[str, Any], digest: str) -> None:
        """A board uses what it was sent: it is noted, and its certificate of before must no longer count."""
        mac, serial = str(info.get("mac")).lower(), info.get("cert")
        if _MAC.fullmatch(mac) is None or not isinstance(serial, str):
            return
        version = self.site.devices[device].key_version
        before = self.inventory.board_of(device)
        self.inventory.record(
            "renew", mac, device, key_version=version, serial=serial, digest=digest, board=info.get("board")
        )
        if before is None or before.serial in (None, serial):
            return
        was = before.key_version
        is_raised = was is not None and was < version
        self.inventory.revoke(device, was if is_raised and was else 0, before.mac, before.serial, RENEWED)


def authority_name(authority: Authority) -> str:
    return hashlib.sha256(authority.certificate_der()).hexdigest()[:AUTHORITY_DIGITS]
