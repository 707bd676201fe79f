"""An open vault: what it gives out, and how it is changed. vault.py opens and makes vaults."""

import re
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from host_tools.errors import BadInput
from host_tools.output import printable
from host_tools.site import vaultfile
from host_tools.site.atomic import locked_for, replace_file
from host_tools.site.base import NAME_PATTERN, NAME_RULE
from host_tools.site.ca import Authority, key_der
from host_tools.site.models import Site
from host_tools.site.passphrase import too_short
from host_tools.site.vaultcontents import (
    AUDIT_KEY_BYTES,
    SECRET_MAX,
    Bridge,
    Contents,
    Rotation,
    Signer,
    bridge_of,
    read_contents,
)
from host_tools.words import tr

PASSWORD_BYTES = 24
"""As base64url these are 32 characters."""

_NAME = re.compile(NAME_PATTERN)
_WIFI_PASSWORD = re.compile(r"[ -~]{8,63}|[0-9A-Fa-f]{64}")
"""IEEE 802.11-2016, J.4.1: 8 to 63 printable ASCII characters, or the key itself as 64 hex digits."""


class Vault:
    """An open vault. What it gives out stays in memory, and goes to boards and services alone."""

    def __init__(self, path: Path, key: vaultfile.Key, contents: Contents) -> None:
        self.path = path
        self._key = key
        self._contents = contents
        self._authorities: list[Authority] = []

    def __repr__(self) -> str:
        return f"Vault({str(self.path)!r})"

    @property
    def site(self) -> str:
        return self._contents.site

    @property
    def masters(self) -> dict[int, bytes]:
        """Master secrets by generation: two while the older one is still valid."""
        return dict(self._contents.masters)

    @property
    def generation(self) -> int:
        """That of the newest master secret."""
        return max(self._contents.masters)

    @property
    def master(self) -> bytes:
        """The site's newest master secret, from which all keys of its boards are derived."""
        return self._contents.masters[self.generation]

    @property
    def is_original(self) -> bool:
        """Whether neither master secret nor CA were ever renewed, or are being renewed."""
        renewed = self._contents.last_generation > 1 or self._contents.ca_renewed
        return not renewed and self._contents.rotation is None

    @property
    def authorities(self) -> list[Authority]:
        """The CAs that vouch for boards and broker: the one that signs, then one that also counts."""
        if not self._authorities:
            self._authorities = [self._authority(kept) for kept in self._contents.authorities]
        return list(self._authorities)

    @property
    def ca(self) -> Authority:
        """Signs the certificates of the site's boards and of its broker."""
        return self.authorities[0]

    @property
    def rotation(self) -> Rotation | None:
        """The renewal that has begun and has not ended."""
        return self._contents.rotation

    @property
    def broker_key(self) -> ec.EllipticCurvePrivateKey:
        """The key of the broker's certificate; made on first use."""
        if self._contents.broker_key is None:
            made = key_der(ec.generate_private_key(ec.SECP256R1()))
            self.change(lambda now: with_changes(now, broker_key=now.broker_key or made))
        return vaultfile.private_key(self.path, self._contents.broker_key or b"")

    @property
    def audit_key(self) -> bytes:
        """What the site's journal is sealed with; made on first use."""
        if self._contents.audit_key is None:
            made = secrets.token_bytes(AUDIT_KEY_BYTES)
            self.change(lambda now: with_changes(now, audit_key=now.audit_key or made))
        return self._contents.audit_key or b""

    def password(self, user: str) -> str:
        """The password of a service at the broker, 32 url-safe characters; made on first use."""
        return self.passwords(user)[user]

    def passwords(self, *users: str) -> dict[str, str]:
        """Those of several services, in one write."""
        if not set(users) <= set(self._contents.passwords):
            made = {user: secrets.token_urlsafe(PASSWORD_BYTES) for user in users}
            self.change(lambda now: with_changes(now, passwords={**made, **now.passwords}))
        return {user: self._contents.passwords[user] for user in users}

    @property
    def password_users(self) -> list[str]:
        """The services that have a password."""
        return sorted(self._contents.passwords)

    @property
    def secret_names(self) -> list[str]:
        """Names of the other secrets that are there, as tokens of data outputs."""
        return sorted(self._contents.secrets)

    def secret(self, name: str) -> str:
        """A secret by the name that the site file has for it; BadInput when it is not there."""
        if name not in self._contents.secrets:
            raise BadInput(
                f"the vault has no secret `{printable(name)}`",
                f"sportbox vault set-secret SITE.yaml {printable(name)}",
            )
        return self._contents.secrets[name]

    def set_secret(self, name: str, value: str) -> None:
        """Keep a secret; BadInput when it is none."""
        check_secret_name(name)
        wrong = no_secret(value)
        if wrong:
            raise BadInput(wrong)
        self.change(lambda now: with_changes(now, secrets={**now.secrets, name: value}))

    @property
    def bridge(self) -> Bridge | None:
        """With what the site's broker proves itself at the centre."""
        return self._contents.bridge

    def set_bridge(self, certificate: bytes, key: bytes, ca: bytes) -> None:
        """Keep them, each PEM."""
        made = bridge_of(certificate, key, ca)
        self.change(lambda now: with_changes(now, bridge=made, bridge_key=None))

    @property
    def has_bridge_key(self) -> bool:
        """Whether a certificate for the bridge was asked for and has not come yet."""
        return self._contents.bridge_key is not None

    @property
    def bridge_key(self) -> ec.EllipticCurvePrivateKey:
        """The key of the bridge that a certificate is asked for; made on first use, another one each time."""
        if self._contents.bridge_key is None:
            made = key_der(ec.generate_private_key(ec.SECP256R1()))
            self.change(lambda now: with_changes(now, bridge_key=now.bridge_key or made))
        return vaultfile.private_key(self.path, self._contents.bridge_key or b"")

    @property
    def wifi_names(self) -> list[str]:
        """Names of the Wi-Fi passwords that are there."""
        return sorted(self._contents.wifi)

    def wifi_password(self, site: Site, device: str | None = None) -> str:
        """The password of the network that a device joins (of the site's first, where none is named), empty
        for an open one; BadInput when it is not there."""
        name = (site.first_network if device is None else site.network_of(device)).password_secret
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
        self.change(lambda now: with_changes(now, wifi={**now.wifi, name: password}))

    def set_passphrase(self, passphrase: str) -> None:
        """From now on this one opens the vault, at today's cost. Copies made before keep the old one."""
        wrong = too_short(passphrase)
        if wrong:
            raise BadInput(wrong)
        self.change(lambda now: now, vaultfile.new_key(self.site, passphrase.encode()))

    def change(self, change: Callable[[Contents], Contents], key: vaultfile.Key | None = None) -> None:
        """Read again, change, write, while nobody else does. Who changed the passphrase meanwhile wins."""
        with locked_for(self.path.parent, self.path):
            if self.path.exists():
                content = vaultfile.read_sealed(self.path)
                header = vaultfile.header_of(self.path, content, self.site)
                now = contents_of(self.path, content, vaultfile.Key(header, self._key.secret))
            else:
                now = self._contents  # removed under our hands: what we hold is all that is left of it
            self._contents = change(now)
            self._authorities = []
            self._key = key or self._key
            write(self.path, self._key, self._contents)

    def _authority(self, kept: Signer) -> Authority:
        key = vaultfile.private_key(self.path, kept.key)
        try:
            certificate = x509.load_der_x509_certificate(kept.certificate)
        except ValueError as error:
            raise vaultfile.damaged(self.path) from error
        if key.public_key() != certificate.public_key():
            raise vaultfile.damaged(self.path)
        return Authority(key, certificate)


