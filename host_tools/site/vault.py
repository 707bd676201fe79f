"""A site's vault: all its secrets in one encrypted file beside the site file (`x.yaml`, `x.vault`).

    vault = open_vault(site_file, site, passphrase_source(file))

The file's format is that of vaultfile.py; docs/vault.md tells what the vault is for and against whom.
"""

import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from host_tools.errors import BadInput
from host_tools.output import say
from host_tools.site import vaultfile
from host_tools.site.atomic import locked_for, replace_file
from host_tools.site.base import Name
from host_tools.site.ca import Authority, new_authority
from host_tools.site.inventory import Inventory, inventory_path
from host_tools.site.models import Site
from host_tools.site.passphrase import TRIES, Source, normal, passphrase_source, too_short, wifi_source
from host_tools.words import tr

SUFFIX = ".vault"
MASTER_BYTES = 32
SECRETS_MAX = 64

_WIFI_PASSWORD = re.compile(r"[ -~]{8,63}|[0-9A-Fa-f]{64}")
"""IEEE 802.11-2016, J.4.1: 8 to 63 printable ASCII characters, or the key itself as 64 hex digits."""


class Contents(BaseModel):
    """What the vault keeps. It has no `repr` of its values, and pydantic's errors do not quote them."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    version: Literal[1] = Field(1, repr=False)
    site: Name = Field(repr=False)
    master: Annotated[Base64Bytes, Field(min_length=MASTER_BYTES, max_length=MASTER_BYTES, repr=False)]
    wifi: Annotated[dict[Name, str], Field(max_length=SECRETS_MAX, repr=False)] = {}
    ca_key: Annotated[Base64Bytes, Field(max_length=1_024, repr=False)]
    ca_certificate: Annotated[Base64Bytes, Field(max_length=4_096, repr=False)]


class Vault:
    """An open vault. What it gives out stays in memory, and goes to boards and services alone."""

    def __init__(self, path: Path, key: vaultfile.Key, contents: Contents) -> None:
        self.path = path
        self._key = key
        self._contents = contents
        self._authority: Authority | None = None

    def __repr__(self) -> str:
        return f"Vault({str(self.path)!r})"

    @property
    def site(self) -> str:
        return self._contents.site

    @property
    def master(self) -> bytes:
        """The site's master secret, from which all keys of its boards are derived."""
        return self._contents.master

    @property
    def ca(self) -> Authority:
        """Signs the certificates of the site's boards."""
        if self._authority is None:
            try:
                key = serialization.load_der_private_key(self._contents.ca_key, None)
                certificate = x509.load_der_x509_certificate(self._contents.ca_certificate)
            except ValueError as error:
                raise vaultfile.damaged(self.path) from error
            if (
                not isinstance(key, ec.EllipticCurvePrivateKey)
                or key.public_key() != certificate.public_key()
            ):
                raise vaultfile.damaged(self.path)
            self._authority = Authority(key, certificate)
        return self._authority

    @property
    def wifi_names(self) -> list[str]:
        """Names of the Wi-Fi passwords that are there."""
        return sorted(self._contents.wifi)

    def wifi_password(self, site: Site) -> str:
        """The password of the site's network, empty for an open one; BadInput when it is not there."""
        name = site.wifi.password_secret
        if name is None:
            return ""
        if name not in self._contents.wifi:
            raise BadInput(
                tr("the vault has no Wi-Fi password `{name}`", name=name), "sportbox vault set-wifi SITE.yaml"
            )
        return self._contents.wifi[name]

    def set_wifi(self, name: str, password: str) -> None:
        """Keep a Wi-Fi password; BadInput when none can be like that."""
        wrong = no_wifi_password(password)
        if wrong:
            raise BadInput(wrong)
        self._change(lambda now: now.model_copy(update={"wifi": {**now.wifi, name: password}}))

    def set_passphrase(self, passphrase: str) -> None:
        """From now on this one opens the vault, at today's cost. Copies made before keep the old one."""
        wrong = too_short(passphrase)
        if wrong:
            raise BadInput(wrong)
        self._change(lambda now: now, vaultfile.new_key(self.site, passphrase.encode()))

    def _change(self, change: Callable[[Contents], Contents], key: vaultfile.Key | None = None) -> None:
        """Read again, change, write, while nobody else does. Who changed the passphrase meanwhile wins."""
        with locked_for(self.path.parent, self.path):
            if self.path.exists():
                content = vaultfile.read_sealed(self.path)
                header = vaultfile.header_of(self.path, content, self.site)
                now = _contents(self.path, content, vaultfile.Key(header, self._key.secret))
            else:
                now = self._contents  # removed under our hands: what we hold is all that is left of it
            self._contents = change(now)
            self._key = key or self._key
            _write(self.path, self._key, self._contents)


def vault_path(site_file: Path) -> Path:
    return site_file.with_suffix(SUFFIX)


