"""`centre.vault`: a centre's secrets, encrypted as a site's vault is (docs/vault.md), and who has joined.

keys = open_keys(Path("rostock"), centre, source)
"""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import Base64Bytes, Field

from host_tools.centre.model import Centre
from host_tools.errors import BadInput
from host_tools.output import say
from host_tools.site import vaultfile
from host_tools.site.atomic import locked_for, replace_file
from host_tools.site.base import Host, Name
from host_tools.site.ca import Authority, key_der, new_authority
from host_tools.site.openvault import PASSWORD_BYTES
from host_tools.site.passphrase import TRIES, Source, normal, too_short
from host_tools.site.vaultcontents import PASSWORD_PATTERN, Kept, Signer, signer_of

FILE = "centre.vault"
VARIABLE = "SPORTBOX_CENTRE_PASSPHRASE"
SITES_MAX = 1_000
REVOKED_MAX = 2_000

Serial = Annotated[str, Field(pattern=r"^[0-9a-f]{1,40}$")]


class Member(Kept):
    """A site that has joined: the serial number of its bridge's certificate, and until when that is good."""

    serial: Serial
    until: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class Contents(Kept):
    """`node_keys` by host; `left` are sites that were members once, `revoked` certificates that are void."""

    version: Literal[1] = 1
    centre: Name
    authority: Signer
    node_keys: dict[Host, Annotated[Base64Bytes, Field(max_length=1_024)]] = Field(default_factory=dict)
    passwords: dict[Name, Annotated[str, Field(pattern=PASSWORD_PATTERN)]] = Field(default_factory=dict)
    cookie: Annotated[str, Field(pattern=PASSWORD_PATTERN)]
    members: Annotated[dict[Name, Member], Field(max_length=SITES_MAX)] = Field(default_factory=dict)
    left: Annotated[list[Name], Field(max_length=REVOKED_MAX)] = Field(default_factory=list)
    revoked: Annotated[list[Serial], Field(max_length=REVOKED_MAX)] = Field(default_factory=list)


class Keys:
    """An open key file."""

    def __init__(self, path: Path, key: vaultfile.Key, contents: Contents) -> None:
        self.path = path
        self._key = key
        self._contents = contents

    def __repr__(self) -> str:
        return f"Keys({str(self.path)!r})"

    @property
    def contents(self) -> Contents:
        return self._contents

    @property
    def members(self) -> dict[str, Member]:
        """The sites that have joined."""
        return dict(sorted(self._contents.members.items()))

    @property
    def authority(self) -> Authority:
        """Signs the certificates of the centre's nodes and of the sites' bridges."""
        kept = self._contents.authority
        try:
            certificate = x509.load_der_x509_certificate(kept.certificate)
        except ValueError as error:
            raise vaultfile.damaged(self.path) from error
        return Authority(vaultfile.private_key(self.path, kept.key), certificate)

    @property
    def cookie(self) -> str:
        """With what the nodes of a RabbitMQ know each other."""
        return self._contents.cookie

    def node_keys(self, *hosts: str) -> dict[str, ec.EllipticCurvePrivateKey]:
        """The keys of the nodes' certificates; made on first use."""
        if not set(hosts) <= set(self._contents.node_keys):
            made = {host: key_der(ec.generate_private_key(ec.SECP256R1())) for host in hosts}
            self.change(
                lambda now: now.model_copy(update={"node_keys": {**made, **now.node_keys}}),
            )
        return {host: vaultfile.private_key(self.path, self._contents.node_keys[host]) for host in hosts}

    def passwords(self, *users: str) -> dict[str, str]:
        """Those of services, 32 url-safe characters each; made on first use."""
        if not set(users) <= set(self._contents.passwords):
            made = {user: secrets.token_urlsafe(PASSWORD_BYTES) for user in users}
            self.change(lambda now: now.model_copy(update={"passwords": {**made, **now.passwords}}))
        return {user: self._contents.passwords[user] for user in users}

    def change(self, change: Callable[[Contents], Contents]) -> None:
        """Read again, change, write, while nobody else does."""
        with locked_for(self.path.parent, self.path):
            content = vaultfile.read_sealed(self.path)
            header = vaultfile.header_of(self.path, content, self._contents.centre)
            now = _contents_of(self.path, content, vaultfile.Key(header, self._key.secret))
            self._contents = change(now)
            _write(self.path, self._key, self._contents)


def source_of(file: Path | None) -> Source:
    """Where the passphrase of a centre's key file comes from."""
    return Source(file, VARIABLE)


def open_keys(folder: Path, centre: Centre, source: Source) -> Keys:
    """The key file of a centre; BadInput where there is none, or the passphrase is another."""
    path = folder / FILE
    if not path.exists():
        raise BadInput(
            f"there is no key file {path}",
            "restore it from a backup; without it, make a new centre, which all sites must join again",
        )
    content = vaultfile.read_sealed(path)
    header = vaultfile.header_of(path, content, centre.centre)
    left = TRIES if source.asks else 1
    while True:
        left -= 1
        key = vaultfile.key_for(header, source.known(f"Passphrase of {path}: ").encode())
        try:
            return Keys(path, key, _contents_of(path, content, key))
        except vaultfile.WrongPassphrase as error:
            if not left:
                raise
            say(error.message)


def new_keys(folder: Path, centre: Centre, source: Source, n: int = vaultfile.COST_N) -> Keys:
    """A key file with a new CA. BadInput when there is one. `n` is scrypt's cost."""
    path = folder / FILE
    if source.asks:
        say("note: keep the passphrase apart from it, and a copy of it elsewhere: it cannot be recovered")
    passphrase = normal(source.new(f"New passphrase of {path}: ", too_short)).encode()
    key = vaultfile.new_key(centre.centre, passphrase, n)
    contents = Contents.model_construct(
        version=1,
        centre=centre.centre,
        authority=signer_of(new_authority(centre.centre)),
        cookie=secrets.token_urlsafe(PASSWORD_BYTES),
    )
    with locked_for(folder, path):
        if path.exists():
            raise BadInput(
                f"{path} is there already, and is left as it is",
                "restore the centre.yaml that belongs to it, or move it away",
            )
        _write(path, key, contents)
    return Keys(path, key, contents)


def _contents_of(path: Path, content: bytes, key: vaultfile.Key) -> Contents:
    plain = vaultfile.unseal(path, content, key)
    try:
        contents = Contents.model_validate_json(plain)
    except ValueError:  # also pydantic's ValidationError
        raise vaultfile.damaged(path) from None
    if contents.centre != key.header.site:
        raise vaultfile.damaged(path)
    return contents


def _write(path: Path, key: vaultfile.Key, contents: Contents) -> None:
    replace_file(path, vaultfile.seal(key, contents.model_dump_json().encode()))
