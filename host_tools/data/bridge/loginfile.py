"""The file that `sportbox site login --out` or `sportbox centre login --out` has written, read.

With it a bridge gets in where no vault is: on a machine that faces a platform, or at the city's centre.
"""

import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from host_tools.centre.topics import BrokerKind
from host_tools.errors import BadInput
from host_tools.mqtt import Address, Login
from host_tools.words.system import reason

FILE_MAX_BYTES = 65_536
LONG_S = 60.0
"""A connection that stood so long was well: the next one begins with the first host again."""


class _Written(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)

    host: str | None = None
    hosts: list[str] = Field(default_factory=list, max_length=16)
    port: int = Field(ge=1, le=65_535)
    user: str | None
    password: str | None
    ca: str | None
    server_name: str | None = None
    kind: BrokerKind | None = None


@dataclass(frozen=True)
class Access:
    """`kind` of the broker, where the file says it."""

    addresses: Sequence[Address]
    user: str | None
    kind: BrokerKind | None

    def find(self, clock: Callable[[], float] = time.monotonic) -> Callable[[], Address]:
        """Where to connect, one after the other, as long as none lets us in."""
        tried = 0
        last_s = clock()

        def next_one() -> Address:
            nonlocal tried, last_s
            now_s = clock()
            tried = 0 if now_s - last_s > LONG_S else tried
            last_s = now_s
            tried += 1
            return self.addresses[(tried - 1) % len(self.addresses)]

        return next_one


def read_login(path: Path) -> Access:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(FILE_MAX_BYTES)
    except OSError as error:
        raise BadInput(
            f"{path}: {reason(error)}", "sportbox site login SITE.yaml recorder --out FILE"
        ) from None
    if stat.S_ISREG(mode) and mode & 0o077:
        raise BadInput(f"{path} is readable by others (mode {stat.S_IMODE(mode):04o})", f"chmod 600 {path}")
    try:
        written = _Written.model_validate_json(content)
        hosts = written.hosts or ([written.host] if written.host else [])
        if not hosts:
            raise ValueError("no host")
        authorities = _authorities(written.ca)
    except (ValidationError, ValueError):
        raise BadInput(
            f"{path} is no file of `sportbox site login` or `sportbox centre login`",
            "sportbox site login SITE.yaml recorder --out FILE",
        ) from None
    addresses = []
    for host in hosts:
        login = None
        if written.user is not None and written.password is not None:
            login = Login(written.user, written.password, authorities, written.server_name)
        addresses.append(Address(host, written.port, login))
    return Access(addresses, written.user, written.kind)


def _authorities(pem: str | None) -> tuple[bytes, ...]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    if pem is None:
        return ()
    return tuple(
        one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(pem.encode("ascii"))
    )
