"""What a site's vault keeps, version 2, and how version 1 is read.

Fields keep raw bytes in memory; in JSON they are base64. Nothing here has a `repr` of its values, and
pydantic's errors do not quote them.
"""

import json
import secrets
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from host_tools.site.base import Name
from host_tools.site.ca import Authority, new_authority

VERSION = 2
MASTER_BYTES = 32
AUDIT_KEY_BYTES = 32
SECRETS_MAX = 64
SECRET_MAX = 2_000
PEM_MAX = 16_384
GENERATION_MAX = 9_999
PASSWORD_PATTERN = r"^[A-Za-z0-9_-]{32}$"

Master = Annotated[Base64Bytes, Field(min_length=MASTER_BYTES, max_length=MASTER_BYTES)]
AuditKey = Annotated[Base64Bytes, Field(min_length=AUDIT_KEY_BYTES, max_length=AUDIT_KEY_BYTES)]


Step = Literal["trust", "trusted", "switch", "ending"]


class Kept(BaseModel):
    """Secrets: never shown by `repr` or in an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        return iter(())


class Signer(Kept):
    """Key and certificate of a CA, DER."""

    key: Annotated[Base64Bytes, Field(max_length=1_024)]
    certificate: Annotated[Base64Bytes, Field(max_length=4_096)]


class Bridge(Kept):
    """With what the site's broker proves itself at the centre: certificate, key and the centre's CA, PEM."""

    certificate: Annotated[Base64Bytes, Field(max_length=PEM_MAX)]
    key: Annotated[Base64Bytes, Field(max_length=PEM_MAX)]
    ca: Annotated[Base64Bytes, Field(max_length=PEM_MAX)]


class Rotation(Kept):
    """A renewal of the master secret or of the CA that has begun (docs/rotation.md).

    `trust`   boards and broker learn to trust the new CA; the old one still signs
    `trusted` they do; now services have to
    `switch`  the new one is in use, the old one still counts
    `ending`  the old one is gone from the vault, and goes from the boards
    """

    what: Literal["master", "ca"]
    step: Step
    begun_s: int


class Contents(Kept):
    """`masters` by generation, the newest one counts; `authorities`: the one that signs comes first. The keys
    of broker and journal, and passwords by user, are made when they are first asked for."""

    version: Literal[2] = 2
    site: Name
    masters: Annotated[
        dict[Annotated[int, Field(ge=1, le=GENERATION_MAX)], Master],
        Field(min_length=1, max_length=2),
    ]
    last_generation: Annotated[int, Field(ge=1, le=GENERATION_MAX)] = 1
    """The highest one that was ever made, so that none comes twice."""
    authorities: Annotated[list[Signer], Field(min_length=1, max_length=2)]
    ca_renewed: bool = False
    """Whether there was another CA before."""
    wifi: Annotated[dict[Name, str], Field(max_length=SECRETS_MAX)] = {}
    broker_key: Annotated[Base64Bytes, Field(max_length=1_024)] | None = None
    audit_key: AuditKey | None = None
    passwords: Annotated[
        dict[Name, Annotated[str, Field(pattern=PASSWORD_PATTERN)]],
        Field(max_length=SECRETS_MAX),
    ] = {}
    secrets: Annotated[
        dict[Name, Annotated[str, Field(min_length=1, max_length=SECRET_MAX)]],
        Field(max_length=SECRETS_MAX),
    ] = {}
    bridge: Bridge | None = None
    bridge_key: Annotated[Base64Bytes, Field(max_length=1_024)] | None = None
    """Of a bridge whose certificate is asked for and has not come yet."""
    rotation: Rotation | None = None


def new_contents(site: str) -> Contents:
    """Fresh secrets for a site."""
    return Contents.model_construct(
        version=2,
        site=site,
        masters={1: secrets.token_bytes(MASTER_BYTES)},
        authorities=[signer_of(new_authority(site))],
    )


def signer_of(authority: Authority) -> Signer:
    return Signer.model_construct(key=authority.key_der(), certificate=authority.certificate_der())


def bridge_of(certificate: bytes, key: bytes, ca: bytes) -> Bridge:
    """From raw bytes, which validation would take for base64."""
    if not all(0 < len(part) <= PEM_MAX for part in (certificate, key, ca)):
        raise ValueError(f"certificate, key and CA have 1 to {PEM_MAX} bytes")
    return Bridge.model_construct(certificate=certificate, key=key, ca=ca)


def read_contents(plain: bytes) -> Contents:
    """Contents of this version or an earlier one; ValueError (also pydantic's) for anything else."""
    data = json.loads(plain)
    if isinstance(data, dict) and data.get("version") == 1:
        data = _from_1(data)
    return Contents.model_validate(data)


def _from_1(data: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had one master secret and one CA, and nothing of a broker."""
    known = {"version", "site", "master", "wifi", "ca_key", "ca_certificate"}
    if not set(data) <= known or not known - {"wifi"} <= set(data):
        raise ValueError("no contents of version 1")
    return {
        "version": VERSION,
        "site": data["site"],
        "masters": {"1": data["master"]},
        "authorities": [{"key": data["ca_key"], "certificate": data["ca_certificate"]}],
        "wifi": data.get("wifi", {}),
    }