def open_vault(
    site_file: Path, site: Site, source: Source | None = None, *, wifi: bool = True, create: bool = True
) -> Vault:
    """The vault beside the site file, made on first use (with `create`). With `wifi` it has the site's Wi-Fi
    password, which is asked for where it lacks it. Raises BadInput or ToolError, each with a cure."""
    source = source or passphrase_source()
    path = vault_path(site_file)
    if create and not path.exists():
        _check_not_lost(site_file)
    vault = (
        _create(path, site.site, source) if create and not path.exists() else _open(path, site.site, source)
    )
    name = site.wifi.password_secret
    if wifi and name is not None and name not in vault.wifi_names:
        vault.set_wifi(name, ask_wifi(site, wifi_source()))
    return vault


def ask_wifi(site: Site, source: Source) -> str:
    """The password of the site's network, from who sets it."""
    return source.new(tr("Password of the Wi-Fi network `{ssid}`: ", ssid=site.wifi.ssid), no_wifi_password)


def no_wifi_password(text: str) -> str | None:
    """What is wrong with a Wi-Fi password."""
    if _WIFI_PASSWORD.fullmatch(text):
        return None
    return tr("a Wi-Fi password has 8 to 63 characters of ASCII, or 64 hex digits")


def new_vault(site_file: Path, site: Site, passphrase: str, n: int = vaultfile.COST_N) -> Vault:
    """A new vault with a passphrase that is known; BadInput when one is there. `n` is scrypt's cost."""
    path = vault_path(site_file)
    vault = _made(path, site.site, normal(passphrase).encode(), n)
    if vault is None:
        raise BadInput(tr("{path} is there already", path=path), "sportbox vault show SITE.yaml")
    return vault


def _check_not_lost(site_file: Path) -> None:
    """Boards have keys of a vault that is not here: a new one would lock everybody out of them."""
    path = inventory_path(site_file)
    boards = Inventory.open(site_file).boards() if path.exists() else []
    known = [row.device for row in boards if row.device is not None and row.key_version is not None]
    if known:
        raise BadInput(
            tr(
                "{path} is gone, and boards have its keys: {names}",
                path=vault_path(site_file),
                names=", ".join(known),
            ),
            tr(
                "restore it from a backup; to begin anew with new keys for all boards, move {path} away",
                path=path,
            ),
        )


def _open(path: Path, site: str, source: Source) -> Vault:
    content = vaultfile.read_sealed(path)
    header = vaultfile.header_of(path, content, site)
    left = TRIES if source.asks else 1
    while True:
        left -= 1
        passphrase = source.known(tr("Passphrase of {path}: ", path=path))
        key = vaultfile.key_for(header, passphrase.encode())
        try:
            return Vault(path, key, _contents(path, content, key))
        except vaultfile.WrongPassphrase as error:
            if not left:
                raise
            say(error.message)


def _create(path: Path, site: str, source: Source) -> Vault:
    """A new vault, unless another command is faster: then theirs, with the passphrase given here."""
    if source.asks:
        say(tr("note: making {path}, for the secrets of `{site}`", path=path, site=site))
        say(tr("note: keep its passphrase apart from it, and a copy of it elsewhere: it cannot be recovered"))
    passphrase = source.new(tr("New passphrase of {path}: ", path=path), too_short).encode()
    vault = _made(path, site, passphrase, vaultfile.COST_N)
    if vault is not None:
        return vault
    content = vaultfile.read_sealed(path)
    key = vaultfile.key_for(vaultfile.header_of(path, content, site), passphrase)
    return Vault(path, key, _contents(path, content, key))


def _made(path: Path, site: str, passphrase: bytes, n: int) -> Vault | None:
    """None when there is one already."""
    key, contents = vaultfile.new_key(site, passphrase, n), _new_contents(site)
    with locked_for(path.parent, path):
        if path.exists():
            return None
        _write(path, key, contents)
    return Vault(path, key, contents)


def _new_contents(site: str) -> Contents:
    """Fresh secrets for a site."""
    authority = new_authority(site)
    return Contents.model_construct(
        version=1,
        site=site,
        master=secrets.token_bytes(MASTER_BYTES),
        wifi={},
        ca_key=authority.key_der(),
        ca_certificate=authority.certificate_der(),
    )


def _contents(path: Path, content: bytes, key: vaultfile.Key) -> Contents:
    plain = vaultfile.unseal(path, content, key)
    try:
        contents = Contents.model_validate_json(plain)
    except ValidationError:
        raise vaultfile.damaged(path) from None
    if contents.site != key.header.site:
        raise vaultfile.damaged(path)
    return contents


def _write(path: Path, key: vaultfile.Key, contents: Contents) -> None:
    replace_file(path, vaultfile.seal(key, contents.model_dump_json().encode()))
