"""The file of a vault: who does not know the passphrase can neither read nor change what is in it.

    one line of JSON    {"format": "sportbox-vault", "version": 1, "site": ..., "kdf": "scrypt", "n": ...,
                        "r": ..., "p": ..., "salt": hex, "nonce": hex}, the header, authenticated
    AES-256-GCM         of the contents, then its 16-byte tag; the header line is its associated data
    32 bytes            SHA-256 of all before: tells damage from a wrong passphrase, protects nothing

The key is scrypt (RFC 7914) of the passphrase. Every write draws a new nonce, every change of the
passphrase a new salt and so a new key (NIST SP 800-38D, 8.3: up to 2^32 random nonces a key).
"""

import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from host_tools.errors import BadInput, ToolError
from host_tools.site.base import Name
from host_tools.words import tr
from host_tools.words.system import reason

FORMAT = "sportbox-vault"
VERSION = 1
FILE_MAX_BYTES = 262_144
HEADER_MAX_BYTES = 1_024
SUM_BYTES = 32
TAG_BYTES = 16
KEY_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 12
COST_N = 2**16
"""With r = 8: 64 MiB and about a quarter of a second a try on a laptop."""
COST_R = 8
COST_P = 1
MEMORY_MAX_BYTES = 1 << 30
"""scrypt takes 128 * n * r bytes; a header that asks for more is no vault of ours."""

_VERSION_OF = re.compile(rb'"version": ?([0-9]{1,9})')
Hex = Annotated[str, Field(pattern=r"^[0-9a-f]+$", max_length=64)]


class Header(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Literal["sportbox-vault"] = "sportbox-vault"
    version: Literal[1] = 1
    site: Name
    kdf: Literal["scrypt"] = "scrypt"
    n: Annotated[int, Field(ge=2, le=2**22)] = COST_N
    r: Annotated[int, Field(ge=1, le=32)] = COST_R
    p: Annotated[int, Field(ge=1, le=8)] = COST_P
    salt: Hex
    nonce: Hex = ""

    def line(self) -> bytes:
        return json.dumps(self.model_dump(), separators=(",", ":")).encode() + b"\n"


@dataclass(frozen=True, repr=False)
class Key:
    """What scrypt made of a passphrase, with the header that says how."""

    header: Header
    secret: bytes


class WrongPassphrase(BadInput):
    """The file is whole, and this passphrase does not open it."""


def new_key(site: str, passphrase: bytes, n: int = COST_N) -> Key:
    """A key for a new vault or a new passphrase. `n` goes into the header, which rules from then on."""
    return key_for(Header(site=site, n=n, salt=secrets.token_hex(SALT_BYTES)), passphrase)


def key_for(header: Header, passphrase: bytes) -> Key:
    salt = bytes.fromhex(header.salt)
    derive = Scrypt(salt=salt, length=KEY_BYTES, n=header.n, r=header.r, p=header.p).derive
    return Key(header, derive(passphrase))


def seal(key: Key, contents: bytes) -> bytes:
    """The bytes of the file."""
    header = key.header.model_copy(update={"nonce": secrets.token_hex(NONCE_BYTES)})
    line = header.line()
    sealed = AESGCM(key.secret).encrypt(bytes.fromhex(header.nonce), contents, line)
    return line + sealed + hashlib.sha256(line + sealed).digest()


def read_sealed(path: Path) -> bytes:
    """Raises BadInput when there is none, or it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise BadInput(
            tr("there is no vault {path}", path=path),
            tr("`sportbox provision` makes one with the first board; or restore it from a backup"),
        ) from error
    except PermissionError as error:
        raise BadInput(
            tr("cannot read {path}: it belongs to somebody else", path=path),
            tr("work as the user who made it, or give yourself the file: chown, chmod 600"),
        ) from error
    except OSError as error:
        raise ToolError(tr("cannot read {path}: {why}", path=path, why=reason(error))) from error
    if len(content) > FILE_MAX_BYTES:
        raise damaged(path)
    return content


def header_of(path: Path, content: bytes, site: str) -> Header:
    """The header of a whole file of this site, before any passphrase is asked for; BadInput otherwise."""
    line = content[: HEADER_MAX_BYTES + 1].partition(b"\n")[0]
    version = _VERSION_OF.search(line)
    if f'"format":"{FORMAT}"'.encode() in line and version and int(version.group(1)) > VERSION:
        raise BadInput(
            tr(
                "{path} was written by a newer sportbox (format {version})",
                path=path,
                version=int(version.group(1)),
            ),
            tr("update sportbox on this computer"),
        )
    whole = len(content) >= len(line) + 1 + TAG_BYTES + SUM_BYTES
    if not whole or hashlib.sha256(content[:-SUM_BYTES]).digest() != content[-SUM_BYTES:]:
        raise damaged(path)
    try:
        header = Header.model_validate_json(line)
        nonce, salt = bytes.fromhex(header.nonce), bytes.fromhex(header.salt)
    except (ValidationError, ValueError) as error:
        raise damaged(path) from error
    possible = header.n & (header.n - 1) == 0 and 128 * header.n * header.r <= MEMORY_MAX_BYTES
    if not possible or len(nonce) != NONCE_BYTES or len(salt) < SALT_BYTES:
        raise damaged(path)
    if header.site != site:
        raise BadInput(
            tr(
                "{path} is the vault of site `{other}`, not of `{site}`",
                path=path,
                other=header.site,
                site=site,
            ),
            tr("the vault lies beside its site file and has the same name: x.yaml, x.vault"),
        )
    return header


def unseal(path: Path, content: bytes, key: Key) -> bytes:
    """The contents; raises WrongPassphrase. The header must have passed `header_of`."""
    line, _, rest = content.partition(b"\n")
    try:
        return AESGCM(key.secret).decrypt(bytes.fromhex(key.header.nonce), rest[:-SUM_BYTES], line + b"\n")
    except InvalidTag:
        raise WrongPassphrase(
            tr("the passphrase does not open {path}", path=path),
            tr(
                "type it again; nobody can recover a lost one, then restore a vault whose passphrase is known"
            ),
        ) from None


def damaged(path: Path) -> BadInput:
    return BadInput(
        tr("{path} is damaged: no whole vault", path=path),
        tr("restore it from a backup; without it the boards must get new keys"),
    )


def private_key(path: Path, der: bytes) -> ec.EllipticCurvePrivateKey:
    """A key that the file at `path` keeps; BadInput when it is none."""
    try:
        key = serialization.load_der_private_key(der, None)
    except ValueError as error:
        raise damaged(path) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise damaged(path)
    return key