def no_wifi_password(text: str) -> str | None:
    """What is wrong with a Wi-Fi password."""
    if _WIFI_PASSWORD.fullmatch(text):
        return None
    return tr("a Wi-Fi password has 8 to 63 characters of ASCII, or 64 hex digits")


def check_secret_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadInput(f"`{printable(name)}` is no name for a secret", NAME_RULE)


def no_secret(text: str) -> str | None:
    """What is wrong with a secret of an output."""
    if 0 < len(text) <= SECRET_MAX and printable(text) == text:
        return None
    return f"a secret is one line of 1 to {SECRET_MAX} characters"


def contents_of(path: Path, content: bytes, key: vaultfile.Key) -> Contents:
    """What a whole file keeps; raises WrongPassphrase, or BadInput for damage."""
    plain = vaultfile.unseal(path, content, key)
    try:
        contents = read_contents(plain)
    except (ValueError, RecursionError):  # also pydantic's ValidationError
        raise vaultfile.damaged(path) from None
    if contents.site != key.header.site:
        raise vaultfile.damaged(path)
    return contents


def write(path: Path, key: vaultfile.Key, contents: Contents) -> None:
    replace_file(path, vaultfile.seal(key, contents.model_dump_json().encode()))


def with_changes(contents: Contents, **changes: object) -> Contents:
    return contents.model_copy(update=changes)
